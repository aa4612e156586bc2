"""The record of what was made: written before and after each step, so that a cut loses nothing.

An entry is first an *intention*, with the name under which the thing is going to be found, then
has its id. After a cut the next run finds by name and mark what an intention came to. `undo` goes
through the entries from the last to the first. The file holds the secret of the application
credential too, which Keystone tells once only: mode 0600.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.files import write_private
from jupyterhub_anywhere.prepare.things import MARK, Kind

if TYPE_CHECKING:
    from pathlib import Path

_VERSION: Final = 1
_ELSEWHERE: Final = "Name another file with --record FILE."


@dataclass(slots=True)
class Entry:
    """One thing that was made, or was going to be.

    Attributes:
        key: Which step of the plan it belongs to.
        kind: What it is.
        name: Its name.
        id: Its id; empty for an intention.
        facts: What removing or finding it needs besides.
    """

    key: str
    kind: Kind
    name: str
    id: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Record:
    """What one preparation has made.

    Attributes:
        path: The file; None to keep nothing, for a plan.
        project: The id of the project; empty as long as nothing was made.
        mark: Written on all that is made.
        entries: In the order in which they were made.
        secret: Of the application credential.
        tested: Ids of images to what booting them showed.
    """

    path: Path | None
    project: str = ""
    mark: str = field(default_factory=lambda: f"{MARK}:{secrets.token_hex(6)}")
    entries: list[Entry] = field(default_factory=list)
    secret: str = field(default="", repr=False)
    tested: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record; an empty one where there is none.

        Raises:
            StateError: It cannot be read, or is no record: nothing is made without one.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no JSON"
            raise StateError(
                f"The record {path} cannot be read: {reason.lower()}.", hint=_ELSEWHERE
            ) from error
        try:
            entries = [Entry(**{**each, "kind": Kind(each["kind"])}) for each in data["entries"]]
            known = data["version"] == _VERSION
            found = cls(
                path, data["project"], data["mark"], entries, data["secret"], data["tested"]
            )
        except (KeyError, TypeError, ValueError):
            known = False
        if not known:
            raise StateError(
                f"{path} is no record of a preparation that this version knows.", hint=_ELSEWHERE
            )
        return found

    def save(self) -> None:
        """Write it, whole.

        Raises:
            StateError: It cannot be written.
        """
        if self.path is None:
            return
        data = {
            "version": _VERSION,
            "project": self.project,
            "mark": self.mark,
            "entries": [asdict(each) for each in self.entries],
            "secret": self.secret,
            "tested": self.tested,
        }
        try:
            _folder(self.path.parent)
            write_private(self.path, json.dumps(data, indent=1) + "\n")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StateError(
                f"The record {self.path} cannot be written: {reason}.", hint=_ELSEWHERE
            ) from error

    def entry(self, key: str) -> Entry | None:
        """What is written of a step."""
        return next((each for each in self.entries if each.key == key), None)

    def intend(self, key: str, kind: Kind, name: str, **facts: Any) -> Entry:
        """Write down, before the call, what is going to be made."""
        self.entries = [each for each in self.entries if each.key != key]
        entry = Entry(key, kind, name, facts=facts)
        self.entries.append(entry)
        self.save()
        return entry

    def made(self, entry: Entry, thing_id: str, **facts: Any) -> None:
        """Write down, after the call, what it came to."""
        entry.id = thing_id
        entry.facts.update(facts)
        self.save()

    def forget(self, entry: Entry) -> None:
        """It is gone."""
        self.entries = [each for each in self.entries if each is not entry]
        if entry.kind is Kind.CREDENTIAL:
            self.secret = ""
        if entry.kind is Kind.IMAGE:
            self.tested.pop(entry.id, None)
        self.save()

    def drop(self) -> None:
        """Nothing that was made is left."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _folder(folder: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        # As the state folder's own: passed through by servers' accounts where root runs the hub.
        each.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
