"""Where the hub listens, and whether that is safe: addresses read from the configuration."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.errors import ConfigError, Problem, SurroundingsError
from jupyterhub_anywhere.hub.logins import makes_anybody

if TYPE_CHECKING:
    from jupyterhub_anywhere.config.models import HubConfig

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """One URL in its parts.

    Attributes:
        scheme: ``http`` or ``https``.
        host: A name or an address, without brackets.
        port: 1 to 65535.
        path: Begins and ends with a slash.
    """

    scheme: str
    host: str
    port: int
    path: str = "/"

    @classmethod
    def parse(cls, url: str, key: str) -> Address:
        """Read a URL.

        Args:
            url: As it stands in the file.
            key: The path of the value, for the message.

        Raises:
            ConfigError: It is no http or https URL.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
        except ValueError as error:
            raise _wrong(key, f"{url!r} is no URL: {error}") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise _wrong(key, f"{url!r} is no URL; write it as http://127.0.0.1:8000")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise _wrong(key, "a URL here has host, port and path only")
        path = "/" + parts.path.strip("/")
        return cls(parts.scheme, parts.hostname, port, path if path == "/" else f"{path}/")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def bind(self) -> str:
        """As JupyterHub's bind_url, which always names the port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)


def _wrong(key: str, message: str) -> ConfigError:
    return ConfigError([Problem("", 0, 0, key, message)])


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's loopback and nothing else."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        pass
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return bool(found) and all(ip_address(str(entry[4][0])).is_loopback for entry in found)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Both ends of the way in.

    Attributes:
        public: What people open.
        listen: Where the proxy listens; its path is the public one.
    """

    public: Address
    listen: Address


def addresses(hub: HubConfig, port: int | None) -> Addresses:
    """Read the addresses of a configuration.

    Args:
        hub: The ``hub`` section.
        port: Another port to listen on, from the command line.

    Raises:
        ConfigError: A URL is wrong.
    """
    public = Address.parse(hub.url, "hub.url")
    # What listens speaks https only with a certificate: before a proxy, `url` may be https alone.
    listen = Address.parse(hub.bind, "hub.bind") if hub.bind else public
    scheme = "https" if hub.tls else "http"
    if not hub.bind and not hub.tls and public.scheme == "https":
        raise ConfigError(
            [
                Problem(
                    *("", 0, 0, "hub.url", "https needs a certificate."),
                    "Set hub.tls, or hub.bind and hub.trusted_proxies where a proxy has it.",
                )
            ]
        )
    listen = Address(scheme, listen.host, port or listen.port, public.path)
    if port is not None and not hub.bind:
        public = Address(public.scheme, public.host, port, public.path)
    return Addresses(public, listen)


def check_exposure(found: Addresses, hub: HubConfig, login: str, *, insecure_http: bool) -> None:
    """Refuse to serve other machines in a way that gives passwords or notebooks away.

    Args:
        found: Where the hub listens and what people open.
        hub: The ``hub`` section.
        login: The configured login.
        insecure_http: Whether the command line or the file accepts plain http.

    Raises:
        SurroundingsError: With the ways out.
    """
    if found.public.local and found.listen.local:
        return
    place = str(found.public if found.listen.local else found.listen)
    encrypted = hub.tls is not None or bool(hub.trusted_proxies)
    if not encrypted and not insecure_http:
        raise SurroundingsError(
            f"{place} serves other machines in plain http: passwords could be read on the way.",
            hint="Set hub.tls, or hub.trusted_proxies where a proxy in front speaks https, or"
            " accept it with --insecure-http.",
        )
    if makes_anybody(login):
        raise SurroundingsError(
            f"{place} serves other machines, and users.login is {login}: whoever has the password"
            " is anybody.",
            hint="Set users.login to native, pam, or an authenticator such as github.",
        )
