from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jupyterhub_anywhere.core.findings import Level
from jupyterhub_anywhere.prepare.expiry import finding, parse

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "level", "words"),
    [
        (timedelta(days=200), Level.OK, "valid until 2027-06-17 12:00 UTC"),
        (timedelta(days=30), Level.OK, "valid until"),
        (timedelta(days=29, hours=23), Level.WARNING, "in 29 days"),
        (timedelta(days=1), Level.WARNING, "in 1 day,"),
        (timedelta(hours=2), Level.WARNING, "within a day"),
        (timedelta(), Level.ERROR, "it expired at 2026-11-29 12:00 UTC"),
        (timedelta(days=-3), Level.ERROR, "it expired"),
    ],
)
def test_what_is_said(left: timedelta, level: Level, words: str) -> None:
    found = finding("target cloud: credential", NOW + left, NOW)
    assert found.level is level
    assert words in found.message
    assert bool(found.cure) == (level is not Level.OK)


def test_one_that_never_ends_is_a_warning() -> None:
    found = finding("credential", None, NOW)
    assert found.level is Level.WARNING
    assert found.cure


def test_moments_as_keystone_writes_them() -> None:
    assert parse("2026-11-29T12:00:00.000000") == NOW
    assert parse("2026-11-29T12:00:00.000000Z") == NOW
    assert parse("2026-11-29T13:00:00+01:00") == NOW
    assert parse(None) is None
    with pytest.raises(ValueError, match="soon"):
        parse("soon")
