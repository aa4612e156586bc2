"""Where a hub listens, and when it refuses to."""

from __future__ import annotations

from typing import Any

import pytest
from jupyterhub.auth import DummyAuthenticator

from jupyterhub_anywhere.config.models import HubConfig
from jupyterhub_anywhere.core.errors import ConfigError, SurroundingsError
from jupyterhub_anywhere.hub.addresses import Address, addresses, check_exposure, is_loopback


class OwnLogin(DummyAuthenticator):
    """Derived from one that asks for nothing."""


MAKE_ANYBODY = (
    "jupyterhub.auth.DummyAuthenticator",
    "jupyterhub.authenticators.shared.SharedPasswordAuthenticator",
    "jupyterhub_anywhere.hub.auth.SharedPasswordAuthenticator",
    f"{__name__}.OwnLogin",
)
TLS = {"cert": "c.pem", "key": "k.pem"}


@pytest.mark.parametrize(
    ("url", "text", "bind"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/", "http://127.0.0.1:8000/"),
        ("http://Hub.Example/lab", "http://hub.example/lab/", "http://hub.example:80/lab/"),
        ("https://[::1]/a/b/", "https://[::1]/a/b/", "https://[::1]:443/a/b/"),
    ],
)
def test_parse(url: str, text: str, bind: str) -> None:
    found = Address.parse(url, "hub.url")
    assert (str(found), found.bind) == (text, bind)


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:8000", "ftp://x", "http://", "http://x:99999", "http://u:p@x/", "http://x/?a"],
)
def test_no_urls(url: str) -> None:
    with pytest.raises(ConfigError, match=r"hub\.url"):
        Address.parse(url, "hub.url")


def test_port_of_the_command_line() -> None:
    found = addresses(HubConfig(url="http://127.0.0.1:8000/x"), 9000)
    assert str(found.public) == str(found.listen) == "http://127.0.0.1:9000/x/"
    behind = HubConfig(url="https://hub.example/x/", bind="http://127.0.0.1:8000")
    found = addresses(behind, 9000)
    assert str(found.public) == "https://hub.example/x/"
    assert str(found.listen) == "http://127.0.0.1:9000/x/"


def test_https_needs_a_certificate_or_a_proxy() -> None:
    with pytest.raises(ConfigError, match="needs a certificate"):
        addresses(HubConfig(url="https://hub.example"), None)


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("no-such-host.invalid", False),
    ],
)
def test_loopback(host: str, wanted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_loopback(host) == wanted


def refusal(login: str, *, insecure: bool = False, **hub: Any) -> str:
    config = HubConfig.model_validate(hub)
    try:
        check_exposure(addresses(config, None), config, login, insecure_http=insecure)
    except SurroundingsError as error:
        return str(error)
    return ""


OPEN = "http://0.0.0.0:8000"
BEHIND = {"url": "https://hub.example", "bind": "http://127.0.0.1:8000"}


@pytest.mark.parametrize(
    ("login", "hub", "insecure", "wanted"),
    [
        ("shared-password", {}, False, ""),
        ("pam", {"url": OPEN}, False, "plain http"),
        ("pam", {"url": OPEN}, True, ""),
        ("shared-password", {"url": OPEN}, True, "whoever has the password"),
        ("pam", {"url": "https://0.0.0.0", "tls": TLS}, False, ""),
        ("shared-password", {"url": "https://0.0.0.0", "tls": TLS}, False, "whoever has"),
        ("github", BEHIND, False, "plain http"),
        ("github", {**BEHIND, "trusted_proxies": ["10.0.0.1"]}, False, ""),
        ("shared-password", {**BEHIND, "trusted_proxies": ["10.0.0.1"]}, False, "whoever has"),
        *[
            (login, {"url": "https://0.0.0.0", "tls": TLS}, False, "whoever has")
            for login in ("dummy", "null", *MAKE_ANYBODY)
        ],
        # `find_login` tells what is wrong with these.
        ("no-such-login", {"url": "https://0.0.0.0", "tls": TLS}, False, ""),
        ("no.such.Login", {"url": "https://0.0.0.0", "tls": TLS}, False, ""),
    ],
)
def test_exposure(login: str, hub: dict[str, Any], insecure: bool, wanted: str) -> None:  # noqa: FBT001 - a parameter of the test
    text = refusal(login, insecure=insecure, **hub)
    assert (wanted in text) if wanted else not text
