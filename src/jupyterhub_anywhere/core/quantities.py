"""Quantities with units: memory in bytes, durations in seconds, CPU in cores.

Memory follows JupyterHub's ``ByteSpecification``: ``K M G T`` are powers of 1024. ``Ki Mi Gi Ti``
and a trailing ``B`` are taken as well, since administrators know them from elsewhere.
"""

from __future__ import annotations

import math
import re
from typing import Final

_MEMORY: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:([KMGT])i?)?B?\s*", re.IGNORECASE)
_MEMORY_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_DURATION_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)", re.IGNORECASE)
_DURATION_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_CPU: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)(m?)\s*")

# Beyond this nothing is a size of memory but a slip of the finger (1 PiB).
MAX_MEMORY: Final = 1 << 50
# A hundred years; sleeping for longer overflows timers.
MAX_DURATION: Final = 100 * 365.25 * 86400
MAX_CPU: Final = 65536
_LONGEST_SHOWN: Final = 60


def _plain_number(value: object) -> float | None:
    """A number that is no text; infinite where it is too large, None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _shown(value: object) -> str:
    """A refused value, short enough for a message."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole numbers of several thousand digits
        text = "this number"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def parse_memory(text: str | float) -> int:
    """Read an amount of memory.

    Args:
        text: ``"512M"``, ``"1.5G"``, ``"2GiB"``, or a number of bytes.

    Returns:
        Bytes.

    Raises:
        ValueError: The text is no amount of memory, is not finite, or is over 1 PiB.
    """
    amount = _plain_number(text)
    if amount is None:
        match = _MEMORY.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"{_shown(text)} is no amount of memory; write it as 512M or 1.5G")
        amount = float(match[1]) * _MEMORY_UNITS[(match[2] or "").upper()]
    if not math.isfinite(amount) or not 0 <= amount <= MAX_MEMORY:
        raise ValueError(f"{_shown(text)} is not between 0 and 1024T")
    return int(amount)


def format_memory(amount: int) -> str:
    """Write bytes in the largest unit that needs no more than two decimals."""
    for unit in ("T", "G", "M", "K"):
        value = amount / _MEMORY_UNITS[unit]
        if value >= 1 and value * 100 == int(value * 100):
            return f"{value:.2f}".rstrip("0").rstrip(".") + unit
    return str(amount)


def parse_duration(text: str | float) -> float:
    """Read a duration.

    Args:
        text: ``"90s"``, ``"1h30m"``, ``"2d"``, or a number of seconds.

    Returns:
        Seconds.

    Raises:
        ValueError: The text is no duration, is negative, or is over 100 years.
    """
    seconds = _plain_number(text)
    if seconds is None:
        compact = "".join(text.split()) if isinstance(text, str) else ""
        parts = list(_DURATION_PART.finditer(compact))
        if not compact or "".join(part[0] for part in parts) != compact:
            raise ValueError(f"{_shown(text)} is no duration; write it as 90s, 30m, 1h30m or 2d")
        seconds = sum(float(part[1]) * _DURATION_UNITS[part[2].lower()] for part in parts)
    if not math.isfinite(seconds) or not 0 <= seconds <= MAX_DURATION:
        raise ValueError(f"{_shown(text)} is not between 0 and 100 years")
    return seconds


def format_duration(seconds: float) -> str:
    """Write seconds as ``1h30m``, ``45s`` or ``0.25s``."""
    whole = int(seconds)
    rest = seconds - whole
    text = ""
    for unit in ("d", "h", "m"):
        count, whole = divmod(whole, int(_DURATION_UNITS[unit]))
        if count:
            text += f"{count}{unit}"
    # A thousandth of a second is the smallest unit there is.
    last = round(whole + rest, 3)
    return text if text and not last else f"{text}{last:g}s"


def parse_cpu(text: str | float) -> float:
    """Read a number of CPU cores.

    Args:
        text: ``2``, ``0.5``, ``"0.5"``, or ``"500m"`` (thousandths of a core).

    Returns:
        Cores.

    Raises:
        ValueError: The text is no number of cores, is not finite, or is over 65536.
    """
    cores = _plain_number(text)
    if cores is None:
        match = _CPU.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"{_shown(text)} is no number of CPU cores; write 2, 0.5 or 500m")
        cores = float(match[1]) / (1000 if match[2] else 1)
    if not math.isfinite(cores) or not 0 <= cores <= MAX_CPU:
        raise ValueError(f"{_shown(text)} is not between 0 and 65536 cores")
    return cores
