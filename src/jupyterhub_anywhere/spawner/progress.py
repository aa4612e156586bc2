"""What a user sees while a server starts."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from jupyterhub.spawner import Spawner

from jupyterhub_anywhere.spawner import guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def generate(wrapper: Any) -> AsyncIterator[dict[str, Any]]:
    """The wrapper's ``_generate_progress``: the child's events, as soon as there is a child.

    Every viewer gets a generator of its own, and most come before the child is built.
    """
    if not wrapper._spawn_pending:  # noqa: SLF001 - the hub's own flag
        return
    child = wrapper.child
    if child is None:
        yield {"progress": 0, "message": "Server requested"}
        child = await wrapper.wait_for_child()
        if child is None:
            return
        events = child.progress()
    elif type(child)._generate_progress is not Spawner._generate_progress:  # noqa: SLF001
        events = child._generate_progress()  # noqa: SLF001 - it has one of its own
    else:
        yield {"progress": 0, "message": "Server requested"}
        events = child.progress()
    with guard.contained():
        async with aclosing(events) as stream:
            async for event in stream:
                yield event
