from __future__ import annotations

import pytest

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.prepare.rules import left_closed, network, rules, table
from jupyterhub_anywhere.prepare.wish import GroupsWish

HUB, USERS = "jupyterhub-secgroup", "userserver-secgroup"


def opened(wish: GroupsWish) -> set[tuple[str, str, str]]:
    return {(each.group, each.ports, each.origin) for each in rules(wish)}


def test_the_groups_of_the_guide_with_what_it_forgot() -> None:
    assert opened(GroupsWish()) == {
        (HUB, "80", "0.0.0.0/0"),
        (HUB, "443", "0.0.0.0/0"),
        (HUB, "22", "0.0.0.0/0"),
        (HUB, "8081", f"group {USERS}"),
        (USERS, "8000-8999", f"group {HUB}"),
    }
    closed = {each.ports: each.why for each in left_closed(GroupsWish())}
    assert set(closed) == {"8000", "8001", "8080", "all"}
    assert "proxy's own API" in closed["8001"]


def test_nothing_is_open_between_users_servers() -> None:
    assert not [each for each in rules(GroupsWish()) if each.group == each.source_group]


def test_sources_can_be_narrowed_in_both_versions() -> None:
    wish = GroupsWish(web_from=("192.0.2.0/24", "2001:db8::/32"), ssh_from=("192.0.2.7",))
    found = {(each.ports, each.source, each.family) for each in rules(wish) if each.source}
    assert found == {
        ("80", "192.0.2.0/24", "IPv4"),
        ("80", "2001:db8::/32", "IPv6"),
        ("443", "192.0.2.0/24", "IPv4"),
        ("443", "2001:db8::/32", "IPv6"),
        ("22", "192.0.2.7/32", "IPv4"),
    }


def test_a_source_that_is_no_network() -> None:
    with pytest.raises(SurroundingsError, match="'campus' is no network"):
        network("campus")


def test_one_group_says_what_it_costs() -> None:
    wish = GroupsWish(single=True)
    assert {each.group for each in rules(wish)} == {HUB}
    assert any("reach each other" in row[3] for row in table(wish))


def test_a_port_that_is_the_hubs_is_not_called_closed() -> None:
    wish = GroupsWish(hub_port=8080)
    assert "8080" not in {each.ports for each in left_closed(wish)}
    assert (HUB, "8080", f"group {USERS}") in opened(wish)
