"""Servers that a spawner of another class has started on this hub before.

Their state has no target, and their options are that class's own. Which of our targets has such a
server is found by asking: the declared default first, then the others; the first whose child says
that it runs takes it over.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import AnywhereError, TargetError
from jupyterhub_anywhere.spawner import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyterhub.spawner import Spawner

    from jupyterhub_anywhere.catalog.choice import Who
    from jupyterhub_anywhere.spawner.child import ChildFactory
    from jupyterhub_anywhere.spawner.site import Site

# The keys of our own choices: options that have none of them were another spawner's.
OUR_KEYS: Final = frozenset({"profile", "target", "options", "child"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one target's child says of a server.

    Attributes:
        factory: The target's.
        child: The child; None where it could not be built.
        answer: What its ``poll`` said: None for running, `guard.Failed` where nobody can tell.
    """

    factory: ChildFactory
    child: Spawner | None
    answer: Any


async def find(
    site: Site, who: Who, build: Callable[[ChildFactory], Spawner], deadline: float
) -> Candidate:
    """Ask every target whether it has a server, all at once.

    Args:
        site: The site.
        who: Whose server it is.
        build: Builds a child with the state that was found.
        deadline: Seconds for each poll.

    Returns:
        The first target that has it; the default where every target says that it has not.

    Raises:
        TargetError: No target has it, and not every target could tell.
    """
    tried = await asyncio.gather(
        *(_ask(site.factories[name], build, deadline) for name in order(site, who)),
    )
    for each in tried:
        if each.child is not None and each.answer is None:
            return each
    unknown = [each for each in tried if isinstance(each.answer, guard.Failed)]
    if unknown:
        reasons = "; ".join(f"{each.factory.name}: {each.answer.reason}" for each in unknown)
        raise TargetError(f"not every target can tell whether it has this server: {reasons}")
    return tried[0]


def order(site: Site, who: Who) -> list[str]:
    """The targets in the order in which they are asked: the user's default, then the file's."""
    names = list(site.factories)
    try:
        default = site.catalog.default_choice(who).target
    except AnywhereError:
        return names
    return [default, *(name for name in names if name != default)]


async def _ask(
    factory: ChildFactory, build: Callable[[ChildFactory], Spawner], deadline: float
) -> Candidate:
    child = guard.guarded(lambda: build(factory), f"target {factory.name}: taking over")
    if isinstance(child, guard.Failed):
        return Candidate(factory, None, child)
    what = f"target {factory.name}: {type(child).__name__}.poll"
    return Candidate(factory, child, await guard.bounded(child.poll, deadline, what))


def are_foreign(options: object, *, foreign_state: bool) -> bool:
    """Whether stored options are those of another spawner class.

    Args:
        options: What the database had when the hub built the spawner.
        foreign_state: Whether the state beside them is another class's.
    """
    if not isinstance(options, dict) or not options:
        return False
    return foreign_state or not OUR_KEYS & set(options)


def as_choice(options: Mapping[str, Any], site: Site, who: Who) -> dict[str, Any] | None:
    """A choice that hands another spawner's options on to the child.

    Returns:
        None where the default profile does not show the child's own form: then nothing allows
        them, and the declared default is started.

    Raises:
        ChoiceError: Nothing is offered to this person.
    """
    default = site.catalog.default_choice(who)
    declared = site.config.profiles.get(default.profile)
    if declared is None or declared.form != "child":
        return None
    return {"profile": default.profile, "target": default.target, "child": dict(options)}
