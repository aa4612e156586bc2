"""What only the whole of a configuration can tell: whether its parts fit each other.

Nothing is imported and nobody is asked here, apart from whether named files exist. What needs the
classes of the targets is checked above.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from jupyterhub_anywhere.config.crosscheck_profiles import profile_problems
from jupyterhub_anywhere.config.report import Report
from jupyterhub_anywhere.config.secrets import missing_secrets
from jupyterhub_anywhere.core.names import did_you_mean, normalize_user_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from jupyterhub_anywhere.config.marks import KeyPath, Marks
    from jupyterhub_anywhere.config.models import Config, HubConfig, UsersConfig
    from jupyterhub_anywhere.core.errors import Problem

# Logins that know of no groups but those of the file.
_OWN_GROUPS: Final = {"shared-password", "native", "pam"}
# Below are the accounts of the system.
_FIRST_UID: Final = 1000
# The last one is (uid_t)-1, which means "leave it".
_LAST_UID: Final = (1 << 32) - 2
# A uid is never given twice, so a small range is soon used up.
_LEAST_UIDS: Final = 1000


@dataclass(frozen=True)
class Known:
    """Names that count as declared beside those of the configuration.

    Attributes:
        targets: Names of targets.
        groups: Names of groups.
    """

    targets: Collection[str] = ()
    groups: Collection[str] = ()


def problems(
    config: Config, marks: Marks, base: Path = Path(), known: Known | None = None
) -> list[Problem]:
    """Everything in which the parts of a configuration contradict each other.

    Args:
        config: The configuration.
        marks: Where its values stand.
        base: The folder that relative paths start from.
        known: Names that count as declared; for a configuration of which a part was left out.
    """
    beside = known or Known()
    report = Report(marks)
    _hub(config.hub, base, report)
    _users(config.users, report)
    targets = {*config.targets, *beside.targets}
    groups: set[str] | None = {*config.users.groups, *beside.groups}
    if config.users.login not in _OWN_GROUPS:
        groups = None  # the login brings groups that the file need not know
    if groups is not None:
        _limited_groups(config.users, groups, report)
    for name, profile in config.profiles.items():
        profile_problems(name, profile, targets, groups, report)
    return report.problems


def secret_problems(config: Config, marks: Marks, base: Path = Path()) -> list[Problem]:
    """A problem for every secret that cannot be read here and now.

    Apart from `problems`, since a file is often checked where its secrets are not.
    """
    report = Report(marks)
    for path, reason in missing_secrets(config, base):
        report.add(path, f"{reason}.", "Set it, or name another place.")
    return report.problems


def _hub(hub: HubConfig, base: Path, report: Report) -> None:
    _url(("hub", "url"), hub.url, report)
    for key, value in (("bind", hub.bind), ("internal_url", hub.internal_url)):
        if value is not None:
            _url(("hub", key), value, report, bare=True)
    for index, network in enumerate(hub.trusted_proxies):
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            report.add(
                ("hub", "trusted_proxies", index),
                f"{error}.",
                "Write an address or a network, as 10.0.0.5 or 10.0.0.0/24.",
            )
    files: list[tuple[KeyPath, Path | None]] = [
        (("hub", "jupyterhub_config"), hub.jupyterhub_config)
    ]
    for name, tls in (("tls", hub.tls), ("internal_tls", hub.internal_tls)):
        if tls is not None:
            files += [(("hub", name, "cert"), tls.cert), (("hub", name, "key"), tls.key)]
    _internal(hub, report)
    for path, file in files:
        if file is not None and not (base / file).is_file():
            report.add(path, f"there is no file {base / file}.")
    _cull(hub, report)


def _internal(hub: HubConfig, report: Report) -> None:
    encrypted = (hub.internal_url or "").startswith("https:")
    if encrypted and hub.internal_tls is None:
        report.add(
            ("hub", "internal_url"),
            "https needs a certificate.",
            "Set internal_tls, or write http://HOST:PORT.",
        )
    if hub.internal_tls is not None and not encrypted:
        report.add(
            ("hub", "internal_tls"),
            "there is nothing to encrypt.",
            "Set internal_url, as https://10.0.0.1:8081.",
        )


def _cull(hub: HubConfig, report: Report) -> None:
    if hub.cull is None:
        return
    path = ("hub", "cull")
    for key in ("idle", "every", "max_age"):
        if getattr(hub.cull, key) == 0:
            report.add((*path, key), "this has to be more than nothing.")
    if hub.cull.every is not None and hub.cull.every >= hub.cull.idle > 0:
        report.add(
            (*path, "every"), "this has to be less than idle, else servers live on far longer."
        )


def _url(path: KeyPath, text: str, report: Report, *, bare: bool = False) -> None:
    """An address of http or https; a bare one has no path."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        report.add(path, f"this is no address: {error}.", "Write it as http://127.0.0.1:8000.")
        return
    if url.scheme not in {"http", "https"} or not url.hostname:
        report.add(path, "this is no address.", "Write it as http://127.0.0.1:8000.")
    elif url.username is not None or url.password is not None:
        report.add(path, "an address holds no user and no password here.")
    elif url.query or url.fragment or any(char.isspace() for char in text):
        report.add(path, "an address has no blanks, no ? and no # here.")
    elif port == 0:
        report.add(path, "port 0 is no port.", "Leave it out for the default.")
    elif bare and url.path not in {"", "/"}:
        report.add(path, "this address has no path.", "The path belongs to hub.url.")


def _users(users: UsersConfig, report: Report) -> None:
    _names(("users", "allowed"), users.allowed, report)
    _names(("users", "admins"), users.admins, report)
    for group, members in users.groups.items():
        _names(("users", "groups", group), members, report)
    first, last = (int(number) for number in users.uids.split("-"))
    path = ("users", "uids")
    if first < _FIRST_UID:
        report.add(path, f"uids below {_FIRST_UID} belong to the system.")
    elif last > _LAST_UID:
        report.add(path, f"the last uid there is is {_LAST_UID}.")
    elif first > last:
        report.add(path, "the first uid is above the last.", f"Did you mean {last}-{first}?")
    elif last - first + 1 < _LEAST_UIDS:
        report.add(
            path,
            f"this range has {last - first + 1} uids, and a uid is never given twice.",
            f"Leave room for {_LEAST_UIDS} or more.",
        )


def _limited_groups(users: UsersConfig, groups: Collection[str], report: Report) -> None:
    for group in users.limits.groups:
        if group not in groups:
            path = ("users", "limits", "groups", group)
            message = f"users.groups has no group {group!r}."
            report.add(path, message, did_you_mean(group, groups), key=True)


def _names(path: KeyPath, names: tuple[str, ...], report: Report) -> None:
    """User names in the one form that is stored, each once."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        where = (*path, index)
        try:
            normal = normalize_user_name(name)
        except ValueError as error:
            report.add(where, f"{name!r} is no user name: {error}.")
            continue
        if normal in seen:
            report.add(where, f"{name!r} is in this list already.")
        elif normal != name:
            report.add(where, f"{name!r} is stored as {normal!r}.", f"Write {normal}.")
        seen.add(normal)
