from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.catalog.sample_catalog import ANN, one_option

from jupyterhub_anywhere.catalog import options

if TYPE_CHECKING:
    from jupyterhub_anywhere.catalog.offers import OptionOffer

MEMORY = {"type": "memory", "title": "Memory", "default": "1G", "min": "512M", "max": "4G"}
CPU = {"type": "cpu", "title": "CPU", "default": 1, "min": 0.25, "max": 8}
INTEGER = {"type": "integer", "title": "Workers", "default": 2, "min": 1, "max": 8}
NUMBER = {"type": "number", "title": "Scale", "default": 1.5, "min": -1, "max": 2.5}
BOOLEAN = {"type": "boolean", "title": "Debug"}
TEXT = {"type": "text", "title": "Note", "pattern": "[a-z]*|no", "max_length": 5}
CHOICE = {"type": "choice", "title": "Image", "choices": {"a": {}, "b c": {}, "<i>": {}}}


NO_NUMBERS: Final[list[Any]] = [True, None, [], {}, math.nan, math.inf, 10**400]


def offer(declared: dict[str, Any]) -> OptionOffer:
    return one_option(**declared).visible(ANN)[0].first_target.options["x"]


def value(declared: dict[str, Any], given_value: object) -> Any:
    return options.from_json(offer(declared), given_value)


@pytest.mark.parametrize(
    ("declared", "given_value", "expected"),
    [
        (MEMORY, 1 << 30, 1 << 30),
        (MEMORY, float(1 << 30), 1 << 30),
        (MEMORY, "2G", 2 << 30),
        (MEMORY, "512MiB", 512 << 20),
        (CPU, 2, 2.0),
        (CPU, "500m", 0.5),
        (INTEGER, 3, 3),
        (INTEGER, 3.0, 3),
        (NUMBER, 2, 2.0),
        (NUMBER, -1, -1.0),
        (BOOLEAN, True, True),
        (TEXT, "abc", "abc"),
        (TEXT, "", ""),
        (CHOICE, "b c", "b c"),
    ],
)
def test_values_come_out_typed(declared: dict[str, Any], given_value: Any, expected: Any) -> None:
    found = value(declared, given_value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("declared", "given_value"),
    [
        *product((MEMORY, CPU, INTEGER, NUMBER), NO_NUMBERS),
        (MEMORY, (512 << 20) - 1),
        (MEMORY, "5G"),
        (MEMORY, "1 GB and more"),
        (MEMORY, float(1 << 30) + 0.5),
        (MEMORY, "9" * 100_000),
        (CPU, 9),
        (CPU, "2 cores"),
        (INTEGER, "3"),
        (INTEGER, 0),
        (INTEGER, 9),
        (INTEGER, 2.5),
        (NUMBER, "1"),
        (NUMBER, 2.6),
        (BOOLEAN, 1),
        (BOOLEAN, 0),
        (BOOLEAN, "true"),
        (BOOLEAN, None),
        (TEXT, "abcdef"),
        (TEXT, "ABC"),
        (TEXT, "ab\n"),
        (TEXT, 3),
        (CHOICE, "c"),
        (CHOICE, ""),
        (CHOICE, 0),
        (CHOICE, ["a"]),
    ],
)
def test_what_is_no_value_is_refused_by_title(declared: dict[str, Any], given_value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{declared['title']} ") as caught:
        value(declared, given_value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("bad", ["\x00", "\x1b[2J", "a\tb", "\x7f", "\ud800", "a\nb", "\r"])
def test_no_pattern_lets_control_characters_in(bad: str) -> None:
    anything = {"type": "text", "pattern": r"(?s).*"}
    with pytest.raises(ValueError, match="control characters"):
        value(anything, bad)


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (MEMORY, "Memory takes an amount between 512M and 4G, as 512M or 1.5G."),
        (CPU, "CPU takes a number of CPU cores between 0.25 and 8, as 2 or 0.5."),
        (INTEGER, "Workers takes a whole number between 1 and 8."),
        (NUMBER, "Scale takes a number between -1 and 2.5."),
        (INTEGER | {"max": None}, "Workers takes a whole number at least 1."),
        (INTEGER | {"min": None}, "Workers takes a whole number at most 8."),
        (INTEGER | {"min": None, "max": None}, "Workers takes a whole number."),
        (BOOLEAN, "Debug takes true or false."),
        (CHOICE, "Image has no choice 'no such'. Allowed: <i>, a, b c."),
        (TEXT | {"max_length": 3}, "Note takes at most 3 characters."),
        (TEXT | {"max_length": 9}, "Note does not fit: the whole text has to match [a-z]*|no"),
        (TEXT | {"max_length": 9, "help": "Small letters."}, "Note does not fit: Small letters."),
    ],
)
def test_a_refusal_says_what_is_taken(declared: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        value(declared, "no such")
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("declared", "text", "expected"),
    [
        (MEMORY, "2G", "2G"),
        (CPU, "0.5", "0.5"),
        (INTEGER, " 3 ", 3),
        (INTEGER, "-3", -3),
        (NUMBER, "1.25", 1.25),
        (NUMBER, "1e3", 1000.0),
        (BOOLEAN, "true", True),
        (BOOLEAN, "ON", True),
        (BOOLEAN, "", False),
        (BOOLEAN, "no", False),
        (TEXT, " a ", " a "),
        (CHOICE, "a", "a"),
    ],
)
def test_form_texts_become_json(declared: dict[str, Any], text: str, expected: Any) -> None:
    found = options.from_text(offer(declared), text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (INTEGER, ""),
        (INTEGER, "3.0"),
        (INTEGER, "1_000"),
        (INTEGER, "٣"),
        (INTEGER, "9" * 5000),
        (NUMBER, ""),
        (NUMBER, "nan"),
        (NUMBER, "inf"),
        (NUMBER, "1,5"),
        (BOOLEAN, "maybe"),
    ],
)
def test_form_texts_of_the_wrong_form_are_refused(declared: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{declared['title']} takes "):
        options.from_text(offer(declared), text)


@given(st.integers(512 << 20, 4 << 30))
def test_memory_survives_the_form(amount: int) -> None:
    option = offer(MEMORY)
    text = options.to_text(option, amount)
    assert options.from_json(option, options.from_text(option, text)) == amount


@given(st.floats(0.25, 8))
def test_cpu_survives_the_form(cores: float) -> None:
    option = offer(CPU)
    assert options.from_json(option, options.to_text(option, cores)) == cores


@given(st.floats(-1, 2.5))
def test_numbers_survive_the_form(number: float) -> None:
    option = offer(NUMBER)
    text = options.to_text(option, number)
    assert options.from_json(option, options.from_text(option, text)) == number


@pytest.mark.parametrize(
    ("number", "text"), [(2.0, "2"), (2, "2"), (0.5, "0.5"), (-3.0, "-3"), (1e300, "1e+300")]
)
def test_numbers_are_written_plainly(number: float, text: str) -> None:
    assert options.plain_number(number) == text
