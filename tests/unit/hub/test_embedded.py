"""What JupyterHub is told, made from a file; nothing is started."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from traitlets.config import Config

from jupyterhub_anywhere.core.errors import ConfigError
from jupyterhub_anywhere.hub.auth import CheckedNames, SharedPasswordAuthenticator, checked
from jupyterhub_anywhere.hub.embedded import embedded_config, own_config_digest
from jupyterhub_anywhere.hub.logins import access_rules
from jupyterhub_anywhere.hub.options import UpOptions
from jupyterhub_anywhere.hub.statefolder import open_state
from jupyterhub_anywhere.spawner.site import load_site

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.spawner.site import Site


def site_of(folder: Path, share: bool = True, **sections: Any) -> Site:  # noqa: FBT001, FBT002 - short in tests
    file = folder / "anywhere.yaml"
    file.write_text(yaml.safe_dump(sections))
    paths = open_state(folder / "state")
    return load_site(file, state_root=paths.root, share_account=share, hub_id="test")


def made(folder: Path, **sections: Any) -> Config:
    site = site_of(folder, **sections)
    return embedded_config(site, UpOptions(file=folder / "anywhere.yaml", state_root=folder))


def refusal(folder: Path, **sections: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        made(folder, **sections)
    return str(refused.value)


def test_the_default(tmp_path: Path) -> None:
    c = made(tmp_path)
    hub = c.JupyterHub
    assert hub.bind_url == "http://127.0.0.1:8000/"
    assert "public_url" not in hub
    assert hub.db_url == f"sqlite:///{tmp_path}/state/hub/jupyterhub.sqlite"
    assert hub.authenticator_class is SharedPasswordAuthenticator
    assert hub.hub_bind_url.startswith("http://127.0.0.1:")
    assert c.Authenticator.allow_all is True
    assert c.Authenticator.allow_existing_users is False
    again = made(tmp_path)
    for section, trait in (
        ("JupyterHub", "hub_bind_url"),
        ("JupyterHub", "cookie_secret"),
        ("ConfigurableHTTPProxy", "api_url"),
        ("ConfigurableHTTPProxy", "auth_token"),
    ):
        assert again[section][trait] == c[section][trait], "chosen once and kept"


def test_the_token_is_in_no_command(tmp_path: Path) -> None:
    c = made(tmp_path)
    assert c.ConfigurableHTTPProxy.auth_token not in " ".join(c.ConfigurableHTTPProxy.command)


def test_behind_a_proxy(tmp_path: Path) -> None:
    hub = {
        "url": "https://hub.example/lab",
        "bind": "http://127.0.0.1:8000",
        "trusted_proxies": ["192.0.2.0/30", "10.0.0.0/8"],
    }
    c = made(tmp_path, hub=hub, users={"login": "pam"})
    assert c.JupyterHub.public_url == "https://hub.example/lab/"
    assert c.JupyterHub.bind_url == "http://127.0.0.1:8000/lab/"
    assert c.JupyterHub.trusted_downstream_ips == [f"192.0.2.{n}" for n in range(4)]


def test_secrets_come_from_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE", "postgresql://hub:word@db/hub")
    (tmp_path / "cookie").write_text("ab" * 32 + "\n")
    hub = {"database": {"env": "DATABASE"}, "cookie_secret": {"file": "cookie"}}
    c = made(tmp_path, hub=hub)
    assert c.JupyterHub.db_url == "postgresql://hub:word@db/hub"
    assert c.JupyterHub.upgrade_db is False
    assert c.JupyterHub.cookie_secret == bytes.fromhex("ab" * 32)


def test_secrets_that_are_not_there_or_no_secrets(tmp_path: Path) -> None:
    missing = refusal(tmp_path, hub={"database": {"env": "NO_SUCH_VARIABLE"}})
    assert "NO_SUCH_VARIABLE is not set" in missing
    (tmp_path / "cookie").write_text("my-very-own-secret")
    wrong = refusal(tmp_path, hub={"cookie_secret": {"file": "cookie"}})
    assert "hub.cookie_secret" in wrong
    assert "my-very-own-secret" not in wrong


@pytest.mark.parametrize("url", ["https://10.0.0.1:8081", "http://10.0.0.1:8081/hub", "10.0.0.1"])
def test_internal_urls_that_cannot_be(tmp_path: Path, url: str) -> None:
    assert "hub.internal_url" in refusal(tmp_path, hub={"internal_url": url})


def test_internal_url(tmp_path: Path) -> None:
    c = made(tmp_path, hub={"internal_url": "http://10.0.0.1:8081"})
    assert c.JupyterHub.hub_bind_url == c.JupyterHub.hub_connect_url == "http://10.0.0.1:8081/"


def test_an_internal_url_with_a_certificate_leaves_the_proxys_way_alone(tmp_path: Path) -> None:
    for name in ("cert", "key"):
        (tmp_path / name).touch()
    tls = {"cert": "cert", "key": "key"}
    c = made(tmp_path, hub={"internal_url": "https://10.0.0.1:8081", "internal_tls": tls})
    assert c.JupyterHub.hub_bind_url.startswith("http://127.0.0.1:")
    assert "hub_connect_url" not in c.JupyterHub


def test_a_login_of_jupyterhub_with_its_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "word")
    options = {
        "client_id": "me",
        "client_secret": {"env": "CLIENT_SECRET"},
        "allowed_organizations": ["org"],
    }
    c = made(tmp_path, users={"login": "github", "login_options": options, "admins": ["ann"]})
    assert c.GitHubOAuthenticator.client_secret == "word"
    assert c.Authenticator.allow_all is False, "the organisation says who may"
    assert c.CheckedNames.declared_only is False
    found = c.JupyterHub.authenticator_class
    assert issubclass(found, CheckedNames)
    assert found.__name__ == "GitHubOAuthenticator"


def test_a_login_by_its_path(tmp_path: Path) -> None:
    c = made(tmp_path, users={"login": "jupyterhub.auth.DummyAuthenticator", "allowed": ["ann"]})
    assert issubclass(c.JupyterHub.authenticator_class, CheckedNames)
    assert c.Authenticator.allowed_users == {"ann"}
    assert c.CheckedNames.declared_only is True


@pytest.mark.parametrize(
    ("users", "told"),
    [
        ({"login": "githb"}, "Did you mean github?"),
        ({"login": "no.such.Class"}, "cannot be imported"),
        ({"login": "os.path.join"}, "no Authenticator class"),
        ({"login": "pam", "login_options": {"servce": "x"}}, "Did you mean service?"),
        (
            {"login": "github", "login_options": {"client_secret": {"env": "NONE_SUCH"}}},
            "NONE_SUCH",
        ),
    ],
)
def test_logins_that_cannot_be(tmp_path: Path, users: dict[str, Any], told: str) -> None:
    assert told in refusal(tmp_path, users=users)


def test_an_own_file_comes_last_and_adds_to_lists(tmp_path: Path) -> None:
    (tmp_path / "extra.py").write_text(
        "c.JupyterHub.services.append({'name': 'own'})\n"
        "c.JupyterHub.allow_named_servers = False\n"
        "c.ConfigurableHTTPProxy.command = 'own-proxy'\n"
    )
    hub = {"jupyterhub_config": "extra.py", "cull": {"idle": "1h", "max_age": "2d"}}
    c = made(tmp_path, hub=hub)
    assert [each["name"] for each in c.JupyterHub.services] == ["idle-culler", "own"]
    assert c.JupyterHub.allow_named_servers is False
    assert c.ConfigurableHTTPProxy.command == "own-proxy"
    command = c.JupyterHub.services[0]["command"]
    assert {"--timeout=3600", "--cull-every=600", "--max-age=172800"} <= set(command)
    assert "admin:users" not in c.JupyterHub.load_roles[0]["scopes"]


def test_an_own_file_that_changes_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "extra.py").write_text("")
    site = site_of(tmp_path, hub={"jupyterhub_config": "extra.py"})
    before = own_config_digest(site)
    (tmp_path / "extra.py").write_text("c.JupyterHub.active_server_limit = 1\n")
    assert own_config_digest(site) != before


def test_who_may_log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users = {"allowed": ["ann", "ben"], "admins": ["cyd"], "groups": {"gpu": ["ben"]}}
    rules = access_rules(site_of(tmp_path, users=users))
    assert rules.allowed == {"ann", "ben", "cyd"}
    assert rules.declared_only
    assert not rules.everybody
    assert rules.groups == {"gpu": {"ben"}}

    shared, alone = site_of(tmp_path), site_of(tmp_path, share=False)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr("getpass.getuser", lambda: "Ann")
    assert access_rules(shared).everybody
    assert access_rules(alone).allowed == {"ann"}
    assert not access_rules(alone).everybody

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert access_rules(alone).allowed == {"user4711"}


def test_names_are_checked_for_every_login() -> None:
    from jupyterhub.auth import DummyAuthenticator

    found = checked(DummyAuthenticator)
    assert checked(found) is found
    authenticator = found(config=Config())
    assert authenticator.normalize_username(" Zoe\u0308 ") == "zoë"
    assert authenticator.validate_username("zoë")
    for name in ("", "-rf", ".x", "a b", "x" * 65, "a\nb", "<b>", "Ann", "zoe\u0308"):
        assert not authenticator.validate_username(name), name


@pytest.mark.parametrize(
    "own",
    [
        'c.GitHubOAuthenticator.allowed_organizations = {"myorg"}\n',
        'c.Authenticator.allowed_users = {"ann"}\n',
        'c.JupyterHub.authenticator_class = "dummy"\n',
    ],
)
def test_a_door_that_the_own_configuration_guards_is_not_opened(tmp_path: Path, own: str) -> None:
    (tmp_path / "extra.py").write_text(own)
    c = made(tmp_path, hub={"jupyterhub_config": "extra.py"})
    assert c.Authenticator.allow_all is False
    assert c.CheckedNames.own_admission is True


def test_what_the_own_configuration_opens_is_open(tmp_path: Path) -> None:
    (tmp_path / "extra.py").write_text("c.Authenticator.allow_all = True\n")
    c = made(tmp_path, hub={"jupyterhub_config": "extra.py"})
    assert c.Authenticator.allow_all is True


def test_options_that_only_begin_like_admission_restrict_nobody(tmp_path: Path) -> None:
    users = {"login": "native", "login_options": {"allowed_failed_logins": 3}}
    assert access_rules(site_of(tmp_path, users=users)).everybody
