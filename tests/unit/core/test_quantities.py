"""Memory, durations and cores: what is read, what is written, what is refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_anywhere.core.quantities import (
    MAX_CPU,
    MAX_DURATION,
    MAX_MEMORY,
    format_duration,
    format_memory,
    parse_cpu,
    parse_duration,
    parse_memory,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PARSERS: tuple[Callable[[Any], float], ...] = (parse_memory, parse_duration, parse_cpu)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("512M", 512 << 20),
        ("1.5G", 3 << 29),
        ("2GiB", 2 << 30),
        ("2gb", 2 << 30),
        (" 1 T ", 1 << 40),
        ("7", 7),
        ("7B", 7),
        (1024, 1024),
        (1024.9, 1024),
        (0, 0),
    ],
)
def test_memory_is_read(text: str | float, amount: int) -> None:
    assert parse_memory(text) == amount


@pytest.mark.parametrize(
    "text", ["", "G", "1 G G", "-1G", "1,5G", "5i", "1e3", "٣G", "1P", "1025T", -1, math.nan]
)
def test_what_is_no_memory_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"is (no amount of memory|not between)"):
        parse_memory(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("250ms", 0.25),
        ("1.5h", 5400),
        (" 1h 30m ", 5400),
        (10, 10),
        (0.5, 0.5),
    ],
)
def test_a_duration_is_read(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "1", "1x", "h", "1h-30m", "-1s", "200000000h", -1, math.inf])
def test_what_is_no_duration_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"is (no duration|not between)"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "cores"), [("2", 2), (0.5, 0.5), ("500m", 0.5), (" 1.5 ", 1.5)])
def test_cores_are_read(text: str | float, cores: float) -> None:
    assert parse_cpu(text) == pytest.approx(cores)


@pytest.mark.parametrize("text", ["", "m", "1M", "2 cores", "-1", 65537, math.inf])
def test_what_is_no_number_of_cores_is_refused(text: str | float) -> None:
    with pytest.raises(ValueError, match=r"is (no number of CPU cores|not between)"):
        parse_cpu(text)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("value", [None, True, False, [1], {"a": 1}, 10**400, -(10**400)])
def test_a_value_of_any_other_kind_is_a_value_error(
    parse: Callable[[Any], float], value: object
) -> None:
    with pytest.raises(ValueError, match="is no"):
        parse(value)


@pytest.mark.parametrize("parse", PARSERS)
def test_a_number_that_python_cannot_even_write_is_a_value_error(
    parse: Callable[[Any], float],
) -> None:
    with pytest.raises(ValueError, match="this number is not between"):
        parse(10**5000)


@pytest.mark.parametrize("parse", PARSERS)
@given(
    value=st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
)
def test_any_value_is_read_or_a_short_value_error(
    parse: Callable[[Any], float], value: object
) -> None:
    amount, message = 0.0, ""
    try:
        amount = parse(value)
    except ValueError as error:
        message = str(error)
    assert 0 <= amount < math.inf
    assert len(message) < 150


@given(st.integers(0, MAX_MEMORY))
def test_memory_that_is_written_is_read_again(amount: int) -> None:
    assert parse_memory(format_memory(amount)) == amount


@given(st.integers(1, 1023), st.sampled_from("KMGT"))
def test_memory_is_written_in_its_own_unit(count: int, unit: str) -> None:
    assert format_memory(parse_memory(f"{count}{unit}")) == f"{count}{unit}"


@given(st.floats(0, MAX_DURATION))
def test_a_duration_that_is_written_is_read_again(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "0.25s"),
        (1.5, "1.5s"),
        (60, "1m"),
        (3600, "1h"),
        (5400, "1h30m"),
        (86401, "1d1s"),
    ],
)
def test_a_duration_is_written_in_the_units_people_use(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(0, MAX_CPU))
def test_cores_as_a_number_stay_as_they_are(cores: float) -> None:
    assert parse_cpu(cores) == cores
