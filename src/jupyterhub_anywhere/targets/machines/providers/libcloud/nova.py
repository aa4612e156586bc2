"""A server of Nova's as a machine. Pure."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets.machines.provider import Machine, Power, Rest
from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import in_order, with_zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_POWERS: Final[Mapping[str, Power]] = {
    "BUILD": Power.BUILDING,
    "REBUILD": Power.BUILDING,
    "ACTIVE": Power.RUNNING,
    "REBOOT": Power.RUNNING,
    "HARD_REBOOT": Power.RUNNING,
    "PASSWORD": Power.RUNNING,
    "MIGRATING": Power.RUNNING,
    "RESIZE": Power.RUNNING,
    "VERIFY_RESIZE": Power.RUNNING,
    "REVERT_RESIZE": Power.RUNNING,
    "RESCUE": Power.RUNNING,
    "SHUTOFF": Power.STOPPED,
    "SUSPENDED": Power.STOPPED,
    "PAUSED": Power.STOPPED,
    "SHELVED": Power.STOPPED,
    "SHELVED_OFFLOADED": Power.STOPPED,
    "ERROR": Power.BROKEN,
    "DELETED": Power.GOING,
    "SOFT_DELETED": Power.GOING,
}
# What a status is woken from by.
WAKES: Final[Mapping[str, str]] = {
    "SHUTOFF": "os-start",
    "SUSPENDED": "resume",
    "PAUSED": "unpause",
    "SHELVED": "unshelve",
    "SHELVED_OFFLOADED": "unshelve",
}
RESTS: Final[Mapping[Rest, str]] = {
    Rest.STOP: "os-stop",
    Rest.SUSPEND: "suspend",
    Rest.SHELVE: "shelve",
}
SOFT_DELETED: Final = "SOFT_DELETED"


def machine_of(server: Mapping[str, Any]) -> Machine:
    """A server of Nova's answer.

    Raises:
        LookupError, TypeError, ValueError: It is no such entry.
    """
    status = str(server["status"])
    task = str(server.get("OS-EXT-STS:task_state") or "")
    fault = server.get("fault") or {}
    public, private = _addresses(server)
    return Machine(
        id=str(server["id"]),
        name=str(server["name"]),
        power=Power.GOING if going(server) else _POWERS.get(status, Power.UNKNOWN),
        private=in_order(private),
        public=in_order(public),
        marks={str(key): str(value) for key, value in (server.get("metadata") or {}).items()},
        fault=str(fault.get("message") or "") if isinstance(fault, dict) else "",
        created=with_zone(_moment(server.get("created"))),
        state=f"{status} ({task})" if task else status,
    )


def going(server: Mapping[str, Any]) -> bool:
    """Whether Nova is deleting it."""
    # A server in ERROR may have failed to be deleted: it can, and must, be asked again.
    if server["status"] == "ERROR":
        return False
    task = str(server.get("OS-EXT-STS:task_state") or "")
    return task.endswith("deleting") or _POWERS.get(str(server["status"])) is Power.GOING


def rests(server: Mapping[str, Any]) -> bool:
    """Whether it rests, and nothing is under way."""
    return str(server["status"]) in WAKES and not server.get("OS-EXT-STS:task_state")


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _addresses(server: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    public: list[str] = []
    private: list[str] = []
    for address, floating in _each_address(server):
        (public if floating or _is_global(address) else private).append(address)
    return public, private


def _each_address(server: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    for entries in (server.get("addresses") or {}).values():
        for entry in entries:
            yield str(entry["addr"]), entry.get("OS-EXT-IPS:type") == "floating"


def _is_global(address: str) -> bool:
    try:
        return ip_address(address).is_global
    except ValueError:
        return False
