"""What is told before an upgrade."""

from __future__ import annotations

from jupyterhub_anywhere.hub.upgrade.effects import Way, changes, facts, obstacle
from jupyterhub_anywhere.hub.upgrade.look import Found, Server
from jupyterhub_anywhere.hub.upgrade.revisions import installed_history

HISTORY = installed_history()
OF_1, OF_2, OF_4, OF_5 = "4dc2d5a8c53c", "833da8570507", "0eee8c825d24", "4621fec11365"
HERE, INTO = Way(), Way(into_state=True, cookies=True)


def told(found: Found, way: Way = HERE) -> str:
    return "\n".join(changes(found, HISTORY, way))


def test_tokens_are_lost_before_2_only() -> None:
    assert "All 3 API tokens are dropped" in told(Found(OF_1, ("ann",), tokens=3))
    assert "tokens are dropped" not in told(Found(OF_4, ("ann",), tokens=3))


def test_who_may_come_in_changed_with_5() -> None:
    assert "allow_all = True" in told(Found(OF_4, ("ann",)))
    assert "users.allow" in told(Found(OF_4, ("ann",)), INTO)
    assert told(Found(OF_5, ("ann",))) == ""


def test_names_of_servers_that_6_does_not_make() -> None:
    servers = (Server("ann", "Big_One", running=False), Server("ann", "gpu-2", running=False))
    text = told(Found(OF_4, ("ann",), servers=servers))
    assert "ann/Big_One" in text
    assert "gpu-2" not in text


def test_names_of_users_count_for_up_only() -> None:
    found = Found(OF_5, ("ann", "o'hara", "Upper"))
    assert "Upper, o'hara cannot log in" in told(Found(OF_5, tuple(sorted(found.users))), INTO)
    assert told(found) == ""


def test_a_server_of_2_that_runs_is_in_the_way() -> None:
    running = Server("ann", "", running=True, client=True)
    stopped = Server("ann", "", running=False, state={"userserver_id": "1"})
    assert obstacle(Found(OF_2, ("ann",), servers=(running,)), HISTORY, "x", "6.1.1") is not None
    assert obstacle(Found(OF_2, ("ann",), servers=(stopped,)), HISTORY, "x", "6.1.1") is None


def test_many_names_are_not_all_shown() -> None:
    people = tuple(f"user{number}" for number in range(9))
    shown = facts(Found(OF_4, people, admins=people[:1]), HISTORY, "x")
    assert shown["users"] == "9: user0, user1, user2, user3, user4 and 4 more"
    assert (shown["admins"], shown["servers"], shown["groups"]) == ("user0", "none", "none")


def test_a_revision_between_releases_is_named_after_the_next() -> None:
    assert HISTORY.writer("be8ecf03ddac") == "a JupyterHub on the way to JupyterHub 6.x"
    assert HISTORY.writer(HISTORY.head) == "JupyterHub 6.x"
    assert "does not know" in HISTORY.writer("ffffffffffff")
