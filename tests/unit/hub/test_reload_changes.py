"""What a changed file changes at once, and what waits for a restart."""

from __future__ import annotations

from typing import Any

from jupyterhub_anywhere.config.models import Config
from jupyterhub_anywhere.hub.reload import compare

HERE = {"targets": {"here": {"kind": "process"}}}


def config(**sections: Any) -> Config:
    return Config.model_validate({**HERE, **sections})


def test_nothing() -> None:
    found = compare(config(), config(), config())
    assert (found.live, found.restart) == ((), ())


def test_targets_and_profiles() -> None:
    old = config(profiles={"a": {"targets": ["here"]}, "b": {"targets": ["here"]}})
    new = config(
        targets={"here": {"kind": "process", "title": "Here"}, "lab": {"kind": "process"}},
        profiles={"c": {"targets": ["lab"]}, "b": {"targets": ["here"]}},
    )
    found = compare(old, old, new)
    assert set(found.live) == {
        "target here has changed",
        "target lab is new",
        "profile c is new",
        "profile a is gone",
    }
    assert found.restart == ()


def test_order_counts_since_the_first_is_the_default() -> None:
    a, b = {"targets": ["here"]}, {"targets": ["here"]}
    old, new = config(profiles={"a": a, "b": b}), config(profiles={"b": b, "a": a})
    assert compare(old, old, new).live == ("profiles are in another order",)


def test_users_count_at_once_and_logins_after_a_restart() -> None:
    new = config(users={"allowed": ["ann"], "login": "pam", "uids": "80000-80010"})
    found = compare(config(), config(), new)
    assert found.live == ("users.allowed has changed",)
    assert found.restart == ("users.login", "users.uids")


def test_the_hub_is_compared_with_its_start() -> None:
    started, present = config(), config(hub={"url": "http://127.0.0.1:9000"})
    assert compare(started, present, present).restart == ("hub.url",)
    assert compare(started, present, started).restart == ()
