"""When an application credential ends: what `anywhere doctor` says of it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from jupyterhub_anywhere.core.findings import Finding, Level

SOON: Final = timedelta(days=30)
_CURE: Final = (
    "Make a new one with `anywhere prepare openstack --apply --renew-credential --out DIR`, or in"
    " the web console, and give the hub its id and secret."
)


def parse(text: str | None) -> datetime | None:
    """A moment as Keystone writes it, which is UTC with or without a zone; None for never.

    Raises:
        ValueError: It is no moment.
    """
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def finding(subject: str, expires: datetime | None, now: datetime) -> Finding:
    """What to say of a credential.

    Args:
        subject: What it belongs to, as `target cloud: credential`.
        expires: When it ends, with its zone; None for never.
        now: The present, with its zone.
    """
    if expires is None:
        return Finding(
            Level.WARNING,
            subject,
            "it never expires, so that a copy of it is of use for ever.",
            "Make one with an end: `anywhere prepare openstack` does.",
        )
    day = f"{expires.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    left = expires - now
    if left <= timedelta():
        return Finding(Level.ERROR, subject, f"it expired at {day}: no machine can be made.", _CURE)
    if left < SOON:
        days = max(left.days, 0)
        told = "within a day" if days < 1 else f"in {days} day{'' if days == 1 else 's'}"
        return Finding(Level.WARNING, subject, f"it expires {told}, at {day}.", _CURE)
    return Finding(Level.OK, subject, f"valid until {day}")
