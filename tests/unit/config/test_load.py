"""Files: what is read, from where, and what is said of one that cannot be."""

from __future__ import annotations

import codecs
import os
import time
from pathlib import Path

import pytest

from jupyterhub_anywhere.config.load import Loaded, load, load_text
from jupyterhub_anywhere.config.models import Config, MemoryOption
from jupyterhub_anywhere.config.secrets import Secret
from jupyterhub_anywhere.core.errors import ConfigError, Problem

SAMPLE = """\
hub:
  url: http://127.0.0.1:8000
  internal_url: http://127.0.0.1:8081
  database: {env: HUB_DATABASE}
  cookie_secret: {file: cookie}
  cull: {idle: 1h}
users: {login: shared-password, allowed: [ann, ben], admins: [ann], groups: {gpu: [ann]}}
targets:
  here:  {kind: process}
  lab:   {kind: docker, url: "unix:///var/run/docker.sock", spawner: {network_name: jupyter}}
profiles:
  python:
    title: Python
    description: …
    targets: [here, lab]
    options:
      memory: {type: memory, default: 1G, min: 512M, max: 4G, sets: {mem_limit: "{value}"}}
      image:
        type: choice
        targets: [lab]
        choices: {slim: {title: Slim, sets: {image: "img:1"}}, full: {}}
        default: slim
    access: {groups: [gpu]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str | bytes) -> Path:
    """A file below the working directory."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def loads(path: Path) -> Loaded:
    return load(path, environ={})


def refused(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        loads(path)
    return caught.value.problems


def one(path: Path) -> str:
    (problem,) = refused(path)
    return str(problem)


def test_the_sample_loads_with_its_places(folder: Path) -> None:
    loaded = loads(write("site/anywhere.yaml", SAMPLE))
    config = loaded.config
    memory = config.profiles["python"].options["memory"]
    assert isinstance(memory, MemoryOption)
    assert (memory.default, memory.min, memory.max) == (1 << 30, 512 << 20, 4 << 30)
    assert config.hub.database == Secret(env="HUB_DATABASE")
    assert config.hub.cull is not None
    assert config.hub.cull.idle == 3600
    assert config.targets["lab"].own == {"url": "unix:///var/run/docker.sock"}
    assert (loaded.path, loaded.base) == (Path("site/anywhere.yaml"), folder / "site")
    assert loaded.marks.at(("hub", "url")) == ("site/anywhere.yaml", 2, 8)
    assert loaded.marks.key(("hub", "url")) == ("site/anywhere.yaml", 2, 3)
    # What stands nowhere is placed at its nearest ancestor, and that at its key.
    assert loaded.marks.at(("hub", "cull", "every")) == ("site/anywhere.yaml", 6, 3)
    assert loaded.marks.at(("nothing",)) == ("site/anywhere.yaml", 1, 1)


def test_the_built_in_default_is_a_process_on_this_machine() -> None:
    loaded = load_text("{}", "", environ={})
    assert loaded.config == Config()
    assert loaded.config.targets["here"].kind == "process"
    assert (loaded.path, loaded.base) == (Path(), Path.cwd())
    assert loaded.marks.at(("hub",)) == ("", 0, 0)


def test_a_byte_order_mark_of_utf8_and_windows_line_ends_are_fine(folder: Path) -> None:
    text = codecs.BOM_UTF8 + "hub: {id: abcd}\r\nusers: {admins: [jürgen]}\r\n".encode()
    assert loads(write("a.yaml", text)).config.users.admins == ("jürgen",)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_wide_encodings_are_named(folder: Path, encoding: str) -> None:
    bom = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    text = one(write("a.yaml", bom + "hub: {}".encode(encoding)))
    assert f"this file is UTF-{32 if '32' in encoding else 16}, not UTF-8" in text


def test_latin_1_is_refused_with_line_column_and_offset(folder: Path) -> None:
    text = one(write("a.yaml", b"hub: {}\nusers: {admins: [j\xfcrgen]}"))
    assert text.startswith("a.yaml:2:19: this file is not UTF-8: byte 0xfc at offset 26.")
    marked = codecs.BOM_UTF8 + b"# \xfc"
    assert "a.yaml:1:3:" in one(write("a.yaml", marked))
    assert "at offset 5." in one(Path("a.yaml"))


def test_a_file_that_is_none_is_named(folder: Path) -> None:
    assert one(Path("missing.yaml")) == "missing.yaml: there is no such file."
    assert "this is a folder" in one(folder)
    os.mkfifo("pipe")
    assert "no regular file" in one(Path("pipe"))
    assert "cannot be read" in one(Path("a" * 300))
    assert "cannot be read" in one(Path("a\0b"))


def test_a_loop_of_links_is_named(folder: Path) -> None:
    Path("a.yaml").symlink_to("a.yaml")
    assert "cannot be read" in one(Path("a.yaml"))


def test_a_file_over_one_mebibyte_is_refused(folder: Path) -> None:
    assert "larger than 1 MiB" in one(write("a.yaml", b"#" * ((1 << 20) + 1)))


def test_includes_are_merged_by_section(folder: Path) -> None:
    main = write(
        "site/anywhere.yaml",
        "include: [more/users.yaml, 'conf.d/*.yaml', 'none/*.yaml']\n"
        "hub: {id: abcd}\ntargets: {here: {kind: process}}",
    )
    write("site/more/users.yaml", "include: [deep.yaml]\nusers: {groups: {a: [ann]}}")
    write(
        "site/more/deep.yaml", "users: {admins: [ann], groups: {b: [ben]}}\nhub: {cull: {idle: 1h}}"
    )
    write("site/conf.d/2.yaml", "targets: {two: {kind: process}}")
    write("site/conf.d/1.yaml", "targets: {one: {kind: process}}\nprofiles: {p: {targets: [two]}}")
    loaded = loads(main)
    assert list(loaded.config.targets) == ["here", "one", "two"]
    assert loaded.config.users.groups == {"a": ("ann",), "b": ("ben",)}
    assert loaded.config.hub.id == "abcd"
    assert loaded.config.hub.cull is not None
    assert loaded.marks.at(("users", "groups", "b")) == ("site/more/deep.yaml", 1, 36)
    assert loaded.marks.at(("profiles", "p", "targets", 0)).file == "site/conf.d/1.yaml"
    assert loaded.base == folder / "site"


def test_what_two_files_declare_names_both(folder: Path) -> None:
    main = write(
        "a.yaml", "include: [b.yaml]\ntargets:\n  here: {kind: process}\nhub: {cull: {idle: 1h}}"
    )
    write("b.yaml", "targets: {here: {kind: process}}\nhub: {cull: {every: 1m}}")
    first, second = refused(main)
    assert str(first) == (
        "b.yaml:1:11: targets.here: this is declared already, at a.yaml:3. Keep one of the two."
    )
    assert (second.path, second.line) == ("hub.cull", 2)


def test_a_missing_include_is_named_beside_all_else(folder: Path) -> None:
    main = write("a.yaml", "include: [gone.yaml]\nhub: {urll: x}")
    first, second = refused(main)
    assert str(first).startswith(
        "a.yaml:1:11: the included file 'gone.yaml' cannot be read: No such"
    )
    assert second.path == "hub.urll"


def test_an_include_that_is_no_file_is_told_where_it_is_named(folder: Path) -> None:
    Path("sub").mkdir()
    text = one(write("a.yaml", "include: [sub]"))
    assert text.startswith("a.yaml:1:11: include: 'sub': this is a folder.")


def test_a_problem_in_an_included_file_has_its_place(folder: Path) -> None:
    main = write("a.yaml", "include: [b.yaml, c.yaml, d.yaml]")
    write("b.yaml", "hub: {urll: x}")
    write("c.yaml", "hub: a: b")
    write("d.yaml", "- x")
    assert [(each.file, each.line) for each in refused(main)] == [
        ("b.yaml", 1),
        ("c.yaml", 1),
        ("d.yaml", 1),
    ]


@pytest.mark.parametrize("listed", ["a.yaml", "./a.yaml", "*.yaml", "sub/../a.yaml"])
def test_a_cycle_of_includes_is_refused(folder: Path, listed: str) -> None:
    Path("sub").mkdir()
    text = one(write("a.yaml", f"include: ['{listed}']"))
    assert "is included already, at a.yaml:1" in text


def test_a_longer_cycle_is_refused_where_it_closes(folder: Path) -> None:
    main = write("a.yaml", "include: [b.yaml]")
    write("b.yaml", "include: [a.yaml]")
    assert one(main).startswith("b.yaml:1:11: include: a.yaml is included already, at a.yaml:1")


def test_an_include_that_is_no_list_of_text_is_refused(folder: Path) -> None:
    assert "a list is needed here" in one(write("a.yaml", "include: b.yaml"))
    assert "text is needed here" in one(write("a.yaml", "include: [7]"))


def test_too_many_files_are_refused(folder: Path) -> None:
    for number in range(205):
        write(f"d/{number}.yaml", "{}")
    text = one(write("a.yaml", "include: ['d/*.yaml']"))
    assert "more than 200 files" in text


def test_problems_between_parts_may_be_collected(folder: Path) -> None:
    main = write("a.yaml", "profiles: {p: {targets: [her]}}")
    assert "there is no target 'her'" in one(main)
    loaded = load(main, environ={}, collect=True)
    assert [each.path for each in loaded.problems] == ["profiles.p.targets[0]"]


def test_a_large_file_loads_well_within_two_seconds() -> None:
    option = '{type: memory, default: 1G, min: 512M, max: 4G, sets: {mem_limit: "{value}"}}'
    profiles = "".join(
        f"  p{number}:\n    targets: [here]\n    options:\n"
        + "".join(f"      o{each}: {option}\n" for each in range(5))
        for number in range(200)
    )
    started = time.process_time()
    loaded = load_text("profiles:\n" + profiles, "", environ={})
    assert time.process_time() - started < 2
    assert len(loaded.config.profiles) == 200
