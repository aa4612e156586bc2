"""Inside a hub: names every place of a server's life as it is reached, and dies at a chosen one.

A few lines of the hub's own configuration load it::

    from jupyterhub_anywhere.testing.faults import kills
    kills.install("/folder/of/the/test")

What it does is said by ``plan.json`` in that folder (`Plan`), which may change while the hub runs.
Each place that is reached the first time is written to ``places.jsonl``. There are two sorts:

- *waits* and *returns*: a task of a server's life has just been suspended, or is about to go on;
- *before* and *after* a call that leaves the process: a program, a signal, a database's commit, the
  proxy, the back end. The worst of them have no suspension near.

Dying is SIGKILL by itself: nothing is flushed, closed or told.
"""

from __future__ import annotations

import asyncio
import collections.abc
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.testing.faults import places

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

PLAN: Final = "plan.json"
PLACES: Final = "places.jsonl"
DIED: Final = "died"
_IN_THREADS: Final = ("engine ", "go")
# Commits that write nothing: JupyterHub looks whether its database answers, at nearly every
# statement, and the ledger is read.
_NOTHING_WRITTEN: Final = (
    "jupyterhub/orm.py:ping_connection",
    "jupyterhub_anywhere/ledger/database.py:read",
)
_die: Final = os.kill
# Methods that leave the process, each with the module that has it: missing ones are left out.
_METHODS: Final = (
    ("sqlalchemy.engine.default", "DefaultDialect.do_commit", "commit"),
    ("jupyterhub_anywhere.targets.process.launch", "Supervisor.go", "go"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a hub is to do.

    Attributes:
        mode: ``off``, ``list``, or ``die``.
        place: Where to die: the whole name of a place.
        skip: How often the place is passed before.
    """

    mode: str = "off"
    place: str = ""
    skip: int = 0

    def write(self, folder: Path) -> None:
        """Put it where hubs look; they follow it from their next place on."""
        new = folder / f"{PLAN}.new"
        new.write_text(json.dumps(asdict(self)), "utf-8")
        new.replace(folder / PLAN)

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """The plan of a folder; off without one."""
        try:
            return cls(**json.loads((folder / PLAN).read_text("utf-8")))
        except FileNotFoundError:
            return cls()


def listed(folder: Path) -> list[str]:
    """The places that hubs of a folder have reached, in the order of their first time."""
    try:
        lines = (folder / PLACES).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return list(dict.fromkeys(json.loads(line) for line in lines))


class Book:
    """Writes places down, and dies at one of them.

    Args:
        folder: Where plan and list are.
        die: Ends the process; for tests.
    """

    def __init__(self, folder: Path, die: Callable[[], None] | None = None) -> None:
        self._folder = folder
        self._die = die or (lambda: _die(os.getpid(), signal.SIGKILL))
        self._plan = Plan()
        self._stamp = -1
        self._seen: set[str] = set()
        self._passed = 0
        self._lock = threading.Lock()

    @property
    def active(self) -> bool:
        """Whether there is anything to do; looks at the plan, and takes a new one."""
        try:
            stamp = os.stat(self._folder / PLAN).st_mtime_ns  # noqa: PTH116 - at every suspension
        except OSError:
            return False
        if stamp != self._stamp:
            with self._lock:
                self._stamp = stamp
                self._plan = Plan.read(self._folder)
                self._seen.clear()
                self._passed = 0
        return self._plan.mode != "off"

    def reach(self, place: str) -> None:
        """The hub is at a place."""
        with self._lock:
            if self._plan.mode == "list" and place not in self._seen:
                self._seen.add(place)
                with (self._folder / PLACES).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(place) + "\n")
            if self._plan.mode == "die" and place == self._plan.place:
                self._passed += 1
                if self._passed > self._plan.skip:
                    (self._folder / DIED).write_text(place, "utf-8")
                    self._die()

    def call(self, when: str, what: str) -> None:
        """A call that leaves the process is about to be made, or was made."""
        # The caller, its wrapper and this are no places.
        chain = places.named(places.stacked(sys._getframe(2)))  # noqa: SLF001 - the one way to it
        if chain.rpartition(":")[0].endswith(_NOTHING_WRITTEN):
            return
        # Threads of their own do not know what they do it for.
        if chain or what.startswith(_IN_THREADS):
            self.reach(f"{when} {what} in {chain or 'a thread'}")


class Watched(collections.abc.Coroutine[Any, Any, Any]):
    """A coroutine that says where it is suspended, and where it goes on."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], book: Book) -> None:
        self._coroutine, self._book, self._chain = coroutine, book, ""
        self.__name__ = getattr(coroutine, "__name__", "coroutine")
        self.__qualname__ = getattr(coroutine, "__qualname__", self.__name__)

    def _suspended(self) -> None:
        self._chain = ""
        if self._book.active:
            self._chain = places.named(places.awaited(self._coroutine))
            if self._chain:
                self._book.reach(f"waits in {self._chain}")

    def _goes_on(self) -> None:
        if self._chain and self._book.active:
            self._book.reach(f"returns in {self._chain}")

    def send(self, value: Any) -> Any:
        """As the coroutine."""
        self._goes_on()
        answer = self._coroutine.send(value)
        self._suspended()
        return answer

    def throw(self, *error: Any) -> Any:
        """As the coroutine."""
        self._goes_on()
        answer = self._coroutine.throw(*error)
        self._suspended()
        return answer

    def close(self) -> None:
        """As the coroutine."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        # asyncio and debuggers ask for cr_frame and the like.
        return getattr(self._coroutine, name)


def install(folder: str | Path) -> Book:
    """Watch every task and every call of this process from now on.

    Args:
        folder: Where plan and list are; it has to exist.
    """
    book = Book(Path(folder))
    _watch_tasks(book)
    _watch_signals(book)
    _watch_programs(book)
    for module, method, what in _METHODS:
        _watch_method(book, module, method, what)
    _watch_proxy(book)
    _watch_engine(book)
    return book


def _watch_tasks(book: Book) -> None:
    make = asyncio.BaseEventLoop.create_task

    @functools.wraps(make)
    def create_task(self: asyncio.BaseEventLoop, coro: Any, **options: Any) -> Any:
        if asyncio.iscoroutine(coro) and not isinstance(coro, Watched):
            coro = Watched(coro, book)
        return make(self, coro, **options)

    asyncio.BaseEventLoop.create_task = create_task  # type: ignore[method-assign]  # on purpose


def _around(book: Book, function: Callable[..., Any], what: Callable[..., str]) -> Any:
    """A function that says before and after that it is called."""

    @functools.wraps(function)
    def around(*args: Any, **kwargs: Any) -> Any:
        name = what(*args, **kwargs) if book.active else ""
        if not name:
            return function(*args, **kwargs)
        book.call("before", name)
        answer = function(*args, **kwargs)
        book.call("after", name)
        return answer

    return around


def _watch_signals(book: Book) -> None:
    def kill(_: int, number: int) -> str:
        return f"kill({signal.Signals(number).name})" if number else ""

    os.kill = _around(book, os.kill, kill)
    os.killpg = _around(book, os.killpg, kill)
    send = getattr(signal, "pidfd_send_signal", None)
    if send is not None:
        # Others ask what a descriptor is with the signal 0, too.
        watched = _around(book, send, lambda _, number, *__: kill(0, number))
        signal.pidfd_send_signal = watched


def _watch_programs(book: Book) -> None:
    made = subprocess.Popen.__init__
    watched = _around(book, made, lambda *_, **__: "Popen")
    subprocess.Popen.__init__ = watched  # type: ignore[method-assign]  # on purpose


def _watch_method(book: Book, module: str, method: str, what: str) -> None:
    try:
        found: Any = importlib.import_module(module)
    except ImportError:
        return
    *path, name = method.split(".")
    for each in path:
        found = getattr(found, each)
    setattr(found, name, _around(book, getattr(found, name), lambda *_, **__: what))


def _watch_proxy(book: Book) -> None:
    from jupyterhub.proxy import ConfigurableHTTPProxy

    ask = ConfigurableHTTPProxy.api_request

    @functools.wraps(ask)
    async def api_request(self: Any, path: str, method: str = "GET", body: Any = None) -> Any:
        if not book.active or method == "GET":
            return await ask(self, path, method=method, body=body)
        book.call("before", f"proxy {method}")
        answer = await ask(self, path, method=method, body=body)
        book.call("after", f"proxy {method}")
        return answer

    ConfigurableHTTPProxy.api_request = api_request


def _watch_engine(book: Book) -> None:
    try:
        import requests
    except ImportError:
        return
    from urllib.parse import urlsplit

    def what(_: Any, request: Any, **__: Any) -> str:
        return f"engine {request.method} {places.skeleton(urlsplit(request.url).path)}"

    requests.Session.send = _around(book, requests.Session.send, what)  # type: ignore[method-assign]
