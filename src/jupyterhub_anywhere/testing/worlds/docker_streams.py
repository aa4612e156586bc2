"""Answers of the Engine API that come bit by bit: pulls, the output of containers, events."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.testing.worlds.docker_objects import framed, matches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from jupyterhub_anywhere.testing.worlds.docker_engine import Engine
    from jupyterhub_anywhere.testing.worlds.docker_objects import Container, Image

PULL_STEP = 0.02
"""Seconds between two progress lines of a pull."""


async def pull(engine: Engine, image: Image) -> AsyncIterator[bytes]:
    """The progress of a pull. The image is there only when the whole was sent."""
    for line in _progress(image):
        yield json.dumps(line).encode() + b"\r\n"
        await asyncio.sleep(PULL_STEP)
    engine.pulled(image)


def _progress(image: Image) -> list[dict[str, Any]]:
    layer = "0123456789ab"
    total = 1_000 * image.pull_steps
    lines: list[dict[str, Any]] = [
        {"status": f"Pulling from {image.name}", "id": image.name.rpartition(":")[2]}
    ]
    lines += [
        {
            "status": "Downloading",
            "id": layer,
            "progressDetail": {"current": 1_000 * (step + 1), "total": total},
        }
        for step in range(image.pull_steps)
    ]
    lines += [
        {"status": "Pull complete", "id": layer, "progressDetail": {}},
        {"status": f"Status: Downloaded newer image for {image.name}"},
    ]
    return lines


async def once(output: bytes) -> AsyncIterator[bytes]:
    """Something that is there already."""
    yield output


async def output(engine: Engine, container: Container, *, earlier: bool) -> AsyncIterator[bytes]:
    """What a container writes, until it ends; one that has not begun is waited for.

    Args:
        engine: Tells when something has changed.
        container: The container.
        earlier: Send what it has written before, too.
    """
    sent = 0 if earlier else len(container.log)
    waiting = container.status == "created"
    while True:
        changed = engine.changed.next()
        lines, sent = container.log[sent:], len(container.log)
        if lines:
            yield framed(lines)
        waiting = waiting and container.status == "created"
        if container.id not in engine.containers or not (waiting or container.running):
            return
        await changed


async def events(
    engine: Engine, query: Mapping[str, str], filters: Mapping[str, Sequence[str]]
) -> AsyncIterator[bytes]:
    """What has happened since a time, and until one; without an end it goes on for ever."""
    since = float(query["since"]) if query.get("since") else time.time()
    until = float(query["until"]) if query.get("until") else None
    sent = 0
    while True:
        changed = engine.changed.next()
        news, sent = engine.events[sent:], len(engine.events)
        for event in news:
            if event["time"] >= int(since) and _wanted(event, filters):
                yield json.dumps(event).encode() + b"\n"
        if until is not None and time.time() >= until:
            return
        await changed


def _wanted(event: Mapping[str, Any], filters: Mapping[str, Sequence[str]]) -> bool:
    attributes = event["Actor"]["Attributes"]
    told = {
        "container": {event["Actor"]["ID"], attributes["name"]},
        "event": {event["Action"]},
        "type": {event["Type"]},
        "image": {attributes["image"]},
    }
    fit = all(not filters.get(name) or set(filters[name]) & have for name, have in told.items())
    return fit and matches(attributes, filters.get("label", ()))
