"""What a hub knows of its machines, over reloads and earlier definitions of a target."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.config.models import TargetConfig
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.targets.base import SiteInfo
from jupyterhub_anywhere.targets.machines import CloudTarget
from jupyterhub_anywhere.targets.machines.providers.memory_cloud import MemoryCloud
from jupyterhub_anywhere.targets.machines.settings import CloudSettings
from jupyterhub_anywhere.testing.worlds.machines import SharingGuest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from jupyterhub_anywhere.testing.contract.stage import Stage


@contextlib.asynccontextmanager
async def sharing(cloud: MemoryCloud) -> AsyncIterator[SharingGuest]:
    guest = cloud.guest = SharingGuest(cloud)
    beating = asyncio.create_task(guest.beat())
    try:
        yield guest
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating


@pytest.mark.asyncio
@pytest.mark.parametrize("restarts", [True, False], ids=["restart", "reload"])
async def test_an_end_is_seen_of_a_server_of_an_earlier_definition(
    stage: Stage, subject: Any, *, restarts: bool
) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    place = spawner.child.place
    subject._spawner = {"patience": 4321}
    if restarts:
        hub = await stage.begin()
        place = hub.person(hub.user).spawners[""].child.place
    else:
        stage.reload()
    assert place is stage._site.targets["one"].place  # type: ignore[union-attr]  # a cloud
    lease = await hub.lease()
    await subject.kill(lease.name)
    [resource] = await hub.owned()
    assert (resource.alive, resource.exit_code) == (False, 137)
    await hub.sweep(2)
    assert await hub.settle() == []
    assert not hub.runs()


@pytest.mark.asyncio
async def test_an_end_is_seen_of_a_server_that_was_started_after_a_reload(
    stage: Stage, subject: Any
) -> None:
    hub = await stage.begin()
    # Nothing has changed, so the reconciler goes on with what it had.
    stage.reload()
    await hub.start()
    await subject.kill((await hub.lease()).name)
    [resource] = await hub.owned()
    assert (resource.alive, resource.exit_code) == (False, 137)


@pytest.mark.asyncio
@pytest.mark.parametrize("traits", [{"share_machine": True}], indirect=True)
@pytest.mark.parametrize("restarts", [True, False], ids=["restart", "reload"])
async def test_a_server_joins_a_machine_of_an_earlier_definition(
    stage: Stage, subject: Any, cloud: MemoryCloud, *, restarts: bool
) -> None:
    async with sharing(cloud) as guest:
        hub = await stage.begin()
        await hub.start()
        [machine] = cloud.machines
        # Nothing that the machine is made from.
        subject._spawner = {"share_machine": True, "ticket_seconds": 300}
        if restarts:
            hub = await stage.begin()
        else:
            stage.reload()
        second = await hub.start(server="second")
        assert list(cloud.machines) == [machine]
        assert len(guest.there(machine)) == 2
        await hub.stop()
        for _ in range(100):
            if len(leases := await hub.settle()) == 1:
                break
            await asyncio.sleep(0.1)
        assert [(each.server, each.state) for each in leases] == [("second", State.RUNNING)]
        assert await second.child.poll() is None


@pytest.mark.asyncio
async def test_a_target_that_means_another_cloud_has_a_place_of_its_own(
    stage: Stage, subject: Any, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    before = spawner.child.place
    subject._own = {"options": {"cloud": f"{cloud.name}-b"}}
    stage.reload()
    there = stage._site.targets["one"].place  # type: ignore[union-attr]  # a cloud
    assert there is not before
    assert there.known is before.known
    assert spawner.child.place is before
    assert await spawner.child.poll() is None


# --- credentials ---------------------------------------------------------------------------------


def target(info: SiteInfo, *, published: bool = True, **own: Any) -> CloudTarget:
    given = {"kind": "cloud", "provider": "memory", **own}
    declared = TargetConfig.model_validate(given)
    made = CloudTarget("t", declared, CloudSettings.model_validate(declared.own), info)
    if published:
        made.published()
    return made


@pytest.fixture
def info(tmp_path: Path) -> SiteInfo:
    (tmp_path / "key").write_text("first")
    return SiteInfo("h", StatePaths(tmp_path / "state"), tmp_path)


def test_a_secret_that_was_changed_is_taken_with_the_next_reload(info: SiteInfo) -> None:
    own: dict[str, Any] = {"key": {"file": "key"}, "options": {"cloud": "x"}}
    place = target(info, **own).place
    provider = place.provider
    again = target(info, **own).place
    assert again is place
    assert place.provider is provider
    (info.base / "key").write_text("second")
    assert place.provider is provider
    target(info, **own)
    assert place.provider is not provider


def test_a_secret_that_is_away_at_a_reload_leaves_the_one_that_is_known(
    info: SiteInfo, caplog: pytest.LogCaptureFixture
) -> None:
    own: dict[str, Any] = {"key": {"file": "key"}, "options": {"cloud": "x"}}
    place = target(info, **own).place
    provider = place.provider
    (info.base / "key").unlink()
    target(info, **own)
    assert [place.provider, place.provider] == [provider, provider]
    assert caplog.text.count("goes on with the credential that it has") == 1


def test_a_file_that_is_refused_changes_nothing(info: SiteInfo) -> None:
    """Where one key is wrong, the others are checked all the same, by a target of nothing."""
    own: dict[str, Any] = {"key": {"file": "key"}, "options": {"cloud": "x"}}
    place = target(info, **own).place
    provider = place.provider
    declared = TargetConfig.model_validate({"kind": "cloud", "provider": "memory", **own})
    CloudTarget("t", declared, CloudSettings.model_construct(), info)
    (info.base / "key").write_text("second")
    target(info, published=False, **own)
    target(info, published=False, options={"cloud": "y"})
    assert place.provider is provider
    assert len(place.known.places) == 1


def test_no_secret_is_shown(info: SiteInfo) -> None:
    place = target(info, key="s3cret-in-the-file", options={"cloud": "x"}).place
    assert place.provider
    assert "s3cret" not in repr(place)
    assert "s3cret" not in repr(place.known.places.keys())


@pytest.mark.asyncio
async def test_what_was_replaced_is_closed_with_the_place(
    info: SiteInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    own: dict[str, Any] = {"key": {"file": "key"}, "options": {"cloud": "x"}}
    place = target(info, **own).place
    closed = []

    async def close() -> None:
        closed.append(1)

    monkeypatch.setattr(place.provider, "close", close)
    (info.base / "key").write_text("second")
    target(info, **own)
    assert place.provider
    assert closed == []
    await place.close()
    assert closed == [1]


def test_another_hub_process_knows_nothing_of_before(info: SiteInfo, tmp_path: Path) -> None:
    other = SiteInfo(info.hub_id, info.state, tmp_path)
    assert target(info).place is target(info).place
    assert target(other).place is not target(info).place
    assert target(other).place.known is not target(info).place.known


@pytest.mark.asyncio
async def test_the_last_that_has_a_place_open_closes_it(info: SiteInfo) -> None:
    first, second = target(info).inventory(), target(info).inventory()
    place = target(info).place
    provider = place.provider
    await first.close()  # type: ignore[attr-defined]  # of a cloud
    assert place.provider is provider
    await second.close()  # type: ignore[attr-defined]  # of a cloud
    assert place.provider is not provider
    await place.close()


def test_what_another_loop_has_begun_is_asked_anew(info: SiteInfo) -> None:
    """A hub looks at its targets before it serves, in a loop of its own."""
    place = target(info, options={"cloud": "loops"}).place
    cloud = MemoryCloud.named("loops")

    async def ask(*, hangs: bool) -> int:
        async def pace(verb: str) -> None:
            if hangs and verb in {"leftovers", "list"}:
                await asyncio.sleep(60)

        cloud.pace = pace
        looks = asyncio.gather(place.glance(60), place.leftovers(()))
        done, _ = await asyncio.wait({asyncio.ensure_future(looks)}, timeout=0.2)
        return len(done)

    assert asyncio.run(ask(hangs=True)) == 0
    assert asyncio.run(ask(hangs=False)) == 1
