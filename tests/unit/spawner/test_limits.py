from __future__ import annotations

import pytest

from jupyterhub_anywhere.catalog.choice import Choice, Who
from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.config.models import Config
from jupyterhub_anywhere.core.errors import ChoiceError, ConfigError
from jupyterhub_anywhere.spawner.limits import (
    Asked,
    Standing,
    check,
    full,
    limit_of,
    limited,
    merged,
    notes,
    of_hub,
)

FILE = """
users:
  groups: {staff: [sue], guests: [sue, tom]}
  limits:
    servers: 2
    groups: {staff: 4, guests: 1}
targets:
  here: {kind: process, title: This machine, servers: 3}
  lab: {kind: process, title: The lab}
  closed: {kind: process, servers: 0}
profiles:
  python: {title: Python, targets: [here, lab, closed], limit: 1}
  r: {targets: [here, closed]}
"""
ANN = Who("ann")


@pytest.fixture(scope="module")
def config() -> Config:
    return load_text(FILE, name="anywhere.yaml").config


def asked(profile: str = "python", target: str = "here", who: Who = ANN, server: str = "") -> Asked:
    return Asked(who, server, profile, target)


def test_how_many_servers_a_user_may_have(config: Config) -> None:
    assert limit_of(config, ANN) == 2
    assert limit_of(config, Who("tom", frozenset({"guests"}))) == 1
    assert limit_of(config, Who("sue", frozenset({"guests", "staff"}))) == 4
    assert limit_of(Config(), ANN) is None


def test_with_room_nothing_is_said(config: Config) -> None:
    there = [Standing("bob", "", "here", "python"), Standing("ann", "old", "lab", "r")]
    assert full(config, asked(), there) == {}


def test_a_server_does_not_count_against_itself(config: Config) -> None:
    there = [Standing("ann", "", "here", "python"), Standing("ann", "2", "lab", "r")]
    assert full(config, asked(), there) == {}


def test_the_limit_of_a_user(config: Config) -> None:
    there = [Standing("ann", "1", "lab", "r"), Standing("ann", "2", "lab", "")]
    told = full(config, asked(), there)
    assert told == {
        "": "You have 2 servers, and may have 2. Stop one on your home page, then start this one."
    }


def test_the_limit_of_a_profile(config: Config) -> None:
    told = full(config, asked(target="lab"), [Standing("ann", "1", "here", "python")])
    assert told["profile"].startswith("You have 1 server of Python at This machine, and may have 1")
    assert full(config, asked("r"), [Standing("ann", "1", "here", "python")]) == {}


def test_the_limit_of_a_target_counts_everybody(config: Config) -> None:
    there = [Standing(name, "", "here", "r") for name in ("bob", "sue", "tom")]
    told = full(config, asked(), there)
    assert told["target"].startswith("This machine is full: 3 of 3 servers are there. Choose")
    assert "yours" not in told["target"]
    mine = full(config, asked("r", server="2"), [*there[1:], Standing("ann", "", "here", "r")])
    assert "or stop one of yours there" in mine["target"]
    assert full(config, asked(target="lab"), there) == {}
    assert "takes no new servers" in full(config, asked(target="closed"), [])["target"]


def test_a_refusal_is_a_conflict_that_can_be_solved(config: Config) -> None:
    choice = Choice("python", "closed")
    with pytest.raises(ChoiceError, match="takes no new servers") as caught:
        check(config, ANN, "", choice, [])
    assert caught.value.status == 409
    check(config, ANN, "", Choice("python", "lab"), [])


def test_the_menu_tells_of_profiles_for_which_no_target_has_room(config: Config) -> None:
    offers = [("python", ["here", "lab"]), ("r", ["here", "closed"])]
    there = [Standing(name, "", "here", "r") for name in ("bob", "sue", "tom")]
    told = notes(config, ANN, "", offers, there)
    assert list(told) == ["r"]
    assert told["r"].startswith("This machine is full")


def test_whether_anything_is_limited(config: Config) -> None:
    assert limited(config)
    assert not limited(Config())
    for text in (
        "users: {limits: {servers: 1}}",
        "users: {groups: {a: [x]}, limits: {groups: {a: 1}}}",
        "targets: {here: {kind: process, servers: 1}}",
        "profiles: {a: {targets: [here], limit: 1}}",
    ):
        assert limited(load_text(text, name="").config)


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        ("users: {limits: {servers: 0}}", "users.limits.servers", "1"),
        ("users: {limits: {servers: '2'}}", "users.limits.servers", "whole number"),
        ("users: {limits: {groups: {stuff: 2}}}", "users.limits.groups.stuff", "no group 'stuff'"),
        ("targets: {here: {kind: process, starts: -1}}", "targets.here.starts", "0"),
        ("targets: {here: {kind: process, servers: -1}}", "targets.here.servers", "0"),
        ("profiles: {a: {targets: [here], limit: 0}}", "profiles.a.limit", "1"),
        ("hub: {starts: -1}", "hub.starts", "0"),
    ],
)
def test_a_wrong_limit_is_a_problem_of_the_file(text: str, path: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(text, name="anywhere.yaml")
    (problem,) = caught.value.problems
    assert problem.path == path
    assert says in f"{problem.message} {problem.hint}"


def test_groups_that_the_login_brings_need_not_be_in_the_file() -> None:
    load_text("users: {login: github, limits: {groups: {team: 2}}}", name="anywhere.yaml")


class Server:
    """What the hub has of one server."""

    def __init__(self, target: str, profile: str = "", *, active: bool = True) -> None:
        self.anywhere_target = target
        self.last_choice = {"profile": profile} if profile else {}
        self.active = active


class User:
    """What the hub has of one user."""

    def __init__(self, name: str, **spawners: object) -> None:
        self.name, self.spawners = name, spawners


class Foreign:
    """A spawner of another class."""

    active = True


def test_the_hubs_own_memory_as_a_source() -> None:
    ann = User("ann", one=Server("here", "r"), two=Server("here", active=False))
    bob = User("bob", refused=Server(""), other=Foreign(), old=Server("lab"))
    assert of_hub({1: ann, 2: bob}) == [
        Standing("ann", "one", "here", "r"),
        Standing("bob", "old", "lab", ""),
    ]


def test_what_two_sources_know_counts_once() -> None:
    known, guessed = Standing("ann", "", "here", "r"), Standing("ann", "", "here")
    other = Standing("bob", "", "here")
    assert merged([known], [guessed, other]) == [known, other]
