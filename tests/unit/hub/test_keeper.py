"""What the keeper does beside its rounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client import REGISTRY

from jupyterhub_anywhere.hub.keeper import Keeper
from jupyterhub_anywhere.ledger.lease import Lease
from jupyterhub_anywhere.ledger.reconcile import Swept
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.spawner import site as sites

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from jupyterhub_anywhere.spawner.site import Site


class Clock:
    """Goes on when it is told to."""

    seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 5, 4, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def elapsed(self) -> float:
        return self.seconds


def site_of(folder: Path, *targets: str) -> Site:
    file = folder / "anywhere.yaml"
    declared = {name: {"kind": "process"} for name in targets}
    site = {"hub": {"id": "unit", "ledger": {"history": "1d"}}, "targets": declared}
    file.write_text(yaml.safe_dump(site), "utf-8")
    return sites.load_site(file, state_root=folder / "state")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def keeper(tmp_path: Path, clock: Clock) -> AsyncIterator[Keeper]:
    (tmp_path / "state" / "hub").mkdir(parents=True)
    keeper = await Keeper.open(site_of(tmp_path, "here", "there"), clock)
    yield keeper
    await keeper.close()


async def gone(keeper: Keeper, name: str) -> None:
    names: dict[str, Any] = {"user": "ann", "server": "", "target": "here", "name": name}
    lease = await keeper.ledger.add(Lease(id=name, hub="unit", **names))
    await keeper.ledger.move(lease, Cause.WITHDRAW)


async def test_what_has_been_gone_for_long_is_looked_for_each_hour(
    keeper: Keeper, clock: Clock
) -> None:
    await gone(keeper, "one")
    clock.seconds = 86_400.0 + 60.0
    await keeper._prune()
    assert await keeper.ledger.get("one") is None
    await gone(keeper, "two")
    clock.seconds += 3_000.0
    await keeper._prune()
    clock.seconds += 86_400.0
    await keeper.ledger.prune(clock.now() - timedelta(days=2))
    assert await keeper.ledger.get("two") is not None
    await keeper._prune()
    assert await keeper.ledger.get("two") is None


async def test_a_round_within_the_hour_prunes_nothing(keeper: Keeper, clock: Clock) -> None:
    await gone(keeper, "one")
    clock.seconds = 86_400.0 - 1_000.0
    await keeper._prune()
    clock.seconds += 2_000.0
    await keeper._prune()
    assert await keeper.ledger.get("one") is not None
    clock.seconds += 2_000.0
    await keeper._prune()
    assert await keeper.ledger.get("one") is None


def age_of(target: str) -> float | None:
    name = "jupyterhub_anywhere_observation_age_seconds"
    return REGISTRY.get_sample_value(name, {"target": target})


async def test_a_target_that_was_removed_is_forgotten_once_nothing_is_there(
    keeper: Keeper, tmp_path: Path
) -> None:
    names: dict[str, Any] = {"user": "ann", "server": "", "target": "there", "name": "ann-"}
    lease = await keeper.ledger.add(Lease(id="a1", hub="unit", **names))
    swept = Swept({"there": await keeper.desk.watches["there"].sweep()})
    await keeper.teller.tell(swept)
    assert age_of("there") is not None
    keeper.take(site_of(tmp_path, "here"))
    await keeper._forget_removed(swept)
    assert set(keeper.desk.watches) == {"here", "there"}, "something is held there"
    await keeper.ledger.move(lease, Cause.WITHDRAW)
    await keeper._forget_removed(swept)
    assert set(keeper.desk.watches) == {"here"}
    assert age_of("there") is None


async def test_a_keeper_that_is_closed_hears_of_no_new_file(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "state" / "hub").mkdir(parents=True)
    keeper = await Keeper.open(site_of(tmp_path, "here"), clock)
    listener = keeper.take_published
    assert listener in sites._Holder.listeners
    await keeper.close()
    assert listener not in sites._Holder.listeners
