"""Where a value comes from, and what it means."""

from __future__ import annotations

import pytest
from pydantic import Field

from jupyterhub_anywhere.config.explain import UnknownKeyError, explain
from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.config.models import Model

TEXT = """\
hub: {cull: {idle: 5400}, cookie_secret: {env: COOKIE}}
users:
  login: github
  login_options: {client_secret: hunter2, client_id: id, extra: {file: /a/b}}
  groups: {gpu: [ann]}
targets:
  here: {kind: mine, url: "https://ann:hunter2@x", spawner: {api_token: hunter2, n: 7}}
profiles:
  python:
    targets: [here]
    options:
      m: {type: memory, default: 1536M}
      c: {type: choice, choices: {"3.11": {title: A}}}
"""


class _Mine(Model):
    """The keys of a kind."""

    address: str = Field(alias="url", description="Where it is.")
    size: int = Field(default=3, description="How large.")


LOADED = load_text(TEXT, "a.yaml", environ={"ANYWHERE_HUB_DATABASE": "postgresql://u:hunter2@db/x"})
KINDS = {"mine": _Mine}


@pytest.mark.parametrize(
    ("key", "value", "origin", "noun", "default"),
    [
        ("hub.url", '"http://127.0.0.1:8000"', "default", "text", '"http://127.0.0.1:8000"'),
        ("hub.cull.idle", "1h30m", "a.yaml:1", "duration", "required"),
        ("hub.cull.every", "nothing", "default", "duration", "nothing"),
        ("hub.tls.cert", "nothing", "not set", "path", "required"),
        ("hub.cookie_secret", "{env: COOKIE}", "a.yaml:1", "secret", "nothing"),
        (
            "hub.database",
            '"postgresql://u:***@db/x"',
            "environment ANYWHERE_HUB_DATABASE",
            "text or secret",
            "nothing",
        ),
        ("hub.insecure_http", "false", "default", "true or false", "false"),
        ("users.groups.gpu", "[ann]", "a.yaml:5", "list of texts", "none"),
        ("users.groups.gpu[0]", "ann", "a.yaml:5", "text", "none"),
        ("users.groups.gpu.0", "ann", "a.yaml:5", "text", "none"),
        ("users.login_options.client_secret", "***", "a.yaml:4", "any value", "none"),
        (
            "users.login_options",
            "{client_secret: ***, client_id: id, extra: {file: /a/b}}",
            "a.yaml:4",
            "mapping of any values",
            "{}",
        ),
        ("targets.here.url", '"https://ann:***@x"', "a.yaml:7", "text", "required"),
        ("targets.here.size", "nothing", "not set", "whole number", "3"),
        (
            "targets.here.spawner",
            "{api_token: ***, n: 7}",
            "a.yaml:7",
            "mapping of any values",
            "{}",
        ),
        ("profiles.python.options.m.default", "1.5G", "a.yaml:12", "memory", "required"),
        ("profiles.python.options.m.max", "nothing", "default", "memory", "nothing"),
        (
            "profiles.python.options.m",
            "{type: memory, default: 1.5G}",
            "a.yaml:12",
            "mapping",
            "none",
        ),
        ('profiles.python.options.c.choices."3.11".title', "A", "a.yaml:13", "text", "nothing"),
        ("profiles.python.sets.x", "nothing", "not set", "any value", "none"),
        ("profiles.python.form", "menu", "default", "`menu` or `child`", "menu"),
    ],
)
def test_value_origin_type_and_default(
    key: str, value: str, origin: str, noun: str, default: str
) -> None:
    found = explain(LOADED, key, kinds=KINDS)
    assert (found.value, found.origin, found.type, found.default) == (value, origin, noun, default)


def test_the_meaning_and_what_is_allowed_come_from_the_models() -> None:
    found = explain(LOADED, "hub.cull.idle")
    assert found.description.startswith("Stop a server after this long")
    assert found.allowed == "Write a duration, as 90s, 30m, 1h30m or 2d."
    assert explain(LOADED, "targets.here.size", kinds=KINDS).description == "How large."
    assert explain(LOADED, "targets.here.url").description.startswith("Belongs to the kind")


@pytest.mark.parametrize("key", ["hub", "users", "targets", "profiles", "targets.here"])
def test_no_section_shows_a_secret(key: str) -> None:
    found = explain(LOADED, key)
    assert "hunter2" not in str(found)
    assert "***" in found.value or key == "profiles"


def test_what_wins_over_the_file_is_shown_with_its_origin() -> None:
    found = explain(LOADED, "hub.url", overrides={"hub.url": ("http://x", "jupyterhub_config")})
    assert (found.value, found.origin) == ('"http://x"', "jupyterhub_config")


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        ("hub.ur", "no key hub.ur.", "Did you mean url?"),
        ("hubb", "no key hubb.", "Did you mean hub?"),
        ("profiles.pythn.title", "no profiles.pythn in", "Did you mean python?"),
        ("profiles.python.options.m.mx", "no key", "Did you mean max?"),
        ("targets.here.sise", "no key", "Did you mean size?"),
        ("hub.url.x", "hub.url has no keys", ""),
        ("users.groups.gpu[7]", "has 1 items", ""),
        ("users.groups.gpu.x", "has 1 items", ""),
        ("a..b", "is no key", ""),
        ("", "is no key", ""),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(key: str, message: str, hint: str) -> None:
    with pytest.raises(UnknownKeyError) as caught:
        explain(LOADED, key, kinds=KINDS)
    assert message in caught.value.message
    assert caught.value.hint == hint
    assert caught.value.exit_code == 2


def test_without_a_file_the_default_is_explained() -> None:
    assert explain(None, "targets.here.kind").value == "process"
    # Nobody has declared this profile; what may stand there is told all the same.
    assert explain(None, "profiles.any.options.m.max").origin == "not set"
    assert explain(None, "profiles.any.title").type == "text"
