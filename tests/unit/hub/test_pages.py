"""Texts for pages, and how a hub gets our pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from jupyterhub.spawner import SpawnException
from tornado import web
from traitlets.config import Config

from jupyterhub_anywhere.config import models
from jupyterhub_anywhere.hub import pages
from jupyterhub_anywhere.targets.errors import StartError


@dataclass
class Stopped:
    """The database's record of a server."""

    user_options: Any


class Declared(Exception):  # noqa: N818 - stands for an exception of a foreign spawner
    jupyterhub_message = "declared"
    jupyterhub_html_message = "<b>declared</b>"


@pytest.mark.parametrize(
    ("error", "text", "html"),
    [
        (StartError("shown", reason="r", log_message="private"), "shown", ""),
        (StartError("shown", reason="r", html="<b>shown</b>"), "shown", "<b>shown</b>"),
        (SpawnException("shown", reason="r", log_message="private"), "shown", ""),
        (SpawnException("shown", reason="r", message_html="<i>x</i>"), "shown", "<i>x</i>"),
        (web.HTTPError(429, "Too many users"), "Too many users", ""),
        (Declared("private"), "declared", "<b>declared</b>"),
        (None, pages.CANCELLED, ""),
    ],
)
def test_users_read_what_is_meant_for_them(error: Exception | None, text: str, html: str) -> None:
    assert pages.failure(error) == {"text": text, "html": html}


def test_users_read_nothing_of_an_unknown_error() -> None:
    told = pages.failure(RuntimeError("private"))
    assert "private" not in told["text"]
    assert "could not be started" in told["text"]


def test_a_time_out_has_a_text() -> None:
    assert "in time" in pages.failure(TimeoutError())["text"]


def site(**targets: str) -> models.Config:
    profile = models.Profile(title="Python", targets=tuple(targets))
    return models.Config(
        targets={
            name: models.TargetConfig(kind="process", title=title)
            for name, title in targets.items()
        },
        profiles={"python": profile, "plain": models.Profile(targets=tuple(targets))},
    )


def test_a_server_is_described_in_the_fewest_words() -> None:
    one, two = site(here="Here"), site(here="Here", lab="The lab")
    assert pages.describe(one, "python", "here") == "Python"
    assert pages.describe(two, "python", "lab") == "Python · The lab"
    assert pages.describe(two, "plain", "lab") == "plain · The lab"
    assert pages.describe(two, "gone", "gone-too") == "gone · gone-too"
    assert pages.describe(models.Config(), "here", "here") == "This machine"


@pytest.mark.parametrize(
    "options", [None, {}, [], "x", {"profile": "p"}, {"profile": 1, "target": []}]
)
def test_what_is_not_known_is_not_described(options: Any) -> None:
    assert pages.runs_on(Stopped(options)) == ""


def test_a_hub_gets_our_pages_once() -> None:
    c = Config()
    for _ in range(2):
        pages.configure(c)
    assert c.JupyterHub.template_paths.to_dict() == {"prepend": [str(pages.TEMPLATES)]}
    values = c.JupyterHub.template_vars.to_dict()["update"]
    assert values["anywhere_failure"]("a user") is pages.failure
    assert values["anywhere_runs_on"]("a user") is pages.runs_on


def test_templates_of_an_administrator_come_first() -> None:
    c = Config()
    c.JupyterHub.template_paths = ["/theirs"]
    pages.configure(c)
    assert c.JupyterHub.template_paths == ["/theirs", str(pages.TEMPLATES)]


def test_links_belong_to_native_accounts_only() -> None:
    class NativeAuthenticator:
        pass

    class Ours(NativeAuthenticator):
        pass

    @dataclass
    class Somebody:
        admin: bool
        authenticator: object

    assert [
        path for path, _ in pages.account_links(Somebody(admin=True, authenticator=Ours()))
    ] == [
        "change-password",
        "authorize",
    ]
    assert len(pages.account_links(Somebody(admin=False, authenticator=Ours()))) == 1
    assert pages.account_links(Somebody(admin=True, authenticator=object())) == []
    assert pages.account_links(None) == []
