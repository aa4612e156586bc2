"""A watchdog for spawners that hold the hub's only thread.

Such a child cannot be contained: while it computes, sleeps or waits without ``await``, nobody is
served. It can be named. A thread asks the event loop for a sign of life; where none comes, it looks
at the stack of the loop's thread for a frame whose first argument is a child. Calls into children
themselves cost nothing more than before.

Code that holds Python's global lock all the while (a C extension) is seen only when it lets go.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.core.journal import Journal
from jupyterhub_anywhere.spawner.child import Bound, ChildFactory

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from jupyterhub_anywhere.core.state import StatePaths

log = logging.getLogger(__name__)

# Seconds. How long a child may hold the thread before it is named.
LIMIT: Final = 1.0
# Seconds between two looks: a fourth of the limit tells one long call from many short ones.
PERIOD: Final = 0.25
THREAD: Final = "anywhere-watchdog"
# Seconds between two notes of a call that does not end.
_RENOTE: Final = 10.0
_CURE: Final = (
    "All users wait while it does. Report it to the authors of that class: what takes time belongs"
    " into a thread (asyncio.to_thread) or behind await."
)


@dataclass(frozen=True, slots=True)
class Call:
    """A call into a child, as the stack shows it.

    Attributes:
        target: The target's name.
        child_class: The child's class, with its module.
        method: What was called: a method, or a hook that was given the child.
        where: File and line of the child's own innermost frame.
        inside: File, line and function of the innermost frame of all, where that is another.
        identity: Tells this call from another one of the same method.
    """

    target: str
    child_class: str
    method: str
    where: str
    inside: str
    identity: int

    @property
    def what(self) -> str:
        """For people: ``target lab: dockerspawner.DockerSpawner.poll``."""
        return f"target {self.target}: {self.child_class}.{self.method}"


def find_call(frame: FrameType | None) -> Call | None:
    """Look for a child on a stack.

    Args:
        frame: The innermost frame.

    Returns:
        The outermost call into a child; None where no child is at work.
    """
    innermost = frame
    child_frame: FrameType | None = None
    entry: FrameType | None = None
    owner: Bound | ChildFactory | None = None
    while frame is not None:
        first = _first_argument(frame)
        # A factory counts for what no child's frame explains: the import of its class.
        if isinstance(first, Bound) or (first is not None and owner is None):
            child_frame = child_frame or frame
            entry, owner = frame, first
        frame = frame.f_back
    if entry is None or child_frame is None or innermost is None or owner is None:
        return None
    name, child_class = _names(owner)
    inside = "" if innermost is child_frame else _place(innermost, function=True)
    return Call(
        name, child_class, entry.f_code.co_name, _place(child_frame), inside, identity=id(entry)
    )


def _first_argument(frame: FrameType) -> Bound | ChildFactory | None:
    """The first argument where it is a child or what builds one."""
    code = frame.f_code
    first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    # Asked of the type: a stranger's object would run code of its own to answer isinstance.
    return first if issubclass(type(first), Bound | ChildFactory) else None


def _names(owner: Bound | ChildFactory) -> tuple[str, str]:
    if isinstance(owner, ChildFactory):
        return owner.name, type(owner.target).__name__
    classes = type(owner).__mro__
    cls = classes[classes.index(Bound) + 1]
    return owner._anywhere_target, f"{cls.__module__}.{cls.__name__}"  # noqa: SLF001 - ours, and no name that a child could use


def _place(frame: FrameType, *, function: bool = False) -> str:
    code = frame.f_code
    text = f"{code.co_filename}:{frame.f_lineno}"
    return f"{text} ({code.co_name})" if function else text


class Watchdog:
    """Watches one event loop from a thread of its own, which ends with the loop.

    Args:
        loop: The loop, running in the present thread.
        journal: Where events are kept for the doctor.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, journal: Journal) -> None:
        self._loop = loop
        self._journal = journal
        self._watched = threading.get_ident()
        self._alive = threading.Event()
        self._call: Call | None = None
        self._since = 0.0
        self._told = 0.0

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._run, name=THREAD, daemon=True).start()

    def _run(self) -> None:
        while self._ask():
            while not self._alive.wait(PERIOD):
                if self._loop.is_closed():
                    return
                self._look()
            self._let_go()
            time.sleep(PERIOD)

    def _ask(self) -> bool:
        """Ask for a sign of life; False where the loop is closed."""
        self._alive.clear()
        try:
            self._loop.call_soon_threadsafe(self._alive.set)
        except RuntimeError:
            return False
        return True

    def _look(self) -> None:
        call = find_call(sys._current_frames().get(self._watched))  # noqa: SLF001 - Python's only way to another thread's stack
        now = time.monotonic()
        if call is None or self._call is None or call.identity != self._call.identity:
            self._let_go()
            self._call, self._since = call, now
            return
        self._call = call
        # It began at most one period before it was first seen.
        held = now - self._since + PERIOD
        if held >= LIMIT and not self._told:
            self._told = now
            log.error(
                "%s has held the hub's thread for %.1f s, at %s%s; nobody is served meanwhile",
                call.what,
                held,
                call.where,
                f" in {call.inside}" if call.inside else "",
            )
            self._note(call, held, again=True)
        elif self._told and now - self._told >= _RENOTE:
            self._told = now
            self._note(call, held, again=False)

    def _let_go(self) -> None:
        """The loop runs again, or another call holds it."""
        if self._call is not None and self._told:
            held = time.monotonic() - self._since + PERIOD
            log.error("%s has let the hub's thread go after %.1f s", self._call.what, held)
            self._note(self._call, held, again=False)
        self._call, self._told = None, 0.0

    def _note(self, call: Call, held: float, *, again: bool) -> None:
        self._journal.note(
            call.what,
            again=again,
            what=call.what,
            where=call.where,
            inside=call.inside,
            seconds=round(held, 1),
        )


_watched_loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


def watch(paths: StatePaths) -> None:
    """Watch the running event loop from now on; may be called at each use of a child.

    Args:
        paths: The state folder, whose journal the doctor reads.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    if loop not in _watched_loops:
        _watched_loops.add(loop)
        Watchdog(loop, Journal(_file(paths))).start()


def _file(paths: StatePaths) -> Path:
    return paths.hub / "blocked.json"


def findings(paths: StatePaths) -> list[Finding]:
    """Which children have held the hub's thread in the last days, for the doctor."""
    found = []
    for each in Journal(_file(paths)).entries():
        inside = f" in {each['inside']}" if each.get("inside") else ""
        often = "once" if each["times"] == 1 else f"{each['times']} times"
        message = (
            f"has held the hub's thread {often} in the last days, lately for {each.get('seconds')}"
            f" s, at {each.get('where')}{inside}"
        )
        found.append(Finding(Level.WARNING, str(each.get("what")), message, _CURE))
    return found
