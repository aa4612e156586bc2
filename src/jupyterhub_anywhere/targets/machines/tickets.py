"""Tickets and credentials: what they are, and why one is refused. Pure: no clock, no network.

A *ticket* is redeemed once for a server's environment, within minutes. The machine that redeems it
brings a *credential* that it has made itself: with it, and with nothing else, it reports, opens its
tunnel, and asks again after a reboot or a lost answer. Of both, only a hash is kept.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MARK: Final = "awt1"
_BYTES: Final = 32
_SECRET: Final = r"[A-Za-z0-9_-]{43}"  # noqa: S105 - what one looks like
_KEY: Final = r"[A-Za-z0-9_-]{1,64}"
_TICKET: Final = re.compile(rf"{MARK}\.({_KEY})\.({_SECRET})")
_CREDENTIAL: Final = re.compile(rf"({_KEY})\.({_SECRET})")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MINUTE: Final = 60.0
_REMEMBERED: Final = 4096


class Reason(enum.StrEnum):
    """Why a ticket or a credential is refused."""

    UNKNOWN = "unknown"
    """No ticket at all, or of a start that this hub does not know (any more)."""
    USED = "used"
    LATE = "late"
    STOPPED = "stopped"
    """The server was stopped, or its start failed."""
    ELSEWHERE = "elsewhere"
    """It came from an address that is not the machine's."""
    WRONG = "wrong"
    """The start is known, and this is not its secret."""
    TOO_MANY = "too-many"
    """So many were refused in the last minute that this one was not looked at."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a ticket or of a credential.

    Attributes:
        digest: SHA-256 of key and secret, hexadecimal.
        ends: When a ticket ends, in seconds since 1970; None for a credential.
        addresses: The machine's addresses where they are known; empty for any.
        used: When it was redeemed, in seconds since 1970; None before.
        stopped: Whether it opens nothing any more.
    """

    digest: str
    ends: float | None = None
    addresses: tuple[str, ...] = ()
    used: float | None = None
    stopped: bool = False

    def plain(self) -> dict[str, Any]:
        """As plain JSON, for a spawner's state."""
        return {**asdict(self), "addresses": list(self.addresses)}

    @classmethod
    def from_plain(cls, data: object) -> Self | None:
        """A record out of a spawner's state; None where that is no record."""
        if not isinstance(data, dict):
            return None
        digest, addresses = data.get("digest"), data.get("addresses", [])
        ends, used = data.get("ends"), data.get("used")
        fits = (
            isinstance(digest, str)
            and _DIGEST.fullmatch(digest)
            and isinstance(addresses, list)
            and all(isinstance(each, str) for each in addresses)
            and all(each is None or isinstance(each, int | float) for each in (ends, used))
        )
        if not fits:
            return None
        return cls(str(digest), ends, tuple(addresses), used, data.get("stopped") is not False)

    def bound(self, addresses: Iterable[str]) -> Self:
        """The same, for a machine at these addresses only; no address leaves it open."""
        return replace(self, addresses=tuple(dict.fromkeys(map(normal, addresses))))

    def ended(self) -> Self:
        """The same, opening nothing any more."""
        return replace(self, stopped=True)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A ticket that was right.

    Attributes:
        record: What is to be kept of it instead: it is used now.
    """

    record: Record


@dataclass(frozen=True, slots=True)
class Refusal:
    """A ticket or a credential that was not right.

    Attributes:
        reason: Why.
        key: Whose it said it is; empty where it said nothing that can be read.
    """

    reason: Reason
    key: str = ""


def issue(key: str, now: float, lifetime: float) -> tuple[str, Record]:
    """A new ticket.

    Args:
        key: The lease's id.
        now: Seconds since 1970.
        lifetime: Seconds until it ends.

    Returns:
        Its text, which is to be given to the machine and kept nowhere, and its record.

    Raises:
        ValueError: The key cannot stand in a ticket.
    """
    if not re.fullmatch(_KEY, key):
        raise ValueError(f"{key!r} cannot stand in a ticket: it has to match {_KEY}")
    secret = secrets.token_urlsafe(_BYTES)
    return f"{MARK}.{key}.{secret}", Record(digest(key, secret), ends=now + lifetime)


def digest(key: str, secret: str) -> str:
    """What is kept of a secret; with its key, so that it opens nothing of another start."""
    return hashlib.sha256(f"{key}.{secret}".encode("utf-8", "surrogatepass")).hexdigest()


def key_of(text: object) -> str:
    """Whose a ticket says it is; empty where it is none."""
    found = _TICKET.fullmatch(text) if isinstance(text, str) else None
    return found[1] if found else ""


def credential_of(text: object) -> tuple[str, str]:
    """Key and secret of ``KEY.SECRET``; both empty where it is no credential."""
    found = _CREDENTIAL.fullmatch(text) if isinstance(text, str) else None
    return (found[1], found[2]) if found else ("", "")


def credential_record(key: str, secret: object) -> Record | None:
    """What is kept of a credential that a machine has made; None where it is none."""
    if not isinstance(secret, str) or not re.fullmatch(_SECRET, secret):
        return None
    return Record(digest(key, secret))


def redeem(record: Record | None, text: object, address: str, now: float) -> Redeemed | Refusal:
    """Whether a ticket opens what its record stands for.

    Who does not know the secret learns nothing of the record: it is compared first.

    Args:
        record: Of the start that the ticket names; None where no such start is known.
        text: The ticket as it came.
        address: Where it came from.
        now: Seconds since 1970.
    """
    found = _TICKET.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return Refusal(Reason.UNKNOWN)
    reason = _against(record, found[1], found[2], address)
    if reason is None and record is not None:
        if record.used is not None:
            reason = Reason.USED
        elif record.ends is None or now >= record.ends:
            reason = Reason.LATE
        else:
            return Redeemed(replace(record, used=now))
    return Refusal(reason or Reason.UNKNOWN, found[1])


def refused(record: Record | None, text: object, address: str) -> Refusal | None:
    """Why a credential (``KEY.SECRET``) is refused; None where it is right."""
    key, secret = credential_of(text)
    if not key:
        return Refusal(Reason.UNKNOWN)
    reason = _against(record, key, secret, address)
    return None if reason is None else Refusal(reason, key)


def _against(record: Record | None, key: str, secret: str, address: str) -> Reason | None:
    if record is None:
        return Reason.UNKNOWN
    if not hmac.compare_digest(record.digest, digest(key, secret)):
        return Reason.WRONG
    if record.stopped:
        return Reason.STOPPED
    if record.addresses and normal(address) not in map(normal, record.addresses):
        return Reason.ELSEWHERE
    return None


def normal(address: str) -> str:
    """An address in one writing; what is none, as it is."""
    try:
        found = ip_address(address.strip().partition("%")[0])
    except ValueError:
        return address
    return str(getattr(found, "ipv4_mapped", None) or found)


class Limits:
    """How many refusals one address, and one key, may have in a minute; bounded in memory.

    Only refusals count: a hundred machines behind one address may start at once.

    Args:
        by_address: For one address.
        by_key: For one key.
    """

    def __init__(self, by_address: int = 20, by_key: int = 20) -> None:
        self._most: Mapping[str, int] = {"address": by_address, "key": by_key}
        # What it is and its name, to when the minute began and how many since.
        self._counts: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def reached(self, address: str, key: str, elapsed: float) -> bool:
        """Whether a further wrong one is told no more than that.

        Args:
            address: Where it comes from.
            key: Whose it says it is; empty for nobody's.
            elapsed: Seconds that only grow.
        """
        return any(
            elapsed - begun < _MINUTE and count >= self._most[kind]
            for kind, name in _names(address, key)
            for begun, count in [self._counts.get((kind, name), (elapsed, 0))]
        )

    def refused(self, address: str, key: str, elapsed: float) -> None:
        """Count a refusal."""
        for each in _names(address, key):
            begun, count = self._counts.pop(each, (elapsed, 0))
            if elapsed - begun >= _MINUTE:
                begun, count = elapsed, 0
            self._counts[each] = (begun, count + 1)
        while len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)


def _names(address: str, key: str) -> list[tuple[str, str]]:
    named = [("address", normal(address))]
    return [*named, ("key", key)] if key else named
