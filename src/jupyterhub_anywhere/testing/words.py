"""Stable words for what differs from run to run: ports, tokens, folders, times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# A token of JupyterHub has 32 hexadecimal digits; the id of an object of Docker has 64.
_RANDOM: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "TOKEN"),
    (re.compile(r"(?<=:)[1-9]\d{4}\b"), "PORT"),
    # Recording worlds give their servers addresses of this network, whichever is free.
    (re.compile(r"\b127\.77\.\d+\.\d+\b"), "ADDRESS"),
)
_TIMES: Final = frozenset({"started", "last_activity", "created"})
_FIRST_CHOSEN: Final = 10000
"""Ports below it are written down somewhere; those above were free at the time."""


class Words:
    """Replaces random parts of JSON values.

    Args:
        known: Text to the word that stands for it, as a folder's path to ``FOLDER``.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        # The longest first: one folder may lie in another.
        self._known = sorted(known.items(), key=lambda item: -len(item[0]))

    def text(self, value: str) -> str:
        """A text without random parts."""
        for known, word in self._known:
            value = value.replace(known, word)
        for pattern, word in _RANDOM:
            value = pattern.sub(word, value)
        return value

    def plain(self, value: Any, key: str = "") -> Any:
        """A value that can be compared: plain JSON without random parts.

        Args:
            value: Anything; what JSON does not have becomes text.
            key: The name that it has in its mapping.
        """
        if key in _TIMES and value is not None:
            return "TIME"
        if value is None or isinstance(value, bool | int | float):
            return _number(value, key)
        if isinstance(value, dict):
            return {self.text(str(k)): self.plain(v, str(k)) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.plain(each) for each in value]
        if isinstance(value, set | frozenset):
            return sorted(self.text(str(each)) for each in value)
        return self.text(str(value))


def _number(value: float | None, key: str) -> Any:
    if not value:
        return value
    if key == "pid":
        return "PID"
    if key == "port" and value >= _FIRST_CHOSEN:
        return "PORT"
    return value
