"""Variables that win over the file."""

from __future__ import annotations

import pytest

from jupyterhub_anywhere.config.environment import variables
from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.core.errors import ConfigError


def test_every_plain_value_of_the_hub_has_a_variable() -> None:
    names = set(variables())
    assert {"ANYWHERE_HUB_URL", "ANYWHERE_HUB_DATABASE", "ANYWHERE_USERS_LOGIN"} <= names
    assert not {"ANYWHERE_HUB_CULL", "ANYWHERE_HUB_TLS", "ANYWHERE_HUB_COOKIE_SECRET"} & names


def test_a_variable_wins_over_the_file_and_is_its_place() -> None:
    environ = {"ANYWHERE_HUB_URL": "http://127.0.0.1:9000", "ANYWHERE_HUB_DATABASE": "sqlite://"}
    text = "hub: {url: 'http://127.0.0.1:8000', database: {env: X}}"
    loaded = load_text(text, "a.yaml", environ=environ)
    assert loaded.config.hub.url == "http://127.0.0.1:9000"
    assert loaded.config.hub.database == "sqlite://"
    assert loaded.marks.at(("hub", "url")) == ("environment ANYWHERE_HUB_URL", 0, 0)
    assert not loaded.marks.written(("hub", "database", "env"))


def test_a_section_that_the_file_does_not_have_is_made() -> None:
    loaded = load_text("{}", "", environ={"ANYWHERE_USERS_LOGIN": "pam"})
    assert loaded.config.users.login == "pam"


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("true", True), ("No", False), ("0", False)]
)
def test_switches_are_read_as_people_write_them(text: str, *, value: bool) -> None:
    loaded = load_text("{}", "", environ={"ANYWHERE_HUB_INSECURE_HTTP": text})
    assert loaded.config.hub.insecure_http is value


def test_an_empty_or_a_foreign_variable_counts_for_nothing() -> None:
    # A container platform sets such names for a service called anywhere-hub.
    environ = {"ANYWHERE_HUB_URL": "", "ANYWHERE_HUB_PORT": "tcp://10.0.0.1:80"}
    assert load_text("{}", "", environ=environ).config.hub.url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("ANYWHERE_HUB_URL", "ftp://x", "hub.url"),
        ("ANYWHERE_HUB_ID", "X", "hub.id"),
        ("ANYWHERE_HUB_INSECURE_HTTP", "maybe", "hub.insecure_http"),
    ],
)
def test_a_bad_value_names_the_variable(name: str, value: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text("{}", "a.yaml", environ={name: value})
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.path) == (f"environment {name}", 0, path)
    assert value not in problem.message


def test_a_section_that_is_no_mapping_is_still_the_files_problem() -> None:
    with pytest.raises(ConfigError, match=r"a.yaml:1:6: hub: a mapping is needed"):
        load_text("hub: 7", "a.yaml", environ={"ANYWHERE_HUB_ID": "abcd"})


def test_the_process_environment_counts_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYWHERE_HUB_ID", "from-outside")
    assert load_text("{}", "").config.hub.id == "from-outside"
