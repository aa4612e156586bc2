"""The contract bites: small faults in the kind in memory, each with the test that has to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.testing.contract import Can, Contract
from jupyterhub_anywhere.testing.contract.memory import MemorySubject
from jupyterhub_anywhere.testing.contract.memory_engine import EngineError, NameTakenError
from jupyterhub_anywhere.testing.contract.memory_kind import (
    CRASHING,
    HUB,
    LEASE,
    MISSING,
    TARGET,
    MemoryInventory,
    MemorySpawner,
    MemoryTarget,
)
from jupyterhub_anywhere.testing.contract.stage import staged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jupyterhub_anywhere.core.inventory import Resource
    from jupyterhub_anywhere.testing.contract.memory_engine import Thing


class ForgetsTheHub(MemorySpawner):
    def labels(self) -> dict[str, str]:
        return {**super().labels(), HUB: ""}


class ForgetsTheLease(MemorySpawner):
    def labels(self) -> dict[str, str]:
        return {**super().labels(), LEASE: ""}


class MakesItBeforeItsStart(MemorySpawner):
    async def run_pre_spawn_hook(self) -> None:
        await self.create()


class HasAnotherNameEachTime(MemorySpawner):
    @property
    def resource(self) -> str:
        return f"{super().resource}-{id(self)}"


class HasOneNameForAll(MemorySpawner):
    @property
    def resource(self) -> str:
        return f"server-of-{self.user.name[:20]}"


class DoublesOnRetry(MemorySpawner):
    async def create(self) -> Thing:
        try:
            return await super().create()
        except EngineError:
            again: Thing = await self.ask(
                "create", f"{self.resource}-again", self.labels(), token=self.api_token
            )
            return again


class TakesWhatIsThere(MemorySpawner):
    async def create(self) -> Thing:
        try:
            return await super().create()
        except StartError as error:
            if not isinstance(error.__cause__, NameTakenError):
                raise
            found: Thing = await self.ask("look", self.resource)
            return found


class RemovesWhatItKeeps(MemorySpawner):
    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - the hub's signature
        await super().stop(now)
        if found := await self.mine():
            await self.ask("remove", self.resource, found.uid)


class StopRaises(MemorySpawner):
    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - the hub's signature
        if await self.poll() is not None:
            raise RuntimeError("it does not run")
        await super().stop(now)


class TellsItsToken(MemorySpawner):
    async def start(self) -> str:
        if self.image == CRASHING:
            raise StartError(f"last words, and {self.api_token}", reason="exited")
        return await super().start()


class GivesNoCause(MemorySpawner):
    async def start(self) -> str:
        if self.image == MISSING:
            raise RuntimeError("error 17")
        return await super().start()


class TakesErrorsForGone(MemoryInventory):
    async def owned(self) -> Sequence[Resource]:
        try:
            return await super().owned()
        except EngineError:
            return []

    async def source(self) -> str:
        return "the engine"


class ListsEveryHub(MemoryInventory):
    async def owned(self) -> Sequence[Resource]:
        return [self._resource(each) for each in await self.ask("list", **{TARGET: self._target})]


class RemovesWhatIsAnothers(MemoryInventory):
    async def destroy(self, resource: Resource) -> bool:
        await self.ask("remove", resource.name, resource.handle["uid"])
        return True


class ListsEveryTarget(MemoryInventory):
    async def owned(self) -> Sequence[Resource]:
        return [self._resource(each) for each in await self.ask("list", **{HUB: self._hub})]


class AsksForEach(MemoryInventory):
    async def owned(self) -> Sequence[Resource]:
        return [each for each in await super().owned() if each.user != "ann"]

    async def observe(self, names: Any) -> dict[str, Observation]:
        return {name: Observation(Phase.RUNNING) for name in names}


FAULTS = [
    (ForgetsTheHub, "test_a_start_makes_one_resource_as_its_lease_says"),
    (ForgetsTheLease, "test_a_start_makes_one_resource_as_its_lease_says"),
    (ForgetsTheLease, "test_a_list_tells_whose_it_is"),
    (MakesItBeforeItsStart, "test_the_name_is_committed_before_anything_exists"),
    (HasAnotherNameEachTime, "test_the_next_hub_finds_it_again"),
    (HasOneNameForAll, "test_names_of_two_servers_never_meet"),
    (DoublesOnRetry, "test_a_lost_reply_doubles_nothing"),
    (TakesWhatIsThere, "test_a_strangers_name_is_refused"),
    (RemovesWhatItKeeps, "test_what_is_kept_comes_back"),
    (RemovesWhatItKeeps, "test_files_outlive_a_server"),
    (StopRaises, "test_a_stop_can_be_said_again"),
    (TellsItsToken, "test_a_crash_shows_the_end_of_its_log"),
    (GivesNoCause, "test_a_bad_choice_has_a_cause"),
    (TakesErrorsForGone, "test_an_engine_that_is_away_proves_nothing"),
    (ListsEveryHub, "test_another_hubs_is_not_ours"),
    (RemovesWhatIsAnothers, "test_another_hubs_is_not_ours"),
    (ListsEveryTarget, "test_two_targets_share_nothing"),
    (AsksForEach, "test_a_stop_is_proven_by_the_list"),
]


# A list that has too little cannot be unpacked; what a test calls may raise, too.
FAILED = (AssertionError, ValueError, StartError, RuntimeError, pytest.fail.Exception)


def broken(part: type[Any]) -> type[MemoryTarget]:
    """The kind in memory, with one part of it replaced by one that has a fault."""
    if issubclass(part, MemorySpawner):
        return type("Broken", (MemoryTarget,), {"child_class": lambda _: part})

    def inventory(self: MemoryTarget) -> Any:
        return part(self.own.engine, self.site.hub_id, self.name)

    return type("Broken", (MemoryTarget,), {"inventory": inventory})


@pytest.mark.parametrize(("part", "test"), FAULTS, ids=lambda each: getattr(each, "__name__", each))
async def test_a_fault_is_seen(part: type[Any], test: str, tmp_path: Path) -> None:
    class Subject(MemorySubject):
        target = broken(part)

    async with staged(Subject(), ~Can(0), tmp_path) as stage:
        with pytest.raises(FAILED):
            await getattr(Contract(), test)(stage)
