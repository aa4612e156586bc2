"""Rows of a database and leases: whichever driver read them, they mean the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from tests.unit.ledger.ledger_samples import BEGIN
from tests.unit.ledger.test_store import full

from jupyterhub_anywhere.ledger import rows
from jupyterhub_anywhere.ledger.errors import LedgerError

FAR = timezone(timedelta(hours=-5))


def as_given(*, sqlite: bool = True, **changes: Any) -> tuple[Any, ...]:
    """The row of a lease, as SQLite's driver gives it or PostgreSQL's."""
    found = {**rows.to_row(full(id="0" * 20)), **changes}
    for name, value in found.items():
        if not sqlite and isinstance(value, datetime):
            # In the zone of the connection.
            found[name] = value.astimezone(FAR)
        elif sqlite and isinstance(value, datetime):
            found[name] = value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
        elif sqlite and isinstance(value, dict):
            found[name] = json.dumps(value)
        elif sqlite and isinstance(value, bool):
            found[name] = int(value)
    return tuple(found[name] for name in rows.COLUMNS)


def test_both_drivers_mean_the_same() -> None:
    (small,), (large,) = rows.to_leases([as_given()]), rows.to_leases([as_given(sqlite=False)])
    assert small == large
    assert small.due == large.due == BEGIN + timedelta(microseconds=1)
    for found in (small, large):
        assert found.due is not None
        assert found.due.utcoffset() == timedelta(0)
        assert found.keeps is True


def test_the_choice_of_many_is_read_once() -> None:
    first, second, third = rows.to_leases(
        [as_given(), as_given(), as_given(choice={"profile": "large"})]
    )
    assert first.choice is second.choice
    assert first.child is not second.child
    assert third.choice == {"profile": "large"}


@pytest.mark.parametrize(
    "changes",
    [
        {"child": "{} {}"},
        {"child": "{"},
        {"child": ""},
        {"child": "[1]"},
        {"child": [1]},
        {"choice": "3"},
        {"choice": 3},
        {"choice": None},
        {"steps": '{"flying": "2030-01-01T00:00:00+00:00"}'},
        {"due": 12},
        {"due": "soon"},
        {"seen_at": None},
        {"seen_phase": "dreaming"},
        {"state": None},
    ],
)
def test_a_row_that_makes_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(LedgerError, match=r"damaged: lease '[0-9a-f]{20}' of 'ann'") as caught:
        rows.to_leases([as_given(**changes)])
    assert "anywhere ledger restore" in caught.value.hint
