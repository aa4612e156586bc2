"""What machines said of themselves lately, by image, for `anywhere doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import jupyterhub

from jupyterhub_anywhere.agent import agent
from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.core.journal import Journal
from jupyterhub_anywhere.targets.machines import versions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FACTS: Final = ("agent", "python", "singleuser")
# Letters of a version: machines may say what they like.
_MOST: Final = 40


def note(hub: Path, target: str, image: str, machine: Mapping[str, Any]) -> None:
    """Write down which versions a machine has; a file that cannot be written is logged.

    Args:
        hub: The state folder's part that only the hub reads.
        target: The target's name.
        image: The image's.
        machine: What the machine says of itself.
    """
    facts: dict[str, Any] = {name: str(machine.get(name) or "")[:_MOST] for name in _FACTS}
    _journal(hub).note(f"{target} {image}", target=target, image=image, **facts)


def findings(hub: Path, target: str) -> list[Finding]:
    """The versions on the machines of one target in the last days; asks nobody."""
    found = []
    for each in _journal(hub).entries():
        if each.get("target") == target:
            level, text, cure = _judged(each)
            subject = f"target {target}: machines of {each.get('image')}"
            found.append(Finding(level, subject, text, cure))
    return found


def _judged(machine: Mapping[str, Any]) -> tuple[Level, str, str]:
    """Level, message and cure for what a machine has."""
    python, jupyter = machine.get("python"), machine.get("singleuser")
    has = f"jupyterhub-singleuser {jupyter}" if jupyter else "no jupyterhub-singleuser"
    text = f"they had Python {python}, {has} and agent {machine.get('agent') or 'none'}"
    if refused := versions.no_agent(machine):
        # Nobody looked for more there.
        return Level.ERROR, f"they had Python {python}", refused
    if versions.too_old(machine, jupyterhub.__version__):
        oldest = ".".join(map(str, versions.OLDEST))
        cure = f"Install {oldest} or newer in the image, or let `install` of the target do it."
        return Level.WARNING, f"{text}: too old for this hub", cure
    if machine.get("agent") not in {agent.VERSION, "", None}:
        cure = "A machine keeps the agent that it was made with: delete it once it rests."
        return Level.WARNING, f"{text}; this hub sends agent {agent.VERSION}", cure
    return Level.OK, text, ""


def _journal(hub: Path) -> Journal:
    return Journal(hub / "machines.json")
