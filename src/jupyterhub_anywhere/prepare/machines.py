"""Machines that do one thing and go: they test an image, or become one; and waiting for the hub's.

Each is written down before it is made and after it is gone, so that a run that was cut finds its
machine again and goes on with it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.prepare.markers import host_keys, told
from jupyterhub_anywhere.prepare.things import Kind, PrepareError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyterhub_anywhere.prepare.record import Entry, Record
    from jupyterhub_anywhere.prepare.things import Cloud, Thing

PAUSE: Final = 5.0
# A machine or image that is asked to go is usually gone within seconds.
_GOING: Final = timedelta(minutes=5)
_TAIL: Final = 15


class Machines:
    """Makes, watches and removes machines of one preparation.

    Args:
        cloud: The project.
        record: What was made.
        say: Tells a person what happens.
    """

    def __init__(self, cloud: Cloud, record: Record, say: Callable[[str], None]) -> None:
        self._cloud, self._record, self._say = cloud, record, say

    def nonce(self, key: str) -> str:
        """The word that the lines of a machine carry."""
        return f"{self._record.mark.partition(':')[2]}-{key}"

    # --- one machine -----------------------------------------------------------------------------

    def there(self, entry: Entry) -> Thing | None:
        """What an entry came to, as it is now; also where the run was cut before it had its id."""
        if entry.id:
            return self._cloud.state(entry.kind, entry.id)
        found = self._cloud.find(entry.kind, entry.name)
        return next((each for each in found if each.mark == self._record.mark), None)

    def get(self, key: str, name: str, spec: Mapping[str, Any]) -> Thing:
        """The machine of a task: the one of an earlier run, or a new one; it is building or runs.

        Raises:
            PrepareError: It cannot be made.
        """
        entry = self._record.entry(key)
        if entry is not None:
            found = self.there(entry)
            works = found is not None and found.facts["status"] != "ERROR"
            if found is not None and works and not entry.facts.get("failed"):
                self._record.made(entry, found.id)
                return found
            self.end(key)
        entry = self._record.intend(key, Kind.SERVER, name)
        self._say(f"making the machine {name}")
        thing = self._cloud.make(Kind.SERVER, {**spec, "name": name, "mark": self._record.mark})
        self._record.made(entry, thing.id)
        return thing

    def end(self, key: str) -> None:
        """Remove the machine of a task, and wait until it is gone.

        Raises:
            PrepareError: It does not go.
        """
        entry = self._record.entry(key)
        if entry is None:
            return
        found = self.there(entry)
        if found is not None:
            self.gone(found)
        self._record.forget(entry)

    def gone(self, thing: Thing) -> None:
        """Remove a machine or an image, and wait until it is gone.

        Raises:
            PrepareError: It does not go.
        """
        end = self._cloud.now() + _GOING
        while not self._cloud.remove(thing.kind, thing.id):
            if self._cloud.now() > end:
                raise PrepareError(
                    f"The {thing.kind} {thing.name} ({thing.id}) does not go.",
                    hint="Look at it in the web console; then run this again.",
                )
            self._cloud.pause(PAUSE)

    # --- waiting ---------------------------------------------------------------------------------

    def until(self, thing: Thing, wanted: str, minutes: float) -> Thing:
        """Wait until a machine or an image has a status.

        Raises:
            PrepareError: It fails, goes, or takes too long.
        """
        end = self._cloud.now() + timedelta(minutes=minutes)
        while True:
            now = self._cloud.state(thing.kind, thing.id)
            status = "" if now is None else str(now.facts["status"])
            if now is not None and status == wanted:
                return now
            if now is None or status.lower() in {"error", "killed", "deleted"}:
                fault = "" if now is None else str(now.facts.get("fault") or "")
                raise PrepareError(
                    f"The {thing.kind} {thing.name} ({thing.id}) failed: {fault or 'it has gone'}",
                    hint="Look at quotas, flavor and image; then run this again.",
                )
            if self._cloud.now() > end:
                raise PrepareError(
                    f"The {thing.kind} {thing.name} ({thing.id}) is still {status} after"
                    f" {minutes:g} minutes.",
                    hint="Run this again to go on waiting.",
                )
            self._cloud.pause(PAUSE)

    def answers(self, key: str, thing: Thing, minutes: float) -> dict[str, str] | None:
        """Wait for what a machine tells on its console; None where this cloud shows no consoles.

        Raises:
            PrepareError: The machine fails, or tells nothing in time; with the console's end.
        """
        self.until(thing, "ACTIVE", minutes)
        end = self._cloud.now() + timedelta(minutes=minutes)
        while True:
            console = self._cloud.console(thing.id)
            if console is None:
                return None
            answers = told(console, self.nonce(key))
            if "done" in answers:
                return answers
            if "failed" in answers:
                raise self._failed(key, thing, answers["failed"], console)
            if self._cloud.now() > end:
                raise self._silent(thing, minutes, console)
            self._cloud.pause(PAUSE)

    def _failed(self, key: str, thing: Thing, why: str, console: str) -> PrepareError:
        entry = self._record.entry(key)
        if entry is not None:
            # Its console says so for ever: the next run makes another.
            self._record.made(entry, thing.id, failed=why)
        return PrepareError(
            f"The machine {thing.name} ({thing.id}) failed: {why}\n{_tail(console)}",
            hint="Mend that, and run this again: the machine is made anew.",
        )

    def _silent(self, thing: Thing, minutes: float, console: str) -> PrepareError:
        said = f"Its console ends with:\n{_tail(console)}" if console.strip() else "It is empty."
        return PrepareError(
            f"The machine {thing.name} ({thing.id}) told nothing on its console in {minutes:g}"
            " minutes: its image does not run user-data (no cloud-init), has no console, or takes"
            f" longer. {said}",
            hint="Use another image, or wait longer with --minutes.",
        )

    def keys(self, thing: Thing) -> list[str]:
        """The SSH host keys that a machine has shown on its console."""
        return host_keys(self._cloud.console(thing.id) or "")


def _tail(console: str) -> str:
    lines = [line.rstrip() for line in console.splitlines() if line.strip()]
    return "\n".join(f"  | {line[:160]}" for line in lines[-_TAIL:])
