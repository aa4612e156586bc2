"""What was asked of an engine, in words that are the same in every run; and what shall fail."""

from __future__ import annotations

import io
import json
import re
import tarfile
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.testing.world import Call, Fault
from jupyterhub_anywhere.testing.worlds.docker_objects import Signal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jupyterhub_anywhere.testing.worlds.docker_api import Asked

# Random values, and the word that stands for each. A token of JupyterHub has 32 hexadecimal
# digits, an object of Docker 64 (or 25 letters in a swarm), a port that nobody chose 5.
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "TOKEN"),
    (re.compile(r"\beager_[0-9a-f]{8}\b"), "eager_ID"),
    (re.compile(r"\b127\.77\.\d+\.\d+\b"), "ADDRESS"),
    (re.compile(r"(?<=:)[1-9]\d{4}\b"), "PORT"),
)
# A label that names a hub, and parameters that are moments.
_HUB = re.compile(r"(?<=\.anywhere\.hub=)[^,]+")
_MOMENTS = frozenset({"since", "until"})
_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD")


class Words:
    """Replaces what differs from run to run.

    Args:
        folder: The world's folder; paths below it become ``FOLDER/…``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def plain(self, value: Any) -> Any:
        """A JSON value without random parts and secrets."""
        if isinstance(value, str):
            text = value.replace(self._folder, "FOLDER")
            for pattern, word in _WORDS:
                text = pattern.sub(word, text)
            return _HUB.sub("HUB", text)
        if isinstance(value, dict):
            return {self.plain(key): self._member(key, each) for key, each in sorted(value.items())}
        if isinstance(value, list):
            return [self.plain(each) for each in value]
        return value

    def _member(self, key: str, value: Any) -> Any:
        if key == "Env" and isinstance(value, list):
            return self.environment(value)
        if key in _MOMENTS:
            return "MOMENT"
        return "HUB" if key.endswith(".anywhere.hub") else self.plain(value)

    def environment(self, lines: list[str]) -> dict[str, Any]:
        """Variables by name; order means nothing to a program."""
        pairs = sorted(line.partition("=")[::2] for line in lines)
        return {
            name: "SECRET" if _SECRET.search(name) and value else self.plain(value)
            for name, value in pairs
        }

    def call(self, name: str, reference: str, asked: Asked) -> Call:
        """A request as a record.

        Args:
            name: Of the call.
            reference: The object's name, where the request may have given its id.
            asked: The request.
        """
        body = {"files": _members(asked.raw)} if name == "put_archive" else asked.body
        facts = {
            "object": reference,
            "query": {key: _parsed(value) for key, value in asked.query.items()},
            "body": body,
        }
        return Call(name, self.plain({key: each for key, each in facts.items() if each}))


def _parsed(value: str) -> Any:
    """Filters are JSON in a parameter."""
    if value[:1] in {"{", "["}:
        return json.loads(value)
    return value


def _members(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return sorted(tar.getnames())


class Faults:
    """Which calls fail or hang. Lives in one event loop."""

    def __init__(self) -> None:
        self._set: dict[tuple[str, str], Fault] = {}
        self._changed = Signal()
        self._dropped = 0

    def set(self, step: str, kind: Fault | None, resource: str) -> None:
        """Let a call fail or hang, or heal it.

        Args:
            step: The call's name.
            kind: None heals; what hung goes on.
            resource: The name of the object that it is about; empty for all.
        """
        if kind is None:
            self._set.pop((step, resource), None)
        else:
            self._set[step, resource] = kind
        self._changed.send()

    def heal(self) -> None:
        """Let everything go on."""
        self._set.clear()
        self._changed.send()

    def drop(self) -> None:
        """Let what hangs fail: who asked is gone."""
        self._dropped += 1
        self._changed.send()

    async def meet(self, step: str, resource: str) -> bool:
        """Hang as long as it shall hang.

        Returns:
            Whether the call shall fail.
        """
        dropped = self._dropped
        while self._kind(step, resource) == "hang":
            await self._changed.next()
            if dropped != self._dropped:
                return True
        return self._kind(step, resource) == "error"

    def _kind(self, step: str, resource: str) -> Fault | None:
        found: Mapping[tuple[str, str], Fault] = self._set
        return found.get((step, resource)) or found.get((step, ""))
