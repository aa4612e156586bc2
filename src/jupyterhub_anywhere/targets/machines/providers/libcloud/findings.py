"""What `anywhere doctor` tells of a cloud: each finding with its cure, and no error ever."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core import expiry
from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import (
    Doing,
    Missing,
    explain,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud.fitting import lacking

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import Backend

# Trait of the spawner to what the cloud calls it.
_KINDS: Final[Mapping[str, str]] = {
    "image": "image",
    "size": "size",
    "networks": "network",
    "key": "key pair",
    "security_groups": "security group",
    "floating_ip": "external network",
}
_HOME: Final = "home_volume"
# Words for people, keys of the most and of what is used, and what one server needs at least.
_MACHINES: Final = (
    ("machines", "maxTotalInstances", "totalInstancesUsed", 1),
    ("cores", "maxTotalCores", "totalCoresUsed", 1),
    ("MiB of memory", "maxTotalRAMSize", "totalRAMUsed", 1),
)
# Seconds by which two clocks may differ.
_SKEW: Final = 60.0
# For how many servers a quota is to have room, or else it is told.
_LITTLE: Final = 3
_OK: Final = 200


class Looking:
    """Looks at a cloud, in a thread.

    Args:
        title: The target's, for the subjects.
        backend: What the cloud is asked.
        driver: The thread's.
        now: The time.
    """

    def __init__(self, title: str, backend: Backend, driver: Any, now: datetime) -> None:
        self._title, self._backend, self._driver = title, backend, driver
        self._now = now

    def all(self, choices: Mapping[str, Sequence[Any]]) -> list[Finding]:
        """All findings."""
        first = self._guarded("cloud", lambda: iter([self._answers()]))
        found = list(first)
        if found and found[0].level is Level.ERROR:
            return found
        found += self._guarded("cloud", self._openstack)
        for trait, values in choices.items():
            for value in _flat(values):
                found += self._guarded(f"{trait} {value}", partial(self._one, trait, value))
        return found

    def pairs(self, pairs: Collection[tuple[str, str]]) -> list[Finding]:
        """Of images and sizes, those that do not go together; what is not there is no finding."""
        found: list[Finding] = []
        for image, size in sorted(pairs):
            found += self._guarded(f"size {size}", partial(self._pair, image, size))
        return found

    def _pair(self, image: str, size: str) -> Iterator[Finding]:
        try:
            raw = [
                self._backend.find(kind, name, self._driver).raw
                for kind, name in (("image", image), ("size", size))
            ]
        except Missing:
            return  # told where it is looked for by itself
        if not all(isinstance(each, dict) for each in raw):
            return  # only OpenStack's own lists tell what is needed
        lack = lacking(raw[0], raw[1])
        if lack:
            told = f"too small for the image {image}: {lack}"
            cure = "Offer a larger size with it, or another image; such a start is refused."
            yield self._finding(Level.ERROR, f"size {size}", told, cure)

    def _guarded(self, what: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        try:
            yield from look()
        except Missing as error:
            told = f"{error} at {self._backend.account.place}"
            yield self._finding(Level.ERROR, what, told, error.hint or "Look for it at the cloud.")
        except Exception as error:  # noqa: BLE001 - what it was is told
            account = self._backend.account
            failed = explain(error, Doing("it cannot be looked at", account.place), account.secrets)
            cure = failed.hint or "Look at the target's address and credential."
            yield self._finding(Level.ERROR, what, failed.message, cure)

    def _finding(self, level: Level, what: str, message: str, cure: str = "") -> Finding:
        return Finding(level, f"{self._title}: {what}", message, cure)

    def _answers(self) -> Finding:
        source = self._backend.source(self._driver)
        # Who only made a driver has asked nobody yet.
        if not self._backend.account.openstack:
            self._backend.listed(self._driver)
        return self._finding(Level.OK, "cloud", f"it answers ({source})")

    # --- what profiles name --------------------------------------------------------------------

    def _one(self, trait: str, value: str) -> Iterator[Finding]:
        if trait == _HOME and int(value):
            limits = self._backend.volume_limits(self._driver)
            title = f"{self._title}: {_HOME}"
            yield from quota_findings(title, limits, volumes_of(int(value))) if limits else ()
        kind = _KINDS.get(trait)
        if kind is None or not value:
            return
        thing = self._backend.find(kind, value, self._driver)
        told = "it is there" if thing.id in (value, thing.name) else f"it is there ({thing.id})"
        yield self._finding(Level.OK, f"{trait} {value}", told)

    # --- OpenStack -----------------------------------------------------------------------------

    def _openstack(self) -> Iterator[Finding]:
        if not hasattr(self._driver.connection, "login"):
            return
        login = self._driver.connection.login()
        yield from clock_findings(self._title, login.skew)
        yield from role_findings(self._title, login.body)
        yield from self._guarded("credential", lambda: self._credential(login))
        yield from self._guarded("quota", self._quota)
        yield from self._guarded("API", self._version)

    def _credential(self, login: Any) -> Iterator[Finding]:
        named = (login.body.get("application_credential") or {}).get("id")
        if not named:
            return
        path = f"/v3/users/{login.user['id']}/application_credentials/{named}"
        answer = _ask_identity(self._driver.connection, login.token, path)
        if answer is None:
            # Some clouds let nobody look; that it works has been seen.
            return
        ends = answer["application_credential"].get("expires_at")
        yield expiry.finding(f"{self._title}: credential", expiry.parse(ends), self._now)

    def _quota(self) -> Iterator[Finding]:
        absolute = self._driver.connection.request("/limits").object["limits"]["absolute"]
        yield from quota_findings(self._title, absolute)

    def _version(self) -> Iterator[Finding]:
        # Its own address, where the version stands, and not below a project.
        answer = self._driver.connection.request("/").object
        version = (answer or {}).get("version") or {}
        if version:
            told = f"Nova {version.get('id')}, microversion up to {version.get('version') or '2.1'}"
            yield self._finding(Level.OK, "API", told)


def _flat(values: Sequence[Any]) -> list[str]:
    """The texts of values, of which some are lists themselves."""
    found: list[str] = []
    for value in values:
        found += _flat(value) if isinstance(value, list | tuple) else [str(value)]
    return list(dict.fromkeys(found))


def _ask_identity(connection: Any, token: str, path: str) -> Any:
    """What the identity service answers; None where it refuses."""
    host, port, secure, base = connection._tuple_from_url(connection._get_auth_url())  # noqa: SLF001 - libcloud has no other way
    made = connection.conn_class(host, port, secure=secure, timeout=connection.timeout)
    try:
        made.request("GET", f"{base}{path}", headers={"X-Auth-Token": token})
        answer = made.getresponse()
        return answer.json() if answer.status_code == _OK else None
    finally:
        made.session.close()


def volumes_of(size: int) -> tuple[tuple[str, str, str, int], ...]:
    """What a quota of volumes is looked at for, as `quota_findings` takes it.

    Args:
        size: GiB of one.
    """
    return (
        ("volumes", "maxTotalVolumes", "totalVolumesUsed", 1),
        ("GiB of volumes", "maxTotalVolumeGigabytes", "totalGigabytesUsed", size),
    )


def quota_findings(
    title: str,
    absolute: Mapping[str, Any],
    parts: Sequence[tuple[str, str, str, int]] = _MACHINES,
) -> Iterator[Finding]:
    """What is left of a project's quota, by the limits of Nova or Cinder.

    Args:
        title: Before the subjects.
        absolute: The limits.
        parts: What is looked at: words for it, keys of the most and of what is used, and how much
            one server needs.
    """
    for name, most_key, used_key, one in parts:
        most, used = int(absolute.get(most_key, -1)), int(absolute.get(used_key, 0))
        subject = f"{title}: quota of {name}"
        if most < 0:
            yield Finding(Level.OK, subject, f"{used} used, no limit")
            continue
        left, told = most - used, f"{used} of {most} used"
        cure = "Remove what nobody needs there, or let the cloud raise the quota."
        if left < one:
            yield Finding(Level.ERROR, subject, told, cure)
        elif left < _LITTLE * one:
            yield Finding(Level.WARNING, subject, told, cure)
        else:
            yield Finding(Level.OK, subject, told)


def clock_findings(title: str, skew: float | None) -> Iterator[Finding]:
    """What is to be said of two clocks."""
    if skew is None or abs(skew) <= _SKEW:
        return
    way = "behind" if skew > 0 else "before"
    told = f"this machine's clock is {abs(skew):.0f} seconds {way} the cloud's"
    cure = "Set it by NTP: tickets and certificates end by the clock."
    yield Finding(Level.WARNING, f"{title}: clock", told, cure)


def role_findings(title: str, body: Mapping[str, Any]) -> Iterator[Finding]:
    """What is to be said of the rights of a token."""
    roles = {str(each.get("name")) for each in body.get("roles") or ()}
    subject = f"{title}: rights"
    if "admin" in roles:
        cure = "Use an application credential with the role `member` alone."
        yield Finding(Level.WARNING, subject, "it may administer the whole cloud", cure)
    elif roles and not roles & {"member", "_member_", "Member"}:
        names = ", ".join(sorted(roles))
        cure = "Give it the role `member` in the project, unless these may make machines."
        yield Finding(Level.WARNING, subject, f"it has only the roles {names}", cure)
    credential = body.get("application_credential") or {}
    if credential.get("restricted") is False:
        cure = "Make one without `--unrestricted`: the hub needs no more."
        told = "the credential is unrestricted: who has it can make more of them"
        yield Finding(Level.WARNING, subject, told, cure)
