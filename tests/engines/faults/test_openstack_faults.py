"""What goes wrong in a real OpenStack, and hubs that die meanwhile: nothing is lost or left.

After each fault the ledger holds what the cloud has, and somebody whose server has nothing to do
with it still has it. ``ANYWHERE_FAULTS_RECORD=FILE`` keeps the outcomes for the documentation.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.engines.faults.openstack_faulty import FaultyCloud, until
from tests.engines.openstack_subject import nova_proxy

from jupyterhub_anywhere.testing.faults.records import OPENSTACK, OURS, Record, keep
from jupyterhub_anywhere.testing.faults.rules import Action, Rule
from jupyterhub_anywhere.testing.faults.run import Before, Doing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.openstack.cloud import OpenStack

pytestmark = [pytest.mark.root, pytest.mark.timeout(1200)]

RECORD: Final = os.environ.get("ANYWHERE_FAULTS_RECORD", "")
CREATE: Final = ("POST", "/servers$")
DELETE: Final = ("DELETE", "/servers/")
# What Nova does instead of what it was asked, and to how many calls.
ANSWERS: Final = {
    "Nova answers 500": (Action.STATUS, None),
    "one answer of Nova is lost": (Action.CUT_AFTER, 1),
    "each answer of Nova is half of its JSON": (Action.TRUNCATE, None),
    "each call of Nova waits for some time": (Action.DELAY, None),
}


@pytest.fixture(scope="module")
def faulty(openstack: OpenStack) -> Iterator[FaultyCloud]:
    with nova_proxy() as control:
        made = FaultyCloud(openstack, control)
        try:
            made.boot()
            yield made
        finally:
            made.close()


def judge(faulty: FaultyCloud, fault: str, doing: Doing, before: Before, *users: str) -> None:
    """Asserts that all is well, and that ledger and cloud agree."""
    found = replace(faulty.judged(users, before), fault=fault, doing=str(doing))
    if RECORD:
        keep(Path(RECORD), Record(OURS, OPENSTACK, fault, found))
    assert found.failures == (), f"{found}\n{faulty.hub.logs(120)}"
    assert faulty.disagree() == [], faulty.hub.logs(120)


def pending(faulty: FaultyCloud, user: str) -> bool:
    return bool(faulty.told(user).pending)


def done(faulty: FaultyCloud, user: str) -> None:
    """Wait until nothing is under way for a user."""
    until(lambda: not pending(faulty, user), f"the end of what {user} waits for", faulty.hub)


# --- while a server runs -------------------------------------------------------------------------


@pytest.mark.full
def test_tokens_of_the_cloud_expire(faulty: FaultyCloud, openstack: OpenStack) -> None:
    """The next call logs in again: what runs is polled, stopped, and another one is started."""
    before, _ = faulty.bystander(), faulty.settled("ann")
    openstack.expire_tokens()
    faulty.ask_stop("ann")
    until(lambda: not faulty.told("ann").ready, "the stop", faulty.hub)
    done(faulty, "ann")
    faulty.settled("ann")
    judge(faulty, "tokens of the cloud expire", Doing.RUN, before, "ann")


@pytest.mark.full
def test_nova_calls_a_machine_failed_that_runs(faulty: FaultyCloud, openstack: OpenStack) -> None:
    """As after a migration that failed: it is not lost for that, and it can be stopped."""
    before = faulty.bystander()
    before.healthy["ann"] = faulty.settled("ann")
    openstack.set_error(faulty.machine("ann"))
    judge(faulty, "Nova calls its machine failed", Doing.RUN, before, "ann")
    faulty.ask_stop("ann")
    del before.healthy["ann"]
    before.ends.add("ann")
    judge(faulty, "Nova calls its machine failed", Doing.STOP, before, "ann")


def test_a_machine_loses_power(faulty: FaultyCloud, openstack: OpenStack) -> None:
    """What Nova has switched off serves nobody: the hub says so, and the machine goes."""
    before, _ = faulty.bystander(), faulty.settled("ann")
    openstack.kill_hypervisor(faulty.machine("ann"))
    until(lambda: not faulty.told("ann").ready, "that the hub knows", faulty.hub)
    before.ends.add("ann")
    judge(faulty, "the hypervisor of its machine is killed", Doing.RUN, before, "ann")


def test_a_machine_is_deleted_behind_our_back(faulty: FaultyCloud, openstack: OpenStack) -> None:
    before, _ = faulty.bystander(), faulty.settled("ann")
    openstack.destroy_behind_our_back(faulty.machine("ann"))
    until(lambda: not faulty.told("ann").ready, "that the hub knows", faulty.hub)
    judge(faulty, "somebody else deletes its machine", Doing.RUN, before, "ann")


# --- while something is done ---------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("doing", [Doing.START, Doing.STOP])
def test_the_broker_is_away(faulty: FaultyCloud, openstack: OpenStack, doing: Doing) -> None:
    """Nova takes what it is asked, or does not answer, and nothing happens for a while."""
    before = faulty.bystander()
    faulty.add("ann")
    if doing is Doing.STOP:
        faulty.settled("ann")
    openstack.stop_rabbit()
    try:
        (faulty.ask_start if doing is Doing.START else faulty.ask_stop)("ann")
        assert pending(faulty, "ann")
    finally:
        openstack.start_rabbit()
    done(faulty, "ann")
    if doing is Doing.STOP:
        before.ends.add("ann")
    judge(faulty, "RabbitMQ is stopped for some time", doing, before, "ann")


@pytest.mark.full
@pytest.mark.parametrize("doing", [Doing.START, Doing.STOP])
@pytest.mark.parametrize("fault", ANSWERS)
def test_nova_misbehaves(faulty: FaultyCloud, doing: Doing, fault: str) -> None:
    before = faulty.bystander()
    faulty.add("ann")
    if doing is Doing.STOP:
        faulty.settled("ann")
    action, count = ANSWERS[fault]
    method, path = CREATE if doing is Doing.START else DELETE
    faulty.control.clear()
    faulty.control.rules(Rule(action, method, path, count=count, seconds=8.0))
    try:
        (faulty.ask_start if doing is Doing.START else faulty.ask_stop)("ann")
        until(lambda: any(each.action for each in faulty.control.calls()), "the fault", faulty.hub)
    finally:
        faulty.control.rules()
    done(faulty, "ann")
    if doing is Doing.STOP:
        before.ends.add("ann")
    judge(faulty, fault, doing, before, "ann")


# --- hubs that die -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "action"),
    [
        pytest.param("before Nova is asked", Action.HOLD, marks=pytest.mark.full),
        ("while Nova's answer is on its way", Action.HOLD_AFTER),
    ],
)
def test_a_hub_is_killed_as_it_makes_a_machine(
    faulty: FaultyCloud, when: str, action: Action
) -> None:
    _killed_within(faulty, Doing.START, when, Rule(action, *CREATE, count=1))


def test_a_hub_is_killed_as_it_removes_a_machine(faulty: FaultyCloud) -> None:
    faulty.settled("ann")
    rule = Rule(Action.HOLD, *DELETE, count=1)
    _killed_within(faulty, Doing.STOP, "before Nova is asked", rule)


def _killed_within(faulty: FaultyCloud, doing: Doing, when: str, rule: Rule) -> None:
    before = faulty.bystander()
    faulty.add("ann")
    faulty.control.rules(rule)
    try:
        (faulty.ask_start if doing is Doing.START else faulty.ask_stop)("ann")
        faulty.control.wait_held(60)
        faulty.kill()
    finally:
        faulty.control.drop()
        faulty.control.rules()
        faulty.control.release()
    faulty.boot()
    if doing is Doing.STOP:
        done(faulty, "ann")
    judge(faulty, f"the hub is killed {when}", doing, before, "ann")


@pytest.mark.full
def test_a_hub_is_killed_while_a_machine_boots(faulty: FaultyCloud) -> None:
    """Its ticket opens nothing at the next hub, which ends the machine."""
    before = faulty.bystander()
    faulty.add("ann")
    faulty.ask_start("ann")
    until(
        lambda: any(
            each["status"] == "ACTIVE"
            for each in faulty.hub.machines()
            if each["metadata"]["anywhere-user"] == "ann"
        ),
        "a machine that boots",
        faulty.hub,
    )
    assert not faulty.told("ann").ready
    faulty.kill()
    faulty.boot()
    judge(faulty, "the hub is killed while the machine boots", Doing.START, before, "ann")
