"""Places, inventories, the kind, its keys and its findings."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.config.models import TargetConfig
from jupyterhub_anywhere.core.errors import ConfigError, Problem, TargetError
from jupyterhub_anywhere.core.findings import Level
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.spawner.check import build_targets, check_targets, profile_problems
from jupyterhub_anywhere.targets.base import SiteInfo
from jupyterhub_anywhere.targets.machines import CloudTarget, marks
from jupyterhub_anywhere.targets.machines.access import access_of
from jupyterhub_anywhere.targets.machines.inventory import resource_of, resources_of
from jupyterhub_anywhere.targets.machines.place import Ended, Place, provider_class
from jupyterhub_anywhere.targets.machines.provider import Machine, Power, ProviderError
from jupyterhub_anywhere.targets.machines.providers.memory_cloud import MemoryCloud
from jupyterhub_anywhere.targets.machines.settings import CloudSettings
from jupyterhub_anywhere.targets.machines.spawner import MachineSpawner
from jupyterhub_anywhere.targets.machines.traits import account_of, listed, port_range
from jupyterhub_anywhere.targets.traits import check_trait

if TYPE_CHECKING:
    from pathlib import Path

OWNER = marks.Owner("h", "t", "ann", "")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def machine(
    number: Any = 1, power: Any = Power.RUNNING, *, keep: Any = True, **more: Any
) -> Machine:
    found = marks.of_server(OWNER, keep=keep, lease="l", token=7)
    return Machine(id=f"id-{number}", name="m", power=power, marks=found, **more)


# --- the inventory -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("power", "alive", "keep"),
    [
        (Power.RUNNING, True, True),
        (Power.STOPPED, False, True),
        (Power.BUILDING, None, True),
        (Power.BROKEN, None, True),
        (Power.UNKNOWN, None, True),
        (Power.GOING, False, False),
    ],
)
def test_what_a_machine_is_as_a_resource(power: Any, alive: Any, keep: Any) -> None:
    found = resource_of(machine(power=power), "cloud", None)
    assert (found.alive, found.keep, found.exit_code) == (alive, keep, None)
    assert (found.user, found.server, found.lease, found.token) == ("ann", "", "l", 7)
    assert found.handle == {"id": "id-1", "state": "", "engine": "cloud"}
    assert not resource_of(machine(power=power, keep=False), "", None).keep


def test_a_machine_whose_server_has_ended_serves_nobody() -> None:
    found = resource_of(machine(), "", Ended(3))
    assert (found.alive, found.exit_code) == (False, 3)
    # What it said before it was switched off is no news.
    assert resource_of(machine(power=Power.STOPPED), "", Ended(3)).exit_code is None


def test_of_two_machines_the_spawners_own_is_the_servers() -> None:
    pair = [machine(1), machine(2)]
    for own in ("id-1", "id-2"):
        named = {each.handle["id"]: each for each in resources_of(pair, {"m": own}, {})}
        assert named.pop(own).name == "m"
        [other] = named.values()
        assert other.name.startswith("m~")
        assert (other.lease, other.user, other.keep, other.token) == ("", "", False, None)


def test_of_two_machines_that_nobody_knows_the_older_one_that_runs_is_the_servers() -> None:
    halted = machine(1, Power.STOPPED, created=NOW)
    younger = machine(2, created=NOW + timedelta(seconds=9))
    older = machine(3, created=NOW)
    for order in ([halted, younger, older], [older, younger, halted]):
        found = {each.name: each.handle["id"] for each in resources_of(order, {}, {})}
        assert found["m"] == "id-3"
        assert len(found) == 3


@pytest.mark.parametrize("text", ["", "x", "-1", "²"])
def test_a_mark_that_is_no_token_is_none(text: str) -> None:
    assert marks.token_of({marks.TOKEN: text}) is None


# --- the place -----------------------------------------------------------------------------------


class Slow:
    def __init__(self) -> None:
        self.asked, self.go = 0, asyncio.Event()
        self.fail = False
        self.closed = 0

    async def machines(self, found: Any) -> Any:
        self.asked += 1
        await self.go.wait()
        if self.fail:
            raise RuntimeError("no")
        return [machine(self.asked)]

    async def close(self) -> None:
        self.closed += 1


def of(provider: Any) -> Place:
    return Place("h", "t", lambda: provider)


@pytest.mark.asyncio
async def test_all_who_look_share_a_listing() -> None:
    slow = Slow()
    place = of(slow)
    looks = [asyncio.ensure_future(place.glance(9)) for _ in range(5)]
    await asyncio.sleep(0)
    looks[0].cancel()
    slow.go.set()
    assert [set(await each) for each in looks[1:]] == [{"id-1"}] * 4
    assert set(await place.glance(9)) == {"id-1"}
    assert slow.asked == 1
    place.changed()
    assert set(await place.glance(9)) == {"id-2"}
    assert set(await place.glance(0)) == {"id-3"}


@pytest.mark.asyncio
async def test_a_listing_that_failed_is_asked_for_again() -> None:
    slow = Slow()
    slow.go.set()
    slow.fail = True
    place = of(slow)
    with pytest.raises(RuntimeError):
        await place.glance(9)
    slow.fail = False
    assert set(await place.glance(9)) == {"id-2"}


@pytest.mark.asyncio
async def test_a_closed_place_opens_again() -> None:
    made: list[Any] = []

    def make() -> Any:
        made.append(Slow())
        return made[-1]

    place = Place("h", "t", make)
    await place.close()
    first = place.provider
    await place.close()
    assert made[0].closed == 1
    assert place.provider is not first


def test_a_provider_that_nobody_brings() -> None:
    with pytest.raises(TargetError, match="no provider 'memry'") as caught:
        provider_class("memry")
    assert caught.value.hint == "Did you mean memory?"


def test_a_provider_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        name = "broken"

        @staticmethod
        def load() -> None:
            raise ImportError("no module named x")

    monkeypatch.setattr(
        "jupyterhub_anywhere.targets.machines.place.entry_points", lambda group: [Broken]
    )
    with pytest.raises(TargetError, match="broken cannot be used: ImportError: no module named x"):
        provider_class("broken")


# --- keys and traits -----------------------------------------------------------------------------


def test_secrets_of_a_spawner_used_alone_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_KEY", "s3cret")
    found = access_of("libcloud", "openstack", {"user": "u", "key": {"env": "CLOUD_KEY"}, "ex": 1})
    assert (found.user, found.key, found.options) == ("u", "s3cret", {"ex": 1})
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://127.0.0.1:8081", "each machine itself"),
        ("https://localhost", "each machine itself"),
        ("http://10.0.0.1:8081", "plain http"),
        ("10.0.0.1", "internal_url is an address"),
        ("ftp://10.0.0.1", "internal_url is an address"),
    ],
)
def test_an_address_that_cannot_be_the_hubs(url: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        CloudSettings(internal_url=url)


def test_addresses_that_can() -> None:
    assert CloudSettings(internal_url="https://hub.example.org").internal_url
    assert CloudSettings(internal_url="http://10.0.0.1:8081", insecure=True).internal_url
    # Machines in this process are this machine.
    assert CloudSettings(provider="memory", internal_url="https://127.0.0.1").internal_url


@pytest.mark.parametrize(
    ("trait", "value", "said"),
    [
        ("account", "root", "never run as the superuser"),
        ("account", "a b", "can be no name of an account"),
        ("ports", "9000-8000", "one port or a range"),
        ("ports", "0", "one port or a range"),
        ("on_stop", "burn", "Expected"),
        ("reach", "pigeon", "Expected"),
        ("family", 5, "Expected"),
        ("install", {"wheel": "/srv"}, "install has no 'wheel'; it has enabled, index, wheels"),
        ("install", {"enabled": "no"}, "enabled of install is true or false, not 'no'"),
        ("install", {"packages": "jupyterlab"}, "packages of install is a list"),
        ("install", {"index": "http://m/simple"}, "index of install is plain http"),
        ("install", {"index": "HTTP://m/simple"}, "index of install is plain http"),
        ("install", {"wheels": "http://m/w", "insecure": False}, "wheels of install is plain"),
    ],
)
def test_values_that_are_refused(trait: Any, value: Any, said: str) -> None:
    found = check_trait(MachineSpawner, trait, value)
    assert found is not None
    assert said.lower() in " ".join(found).lower()


@pytest.mark.parametrize(
    "value",
    [{}, {"enabled": False}, {"wheels": "/srv/w"}, {"index": "http://m", "insecure": True}],
)
def test_ways_to_install_that_are_taken(value: Any) -> None:
    assert check_trait(MachineSpawner, "install", value) is None


@pytest.mark.parametrize(("text", "found"), [("8000-8999", (8000, 8999)), ("8888", (8888, 8888))])
def test_ports(text: str, found: Any) -> None:
    assert port_range(text) == found


def test_accounts() -> None:
    assert account_of("", "ann") == "ann"
    assert account_of("lab", "ann") == "lab"
    odd = [account_of("", each) for each in ("ann@x", "root", "7up", "a" * 60, "Ünal", "ann@y")]
    assert len(set(odd)) == 6
    for each in odd:
        assert each.startswith("u-")
        assert len(each) <= 32
        assert account_of("", each) == each


def test_one_or_several() -> None:
    assert (listed(""), listed("a"), listed(["a", "b"])) == ((), ("a",), ("a", "b"))


# --- the kind ------------------------------------------------------------------------------------


def target(tmp_path: Path, spawner: Any = None, **own: Any) -> CloudTarget:
    info = SiteInfo("h", StatePaths(tmp_path), tmp_path)
    declared = TargetConfig(kind="cloud", spawner=spawner or {})
    return CloudTarget("lab", declared, CloudSettings(**{"provider": "memory", **own}), info)


def test_a_target_asks_nobody_and_sets_where_the_hub_is(tmp_path: Path) -> None:
    found = target(tmp_path, provider="no-such", internal_url="https://hub.example.org")
    assert found.child_class() is MachineSpawner
    assert found.traits()["hub_connect_url"] == "https://hub.example.org"
    assert found.inventory() is not None
    assert found.class_attributes() == {"anywhere_target": found}


@pytest.mark.asyncio
async def test_findings_name_what_is_not_there(tmp_path: Path) -> None:
    cloud = MemoryCloud("findings")
    try:
        found = target(tmp_path, {"image": "plane", "size": "small"}, options={"cloud": "findings"})
        told = await found.findings()
        assert [each.level for each in told] == [Level.OK, Level.ERROR]
        assert (told[1].message, told[1].cure) == (
            "there is no image 'plane' at this cloud",
            "Name one of: plain.",
        )
        [fine] = await found.choice_findings("image", "plain")
        assert fine.level is Level.OK
        [wrong] = await found.choice_findings("networks", ["moon"])
        assert "no networks 'moon'" in wrong.message
        assert await found.choice_findings("cmd", ["x"]) == ()
        # This cloud counts no volumes, so there is nothing to tell.
        assert await found.choice_findings("home_volume", 5) == []
        cloud.away = True
        [away] = await found.findings()
        assert (away.level, "refused the connection" in away.message) == (Level.ERROR, True)
    finally:
        await cloud.close()


@pytest.mark.asyncio
async def test_findings_never_raise(tmp_path: Path) -> None:
    [found] = await target(tmp_path, provider="no-such").findings()
    assert (found.level, "no provider" in found.message) == (Level.ERROR, True)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("own", "url", "level", "said"),
    [
        ({}, "http://127.0.0.1:5/hub/api/", Level.ERROR, "each machine itself"),
        ({}, "http://10.0.0.1:5/hub/api/", Level.ERROR, "plain http"),
        ({"insecure": True}, "http://10.0.0.1:5/hub/api/", Level.WARNING, "plain http"),
        ({"internal_url": "https://h.example"}, "http://127.0.0.1/", Level.OK, "https://h.example"),
    ],
)
async def test_findings_of_the_way_to_the_hub(
    tmp_path: Path, own: Any, url: str, level: Any, said: str
) -> None:
    [found] = await target(tmp_path, **own).hub_findings(url, {})
    assert (found.level, said in found.message) == (level, True)
    assert bool(found.cure) == (level is not Level.OK)


FILE = """
hub:
  internal_url: {hub}
targets:
  lab: {{kind: cloud, {own}}}
profiles:
  p: {{title: P, targets: [lab]}}
"""


def problems_of(folder: Path, text: str, said: str) -> list[Problem]:
    """The one problem of a file, which says so; none where nothing is said."""
    loaded = load_text(text, name="anywhere.yaml")
    targets, _, problems = build_targets(loaded, SiteInfo("h", StatePaths(folder), folder))
    assert problems == []
    if not said:
        check_targets(loaded, targets)
        return []
    with pytest.raises(ConfigError, match=said) as caught:
        check_targets(loaded, targets)
    [problem] = caught.value.problems
    return [problem]


@pytest.mark.parametrize(
    ("hub", "own", "said"),
    [
        ("null", "driver: openstack", "ask for the hub at 127.0.0.1: each at itself"),
        ("http://localhost:8081", "insecure: true", "at http://localhost:8081: each at itself"),
        ("http://10.0.0.1:8081", "driver: ec2", "everybody on the way reads"),
        ("http://10.0.0.1:8081", "insecure: true", ""),
        ("null", "internal_url: 'https://hub.example.org'", ""),
        ("null", "provider: memory", ""),
    ],
)
def test_check_finds_a_hub_that_machines_cannot_reach(
    tmp_path: Path, hub: Any, own: Any, said: str
) -> None:
    for problem in problems_of(tmp_path, FILE.format(hub=hub, own=own), said):
        assert (problem.line, "internal_url" in problem.hint) == (5, True)


@pytest.mark.parametrize(
    ("spawner", "said"),
    [
        ("share_machine: true, on_stop: stop", "servers share are not kept, and on_stop is stop"),
        ("share_machine: true, on_stop: delete", ""),
        ("share_machine: true", ""),
        ("on_stop: stop", ""),
    ],
)
def test_check_finds_shared_machines_that_would_be_kept(
    tmp_path: Path, spawner: str, said: str
) -> None:
    own = f"provider: memory, spawner: {{{spawner}}}"
    for problem in problems_of(tmp_path, FILE.format(hub="null", own=own), said):
        assert "share_machine: false" in problem.hint


@pytest.mark.parametrize(
    ("spawner", "sets", "said"),
    [
        ("size: small", "{share_machine: true, on_stop: stop}", "on_stop is stop"),
        ("on_stop: shelve", "{share_machine: true}", "on_stop is shelve"),
        ("share_machine: true", "{on_stop: suspend}", "on_stop is suspend"),
        # What the profile says of its own counts.
        ("on_stop: stop", "{share_machine: true, on_stop: delete}", ""),
        ("share_machine: true", "{share_machine: false, on_stop: stop}", ""),
        ("share_machine: true", "{size: large}", ""),
    ],
)
def test_check_finds_a_profile_whose_shared_machines_would_be_kept(
    tmp_path: Path, spawner: str, sets: str, said: str
) -> None:
    text = FILE.format(hub="null", own=f"provider: memory, spawner: {{{spawner}}}")
    text = text.replace("title: P, ", f"title: P, sets: {sets}, ")
    loaded = load_text(text, name="anywhere.yaml")
    targets, _, _ = build_targets(loaded, SiteInfo("h", StatePaths(tmp_path), tmp_path))
    found = profile_problems(loaded, targets)
    assert len(found) == bool(said)
    for problem in found:
        assert "at target lab: machines that servers share are not kept" in problem.message
        assert said in problem.message
        assert "share_machine: false" in problem.hint


@pytest.mark.parametrize(
    ("spawner", "choices", "said"),
    [
        # Nobody can choose both of one option.
        ("size: small", ["share_machine: true", "on_stop: stop"], 0),
        ("on_stop: stop", ["share_machine: true, on_stop: delete", "share_machine: true"], 1),
        ("share_machine: true", ["on_stop: delete", "on_stop: stop", "size: large"], 1),
    ],
)
def test_check_judges_what_can_be_chosen_together(
    tmp_path: Path, spawner: str, choices: list[str], said: int
) -> None:
    own = f"provider: memory, spawner: {{{spawner}}}"
    entries = ", ".join(
        f"{name}: {{sets: {{{sets}}}}}" for name, sets in zip("abc", choices, strict=False)
    )
    options = f"options: {{end: {{type: choice, choices: {{{entries}}}}}}}"
    text = FILE.format(hub="null", own=own).replace("title: P, ", f"title: P, {options}, ")
    loaded = load_text(text, name="anywhere.yaml")
    targets, _, _ = build_targets(loaded, SiteInfo("h", StatePaths(tmp_path), tmp_path))
    found = profile_problems(loaded, targets)
    paths = [str(each) for each in found]
    assert len(found) == said, paths
    assert all("are not kept, and on_stop is stop" in each for each in paths)


@pytest.mark.asyncio
async def test_a_provider_error_is_one_for_the_user() -> None:
    from jupyterhub_anywhere.targets.causes import FailureCause
    from jupyterhub_anywhere.targets.machines.failures import explained

    told: Any = explained(ProviderError("No room.", cause=FailureCause.NO_CAPACITY), "Lab")
    assert str(told.jupyterhub_message).startswith("Lab: No room. Please tell")
    other = ValueError("x")
    assert explained(other, "Lab") is other
    declared: Any = explained(TargetError("Bad."), "Lab")
    assert declared.cause is FailureCause.CONFIG
