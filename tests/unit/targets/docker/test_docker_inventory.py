"""The list of an engine: whole or none, and what it says of each container."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import DockerException

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.targets.breaker import Breaker
from jupyterhub_anywhere.targets.docker import labels
from jupyterhub_anywhere.targets.docker.identity import OtherEngineError
from jupyterhub_anywhere.targets.docker.inventory import (
    DockerInventory,
    observation_of,
    resource_of,
    resources_of,
)
from jupyterhub_anywhere.targets.watch import Watch

if TYPE_CHECKING:
    from tests.unit.targets.docker.conftest import Stage

LEASE = "0123456789abcdef0123"


def entry(state: str = "running", status: str = "Up 3 minutes", **more: str) -> dict[str, Any]:
    owner = labels.Owner("hub-one", "lab", "ann", "")
    return {
        "Id": "4f1e",
        "Names": ["/jupyter-ann"],
        "Image": "lab:1",
        "State": state,
        "Status": status,
        "Created": 1_772_366_400,
        "Labels": {
            **owner.labels(),
            **{labels.PREFIX + name: value for name, value in more.items()},
        },
    }


def test_a_server_that_runs() -> None:
    found = resource_of(entry(lease=LEASE, keep="1"), "engine-a")
    assert (found.name, found.user, found.server) == ("jupyter-ann", "ann", "")
    assert (found.lease, found.alive, found.exit_code, found.keep) == (LEASE, True, None, True)
    assert found.created == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert found.handle == {"id": "4f1e", "state": "running", "engine": "engine-a"}
    assert observation_of(found).phase is Phase.RUNNING


@pytest.mark.parametrize(
    ("state", "status", "alive", "code"),
    [
        ("paused", "Up 2 hours (Paused)", True, None),
        ("restarting", "Restarting (1) 4 seconds ago", True, None),
        ("created", "Created", False, None),
        ("exited", "Exited (0) 2 hours ago", False, 0),
        ("exited", "Exited (137) Less than a second ago", False, 137),
        ("dead", "Dead", False, None),
        ("removing", "Removal In Progress", False, None),
        ("dreaming", "Exited late (3)", None, None),
        ("", "", None, None),
    ],
)
def test_states(state: str, status: str, code: int | None, *, alive: bool | None) -> None:
    found = resource_of(entry(state, status))
    assert (found.alive, found.exit_code) == (alive, code)
    wanted = {True: Phase.RUNNING, False: Phase.GONE, None: Phase.UNKNOWN}
    assert observation_of(found).phase is wanted[alive]


def test_what_keeps_files() -> None:
    assert resource_of(entry("exited", keep="1")).keep
    assert not resource_of(entry("exited", keep="0")).keep
    # One of an earlier version says nothing, and was kept where it is still there.
    assert resource_of(entry("exited")).keep
    assert not resource_of(entry("created", keep="1")).keep
    certs = resource_of(entry("exited", keep="1", purpose="certs"))
    assert not certs.keep
    assert certs.detail.startswith("certs: lab:1")


@pytest.mark.parametrize(
    "answer", [None, {}, "[]", {"message": "moved"}, [entry(), None], [entry(), {}], ["4f1e"]]
)
def test_what_is_no_whole_list_is_none(answer: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        resources_of(answer, "hub-one", "lab")


def test_what_nobody_asked_for_is_not_ours() -> None:
    others = [entry(), entry(hub="hub-two"), entry(target="other"), {"Id": "77", "Labels": None}]
    assert len(resources_of(others, "hub-one", "lab")) == 1


async def test_the_lease_and_what_keeps_stand_in_the_labels(stage: Stage) -> None:
    target = stage.target()
    for user, lease, remove in (("ann", LEASE, False), ("ben", "", True)):
        spawner = stage.spawner(target, user, remove=remove)
        spawner.anywhere_lease = lease
        assert spawner.anywhere_keeps is not remove
        await spawner.start()
    found = {each.user: each for each in await target.inventory().owned()}
    assert {name: (each.lease, each.keep) for name, each in found.items()} == {
        "ann": (LEASE, True),
        "ben": ("", False),
    }
    bens = next(each for each in stage.world.engine.containers.values() if "ben" in each.name)
    assert labels.LEASE not in bens.config["Labels"]


async def test_a_kept_container_keeps_the_lease_that_it_was_made_for(stage: Stage) -> None:
    target = stage.target()
    first = stage.spawner(target)
    first.anywhere_lease, first.anywhere_token = LEASE, 7
    await first.start()
    await first.stop()
    (kept,) = await target.inventory().owned()
    assert (kept.alive, kept.keep) == (False, True)
    again = stage.spawner(target)
    again.anywhere_lease, again.anywhere_token = "another", 8
    await again.start()
    (found,) = await target.inventory().owned()
    assert (found.alive, found.lease, found.token) == (True, LEASE, 7)


@pytest.mark.parametrize("label", ["", "seven", "-7", "7.5", "⁷"])
def test_a_label_that_names_no_token_says_nothing_of_it(label: str) -> None:
    given = entry()
    given["Labels"] = {**given["Labels"], labels.TOKEN: label}
    (found,) = resources_of([given], "hub-one", "lab")
    assert found.token is None


async def test_one_call_a_list_whatever_their_number(stage: Stage) -> None:
    target = stage.target()
    for number in range(5):
        await stage.spawner(target, f"user-{number}").start()
    clock = SystemClock()
    breaker = Breaker(clock, Random(1))
    watch = Watch("lab", target.inventory(), deadline=30, clock=clock, breaker=breaker)
    assert len((await watch.sweep()).resources) == 5
    before = len(stage.world.calls)
    assert len((await watch.sweep()).resources) == 5
    assert stage.names()[before:] == ["containers"]
    stage.world.fault("containers", "error")
    assert not (await watch.sweep()).succeeded
    stage.world.fault("containers", None)
    assert watch.health.failures == 1


async def test_another_engine_that_knows_no_such_container_has_removed_nothing(
    stage: Stage,
) -> None:
    target = stage.target()
    await stage.spawner(target).start()
    inventory = DockerInventory(target.engine, "hub-one", "lab")
    (unstamped,) = await inventory.owned()
    found = await inventory.source()
    assert found == await inventory.source()
    (resource,) = await inventory.owned()
    assert resource.handle["engine"] == found != ""
    await target.ask("remove_container", resource.name, force=True)
    assert await inventory.destroy(resource)
    elsewhere = replace(resource, handle={**resource.handle, "engine": "another"})
    with pytest.raises(OtherEngineError):
        await inventory.destroy(elsewhere)
    # Listed before anybody knew by which engine: its word is all there is.
    assert await inventory.destroy(unstamped)


async def test_another_hubs_container_is_never_touched(stage: Stage) -> None:
    theirs = stage.target(hub="hub-two")
    await stage.spawner(theirs).start()
    (resource,) = await theirs.inventory().owned()
    assert await stage.target().inventory().destroy(resource)
    (after,) = await theirs.inventory().owned()
    assert after.alive


async def test_why_a_container_has_ended_is_empty_where_nobody_knows(stage: Stage) -> None:
    target = stage.target()
    await stage.spawner(target).start()
    inventory = DockerInventory(target.engine, "hub-one", "lab")
    (resource,) = await inventory.owned()
    child = {"object_id": resource.handle["id"]}
    # It runs, or it has ended for another reason.
    assert await inventory.why(resource.name, child, None) == ""
    await target.ask("stop", resource.name)
    assert await inventory.why(resource.name, {}, None) == ""
    await target.ask("remove_container", resource.name, force=True)
    assert await inventory.why(resource.name, child, None) == "", "nobody asks for events of ever"
    stage.world.fault("inspect_container", "error")
    with pytest.raises(DockerException):
        await inventory.why(resource.name, child, None)
