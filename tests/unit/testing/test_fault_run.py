"""Cycles and their judgement, with a world of a few lines; engine faults; known failures."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.testing.faults import engine, known, run, servers
from jupyterhub_anywhere.testing.faults.control import Called
from jupyterhub_anywhere.testing.faults.engine import FAULTS, READ_ONLY, Breaks, engine_dies, named
from jupyterhub_anywhere.testing.faults.kills import DIED, PLACES, Plan
from jupyterhub_anywhere.testing.faults.rules import Action, Rule
from jupyterhub_anywhere.testing.faults.run import (
    FLOWS,
    Before,
    CycleError,
    Doing,
    Kills,
    Outcome,
    Told,
    Trouble,
    judge,
    look,
    pick,
)
from jupyterhub_anywhere.testing.faults.servers import Harm, Harms

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class World:
    """A hub and its servers; `sins` says how it misbehaves when it dies, or is broken.

    Attributes:
        folder: Where plans are.
        sins: ``leak``, ``token``, ``lose``, ``down``, ``files``, ``stuck``, ``deaf``, ``idle``.
    """

    folder: Path
    sins: set[str] = field(default_factory=set)
    alive: bool = True
    known: dict[str, Told] = field(default_factory=dict)
    here: dict[str, frozenset[str]] = field(default_factory=dict)
    made: int = 0
    rules_now: tuple[Rule, ...] = ()
    called: list[Called] = field(default_factory=list)
    lost_files: set[str] = field(default_factory=set)
    signals: list[signal.Signals] = field(default_factory=list)

    def boot(self) -> None:
        if "down" in self.sins:
            raise AssertionError("it does not come up")
        self.alive = True

    def launch(self) -> None:
        self.alive = True
        self.at("restart")
        if self.rules_now and "dies" in self.sins:
            self.alive = False

    def kill(self) -> None:
        self.alive = False

    def ended(self) -> bool:
        return not self.alive

    def up(self) -> bool:
        return self.alive

    def add(self, user: str) -> None:
        self.known.setdefault(user, Told())

    def ask_start(self, user: str) -> None:
        if "stuck" in self.sins:
            return
        if self.at(user):
            if "leak" in self.sins:
                self.here[user] = frozenset({"leaked"})
            if "token" in self.sins:
                self.known[user] = Told(tokens=1)
            if "lose" in self.sins:
                self.here.pop(run.BYSTANDER, None)
                self.known[run.BYSTANDER] = Told()
            if "files" in self.sins:
                self.lost_files.add(run.BYSTANDER)
            return
        self.made += 1
        self.here[user] = frozenset({f"{user}-{self.made}"})
        self.known[user] = Told(ready=True, tokens=1)

    def ask_stop(self, user: str) -> None:
        if self.at(user):
            return
        self.here.pop(user, None)
        self.known[user] = Told()

    def at(self, what: str) -> bool:
        """Come by the one place of this world; whether the hub died or its engine is broken."""
        plan = Plan.read(self.folder)
        if plan.mode == "list":
            with (self.folder / PLACES).open("a") as file:
                file.write(json.dumps(f"place of {what}") + "\n")
        if plan.mode == "die" and plan.place == "everywhere":
            (self.folder / DIED).write_text(plan.place)
            self.alive = False
            return True
        if self.rules_now and "idle" not in self.sins:
            self.called.append(Called(1, "POST", "/containers/create", "status", 500, 0))
        return bool(self.rules_now)

    def told(self, user: str) -> Told:
        return self.known[user]

    def running(self) -> dict[str, frozenset[str]]:
        return dict(self.here)

    def serves(self, user: str) -> bool:
        return user in self.here and "deaf" not in self.sins

    def files(self, user: str) -> str:
        return "" if user in self.lost_files else "words"

    def clear(self, user: str) -> None:
        self.here.pop(user, None)

    def trouble(self, user: str, sort: Trouble, plan: Plan) -> None:
        plan.write(self.folder)
        if sort is Trouble.STRAY:
            self.here[user] = frozenset({"stray"})
        if self.at("sweep") and "lazy" in self.sins:
            return
        if sort is not Trouble.UNHELD:
            self.here.pop(user, None)
            self.known[user] = Told()

    def signal(self, user: str, number: signal.Signals) -> None:
        self.signals.append(number)
        if number is signal.SIGKILL:
            self.here.pop(user)
            self.known[user] = Told(tokens=1 if "token" in self.sins else 0)
        if number is signal.SIGSTOP and "impatient" in self.sins:
            self.here.pop(user)
            self.known[user] = Told()


class Pot(World):
    """A world whose servers are containers."""

    def pause(self, user: str, *, on: bool) -> None:
        self.signals.append(signal.SIGTSTP if on else signal.SIGCONT)

    def starve(self, user: str) -> None:
        self.signal(user, signal.SIGKILL)


class Keeper(World):
    """A world whose servers leave their token behind, and what they are started again with."""

    def kept(self) -> set[str]:
        return {user for user, each in self.known.items() if each.tokens}

    def ask_stop(self, user: str) -> None:
        super().ask_stop(user)
        if "stuck" not in self.sins:
            self.known[user] = Told(tokens=1)


@dataclass
class Engine:
    """What breaks the engine of a world."""

    world: World

    def rules(self, *rules: Rule) -> None:
        self.world.rules_now = rules

    def calls(self) -> list[Called]:
        return self.world.called

    def clear(self) -> None:
        self.world.called.clear()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No real time passes where something is waited for in vain."""
    monkeypatch.setattr(run, "_REACH", 0.1)
    monkeypatch.setattr(run, "_PAUSE", 0.01)
    monkeypatch.setattr(engine, "_PATIENCE", 0.1)
    monkeypatch.setattr(engine, "_MEET", 0.1)
    monkeypatch.setattr(servers, "_NOTICE", 0.1)
    monkeypatch.setattr(servers, "_IDLE", 0.1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def kills_of(world: World) -> Kills:
    return Kills(world, seconds=0.1)


@pytest.mark.parametrize("doing", FLOWS)
def test_a_world_without_sins_keeps_every_promise(world: World, doing: Doing) -> None:
    kills = kills_of(world)
    assert len(kills.places(doing)) >= 1
    outcome = kills.cycle(doing, "everywhere")
    assert outcome.reached
    assert outcome.failures == ()
    assert outcome.doing == doing
    assert outcome.forgotten is (doing is Doing.STOP)
    assert set(world.here) == {run.BYSTANDER}


@pytest.mark.parametrize("trouble", [each for each in Trouble if each])
def test_a_sweep_that_dies_sets_things_right_all_the_same(world: World, trouble: Trouble) -> None:
    kills = kills_of(world)
    assert kills.places(Doing.RECONCILE, trouble) == ["place of sweep"]
    outcome = kills.cycle(Doing.RECONCILE, "everywhere", trouble)
    assert outcome.reached
    assert outcome.failures == ()
    assert outcome.fault == f"everywhere ({trouble})"
    assert set(world.here) == {run.BYSTANDER}


@pytest.mark.parametrize("trouble", [Trouble.STRAY, Trouble.WISH])
def test_what_a_sweep_leaves_is_a_leak(world: World, trouble: Trouble) -> None:
    world.sins.add("lazy")
    outcome = kills_of(world).cycle(Doing.RECONCILE, "everywhere", trouble)
    assert "leaked" in outcome.failures


@pytest.mark.parametrize(
    ("sin", "failure"),
    [
        ("leak", "leaked"),
        ("token", "tokens"),
        ("lose", "lost"),
        ("files", "files"),
        ("down", "hub_up"),
    ],
)
def test_each_sin_is_seen(world: World, sin: str, failure: str) -> None:
    world.sins.add(sin)
    outcome = kills_of(world).cycle(Doing.START, "everywhere")
    assert failure in outcome.failures
    assert outcome.to_json()["fault"] == "everywhere"


def test_a_second_start_is_one_after_a_stop_and_its_token_stays(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    kills = Kills(keeper, seconds=0.1, again=True)
    assert kills.cycle(Doing.START, "everywhere").failures == ()
    assert keeper.made == 2, "the bystander's, and the one that was stopped"
    assert keeper.known["user1"].tokens == 1
    assert look(keeper, ["user1"], Before(), healthy=True).tokens == ()
    keeper.known["user1"] = Told(tokens=2)
    assert look(keeper, ["user1"], Before(), healthy=True).tokens == ("user1",)
    plain = World(tmp_path, known={"user1": Told(tokens=1)})
    assert look(plain, ["user1"], Before(), healthy=True).tokens == ("user1",)


def test_a_second_start_needs_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Keeper(tmp_path)
    monkeypatch.setattr(keeper, "ask_stop", lambda _: None)
    monkeypatch.setattr(run, "wait", lambda condition, *_: condition())
    with pytest.raises(CycleError, match="user1's server does not stop"):
        Kills(keeper, seconds=0.1, again=True).places(Doing.START)


def test_what_ledger_and_hub_disagree_on_is_told(world: World) -> None:
    found = {"user1", "somebody"}
    kills = Kills(world, seconds=0.1, amiss=lambda: found)
    outcome = kills.cycle(Doing.START, "everywhere")
    assert outcome.amiss == ("user1",)
    assert outcome.failures == ("amiss",)
    assert kills.cycle(Doing.START, "everywhere").failures == ()


def test_a_server_that_goes_late_is_missed_in_the_next_cycle(world: World) -> None:
    kills = kills_of(world)
    assert kills.cycle(Doing.START, "everywhere").failures == ()
    world.here.pop(run.BYSTANDER)
    world.known[run.BYSTANDER] = Told()
    assert kills.cycle(Doing.START, "everywhere").failures == ("lost",)
    assert kills.cycle(Doing.START, "everywhere").failures == ()


def test_a_server_that_is_not_reached_is_lost(world: World) -> None:
    before = run.ready_bystander(world)
    world.sins.add("deaf")
    assert look(world, [run.BYSTANDER], before, healthy=True).failures == ("lost",)
    assert look(world, [run.BYSTANDER], before, healthy=False).failures == ()


def test_what_an_earlier_fault_has_left_is_not_counted_again(world: World) -> None:
    run.ready_bystander(world)
    world.known[run.BYSTANDER] = Told(ready=True, tokens=2)
    before = run.ready_bystander(world)
    assert look(world, [run.BYSTANDER], before, healthy=True).tokens == ()
    world.known[run.BYSTANDER] = Told(ready=True, tokens=3)
    assert look(world, [run.BYSTANDER], before, healthy=True).tokens == (run.BYSTANDER,)


def test_a_server_that_is_none_is_a_ghost(world: World) -> None:
    world.known["ann"] = Told(ready=True, tokens=1)
    assert judge(world, ["ann"], Before(), 0.05).ghosts == ("ann",)


def test_a_hub_that_is_away_is_told(world: World) -> None:
    world.alive = False
    assert judge(world, ["ann"], Before(), 0.05).failures == ("hub_up",)


def test_a_place_that_is_not_reached_says_nothing(world: World) -> None:
    outcome = kills_of(world).cycle(Doing.START, "nowhere")
    assert not outcome.reached
    assert set(world.here) == {run.BYSTANDER}
    assert world.alive


def test_what_has_to_work_anyway_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.sins.add("stuck")
    monkeypatch.setattr(run, "wait", lambda *_: False)
    with pytest.raises(CycleError, match="ann's server is not ready"):
        run.settled(world, "ann")
    monkeypatch.setattr(run, "settled", lambda *_: frozenset())
    with pytest.raises(CycleError, match="The hub does not come up"):
        kills_of(world).places(Doing.RESTART)


def test_places_are_picked_by_patterns() -> None:
    found = ["before commit in a", "after commit in a", "after commit in b"]
    assert pick(found, "after", "b$", "after") == [found[1], found[2]]
    with pytest.raises(LookupError, match="None of 3 places"):
        pick(found, "proxy")


# --- a broken engine -----------------------------------------------------------------------------


@pytest.mark.parametrize("doing", FLOWS)
def test_an_engine_is_broken_and_healed(world: World, doing: Doing) -> None:
    outcome = Breaks(world, Engine(world), seconds=0.1).cycle(doing, FAULTS[0])
    assert outcome.failures == ()
    assert outcome.fault == FAULTS[0].name
    assert world.rules_now == ()


def test_a_hub_that_ends_because_of_its_engine_is_told(world: World) -> None:
    world.sins.add("dies")
    outcome = Breaks(world, Engine(world), seconds=0.1).cycle(Doing.RESTART, FAULTS[0])
    assert outcome.failures == ("hub_up",)
    assert world.alive


@pytest.mark.parametrize("doing", FLOWS)
def test_a_fault_that_waits_for_a_call_has_to_be_met(world: World, doing: Doing) -> None:
    breaks = Breaks(world, Engine(world), seconds=0.1)
    assert breaks.cycle(doing, named("one answer is lost")).reached
    world.sins.add("idle")
    assert not breaks.cycle(doing, named("one answer is lost")).reached
    assert breaks.cycle(doing, named("the engine answers 500")).reached, "it lasts"


def test_faults_meet_the_calls_that_matter() -> None:
    (rule,) = named("the engine answers 409 once").rules(Doing.STOP)
    assert rule == Rule(Action.STATUS, rule.method, rule.path, count=1, seconds=8.0, status=409)
    assert rule.meets("DELETE", "/v1.47/containers/0a1b?v=1")
    assert not rule.meets("GET", "/v1.47/containers/0a1b/json")
    (rule,) = named(READ_ONLY).rules(Doing.START)
    assert rule.meets("POST", "/images/create")
    (rule,) = named("one list is empty").rules(Doing.START)
    assert rule.meets("GET", "/containers/json?all=1")
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_an_engine_that_dies_ends_servers_or_does_not(world: World) -> None:
    calls: list[str] = []

    def end() -> None:
        calls.append("end")

    def begin() -> None:
        calls.append("begin")

    live = engine_dies(world, end, begin, live=True, seconds=0.1)
    assert live.failures == ()
    assert calls == ["end", "begin"]
    assert world.here == {}

    def all_ended() -> None:
        world.here.clear()
        world.known = {user: Told() for user in world.known}

    ended = engine_dies(world, all_ended, begin, live=False, seconds=0.1)
    assert ended.failures == ()
    assert ended.fault != live.fault
    lost = engine_dies(world, all_ended, begin, live=True, seconds=0.1)
    assert lost.failures == ("lost",)


# --- harmed servers ------------------------------------------------------------------------------


@pytest.mark.parametrize("doing", [Doing.RUN, Doing.RESTART])
def test_a_server_that_is_killed(world: World, doing: Doing) -> None:
    assert Harms(world, seconds=0.1, slow=0.1).cycle(doing, Harm.KILLED).failures == ()
    world.sins.add("token")
    assert Harms(world, seconds=0.1, slow=0.1, name="b").cycle(doing, Harm.KILLED).failures == (
        "tokens",
    )


def test_a_server_that_stands_still_has_to_go_on(world: World) -> None:
    assert Harms(world, seconds=0.1, slow=0.1).cycle(Doing.RESTART, Harm.FROZEN).failures == ()
    assert world.signals == [signal.SIGSTOP, signal.SIGCONT]
    world.sins.add("impatient")
    outcome = Harms(world, seconds=0.1, slow=0.1, name="b").cycle(Doing.RESTART, Harm.FROZEN)
    assert outcome.failures == ("lost",)
    assert world.signals[2:] == [signal.SIGSTOP], "nobody is there to be woken up"


def test_harms_that_only_containers_know(world: World, tmp_path: Path) -> None:
    pot = Pot(tmp_path)
    harms = Harms(pot, seconds=0.1, slow=0.1)
    assert harms.cycle(Doing.RUN, Harm.PAUSED).failures == ()
    assert pot.signals == [signal.SIGTSTP, signal.SIGCONT]
    assert harms.cycle(Doing.RUN, Harm.STARVED).failures == ()
    assert pot.signals[2:] == [signal.SIGKILL]
    with pytest.raises(TypeError, match="no containers"):
        Harms(world, seconds=0.1, slow=0.1).cycle(Doing.RUN, Harm.PAUSED)


def test_a_hub_that_does_not_come_back_after_a_harm(world: World) -> None:
    harms = Harms(world, seconds=0.1, slow=0.1)
    world.sins.add("down")
    assert harms.cycle(Doing.RESTART, Harm.KILLED).failures == ("hub_up",)


# --- known failures ------------------------------------------------------------------------------


def test_only_what_is_known_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    entry = {"world": "docker", "doing": "stop", "fault": "500", "failures": ["leaked"], "why": "x"}
    file.write_text(json.dumps([entry]))
    listed = known.load(file)
    outcomes = [
        Outcome(fault="500 once", doing="stop", leaked=("ann",)),
        Outcome(fault="500 once", doing="stop", leaked=("ann",), lost=("ben",)),
        Outcome(fault="404", doing="stop", leaked=("ann",)),
        Outcome(fault="500", doing="start", tokens=("ann",)),
        Outcome(fault="500", doing="restart"),
    ]
    assert known.unexpected("docker", outcomes, listed) == [
        ("stop", "500 once", ("lost",)),
        ("stop", "404", ("leaked",)),
        ("start", "500", ("tokens",)),
    ]
    assert len(known.unexpected("process", outcomes, listed)) == 4


def test_a_list_of_known_failures_that_is_none(tmp_path: Path) -> None:
    assert known.load(tmp_path / "none.json") == []
    file = tmp_path / "known.json"
    file.write_text('[{"world": "docker"}]')
    with pytest.raises(ValueError, match="not one of a known failure"):
        known.load(file)
