from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jupyterhub_anywhere.spawner.queueing import FairQueue, Room, Ticket

USERS = ["ann", "bob", "sue", "tom"]
TARGETS = ["here", "lab"]


def queue_of(hub: int = 0, **targets: int) -> FairQueue:
    return FairQueue(lambda: Room(hub, targets))


def names(tickets: list[Ticket]) -> list[str]:
    return [f"{ticket.user}{ticket.server}" for ticket in tickets]


def drain(queue: FairQueue) -> list[str]:
    """Who starts after whom, where one start ends at a time."""
    order = []
    going = queue.grants()
    while going:
        order += going
        for ticket in going:
            queue.leave(ticket)
        going = queue.grants()
    return names(order)


def test_where_there_is_room_nobody_waits() -> None:
    queue = queue_of()
    ticket = queue.join("ann", "", "here")
    assert queue.grants() == [ticket]
    assert queue.line() == []
    assert queue.going == {ticket}


def test_ten_servers_of_one_push_nobody_back() -> None:
    queue = queue_of(hub=1)
    for number in range(4):
        queue.join("ann", str(number), "here")
    first = queue.grants()
    assert names(first) == ["ann0"]
    queue.join("bob", "", "here")
    queue.join("sue", "", "here")
    assert names(queue.line()) == ["bob", "sue", "ann1", "ann2", "ann3"]
    queue.leave(first[0])
    assert drain(queue) == ["bob", "sue", "ann1", "ann2", "ann3"]


def test_users_take_turns_and_each_ones_servers_come_in_order() -> None:
    queue = queue_of(hub=1)
    for user in ("ann", "bob"):
        for number in range(3):
            queue.join(user, str(number), "here")
    assert drain(queue) == ["ann0", "bob0", "ann1", "bob1", "ann2", "bob2"]


def test_a_full_target_holds_up_no_other() -> None:
    queue = queue_of(hub=3, here=1)
    held = [queue.join(user, "", "here") for user in ("ann", "bob", "sue")]
    other = queue.join("sue", "2", "lab")
    assert queue.grants() == [held[0], other]
    queue.leave(held[0])
    assert queue.grants() == [held[1]]


def test_one_who_leaves_is_not_granted_and_may_leave_again() -> None:
    queue = queue_of(hub=1)
    first, second, third = (queue.join(user, "", "here") for user in ("ann", "bob", "sue"))
    assert queue.grants() == [first]
    queue.leave(second)
    queue.leave(second)
    queue.leave(first)
    queue.leave(first)
    assert queue.grants() == [third]


def test_limits_that_change_count_at_once() -> None:
    rooms = [Room(1)]
    queue = FairQueue(lambda: rooms[-1])
    tickets = [queue.join("ann", str(number), "here") for number in range(4)]
    assert queue.grants() == tickets[:1]
    rooms.append(Room(3))
    assert queue.grants() == tickets[1:3]
    rooms.append(Room(2))
    queue.leave(tickets[0])
    assert queue.grants() == []
    queue.leave(tickets[1])
    assert queue.grants() == tickets[3:]


@given(st.lists(st.sampled_from(USERS), min_size=1, max_size=40), st.integers(1, 4))
def test_nobody_waits_for_more_than_one_turn_of_each_other(asked: list[str], hub: int) -> None:
    """However many servers others have asked for: who comes last is behind one of each."""
    queue = queue_of(hub=hub)
    for number, user in enumerate(asked):
        queue.join(user, str(number), "here")
    going = queue.grants()
    mine = queue.join("last", "", "here")
    ahead: Counter[str] = Counter()
    going += queue.grants()
    while mine not in going:
        queue.leave(going.pop(0))
        new = queue.grants()
        ahead.update(ticket.user for ticket in new if ticket is not mine)
        going += new
    assert max(ahead.values(), default=0) <= 1


class QueueMachine(RuleBasedStateMachine):
    """Any order of joins, leaves and changed limits."""

    @initialize(hub=st.integers(0, 3), here=st.integers(0, 2))
    def begin(self, hub: int, here: int) -> None:
        self.room = Room(hub, {"here": here})
        self.queue = FairQueue(lambda: self.room)
        self.waiting: set[Ticket] = set()
        self.going: set[Ticket] = set()
        self.granted: list[Ticket] = []

    def look(self) -> None:
        for ticket in self.queue.grants():
            assert ticket in self.waiting, "granted twice, or after it had left"
            self.waiting.remove(ticket)
            self.going.add(ticket)
            self.granted.append(ticket)

    @rule(user=st.sampled_from(USERS), place=st.sampled_from(TARGETS))
    def join(self, user: str, place: str) -> None:
        self.waiting.add(self.queue.join(user, "", place))
        self.look()

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.waiting, key=lambda each: each.number)))
        self.queue.leave(ticket)
        self.waiting.remove(ticket)
        self.look()

    @precondition(lambda self: self.going)
    @rule(data=st.data(), twice=st.booleans())
    def end(self, data: st.DataObject, twice: bool) -> None:  # noqa: FBT001 - drawn
        ticket = data.draw(st.sampled_from(sorted(self.going, key=lambda each: each.number)))
        self.queue.leave(ticket)
        if twice:
            self.queue.leave(ticket)
        self.going.remove(ticket)
        self.look()

    @rule(hub=st.integers(0, 3), here=st.integers(0, 2))
    def reload(self, hub: int, here: int) -> None:
        self.room = Room(hub, {"here": here})
        self.look()

    @invariant()
    def nothing_is_lost(self) -> None:
        if not hasattr(self, "queue"):
            return
        assert self.queue.going == self.going
        assert set(self.queue.line()) == self.waiting
        assert len(self.queue.line()) == len(self.waiting)

    @invariant()
    def no_slot_stands_empty(self) -> None:
        if not hasattr(self, "queue"):
            return
        there = Counter(ticket.target for ticket in self.going)
        if self.room.hub and len(self.going) >= self.room.hub:
            return
        for ticket in self.waiting:
            limit = self.room.targets.get(ticket.target, 0)
            assert limit, "there is no limit, and somebody waits"
            assert there[ticket.target] >= limit

    @invariant()
    def each_ones_servers_start_in_order(self) -> None:
        last: dict[tuple[str, str], int] = {}
        for ticket in getattr(self, "granted", ()):
            key = (ticket.user, ticket.target)
            assert last.get(key, 0) < ticket.number
            last[key] = ticket.number

    def teardown(self) -> None:
        if not hasattr(self, "queue"):
            return
        self.room = Room(1, {})
        for ticket in list(self.going):
            self.queue.leave(ticket)
        self.going.clear()
        while self.waiting:
            self.look()
            assert self.going, "somebody waits for ever"
            self.queue.leave(self.going.pop())
        assert not self.queue.going
        assert not self.queue.line()


TestQueue = QueueMachine.TestCase
TestQueue.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("hub", [1, 2, 5])
def test_a_stream_of_new_users_starves_nobody(hub: int) -> None:
    queue = queue_of(hub=hub)
    old = [queue.join("ann", str(number), "here") for number in range(hub + 2)]
    going = queue.grants()
    for number in range(3 * hub + 3):
        queue.join(f"new{number}", "", "here")
        queue.join(f"new{number}", "2", "here")
        queue.leave(going.pop(0))
        going += queue.grants()
    assert not set(old) & set(queue.line())
