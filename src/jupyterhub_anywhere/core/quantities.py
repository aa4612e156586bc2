"""Quantities with units: memory in bytes, durations in seconds, CPU in cores.

Memory follows JupyterHub's ``ByteSpecification``: ``K M G T`` are powers of 1024. ``Ki Mi Gi Ti``
and a trailing ``B`` are taken as well, since administrators know them from elsewhere.
"""

from __future__ import annotations

import math
import re
from typing import Final

_MEMORY: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B?)\s*", re.IGNORECASE)
_MEMORY_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)", re.IGNORECASE)
_DURATION_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_CPU: Final = re.compile(r"\s*(\d+(?:\.\d+)?)(m?)\s*")

# Beyond this nothing is a size of memory but a slip of the finger (1 PiB).
MAX_MEMORY: Final = 1 << 50


def parse_memory(text: str | float) -> int:
    """Read an amount of memory.

    Args:
        text: ``"512M"``, ``"1.5G"``, ``"2GiB"``, or a number of bytes.

    Returns:
        Bytes.

    Raises:
        ValueError: The text is no amount of memory, is not finite, or is over 1 PiB.
    """
    if isinstance(text, bool):
        raise ValueError("true and false are no amounts of memory")
    if isinstance(text, int | float):
        amount = float(text)
    else:
        match = _MEMORY.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no amount of memory; write it as 512M or 1.5G")
        amount = float(match[1]) * _MEMORY_UNITS[match[2].upper()]
    if not math.isfinite(amount) or not 0 <= amount <= MAX_MEMORY:
        raise ValueError(f"{text!r} is not between 0 and 1024T")
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
        ValueError: The text is no duration, is not finite, or is negative.
    """
    if isinstance(text, bool):
        raise ValueError("true and false are no durations")
    if isinstance(text, int | float):
        seconds = float(text)
    else:
        compact = text.replace(" ", "")
        parts = list(_DURATION_PART.finditer(compact))
        if not compact or "".join(part[0] for part in parts) != compact:
            raise ValueError(f"{text!r} is no duration; write it as 90s, 30m, 1h30m or 2d")
        seconds = sum(float(part[1]) * _DURATION_UNITS[part[2].lower()] for part in parts)
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{text!r} is no duration")
    return seconds


def format_duration(seconds: float) -> str:
    """Write seconds as ``1h30m``, ``45s`` or ``0.25s``."""
    if seconds < 1:
        return f"{seconds:g}s"
    left = round(seconds)
    text = ""
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, int(_DURATION_UNITS[unit]))
        if count:
            text += f"{count}{unit}"
    return text


def parse_cpu(text: str | float) -> float:
    """Read a number of CPU cores.

    Args:
        text: ``2``, ``0.5``, ``"0.5"``, or ``"500m"`` (thousandths of a core).

    Returns:
        Cores.

    Raises:
        ValueError: The text is no number of cores, is not finite, or is over 65536.
    """
    if isinstance(text, bool):
        raise ValueError("true and false are no numbers of cores")
    if isinstance(text, int | float):
        cores = float(text)
    else:
        match = _CPU.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no number of CPU cores; write it as 2, 0.5 or 500m")
        cores = float(match[1]) / (1000 if match[2] else 1)
    if not math.isfinite(cores) or not 0 <= cores <= 65536:  # noqa: PLR2004 - named in the message
        raise ValueError(f"{text!r} is not between 0 and 65536 cores")
    return cores
