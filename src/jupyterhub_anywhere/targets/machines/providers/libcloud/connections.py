"""libcloud's connections to OpenStack's services, with what they lack.

One login for all; one more try with a new token; any endpoint that a catalogue has; errors that are
read whatever their shape. Each repair says what libcloud 3.9 does otherwise.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from libcloud.common.base import Connection
from libcloud.common.exceptions import BaseHTTPError
from libcloud.common.openstack import OpenStackBaseConnection, OpenStackResponse
from libcloud.compute.drivers.ec2 import EC2Response

from jupyterhub_anywhere.targets.machines.providers.libcloud import aws
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import (
    UNAUTHORIZED,
    NoneOfOurs,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud.urls import service_url

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.machines.providers.libcloud.identity import Identity, Login

# What catalogues call one service, the first that is there counts.
_TYPES: Final = {
    "volumev3": ("volumev3", "block-storage", "volume"),
    "volumev2": ("volumev2",),
}
COMPUTE: Final = "compute"
# What people can do without a service.
_WITHOUT: Final = {
    "volumev3": "Leave `home_volume` out, or ask those who run the cloud for volumes (Cinder).",
}
# Services whose paths begin with a version in libcloud.
_VERSIONED: Final = frozenset({"image", "network"})
_EXTERNAL: Final = "external"


class Said(str):
    """What a service says of an error, and the kind of it where the answer is the service's own.

    Attributes:
        kind: As ``itemNotFound`` or ``NeutronError``; empty for what some proxy answers.
    """

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, text: str, kind: str) -> Self:
        """Make it."""
        made = super().__new__(cls, text)
        made.kind = kind
        return made


def said_in(status: int, reason: Any, body: str) -> Said:
    """Read an error's body, in the shapes of Nova, Neutron, Cinder, Glance and Keystone.

    libcloud takes the first value of the answer for an object with a message, and fails itself
    where it is none, so that the cause is lost.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not answer:
        # Half a page of HTML helps nobody.
        plain = "" if "<" in body else body
        return Said(f"{status} {plain or reason or ''}".strip(), "")
    for kind, value in answer.items():
        if isinstance(value, dict) and ("message" in value or "code" in value):
            return Said(f"{value.get('message') or reason} ({status})", str(kind))
    message = answer.get("message") or answer.get("error") or answer.get("NeutronError")
    return Said(f"{message or reason} ({status})", "message" if message else "")


class _Response(OpenStackResponse):
    def parse_error(self) -> Said:
        return said_in(self.status, self.error, str(self.body or ""))


class Shared(OpenStackBaseConnection):
    """Mixed into each connection of a driver, before libcloud's own class."""

    identity: Identity
    responseCls = _Response  # noqa: N815 - libcloud's name

    def get_auth_class(self) -> Identity:
        """The login of all; libcloud's own makes one for each connection."""
        return self.identity

    def login(self) -> Login:
        """The login, made where it is needed."""
        found = self.identity.login(self)
        if found.token != self.auth_token:
            self.auth_token = found.token
            self.auth_token_expires = found.expires
            self.auth_user_info = found.user
            self.service_catalog = found.catalog
        return found

    def _populate_hosts_and_request_paths(self) -> None:
        if self._ex_force_auth_token:
            super()._populate_hosts_and_request_paths()
            return
        self.login()
        self._set_up_connection_info(url=self._ex_force_base_url or self.get_endpoint())

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """Once more with a new token where a service does not take the one it got.

        libcloud only forgets it. A 401 says that nothing was done, whatever was asked for.
        """
        try:
            return super().request(*args, **kwargs)
        except BaseHTTPError as error:
            if error.code != UNAUTHORIZED or self._ex_force_auth_token:
                raise
            self.identity.refused(self.auth_token)
        return super().request(*args, **kwargs)

    def get_endpoint(self) -> str:
        """The endpoint of this service, by its type and region alone.

        libcloud wants the name `nova` or `glance` as well, which is anybody's choice, and applies
        what is forced for one service to all.

        Raises:
            NoneOfOurs: The catalogue has none.
        """
        kind = str(self.service_type)
        catalog: Any = self.service_catalog
        region = self._ex_force_service_region
        types: tuple[str, ...] = _TYPES.get(kind, (kind,))
        if kind == COMPUTE and self._ex_force_service_type:
            types = (self._ex_force_service_type,)
        found: dict[str, str] = {}
        for each in types:
            for endpoint in catalog.get_endpoints(service_type=each):
                if endpoint.endpoint_type == _EXTERNAL and endpoint.url:
                    found.setdefault(endpoint.region or "", endpoint.url)
            if found:
                break
        url = found.get(region or "RegionOne")
        if url is None and not region and len(found) == 1:
            url = next(iter(found.values()))
        if url is None:
            told = _no_endpoint(kind, region, sorted(found))
            raise NoneOfOurs(told, hint=_WITHOUT.get(kind, ""))
        return service_url(url) if kind in _VERSIONED else url

    def _tuple_from_url(self, url: str) -> tuple[str, int, int, str]:
        # libcloud's own cuts an IPv6 address at its colons.
        parts = urlsplit(url)
        secure = int(parts.scheme == "https")
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        return host, parts.port or (443 if secure else 80), secure, parts.path


def _no_endpoint(kind: str, region: str | None, regions: list[str]) -> str:
    if not regions:
        return f"the catalogue of this project has no service {kind}"
    return (
        f"the catalogue has no service {kind} in region {region or 'RegionOne'}, but in"
        f" {', '.join(regions)}: set `region` of the target"
    )


def bound(cls: type[Any], conn_class: type[Any], identity: Identity | None) -> type[Any]:
    """A driver's class of its own, whose connections verify and log in as this target says.

    Args:
        cls: libcloud's.
        conn_class: What connections are made of.
        identity: OpenStack's login; None for other clouds.
    """
    changed: dict[str, Any] = {}
    for name in dir(cls):
        value = getattr(cls, name, None)
        if not (isinstance(value, type) and issubclass(value, Connection)):
            continue
        if identity is not None and issubclass(value, OpenStackBaseConnection):
            own: dict[str, Any] = {"conn_class": conn_class, "identity": identity}
            changed[name] = type(value.__name__, (Shared, value), own)
            # Before libcloud's own, whose classes say which response they want.
            changed[name].responseCls = _Response
        else:
            own = {"conn_class": conn_class}
            if issubclass(value.responseCls, EC2Response):
                own["responseCls"] = aws.Response
            changed[name] = type(value.__name__, (value,), own)
    return type(cls.__name__, (cls,), changed)
