"""Values of options: from JSON, from the text of a form field, and back to text.

Every refusal is a ValueError that names the option by its title and says what it takes, with
units. It may be shown to anybody.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.catalog.intake import quoted
from jupyterhub_anywhere.config import models
from jupyterhub_anywhere.core.names import did_you_mean
from jupyterhub_anywhere.core.quantities import (
    MAX_MEMORY,
    format_memory,
    parse_cpu,
    parse_memory,
)

if TYPE_CHECKING:
    from jupyterhub_anywhere.catalog.offers import OptionOffer

# Beyond these, two JSON readers do not agree on the number any more.
MAX_INTEGER: Final = 2**53 - 1
MAX_NUMBER: Final = 1e300
MAX_CPU: Final = 65536.0
# Text of a quantity: "1024.00 GiB" is long already.
_QUANTITY_LENGTH: Final = 32
# What no line of text has: control characters, and halves of characters.
NOT_IN_TEXT: Final = r"[\u0000-\u001f\u007f\ud800-\udfff]"
_NOT_IN_TEXT: Final = re.compile(NOT_IN_TEXT)
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,16}")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_WORDS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0", ""), False),
}

NumericOption = models.IntegerOption | models.NumberOption | models.MemoryOption | models.CpuOption


def from_json(offer: OptionOffer, value: object) -> Any:
    """The typed value of an option.

    Args:
        offer: The option, as this person is offered it.
        value: Plain JSON. Memory and CPU may also be texts, as ``"2G"`` and ``"500m"``.

    Raises:
        ValueError: It is of the wrong type, out of limits, or not offered.
    """
    match offer.declared:
        case models.ChoiceOption():
            return _choice(offer, value)
        case models.BooleanOption():
            if not isinstance(value, bool):
                raise ValueError(f"{offer.title} takes true or false.")
            return value
        case models.TextOption() as option:
            return _text(offer, option, value)
        case option:
            return _number(offer, option, value)


def from_text(offer: OptionOffer, text: str) -> Any:
    """The JSON value that the text of a form field stands for; `from_json` judges it.

    Raises:
        ValueError: The text is of the wrong form.
    """
    match offer.declared:
        case models.BooleanOption():
            word = text.strip().lower()
            if word not in _WORDS:
                raise ValueError(f"{offer.title} takes yes or no.")
            return _WORDS[word]
        case models.IntegerOption() as option:
            if not _INTEGER.fullmatch(text.strip()):
                raise ValueError(_takes(offer, option))
            return int(text)
        case models.NumberOption() as option:
            if not _NUMBER.fullmatch(text.strip()):
                raise ValueError(_takes(offer, option))
            return float(text)
        case _:
            return text


def to_text(offer: OptionOffer, value: Any) -> str:
    """A typed value as people write it in a form field."""
    match offer.declared:
        case models.BooleanOption():
            return "true" if value else "false"
        case models.MemoryOption():
            return format_memory(value)
        case models.NumberOption() | models.CpuOption():
            return plain_number(value)
        case _:
            return str(value)


def may_be_empty(option: models.TextOption) -> bool:
    """Whether an empty text is a valid value."""
    return _compiled(option.pattern).fullmatch("") is not None


def plain_number(value: float) -> str:
    """A number without a needless ``.0``."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_INTEGER:
        return str(int(value))
    return str(value)


def bounds(option: NumericOption) -> tuple[float, float]:
    """The smallest and the largest value, declared or natural."""
    match option:
        case models.IntegerOption():
            natural: tuple[float, float] = (-MAX_INTEGER, MAX_INTEGER)
        case models.NumberOption():
            natural = (-MAX_NUMBER, MAX_NUMBER)
        case models.MemoryOption():
            natural = (0, MAX_MEMORY)
        case _:
            natural = (0, MAX_CPU)
    low = natural[0] if option.min is None else max(option.min, natural[0])
    high = natural[1] if option.max is None else min(option.max, natural[1])
    return low, high


def limits(option: NumericOption) -> str:
    """The declared limits in words: ``between 512M and 4G``, ``at most 8``, or empty."""
    low, high = (None if edge is None else _edge(option, edge) for edge in (option.min, option.max))
    if low is not None and high is not None:
        return f"between {low} and {high}"
    if low is not None:
        return f"at least {low}"
    return f"at most {high}" if high is not None else ""


def _edge(option: NumericOption, value: float) -> str:
    if isinstance(option, models.MemoryOption):
        return format_memory(int(value))
    return plain_number(value)


def _takes(offer: OptionOffer, option: NumericOption) -> str:
    what, example = {
        "integer": ("a whole number", ""),
        "number": ("a number", ""),
        "memory": ("an amount", ", as 512M or 1.5G"),
        "cpu": ("a number of CPU cores", ", as 2 or 0.5"),
    }[option.type]
    within = limits(option)
    return f"{offer.title} takes {what}{' ' if within else ''}{within}{example}."


def _number(offer: OptionOffer, option: NumericOption, value: object) -> int | float:
    number = _read(option, value)
    low, high = bounds(option)
    # NaN is in no order, so it fails here too.
    if number is None or not low <= number <= high:
        raise ValueError(_takes(offer, option))
    if isinstance(option, models.NumberOption | models.CpuOption):
        return float(number)
    if number != int(number):
        raise ValueError(_takes(offer, option))
    return int(number)


def _read(option: NumericOption, value: object) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if isinstance(value, int) or math.isfinite(value) else None
    if not isinstance(value, str) or len(value) > _QUANTITY_LENGTH:
        return None
    try:
        if isinstance(option, models.MemoryOption):
            return parse_memory(value)
        return parse_cpu(value) if isinstance(option, models.CpuOption) else None
    except ValueError:
        return None


def _choice(offer: OptionOffer, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{offer.title} takes the name of one of its choices.")
    keys = [entry.key for entry in offer.values]
    if value not in keys:
        hint = did_you_mean(value, keys)
        raise ValueError(f"{offer.title} has no choice {quoted(value)}. {hint}")
    return value


def _text(offer: OptionOffer, option: models.TextOption, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{offer.title} takes a text.")
    if len(value) > option.max_length:
        raise ValueError(f"{offer.title} takes at most {option.max_length} characters.")
    if _NOT_IN_TEXT.search(value):
        raise ValueError(f"{offer.title} takes one line without control characters.")
    if not _compiled(option.pattern).fullmatch(value):
        hint = option.help or f"the whole text has to match {option.pattern}"
        raise ValueError(f"{offer.title} does not fit: {hint}")
    return value


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
