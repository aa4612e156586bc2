"""Whose a lease is whose user was renamed: never another person's."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_anywhere.ledger.hubside import HubServer
from jupyterhub_anywhere.ledger.lease import Lease
from jupyterhub_anywhere.ledger.renames import renamed
from jupyterhub_anywhere.ledger.states import State


def lease(user: str, state: State = State.RUNNING, first: str = "", **changes: Any) -> Lease:
    names: dict[str, Any] = {"id": "a1", "hub": "h", "server": "", "target": "lab", "name": "n"}
    child = {"made_for": first} if first else {}
    return Lease(**{**names, "user": user, "state": state, "child": child, **changes})


def runs(made_for: str, pending: str = "") -> HubServer:
    return HubServer(active=True, made_for=made_for, pending=pending)


def told(*leases: Lease, users: str = "", **servers: HubServer) -> dict[str, str]:
    known = {(user, ""): server for user, server in servers.items()}
    return dict(renamed(leases, known, {*servers, *users.split()}))


def test_a_lease_is_of_the_name_that_its_user_has_now() -> None:
    assert told(lease("ann"), dan=runs("ann")) == {"a1": "dan"}
    assert told(lease("dan", first="ann"), dan=runs("ann")) == {}
    assert told(lease("dan", first="ann"), eve=runs("ann")) == {"a1": "eve"}
    assert told(lease("dan", first="ann"), ann=runs("ann")) == {"a1": "ann"}


def test_somebody_may_take_the_old_name_at_once() -> None:
    assert told(lease("ann"), dan=runs("ann"), users="ann") == {"a1": "dan"}
    mine, new = lease("dan", first="ann"), lease("ann", id="a2")
    assert told(mine, new, dan=runs("ann"), ann=runs("ann")) == {}


def test_two_may_get_other_names_at_once() -> None:
    mine, its = lease("ann"), lease("dan", id="a2")
    assert told(mine, its, dan=runs("ann"), eve=runs("dan")) == {"a1": "dan", "a2": "eve"}


@pytest.mark.parametrize(
    "servers",
    [
        {"ann": runs("ann")},
        {"dan": runs("dan")},
        {"dan": runs("")},
        {"dan": runs("ann", "spawn")},
        {"dan": runs("ann"), "eve": runs("ann")},
    ],
)
def test_where_it_is_not_certain_nothing_changes(servers: dict[str, HubServer]) -> None:
    assert told(lease("ann"), users="", **servers) == {}


def test_who_has_a_lease_gets_no_other_ones() -> None:
    new = lease("ann", id="a2")
    assert told(lease("dan", first="ann"), new, ann=runs("ann"), users="dan") == {}


def test_what_is_kept_goes_along_but_never_to_who_took_the_name() -> None:
    kept = lease("ann", State.KEPT, server="two", id="k1")
    assert told(lease("ann"), kept, dan=runs("ann")) == {"a1": "dan", "k1": "dan"}
    assert told(lease("ann"), kept, dan=runs("ann"), users="ann") == {"a1": "dan"}
    moved = lease("dan", State.KEPT, "ann", server="two", id="k1")
    assert told(moved, ann=runs("ann"), users="dan") == {}, "ann is another person"
    assert told(moved, ann=runs("ann")) == {"k1": "ann"}, "dan is ann again"
