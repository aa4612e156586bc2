"""Taking back what was made, the newest first, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyterhub_anywhere.prepare.machines import Machines
from jupyterhub_anywhere.prepare.things import Kind, PrepareError, Thing

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_anywhere.prepare.record import Entry, Record
    from jupyterhub_anywhere.prepare.things import Cloud


def undo(cloud: Cloud, record: Record, say: Callable[[str], None]) -> list[str]:
    """Remove all that a record has.

    Args:
        cloud: The project.
        record: What was made; what is gone is taken out of it.
        say: Tells a person what happens.

    Returns:
        What could not be removed, and why; it stays written down.

    Raises:
        PrepareError: This is another project, or it cannot be asked.
    """
    login = cloud.login()
    if record.project and record.project != login.project_id:
        raise PrepareError(
            f"The record {record.path} is of the project {record.project}, and this is"
            f" {login.project} ({login.project_id}).",
            hint="Log in there, or name another file with --record.",
        )
    machines = Machines(cloud, record, say)
    left = []
    for entry in reversed(record.entries):
        try:
            _one(cloud, record, machines, entry, say)
        except PrepareError as error:
            left.append(f"{entry.kind} {entry.name} ({entry.id or 'no id'}): {error}")
    if not record.entries:
        record.drop()
    return left


def _one(
    cloud: Cloud, record: Record, machines: Machines, entry: Entry, say: Callable[[str], None]
) -> None:
    for thing in _things(cloud, record, entry):
        say(f"removing the {entry.kind} {entry.name}")
        if entry.kind in {Kind.SERVER, Kind.IMAGE}:
            machines.gone(thing)
        else:
            cloud.remove(entry.kind, thing.id, thing.facts)
    record.forget(entry)


def _things(cloud: Cloud, record: Record, entry: Entry) -> list[Thing]:
    """What an entry came to; an intention is looked for, since its call may have had effect."""
    if entry.id:
        return [Thing(entry.kind, entry.id, entry.name, record.mark, entry.facts)]
    if entry.kind is Kind.INTERFACE:
        # It is removed with its router and subnet, of which at least one was there before it.
        return _interfaces(cloud, record)
    within = _within(entry)
    if within is None:
        return []
    name = "" if entry.kind in {Kind.RULE, Kind.FLOATING, Kind.SUBNET} else entry.name
    found = cloud.find(entry.kind, name, within)
    return [each for each in found if each.mark == record.mark or entry.kind is Kind.KEY]


def _within(entry: Entry) -> str | None:
    """What an intention was going to belong to; None where that is not known, so neither is it."""
    if entry.kind is Kind.RULE:
        return str(entry.facts.get("group", "")) or None
    if entry.kind in {Kind.SUBNET, Kind.PORT}:
        return str(entry.facts.get("network", "")) or None
    if entry.kind is Kind.FLOATING:
        return str(entry.facts.get("port", "")) or None
    return ""


def _interfaces(cloud: Cloud, record: Record) -> list[Thing]:
    entry = record.entry("interface")
    if entry is None or not entry.facts.get("subnet"):
        return []
    found = cloud.find(Kind.INTERFACE, "", str(entry.facts["subnet"]))
    return [each for each in found if each.facts.get("router") == entry.facts.get("router")]
