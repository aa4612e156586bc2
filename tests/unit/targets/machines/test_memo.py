"""The state of a spawner of machines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyterhub_anywhere.targets.machines.memo import Memo
from jupyterhub_anywhere.targets.machines.tickets import credential_record, issue


def full() -> Memo:
    _, ticket = issue("lease", 1.0, 60.0)
    return Memo(
        machine="m-1",
        engine="cloud",
        key="lease",
        image="lab",
        size="small",
        address="10.0.0.7",
        port=8000,
        ticket=ticket,
        credential=credential_record("lease", "x" * 43),
        agent={"python": "3.11"},
        host_keys=["ssh-ed25519 AAAA"],
    )


def test_it_comes_back_from_a_database() -> None:
    memo = full()
    assert Memo.from_plain(json.loads(json.dumps(memo.plain()))) == memo


def test_nothing_is_nothing() -> None:
    assert Memo().plain() == {}
    assert Memo.from_plain({}) == Memo()


def test_no_secret_is_in_it() -> None:
    text, ticket = issue("lease", 1.0, 60.0)
    told = json.dumps(Memo(key="lease", ticket=ticket).plain())
    assert text.rpartition(".")[2] not in told


@pytest.mark.parametrize(
    "state",
    [
        {
            "machine": 7,
            "port": "x",
            "ticket": [],
            "credential": {"digest": 1},
            "agent": "",
            "host_keys": 1,
        }
    ],
)
def test_what_does_not_fit_is_left_out(state: Any) -> None:
    assert Memo.from_plain(state) == Memo()


def test_what_rests_is_found_again_and_has_no_address() -> None:
    memo = full().rested()
    assert (memo.machine, memo.key, memo.served) == ("m-1", "lease", True)
    assert (memo.address, memo.port, memo.agent) == ("", 0, {})


def test_what_never_redeemed_has_not_served() -> None:
    assert not Memo(machine="m-1", key="lease", ticket=issue("lease", 1.0, 60.0)[1]).served
