"""What DockerSpawner keeps for the life of a process, where a process sees several hubs.

The bare class keeps its client and its one thread as class attributes, a target of kind ``docker``
its own. In a process of its own no hub would find those of the hub before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

_ending: list[Executor] = []
"""Pools whose threads have not been waited for."""


def forget_clients() -> None:
    """Let the next hub make clients and threads anew. Waits for nothing: a call may hang."""
    from dockerspawner import DockerSpawner

    for each in _family(DockerSpawner):
        own = vars(each)
        executor, client = own.get("_executor"), own.get("_client")
        if executor is not None:
            each._executor = None  # noqa: SLF001 - where the class keeps it
            _end(executor)
        if client is not None:
            each._client = None  # noqa: SLF001 - where the class keeps it
            client.close()
        target = own.get("anywhere_target")
        if target is not None:
            _end(target.engine.calls)
            _end(target.engine.pulls)


def close_clients() -> None:
    """The same, and wait until every thread has ended: nothing hangs any more."""
    forget_clients()
    while _ending:
        _ending.pop().shutdown(wait=True)


def _end(executor: Executor) -> None:
    executor.shutdown(wait=False, cancel_futures=True)
    _ending.append(executor)


def _family(base: Any) -> Iterator[Any]:
    yield base
    for each in base.__subclasses__():
        yield from _family(each)
