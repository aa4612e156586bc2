"""What a user is told of servers that are not plainly running or stopped.

The hub itself forgets a server once it has taken leave of it; its lease is there until its end is
proven, and a start of the same server waits for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.ledger.report import ServerRow
from jupyterhub_anywhere.ledger.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from jupyterhub_anywhere.ledger.lease import Lease

_SHOWN: Final = frozenset({State.UNKNOWN, State.STOPPING})


@dataclass(frozen=True, slots=True)
class Notice:
    """What there is to know of one server. Without what is only for administrators.

    Attributes:
        server: Its name, empty for the default one.
        state: ``unknown``, ``stopping`` or ``gone``.
        since: Since when; None where that is not known.
        text: For its user, without HTML.
    """

    server: str
    state: str
    since: datetime | None
    text: str


def notice_of(lease: Lease, now: datetime) -> Notice | None:
    """What its user is told of a lease; None where there is nothing to tell.

    Args:
        lease: The lease.
        now: What time it is.
    """
    if lease.state not in _SHOWN:
        return None
    row = ServerRow.of(lease, now)
    if lease.state is State.UNKNOWN:
        when = _since(row.unknown_since, now)
        text = f"It cannot be reached{when}. It is kept, and goes on as soon as it can be."
        return Notice(lease.server, "unknown", row.unknown_since, text)
    when = _since(row.since, now)
    text = f"It has been stopping{when}. A new start waits until its end is certain."
    return Notice(lease.server, "stopping", row.since, text)


def _since(at: datetime | None, now: datetime) -> str:
    """In UTC: the hub does not know in which zone its users are."""
    if at is None:
        return ""
    form = " since %H:%M UTC" if at.date() == now.date() else " since %Y-%m-%d %H:%M UTC"
    return at.strftime(form)


class Board:
    """The notices of all users, as they were after the last look; reading it asks nobody."""

    def __init__(self) -> None:
        self._notices: Mapping[str, Sequence[Notice]] = {}
        self._told: dict[tuple[str, str], Notice] = {}

    def tell(self, user: str, server: str, text: str, now: datetime) -> None:
        """Keep a text about a server that is gone, until it is started again."""
        self._told[user, server] = Notice(server, "gone", now, text)

    def started(self, user: str, server: str) -> None:
        """What was told of an earlier server is of no interest any more."""
        self._told.pop((user, server), None)

    def update(self, leases: Iterable[Lease], now: datetime) -> None:
        """Take down what the leases say now.

        Args:
            leases: Every lease that is not gone.
            now: What time it is.
        """
        found: dict[str, list[Notice]] = {}
        for lease in leases:
            notice = notice_of(lease, now)
            if notice is not None:
                found.setdefault(lease.user, []).append(notice)
        self._notices = found

    def of(self, user: str) -> Sequence[Notice]:
        """What a user is told."""
        now = self._notices.get(user, ())
        known = {each.server for each in now}
        told = [each for (name, _), each in self._told.items() if name == user]
        return [*now, *(each for each in told if each.server not in known)]


class _Holder:
    """Who knows of notices in this process."""

    provider: Callable[[str], Sequence[Notice]] | None = None


def provide(provider: Callable[[str], Sequence[Notice]] | None) -> None:
    """Let the pages show notices.

    Args:
        provider: A user's name to the notices, at once and from memory; None for none.
    """
    _Holder.provider = provider


def for_pages(user: Any) -> dict[str, Notice]:
    """The notices of a user by server; what templates call.

    Args:
        user: JupyterHub's user; None or undefined where nobody is logged in.
    """
    if _Holder.provider is None or not user:
        return {}
    return {each.server: each for each in _Holder.provider(user.name)}
