"""Templates of a first boot: where they come from, and how values stand in them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.machines import configure
from jupyterhub_anywhere.targets.machines.configure import as_json, as_yaml, environment, render, sh

if TYPE_CHECKING:
    from pathlib import Path

NASTY = [
    "",
    "a b",
    "it's",
    '"',
    "$(id)",
    "`id`",
    "a\nb",
    "\\",
    "é😀",
    ": - #",
    "\u2028\x85\ufeff",
    "!x",
]


@pytest.mark.parametrize("value", NASTY)
def test_a_value_is_one_word_of_a_shell(value: Any) -> None:
    found = subprocess.run(
        ["sh", "-c", f"printf %s {sh(value)}"], capture_output=True, check=True
    ).stdout
    assert found.decode() == value


def test_a_zero_byte_is_refused() -> None:
    with pytest.raises(ValueError, match="zero byte"):
        sh("a\0b")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_value_is_one_value_of_yaml(value: Any) -> None:
    assert YAML(typ="safe", pure=True).load(f"x: {as_yaml(value)}\n") == {"x": value}


@pytest.mark.parametrize("value", [*NASTY, 3, True, None, ["a", {"b": 1.5}]])
def test_a_value_is_one_value_of_json(value: Any) -> None:
    assert as_json(value).isascii()
    assert json.loads(as_json(value)) == value


def test_a_folders_template(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml.j2").write_text("#cloud-config\nowner: {{ user | yaml }}\n")
    found = render(str(tmp_path), "", "lab.yaml.j2", {"user": "a: b"})
    assert found == '#cloud-config\nowner: "a: b"\n'


def test_a_folders_template_that_was_changed_counts_at_once(tmp_path: Path) -> None:
    file = tmp_path / "x.j2"
    file.write_text("one")
    assert render(str(tmp_path), "", "x.j2", {}) == "one"
    file.write_text("three")
    assert render(str(tmp_path), "", "x.j2", {}) == "three"


def test_a_modules_template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "my_userdata_7" / "data"
    data.mkdir(parents=True)
    (tmp_path / "my_userdata_7" / "__init__.py").write_text("")
    (data / "x.sh.j2").write_text("#!/bin/sh\necho {{ user | sh }}\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        found = render("", "my_userdata_7", "x.sh.j2", {"user": "$(id)"})
    finally:
        environment.cache_clear()
        sys.modules.pop("my_userdata_7", None)
    assert found == "#!/bin/sh\necho '$(id)'\n"


@pytest.mark.parametrize("name", ["cloud-init.j2", "script.j2", "home.sh.j2"])
def test_shipped_templates_let_nothing_out_without_a_filter(name: str) -> None:
    loader = environment("", "").loader
    assert loader is not None
    source, _, _ = loader.get_source(environment("", ""), name)
    for output in environment("", "").parse(source).find_all(jinja2.nodes.Output):
        for node in output.nodes:
            if not isinstance(node, jinja2.nodes.TemplateData):
                assert isinstance(node, jinja2.nodes.Filter), (name, node)
                assert node.name in {"sh", "yaml", "json"}


VALUES = {
    "user": "o'brien; reboot",
    "account": "obrien",
    "hub_url": "https://10.0.0.1/hub",
    "home_mount": "/ho me",
    "home_volume": 2,
    "make_account": True,
}


@pytest.mark.parametrize("name", ["script.j2", "home.sh.j2"])
def test_shipped_scripts_are_scripts(name: str) -> None:
    text = render("", "", name, VALUES)
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)
    assert text.startswith("#!/bin/sh\n")


def test_the_shipped_document_is_one() -> None:
    text = render("", "", "cloud-init.j2", VALUES)
    found = YAML(typ="safe").load(text)
    assert text.startswith("#cloud-config\n")
    assert (
        found["write_files"][0]["content"]
        == "The machine of o'brien; reboot, for https://10.0.0.1/hub\n"
    )


def test_a_template_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"There is no template 'x.j2' in the shipped") as caught:
        render("", "", "x.j2", {})
    assert "userdata_name" in caught.value.hint
    with pytest.raises(TargetError, match=str(tmp_path)):
        render(str(tmp_path), "", "x.j2", {})


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(TargetError, match="templates of no_such_module_7 cannot be used") as caught:
        render("", "no_such_module_7", "x.j2", {})
    assert "Install the module" in caught.value.hint


def test_a_value_that_nobody_gives(tmp_path: Path) -> None:
    (tmp_path / "x.j2").write_text("{{ token }}")
    with pytest.raises(TargetError, match=r"'token' is undefined") as caught:
        render(str(tmp_path), "", "x.j2", {"user": "ann", "size": "s"})
    assert "It can use: size, user." in caught.value.hint


def test_a_template_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "x.j2").write_text("\n{% if %}")
    with pytest.raises(TargetError, match="wrong in line 2"):
        render(str(tmp_path), "", "x.j2", {})


def test_a_template_that_fails(tmp_path: Path) -> None:
    (tmp_path / "x.j2").write_text("{{ 1 / 0 }}")
    with pytest.raises(TargetError, match="cannot be rendered: ZeroDivisionError"):
        render(str(tmp_path), "", "x.j2", {})


def test_nobody_escapes_for_html() -> None:
    assert configure.environment("", "").autoescape is False


# What home.sh asks of a machine; its third step would write to this one, and ends it.
PROGRAMS = {
    "lsblk": """case "$*" in *SIZE*) cut -d' ' -f1-3 disks ;; *) echo one ;; esac""",
    # Of -L, too: there is nothing.
    "blkid": """[ "$1" != -p ] || ! grep -q "^$2 .*full" disks || exit 0; exit 2""",
    "mkfs.ext4": """echo "$*" >made""",
    "mkdir": "exit 9",
    "sleep": "exit 8",
}
GIB2 = 2 << 30


@pytest.mark.parametrize(
    ("disks", "code", "made"),
    [
        ([f"/dev/vda {4 << 30} disk", f"/dev/vdb {GIB2} disk"], 9, "/dev/vdb"),
        # Somebody's data, or the machine's own: it is waited for.
        ([f"/dev/vda {GIB2} disk full", f"/dev/vdb {4 << 30} disk"], 8, ""),
        ([f"/dev/vdb {GIB2} disk", f"/dev/vdc {GIB2} disk"], 1, ""),
    ],
)
def test_only_the_one_empty_disk_of_its_size_becomes_a_home(
    tmp_path: Path, disks: list[str], code: int, made: str
) -> None:
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "disks").write_text("".join(f"{each}\n" for each in disks))
    done = subprocess.run(
        ["sh", "-c", render("", "", "home.sh.j2", VALUES)],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    told = tmp_path / "made"
    assert (told.read_text().split()[-1:] if told.exists() else [""]) == [made]
    assert ("could be the home volume" in done.stderr) == (code == 1)
