"""What a watch says of servers at a real engine, whatever becomes of either."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.unit.targets.docker.servers import Servers, servers

from engines.docker import images
from engines.docker.engine import DockerEngine
from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.targets.breaker import Breaker
from jupyterhub_anywhere.targets.docker import labels
from jupyterhub_anywhere.targets.watch import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from jupyterhub_anywhere.core.inventory import Sweep
    from jupyterhub_anywhere.targets.docker import DockerTarget

# docker-py leaves its socket open where nobody listens.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

NAME: Final = "jupyter-ann"
LEASE: Final = "0123456789abcdef0123"
# Seconds from one list to the next that counts as another.
APART: Final = 1.1


@dataclass
class Looking:
    """A target, a watch at it, and when its server was about to be made."""

    target: DockerTarget
    watch: Watch
    since: datetime

    async def look(self, times: int = 1) -> Sweep:
        """Sweep, late enough after the sweep before to be another one."""
        for _ in range(times):
            await asyncio.sleep(APART)
            sweep = await self.watch.sweep()
        return sweep

    def phase(self) -> Phase:
        return self.watch.observe(NAME, self.since).phase

    def detail(self) -> str:
        return self.watch.observe(NAME, self.since).detail


@asynccontextmanager
async def looking(target: DockerTarget) -> AsyncIterator[Looking]:
    clock = SystemClock()
    # As patient as an engine that starts needs it: opened at the twentieth failure only.
    breaker = Breaker(clock, Random(1), failures=20, first=0.1, longest=0.1)
    # Not stale at once, but soon: a server whose engine is away is unknown after the first failure.
    watch = Watch(
        target.name, target.inventory(), deadline=20, clock=clock, breaker=breaker, stale=APART / 2
    )
    yield Looking(target, watch, clock.now())
    await watch.close()


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Servers]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
    url = f"unix://{tmp_path}/engine.sock"
    async with servers(Servers, url, images.STUB_IMAGE, tmp_path) as made:
        made.asks_nobody()
        yield made


@pytest.fixture
async def near(stage: Servers, engine: DockerEngine, stub_image: str) -> AsyncIterator[Servers]:
    """Servers at the engine of all tests, which is left without any."""
    stage.url, stage.image = engine.url, stub_image
    yield stage
    asking = stage.target("end")
    for each in await asking.ask("containers", all=True, filters={"label": labels.HUB}):
        await asking.ask("remove_container", each["Id"], force=True, v=True)


async def started(stage: Servers, target: DockerTarget, **traits: Any) -> Any:
    spawner = stage.spawner(target, **traits)
    spawner.anywhere_lease = LEASE
    await spawner.start()
    return spawner


async def until_listed(seen: Looking) -> Sweep:
    """Look until there is an answer: an engine needs a moment to come back."""
    async with asyncio.timeout(120):
        while not (sweep := await seen.look()).succeeded:
            assert seen.phase() is Phase.UNKNOWN
    return sweep


async def test_what_the_list_says_of_a_server(near: Servers) -> None:
    target = near.target()
    before = datetime.now(UTC).replace(microsecond=0)
    async with looking(target) as seen:
        await started(near, target)
        sweep = await seen.look()
        found = sweep.resources[NAME]
        assert (found.lease, found.alive, found.keep) == (LEASE, True, True)
        assert found.created is not None
        assert before <= found.created <= datetime.now(UTC)
        assert seen.phase() is Phase.RUNNING
        # What ended by itself is proven by the list that has it, with its status.
        await target.ask("kill", NAME, signal="SIGKILL")
        await target.ask("wait", NAME)
        await seen.look()
        gone = seen.watch.observe(NAME, seen.since)
        assert (gone.phase, gone.exit_code) == (Phase.GONE, 137)
        assert seen.watch.latest is not None
        assert seen.watch.latest.resources[NAME].keep
        # A pause is no end.
        await target.ask("start", NAME)
        await target.ask("pause", NAME)
        await seen.look()
        assert seen.phase() is Phase.RUNNING
        await target.ask("unpause", NAME)


async def test_what_is_removed_behind_our_back_is_gone_after_two_lists(near: Servers) -> None:
    target = near.target()
    async with looking(target) as seen:
        spawner = await started(near, target, remove=True)
        sweep = await seen.look()
        assert not sweep.resources[NAME].keep
        await target.ask("remove_container", spawner.container_id, force=True, v=True)
        await seen.look()
        assert seen.phase() is Phase.UNKNOWN
        await seen.look()
        assert seen.phase() is Phase.GONE


async def test_a_container_that_was_made_and_never_begun_serves_nobody(near: Servers) -> None:
    target = near.target()
    owner = labels.Owner("hub-one", "lab", "ann", "")
    made = labels.of_server(owner, keep=True, lease=LEASE, gpus=())
    await target.ask("create_container", near.image, name=NAME, labels=made)
    throwaway = {**owner.labels(), labels.PURPOSE: "certs"}
    await target.ask("create_container", near.image, name="certs-ann", labels=throwaway)
    async with looking(target) as seen:
        sweep = await seen.look()
        assert [(each.alive, each.keep) for each in sweep.resources.values()] == [
            (False, False)
        ] * 2
        assert sweep.resources["certs-ann"].detail.startswith("certs: ")
        for each in sweep.resources.values():
            assert await seen.watch.inventory.destroy(each)
        await seen.look(2)
        assert seen.phase() is Phase.GONE


async def test_another_hubs_containers_are_neither_listed_nor_removed(near: Servers) -> None:
    theirs = near.target(hub="hub-two")
    await started(near, theirs)
    async with looking(near.target()) as seen, looking(theirs) as others:
        assert not (await seen.look()).resources
        sweep = await others.look()
        resource = sweep.resources[NAME]
        assert await seen.watch.inventory.destroy(resource)
        await others.look()
        assert others.phase() is Phase.RUNNING


@pytest.mark.timeout(400)
async def test_an_engine_that_is_away_or_another_one(
    stage: Servers, engine_room: Path, second_engine: DockerEngine
) -> None:
    link = engine_room / "watched.sock"
    with DockerEngine(engine_room / "watched", name="watched", live_restore=True) as own:
        own.load(images.tar_of(images.STUB_IMAGE))
        link.symlink_to(own.socket)
        target = stage.target(url=f"unix://{link}")
        async with looking(target) as seen:
            spawner = await started(stage, target)
            await seen.look()
            assert seen.phase() is Phase.RUNNING

            own.stop()
            await seen.look(3)
            assert seen.phase() is Phase.UNKNOWN
            assert "lab cannot be asked since" in seen.detail()
            own.start()
            await until_listed(seen)
            assert seen.phase() is Phase.RUNNING

            # Stopped, since connections that are open stay with whom they are to.
            own.stop()
            link.unlink()
            link.symlink_to(second_engine.socket)
            await until_listed(seen)
            await seen.look(3)
            assert seen.phase() is Phase.UNKNOWN
            assert f"made at ({spawner.made_at})" in seen.detail()
            # So it is after a restart of the hub, which knows the engine by the server's state.
            async with looking(target) as later:
                later.watch.made_at(NAME, spawner.get_state()["engine"])
                await later.look(3)
                assert later.phase() is Phase.UNKNOWN

            own.start()
            link.unlink()
            link.symlink_to(own.socket)
            second_engine.restart()
            await until_listed(seen)
            assert seen.phase() is Phase.RUNNING
            await target.ask("remove_container", NAME, force=True, v=True)
            await seen.look(2)
            assert seen.phase() is Phase.GONE
        link.unlink()


@pytest.mark.timeout(300)
async def test_without_live_restore_an_engine_ends_its_servers(
    stage: Servers, engine_room: Path
) -> None:
    with DockerEngine(engine_room / "ending", name="ending", live_restore=False) as own:
        own.load(images.tar_of(images.STUB_IMAGE))
        target = stage.target(url=own.url)
        async with looking(target) as seen:
            await started(stage, target)
            await seen.look()
            own.kill()
            await seen.look(2)
            assert seen.phase() is Phase.UNKNOWN
            own.start()
            await until_listed(seen)
            assert seen.phase() is Phase.GONE
            assert seen.watch.observe(NAME, seen.since).exit_code is not None
