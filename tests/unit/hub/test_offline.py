"""Asking targets without a hub: what cannot be asked is told, and is never nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.core.inventory import Resource
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub import offline
from jupyterhub_anywhere.hub.gently import dumps

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    import pytest

    from jupyterhub_anywhere.core.observation import Observation


class World:
    """A target that does what it is told to."""

    def __init__(self, does: str) -> None:
        self._does = does

    async def owned(self) -> Sequence[Resource]:
        if self._does == "fails":
            raise RuntimeError("no route to https://me:hunter2@engine/")
        if self._does == "hangs":
            await asyncio.Event().wait()
        return [Resource("r-ann", "ann", "")]

    async def observe(self, names: Collection[str]) -> Mapping[str, Observation]:
        raise NotImplementedError

    async def destroy(self, resource: Resource) -> bool:
        raise NotImplementedError


async def test_what_is_listed() -> None:
    found = await offline._list("lab", World("answers"), SystemClock())
    assert found.succeeded
    assert set(found.resources) == {"r-ann"}
    assert not found.trusted, "one list proves no absence"
    health = offline._health(found)
    assert (health.since, health.observed) == (None, found.ended)


async def test_what_cannot_be_asked_is_told_without_secrets() -> None:
    found = await offline._list("lab", World("fails"), SystemClock())
    assert not found.succeeded
    assert "no route" in found.reason
    assert "hunter2" not in found.reason
    health = offline._health(found)
    assert (health.since, health.failures) == (found.began, 1)


async def test_what_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "_LIST_SECONDS", 0.0)
    found = await offline._list("lab", World("hangs"), SystemClock())
    assert found.reason == "no answer in 0 seconds"


def test_a_folder_in_which_no_hub_ran(tmp_path: Path) -> None:
    found = offline.look(StatePaths(tmp_path / "none"), None)
    assert not found.known.leases
    assert found.problem is None


async def test_long_lists_are_written_as_json_writes_them() -> None:
    import json

    data = {"ok": True, "rows": [{"n": n, "text": "ä\n"} for n in range(1000)], "none": []}
    assert json.loads(await dumps(data)) == data
    assert json.loads(await dumps({})) == {}
