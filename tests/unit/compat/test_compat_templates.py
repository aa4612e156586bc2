"""Templates of users render as upstream renders them, and values mean nothing but themselves."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_anywhere.compat import alphabet, templates
from jupyterhub_anywhere.core.errors import ChoiceError, TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator

CUSTOMS = Path(__file__).parent / "customs"
# As a hub makes it.
ENVIRONMENT = {
    "JUPYTERHUB_API_TOKEN": "0123456789abcdef",
    "JPY_API_TOKEN": "0123456789abcdef",
    "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ann",
    "JUPYTERHUB_OAUTH_SCOPES": '["access:servers!server=ann/", "access:servers!user=ann"]',
    "JUPYTERHUB_OAUTH_CALLBACK_URL": "/user/ann/oauth_callback",
    "JUPYTERHUB_API_URL": "http://10.0.0.1:8081/hub/api",
    "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8000/user/ann/",
    "JUPYTERHUB_COOKIE_OPTIONS": "{}",
    "DATA": "/srv/data with blanks",
}
VALUES = templates.Values(
    user="ann",
    environment=ENVIRONMENT,
    arguments=["--debug", "--LabApp.x=1"],
    form={"course": ["maths"], "gpu": ["1"], "queue": ["night"]},
    token="0123456789abcdef",
    cookie_name="jupyter-hub-token-ann",
    base_url="/user/ann/",
    hub_prefix="/hub/",
    api_url="http://10.0.0.1:8081/hub/api",
)
NAMES = {
    "labcloud": "labcloud.yaml.j2",
    "oldschool": "oldschool.sh.j2",
    "firsthub": "firsthub.sh.j2",
}
IMAGES, SIZES = [("Lab", "lab-24"), ("R", "r-24")], [("Small", "s1")]


@pytest.fixture(autouse=True)
def customs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(CUSTOMS))
    yield
    for name in NAMES:
        sys.modules.pop(name, None)


def upstream(module: str, name: str, **values: Any) -> str:
    """As the manager of 2.3.3 makes its environment and renders: Jinja2's defaults."""
    environment = jinja2.Environment(loader=jinja2.PackageLoader(module, "data"))
    return environment.get_template(name).render(**values)


@pytest.mark.parametrize(("module", "name"), NAMES.items())
def test_ordinary_values_render_byte_for_byte_as_before(module: str, name: str) -> None:
    ours = templates.render(module, name, VALUES)
    theirs = upstream(
        module,
        name,
        jhub_env=ENVIRONMENT,
        user="ann",
        notebookargs="--debug --LabApp.x=1",
        user_options_from_form={"course": ["maths"], "gpu": ["1"], "queue": ["night"]},
        apitoken="0123456789abcdef",
        cookiename="jupyter-hub-token-ann",
        baseurl="/user/ann/",
        hubprefix="/hub/",
        apiurl="http://10.0.0.1:8081/hub/api",
    )
    assert ours == theirs
    assert "0123456789abcdef" in ours


def test_what_renders_is_what_the_machine_understands() -> None:
    document = yaml.safe_load(templates.render("labcloud", NAMES["labcloud"], VALUES))
    assert document["users"][1]["name"] == "ann"
    lines = document["write_files"][0]["content"].splitlines()
    assert [line for line in lines if line] == [f"{k}={v}" for k, v in ENVIRONMENT.items()]
    assert document["runcmd"][0] == ["mkdir", "-p", "/srv/maths"]
    assert document["runcmd"][1] == ["/opt/lab/bin/take-gpu", "1"]


def test_what_renders_is_what_a_shell_understands(tmp_path: Path) -> None:
    text = templates.render("oldschool", NAMES["oldschool"], VALUES)
    file = tmp_path / "lab"
    # The script's own lines that write the file, to another place.
    lines = text[text.index("cat >") : text.index("chmod")].replace("/etc/default/lab", str(file))
    told = subprocess.run(
        ["/bin/sh", "-eu", "-c", f"{lines}\n. {file}\nenv -0"],
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = dict(each.split("=", 1) for each in told.split("\0") if each)
    assert {name: found.get(name) for name in ENVIRONMENT} == ENVIRONMENT


@pytest.mark.parametrize("module", ["labcloud", "oldschool"])
def test_a_form_renders_with_the_variables_of_its_generation(module: str) -> None:
    found = templates.render_form(module, IMAGES, SIZES)
    generation = "userserver" if module == "labcloud" else "machine"
    values = {f"{generation}_images": IMAGES, f"{generation}_sizes": SIZES}
    assert found == upstream(module, templates.FORM, **values)
    assert 'value="lab-24"' in found


def test_a_module_needs_a_template_and_no_form() -> None:
    assert templates.check("labcloud", NAMES["labcloud"]) is True
    assert templates.check("firsthub", NAMES["firsthub"]) is False
    with pytest.raises(TargetError, match=r"firsthub\.sh\.j2"):
        templates.check("firsthub", "other.sh.j2")
    with pytest.raises(TargetError, match="no_such_package"):
        templates.check("no_such_package", "x")
    # A package that has no templates.
    with pytest.raises(TargetError, match="json"):
        templates.check("json", "x")


def test_a_template_that_fails_tells_its_line_and_no_value(
    tmp_path: Path, monkeypatch: Any
) -> None:
    folder = tmp_path / "broken_customs" / "data"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "bad.j2").write_text("{{ user | nosuchfilter }}")
    (folder / "fails.j2").write_text("{{ (apitoken + 1) }}")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(TargetError, match="nosuchfilter"):
        templates.check("broken_customs", "bad.j2")
    with pytest.raises(TargetError, match="cannot be rendered") as told:
        templates.render("broken_customs", "fails.j2", VALUES)
    assert VALUES.token not in str(told.value)


def test_a_token_is_in_no_description_of_values() -> None:
    assert VALUES.token not in repr(dataclasses.replace(VALUES, environment={}))


EVIL = [
    "a; reboot",
    "$(reboot)",
    "`reboot`",
    "a\nroot: x",
    "a && b",
    "a|b",
    "a>b",
    "'",
    '"',
    "a b",
    "\\",
    "*",
    "a: b",
    "x:",
    "- a",
    "-o",
    "{a}",
    "[a]",
    "#",
    "!x",
    "%x",
    "~",
    "a\u2028b",
    "\x00",
]


@pytest.mark.parametrize("value", EVIL)
def test_what_a_user_sends_is_one_word_or_refused(value: str) -> None:
    with pytest.raises(ChoiceError) as told:
        alphabet.check_form({"course": [value]})
    assert list(told.value.errors) == ["child.course"]
    with pytest.raises(ChoiceError):
        alphabet.check_env({"COURSE": value}, ["*"])


@pytest.mark.parametrize(
    "value", ["a; reboot", "$(reboot)", "`x`", "a b", "a\nb", "'", "root", "", "-x"]
)
def test_a_name_that_is_no_account_is_refused(value: str) -> None:
    with pytest.raises(ChoiceError, match="forceuser"):
        templates.render("labcloud", NAMES["labcloud"], dataclasses.replace(VALUES, user=value))


@pytest.mark.parametrize("value", ["$HOME", "`x`", "a\nUser=root", "a\\", "a\x1b"])
def test_a_variable_that_a_shell_would_replace_is_refused_without_its_value(value: str) -> None:
    values = dataclasses.replace(VALUES, environment={**ENVIRONMENT, "SECRET": value})
    with pytest.raises(ChoiceError, match="SECRET") as told:
        templates.render("oldschool", NAMES["oldschool"], values)
    assert value not in str(told.value).replace("a $, a `, a \\", "")
    with pytest.raises(ChoiceError, match="argument"):
        alphabet.check_arguments([f"--x={value}"])


def test_names_of_users_and_servers_are_words() -> None:
    alphabet.check_names("ann@example.org", "")
    alphabet.check_names("ann", "gpu-1")
    for user, server in (("a'; reboot", ""), ("ann", "x'y"), ("ann", "a b"), ("-n", "")):
        with pytest.raises(ChoiceError, match="cannot stand"):
            alphabet.check_names(user, server)


def test_a_name_of_a_variable_is_one() -> None:
    with pytest.raises(ChoiceError, match="no name of a variable"):
        alphabet.check_environment({"A=B; reboot": "x"})


@given(st.text(max_size=12))
def test_whatever_passes_is_one_word_of_a_shell_and_one_text_of_yaml(text: str) -> None:
    try:
        [[value]] = alphabet.check_form({"field": text}).values()
    except ChoiceError:
        return
    assert shlex.split(value) == ([value] if value else [])
    if value:
        found = yaml.load(f"a: x{value}\nb: 1", Loader=yaml.BaseLoader)
        assert found == {"a": f"x{value}", "b": "1"}


def test_a_form_is_limited_in_size() -> None:
    with pytest.raises(ChoiceError, match="fields") as told:
        alphabet.check_form({f"f{n}": "x" for n in range(alphabet.MAX_FIELDS + 1)})
    assert told.value.status == 413
    with pytest.raises(ChoiceError, match="KiB"):
        alphabet.check_form({"f": "x" * alphabet.MAX_BYTES})
    wrong: Any
    for wrong in (None, [], {"f": 1}, {"f": [1]}, {"a b": "x"}, {"f": {"g": "h"}}):
        with pytest.raises(ChoiceError):
            alphabet.check_form(wrong)
    assert alphabet.check_form({"f": "x", "g": ["y", "z"]}) == {"f": ["x"], "g": ["y", "z"]}
    assert json.dumps(alphabet.check_form({})) == "{}"


def test_names_of_the_hub_are_set_by_nobody() -> None:
    assert alphabet.check_env({"COURSE": "maths"}, ["COURSE"]) == {"COURSE": "maths"}
    for name in ("JUPYTERHUB_USER", "JPY_API_TOKEN", "jupyterhub_x"):
        with pytest.raises(ChoiceError):
            alphabet.check_env({name: "x"}, ["*"])
    wrong: Any
    for wrong in (None, [], {"A": 1}, {f"A{n}": "x" for n in range(100)}):
        with pytest.raises(ChoiceError):
            alphabet.check_env(wrong, ["*"])
    assert alphabet.check_argv(["--debug"], ["--deb*"]) == ["--debug"]
    for wrong in (None, "x", [1], ["--x y"], ["--other"], ["--debug"] * 100):
        with pytest.raises(ChoiceError):
            alphabet.check_argv(wrong, ["--deb*"])
