"""Ending what is left of a server, by its label and by its control group."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.targets.process.blocking import blocking
from jupyterhub_anywhere.targets.process.labels import kill_all, kill_server, parent_of, scan
from jupyterhub_anywhere.targets.process.limits import Limiter, detect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyterhub_anywhere.core.processes import ProcessId
    from jupyterhub_anywhere.targets.process.labels import Labelled

# Seconds for a server to end by itself, where its own `stop_grace` is not known: the default one,
# and some for its kernels.
_GRACE: Final = 13.0


@lru_cache(maxsize=8)
def limiter(hub_id: str) -> Limiter:
    """How limits are enforced here, found out once."""
    return detect(hub_id)


def kill_rest(hub_id: str, server: str) -> bool:
    """Kill whatever is left of a server and remove its control group. Blocks.

    Returns:
        Whether all is gone.
    """
    way = limiter(hub_id)
    labelled = kill_server(hub_id, server)
    grouped = kill_all(lambda: way.processes(server))
    way.remove(server)
    return labelled and grouped


def heads(found: Iterable[Labelled]) -> list[ProcessId]:
    """Those of a server's processes that no other one of them started: its supervisor."""
    members = {each.process.pid: each.process for each in found}
    return [process for pid, process in members.items() if parent_of(pid) not in members]


async def end_server(hub_id: str, server: str) -> bool:
    """End a server that nobody holds a handle of: ask its supervisor, then kill what is left.

    Returns:
        Whether all is gone.

    Raises:
        OSError: The processes of this machine cannot be listed.
    """
    found = [each for each in await blocking(scan, hub_id) if each.server == server]
    waits = []
    for process in heads(found):
        with contextlib.suppress(PermissionError):
            if process.send(signal.SIGTERM):
                waits.append(process.wait(_GRACE))
    await asyncio.gather(*waits)
    return await blocking(kill_rest, hub_id, server)
