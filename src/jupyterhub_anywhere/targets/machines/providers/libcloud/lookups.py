"""What a cloud has to choose from, asked once a minute, and again for every name it lacks."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.names import did_you_mean
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import Missing, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyterhub_anywhere.core.clock import Clock

# Seconds for which a list is kept.
KEPT: Final = 60.0
# Seconds for which an answer is as good as a new one.
FRESH: Final = 2.0
_CAUSES: Final = {"image": FailureCause.IMAGE_NOT_FOUND}


@dataclass(frozen=True, slots=True)
class Thing:
    """An image, size, network or the like.

    Attributes:
        id: The cloud's own id.
        name: Its name; others may have the same.
        raw: libcloud's object.
        created: When it was made, so that texts sort by time; empty where the cloud does not say.
    """

    id: str
    name: str
    raw: Any
    created: str = ""


class Lookups:
    """Lists of one target, shared by all its threads.

    Args:
        clock: The time.
        newest: Whether of several things of one name the newest is meant; else they are refused.
    """

    def __init__(self, clock: Clock, *, newest: bool = False) -> None:
        self._clock, self._newest = clock, newest
        self._lists: dict[str, tuple[float, Sequence[Thing]]] = {}
        # One for each kind: while one thread asks, the others wait for its answer.
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def all(self, kind: str, ask: Callable[[], Sequence[Thing]]) -> Sequence[Thing]:
        """The list, at most a minute old."""
        with self._lock_of(kind):
            asked, things = self._lists.get(kind, (-KEPT, ()))
            if self._clock.elapsed() - asked >= KEPT or kind not in self._lists:
                things = self._ask(kind, ask)
            return things

    def find(self, kind: str, wanted: str, ask: Callable[[], Sequence[Thing]]) -> Thing:
        """The thing of a name or an id; an id counts first.

        Raises:
            Missing: The cloud has none, also when asked again.
            Refused: It has several of this name.
        """
        before = self._lists.get(kind)
        things = self.all(kind, ask)
        if not _named(things, wanted) and self._lists.get(kind) is before:
            # The list was an old one: something new may have come.
            with self._lock_of(kind):
                if self._lists.get(kind) is before:
                    self._ask(kind, ask)
            things = self.all(kind, ask)
        return self._chosen(kind, wanted, things)

    def forget(self) -> bool:
        """Ask again for everything: something that was listed may be gone.

        Returns:
            Whether anything was remembered for longer than a moment, and so may be wrong.
        """
        with self._lock:
            now = self._clock.elapsed()
            old = any(now - asked > FRESH for asked, _ in self._lists.values())
            self._lists.clear()
            return old

    def _ask(self, kind: str, ask: Callable[[], Sequence[Thing]]) -> Sequence[Thing]:
        things = ask()
        self._lists[kind] = (self._clock.elapsed(), things)
        return things

    def _lock_of(self, kind: str) -> threading.Lock:
        with self._lock:
            return self._locks[kind]

    def _chosen(self, kind: str, wanted: str, things: Sequence[Thing]) -> Thing:
        found = _named(things, wanted)
        if not found:
            hint = did_you_mean(wanted, {each.name for each in things if each.name})
            raise Missing(
                f"there is no {kind} {wanted}",
                cause=_CAUSES.get(kind, FailureCause.CONFIG),
                hint=hint or f"The project has no {kind} at all.",
            )
        if len(found) == 1:
            return found[0]
        if self._newest and kind == "image":
            return max(found, key=lambda each: (each.created, each.id))
        ids = ", ".join(sorted(each.id for each in found))
        also = ", or `same_name: newest` of the target" if kind == "image" else ""
        raise Refused(
            f"there are {len(found)} of the name: {kind} {wanted}",
            hint=f"Name one by its id ({ids}){also}.",
        )


def _named(things: Sequence[Thing], wanted: str) -> list[Thing]:
    by_id = [each for each in things if each.id == wanted]
    return by_id or [each for each in things if each.name == wanted]
