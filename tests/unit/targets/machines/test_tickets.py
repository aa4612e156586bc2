"""Tickets: 256 bits, kept as a hash, once, for minutes, for one machine."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_anywhere.targets.machines import tickets
from jupyterhub_anywhere.targets.machines.tickets import (
    Limits,
    Reason,
    Record,
    Redeemed,
    Refusal,
    issue,
    redeem,
)

NOW = 1_800_000_000.0
HERE = "10.0.0.7"


def reason(found: Redeemed | Refusal) -> str:
    assert isinstance(found, Refusal)
    return found.reason


def test_a_ticket_has_256_bits_and_only_their_hash_is_kept() -> None:
    text, record = issue("lease1", NOW, 300)
    mark, key, secret = text.split(".")
    assert (mark, key) == ("awt1", "lease1")
    assert len(base64.urlsafe_b64decode(secret + "=")) * 8 == 256
    assert secret not in json.dumps(record.plain())
    assert issue("lease1", NOW, 300)[0] != text


def test_it_opens_once() -> None:
    text, record = issue("lease1", NOW, 300)
    first = redeem(record, text, HERE, NOW + 10)
    assert isinstance(first, Redeemed)
    assert first.record.used == NOW + 10
    assert reason(redeem(first.record, text, HERE, NOW + 11)) == "used"


@pytest.mark.parametrize(("after", "opens"), [(299.9, True), (300, False), (1e9, False)])
def test_it_ends_after_minutes(after: float, opens: object) -> None:
    text, record = issue("lease1", NOW, 300)
    found = redeem(record, text, HERE, NOW + after)
    assert isinstance(found, Redeemed) if opens else reason(found) == "late"


def test_it_opens_nothing_after_a_stop() -> None:
    text, record = issue("lease1", NOW, 300)
    assert reason(redeem(record.ended(), text, HERE, NOW)) == "stopped"


@pytest.mark.parametrize(
    ("bound", "at", "opens"),
    [
        ([], "192.0.2.1", True),
        (["10.0.0.7"], "10.0.0.7", True),
        (["10.0.0.7"], "::ffff:10.0.0.7", True),
        (["::ffff:10.0.0.7"], "10.0.0.7", True),
        (["10.0.0.7", "2001:db8::7"], "2001:0db8:0::7", True),
        (["fe80::1"], "fe80::1%eth0", True),
        (["10.0.0.7"], "10.0.0.8", False),
        (["10.0.0.7"], "", False),
        (["10.0.0.7"], "no address", False),
    ],
)
def test_it_is_bound_to_the_machines_addresses_where_they_are_known(
    bound: list[str], at: str, opens: object
) -> None:
    text, record = issue("lease1", NOW, 300)
    found = redeem(record.bound(bound), text, at, NOW)
    assert isinstance(found, Redeemed) if opens else reason(found) == "elsewhere"


def test_who_does_not_know_the_secret_learns_nothing_of_the_start() -> None:
    _, record = issue("lease1", NOW, 300)
    other, _ = issue("lease1", NOW, 300)
    records = [record, record.ended(), record.bound(["10.0.0.1"])]
    answers = {reason(redeem(each, other, HERE, NOW + 1e6)) for each in records}
    assert answers == {"wrong"}


def test_one_of_a_start_that_nobody_knows_is_unknown() -> None:
    text, _ = issue("lease1", NOW, 300)
    assert redeem(None, text, HERE, NOW) == Refusal(Reason.UNKNOWN, "lease1")


@given(st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.lists(st.text())))
def test_whatever_comes_is_refused_and_never_raises(text: object) -> None:
    _, record = issue("lease1", NOW, 300)
    assert isinstance(redeem(record, text, HERE, NOW), Refusal)
    assert isinstance(tickets.refused(record, text, HERE), Refusal)
    assert tickets.credential_record("lease1", text) is None or len(str(text)) == 43


@given(st.integers(0, 60), st.text(min_size=1, max_size=1))
def test_one_changed_character_makes_it_another(place: int, char: str) -> None:
    text, record = issue("lease1", NOW, 300)
    changed = text[:place] + char + text[place + 1 :]
    if changed == text:
        return
    # The last character of 43 has bits that no byte needs; they are compared all the same.
    assert place >= len(text) or isinstance(redeem(record, changed, HERE, NOW), Refusal)


@pytest.mark.parametrize("key", ["", "a.b", "a b", "x" * 65, "é", "a\n"])
def test_a_key_that_cannot_stand_in_a_ticket_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a ticket"):
        issue(key, NOW, 300)


def test_a_record_survives_a_spawners_state() -> None:
    _, record = issue("lease1", NOW, 300)
    for each in (record, record.bound([HERE, "::1"]), record.ended(), Record("0" * 64, used=3.5)):
        assert Record.from_plain(json.loads(json.dumps(each.plain()))) == each


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "x",
        {},
        {"digest": 3},
        {"digest": "short"},
        {"digest": "0" * 64, "addresses": "10.0.0.1"},
        {"digest": "0" * 64, "addresses": [3]},
        {"digest": "0" * 64, "ends": "soon"},
        {"digest": "0" * 64, "used": []},
    ],
)
def test_a_state_that_is_no_record_is_none(data: object) -> None:
    assert Record.from_plain(data) is None


def test_a_record_without_the_word_stopped_opens_nothing() -> None:
    # Of a state that was cut or edited, nobody can say that it was not stopped.
    found = Record.from_plain({"digest": "0" * 64})
    assert found is not None
    assert found.stopped


def test_a_credential_opens_as_often_as_it_comes_until_the_end() -> None:
    record = tickets.credential_record("lease1", "A" * 43)
    assert record is not None
    text = "lease1." + "A" * 43
    assert [tickets.refused(record, text, HERE) for _ in range(3)] == [None] * 3
    wrong = tickets.refused(record, "lease1." + "B" * 43, HERE)
    assert wrong == Refusal(Reason.WRONG, "lease1")
    ended = tickets.refused(record.ended(), text, HERE)
    assert ended == Refusal(Reason.STOPPED, "lease1")
    assert tickets.refused(record.bound(["10.9.9.9"]), text, HERE) is not None
    assert tickets.refused(None, text, HERE) == Refusal(Reason.UNKNOWN, "lease1")


def test_a_credential_is_no_ticket() -> None:
    record = tickets.credential_record("lease1", "A" * 43)
    assert reason(redeem(record, "awt1.lease1." + "A" * 43, HERE, NOW)) == "late"


def test_refusals_of_one_address_and_of_one_key_are_limited() -> None:
    limits = Limits(by_address=3, by_key=5)
    for _ in range(3):
        assert not limits.reached(HERE, "k", 0)
        limits.refused(HERE, "k", 0)
    assert limits.reached(HERE, "k", 1)
    assert limits.reached("::ffff:" + HERE, "other", 1)
    assert not limits.reached("10.0.0.8", "k", 1)
    for _ in range(2):
        limits.refused("10.0.0.8", "k", 1)
    assert limits.reached("10.0.0.9", "k", 1)
    assert not limits.reached("10.0.0.9", "", 1)
    assert not limits.reached(HERE, "k", 61)


def test_limits_do_not_grow_without_end() -> None:
    limits = Limits()
    for number in range(10_000):
        limits.refused(f"10.{number}", f"k{number}", 0)
    assert len(limits._counts) <= 4096
