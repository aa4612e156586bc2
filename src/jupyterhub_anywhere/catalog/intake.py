"""The first look at what came from outside: is it plain JSON, and of a sane size?

Nothing here knows what may be chosen. It makes sure that whatever comes after can copy, compare
and print the value without surprises.
"""

from __future__ import annotations

import json
from typing import Final

from jupyterhub_anywhere.core.errors import ChoiceError

MAX_BYTES: Final = 64 * 1024
MAX_KEYS: Final = 200
MAX_DEPTH: Final = 16
# Far more than 64 KiB of JSON can hold of anything but empty lists.
_MAX_VALUES: Final = 20_000
# An int of more digits than this cannot even be printed (sys.get_int_max_str_digits).
_MAX_BITS: Final = 8192
_SHOWN: Final = 40


def check_plain(raw: object) -> None:
    """Refuse what is no JSON, or too much of it.

    Raises:
        ChoiceError: Status 413 for too much, 422 for what JSON does not have.
    """
    keys = values = size = 0
    waiting: list[tuple[object, int]] = [(raw, 0)]
    while waiting:
        value, depth = waiting.pop()
        values += 1
        inner: list[object] = []
        if isinstance(value, dict):
            keys += len(value)
            inner = [*value.keys(), *value.values()]
            if not all(isinstance(key, str) for key in value):
                raise ChoiceError({"": "The keys of server options have to be texts."})
        elif isinstance(value, list):
            inner = value
        else:
            size += _size(value)
        if inner and depth >= MAX_DEPTH:
            raise _too_much(f"they may be nested {MAX_DEPTH} deep")
        if keys > MAX_KEYS:
            raise _too_much(f"they may have {MAX_KEYS} keys")
        if size > MAX_BYTES or values + len(inner) > _MAX_VALUES:
            raise _too_much(f"they may take {MAX_BYTES // 1024} KiB as JSON")
        waiting.extend((item, depth + 1) for item in inner)
    # Lone surrogates are legal in JSON; here they only have to be counted.
    written = json.dumps(raw, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if len(written) > MAX_BYTES:
        raise _too_much(f"they may take {MAX_BYTES // 1024} KiB as JSON")


def _size(value: object) -> int:
    """At most the bytes that a leaf takes as JSON."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        raise _too_much("a number has too many digits")
    if value is None or isinstance(value, bool | int | float):
        return 1
    raise ChoiceError({"": f"Server options are JSON, which has no {type(value).__name__}."})


def _too_much(limit: str) -> ChoiceError:
    return ChoiceError({"": f"These server options are too large: {limit}."}, status=413)


def quoted(text: str) -> str:
    """A text from outside, short and without control characters, for a message."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
