"""A plan as a reviewer reads it: lines for a table, and a sum. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.prepare.steps import Do

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_anywhere.prepare.steps import Plan
    from jupyterhub_anywhere.prepare.things import Login
    from jupyterhub_anywhere.prepare.wish import Wish

HEADINGS: Final = ("", "what", "name", "how", "why")
COLOURS: Final = {
    Do.MAKE.value: "green",
    Do.REPLACE.value: "yellow",
    Do.TRY.value: "cyan",
    Do.NOTE.value: "red",
}
_WORDS: Final = {
    Do.MAKE: "to make",
    Do.REPLACE: "to replace",
    Do.TRY: "to try",
    Do.KEEP: "there",
    Do.NOTE: "to look at",
}
_LEGEND: Final = "+ made   ~ replaced   ? tried   = is there   ! not asked for by anybody here"


def rows(plan: Plan) -> list[tuple[str, str, str, str, str]]:
    """One row a step."""
    return [
        (step.do.value, step.kind.value, step.name, step.detail, step.why) for step in plan.steps
    ]


def head(login: Login, wish: Wish) -> list[str]:
    """Whose project it is, and the key to the signs."""
    return [
        (
            f"Project {login.project} ({login.project_id}) at {login.auth_url},"
            f" as {login.user}, for {wish.servers} servers"
        ),
        _LEGEND,
    ]


def foot(plan: Plan) -> list[str]:
    """What was chosen, what should be known, and the sum."""
    lines = []
    if plan.flavors:
        lines.append(
            "Sizes for users: " + "; ".join(f"{each.name} ({each.text})" for each in plan.flavors)
        )
    if plan.hub_flavor is not None:
        lines.append(f"Size of the hub: {plan.hub_flavor.name} ({plan.hub_flavor.text})")
    lines += [f"Note: {line}" for line in plan.notes]
    counted = Counter(step.do for step in plan.steps)
    parts = [f"{counted[do]} {word}" for do, word in _WORDS.items() if counted[do]]
    lines.append(f"{', '.join(parts)}." if parts else "Nothing to do.")
    return lines


def closed(left: Sequence[tuple[str, str, str]]) -> list[str]:
    """Which ports stay closed, and why."""
    return [f"Closed: tcp {ports} from {origin}: {why}" for ports, origin, why in left]
