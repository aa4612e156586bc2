from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.spawner.test_stages import Clock, settle

from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.config.models import Config
from jupyterhub_anywhere.hub.reload import compare
from jupyterhub_anywhere.spawner import site as sites
from jupyterhub_anywhere.spawner import starts
from jupyterhub_anywhere.spawner.limits import Standing
from jupyterhub_anywhere.spawner.queueing import Room

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "targets: {here: {kind: process, starts: 3}, lab: {kind: process}}"


def publish(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Have a file be the present one, as a reload has."""
    site: Any = SimpleNamespace(config=load_text(text, name="").config)
    monkeypatch.setattr(sites._Holder, "site", site)
    for listener in sites._Holder.listeners:
        if listener is starts._look:
            listener()


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    starts.connect(clock=Clock())
    yield
    starts.connect()


def test_without_a_file_jupyterhubs_own_number_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites._Holder, "site", None)
    assert starts.present().room() == Room(100)


def test_the_file_says_how_many_start(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(monkeypatch, FILE)
    starts.present().stock_limit = 7
    assert starts.present().room() == Room(7, {"here": 3, "lab": 20})
    publish(monkeypatch, FILE + "\nhub: {starts: 0}")
    assert starts.present().room().hub == 0


async def test_a_reload_lets_those_go_for_whom_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(monkeypatch, FILE + "\nhub: {starts: 1}")
    line = starts.present().line
    first = await line.turn("ann", "", "here", lambda _: None)
    second = asyncio.ensure_future(line.turn("bob", "", "here", lambda _: None))
    await settle()
    assert [each.user for each in line.waiting()] == ["bob"]
    publish(monkeypatch, FILE)
    for ticket in (first, await second):
        line.leave(ticket)
    assert line.going == 0


def test_sources_are_connected_and_taken_away() -> None:
    known = Standing("ann", "", "here")
    connected = starts.connect(medians=lambda _profile, _target: 3.0, standing=lambda: [known])
    assert starts.present() is connected
    assert connected.medians("python", "here") == 3.0
    assert list(connected.standing()) == [known]
    assert starts.connect().medians("python", "here") is None
    assert list(starts.present().standing()) == []


def test_a_server_that_has_ended_since_the_source_looked_does_not_count() -> None:
    ann, bob = Standing("ann", "", "here"), Standing("bob", "", "here")
    listed = [ann, bob]
    shared = starts.connect(standing=lambda: listed)
    shared.ended("ann", "")
    assert shared.known() == [bob]
    shared.began("ann", "")
    assert shared.known() == [ann, bob]
    shared.ended("ann", "")
    listed.remove(ann)
    assert shared.known() == [bob]
    listed.append(ann)
    assert shared.known() == [bob, ann]


def test_new_limits_count_without_a_restart() -> None:
    old = Config()
    new = Config.model_validate({"hub": {"starts": 2}, "users": {"limits": {"servers": 1}}})
    found = compare(old, old, new)
    assert set(found.live) == {"hub.starts has changed", "users.limits has changed"}
    assert found.restart == ()


def test_how_many_may_be_there_makes_no_other_target_of_it() -> None:
    few, many = (
        load_text(f"targets: {{here: {{kind: process, starts: {n}, servers: {n}}}}}", name="")
        for n in (1, 9)
    )
    prints = [
        sites.fingerprint(SimpleNamespace(name="here", declared=each.config.targets["here"]))  # type: ignore[arg-type]  # all that is asked of a target
        for each in (few, many)
    ]
    assert prints[0] == prints[1]
