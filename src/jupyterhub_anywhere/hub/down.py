"""``anywhere down``: ends the hub, and what ``--keep-servers`` or a crash left."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import StateError, SurroundingsError
from jupyterhub_anywhere.hub.files import read_json, write_json
from jupyterhub_anywhere.hub.statefolder import StateLock, locked
from jupyterhub_anywhere.hub.uprecord import read_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_anywhere.core.processes import ProcessId
    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.hub.uprecord import UpRecord

# A hub ends its servers within a minute; then it ends them by force.
_HUB_SECONDS: Final = 90.0


def down(paths: StatePaths) -> list[str]:
    """End everything of a state folder.

    Returns:
        What was ended, one line each; empty where nothing ran.

    Raises:
        StateError: The folder is another account's.
        SurroundingsError: The hub did not end, or another one started.
    """
    if not paths.hub.is_dir():
        return []
    try:
        record = read_up(paths)
        paths.logs.stat()
    except PermissionError:
        raise StateError(
            f"The state folder {paths.root} is another account's.", hint="Run this as that account."
        ) from None
    lines = []
    if record is not None and record.alive and record.process is not None:
        lines += _end_hub(paths, record.process, record.url)
    with _held(paths, ended=bool(lines)):
        lines += _end_proxy(paths)
        lines += _end_servers(paths, record)
        paths.up.unlink(missing_ok=True)
    return lines


@contextmanager
def _held(paths: StatePaths, *, ended: bool) -> Iterator[None]:
    """Keep other hubs from starting, lest their proxy and servers are ended, too.

    Args:
        paths: The state folder.
        ended: Whether a hub was ended here just now.

    Raises:
        SurroundingsError: A hub has begun to start.
        StateError: The lock cannot be used.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(StateLock(paths))
        except StateError as error:
            if not locked(paths):
                raise
            if ended:
                raise SurroundingsError(
                    f"The hub on {paths.root} ended, and another was started at once; it and its"
                    " servers go on.",
                    hint="End what starts it, as `systemctl stop` does with a service.",
                ) from error
            raise SurroundingsError(
                f"A hub is starting on {paths.root}.", hint="Wait until it runs, then try again."
            ) from error
        yield


def _end_hub(paths: StatePaths, process: ProcessId, url: str) -> list[str]:
    from jupyterhub_anywhere.hub.control import ask
    from jupyterhub_anywhere.hub.proxy import end_process

    try:
        ask(paths, "stop", keep=False, seconds=5.0)
        patience = _HUB_SECONDS
    except SurroundingsError:
        # It is not listening (yet, or any more): its signal means the same.
        patience = 0.0
    end = time.monotonic() + patience
    while process.alive() and time.monotonic() < end:
        time.sleep(0.05)
    if process.alive() and not end_process(process, seconds=_HUB_SECONDS):
        raise SurroundingsError(f"The hub, process {process.pid}, does not end.")
    at = f" at {url}" if url else ""
    return [f"hub{at} (process {process.pid})"]


def _end_proxy(paths: StatePaths) -> list[str]:
    from jupyterhub_anywhere.hub.proxy import end_process, find_proxy

    record = read_json(paths.proxy)
    process = find_proxy(record)
    if process is None:
        return []
    if not end_process(process):
        raise SurroundingsError(f"The proxy, process {process.pid}, does not end.")
    write_json(paths.proxy, {**record, "process": None})
    return [f"proxy (process {process.pid})"]


def _end_servers(paths: StatePaths, record: UpRecord | None) -> list[str]:
    from jupyterhub_anywhere.hub.leftovers import end_leftovers, places_of

    hub_id = record.hub_id if record is not None else ""
    if not hub_id and not paths.hub_id.exists():
        # No hub has run here that could have made anything.
        return []
    return asyncio.run(end_leftovers(places_of(paths, record, hub_id)))
