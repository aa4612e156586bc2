"""Machines that LibcloudSpawner left: it named them by a pattern, and wrote nothing else on them.

A name proves little, so that these are shown to a person, and nothing is done to them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.inventory import Resource
from jupyterhub_anywhere.targets.machines import marks
from jupyterhub_anywhere.targets.machines.inventory import resource_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_anywhere.targets.machines.provider import Machine, Provider

# `jhub-`, the user's name, and six upper-case letters.
PATTERN: Final = r"jhub-(.+)-[A-Z]{6}"


async def ancestors(provider: Provider) -> Sequence[Resource]:
    """Every machine with such a name that no hub of ours has marked.

    Raises:
        ProviderError: The cloud cannot be asked.
    """
    found = await provider.named(PATTERN)
    return [_resource(each) for each in found if marks.owner_of(each.marks) is None]


def _resource(machine: Machine) -> Resource:
    seen = resource_of(machine, "", None)
    named = re.fullmatch(PATTERN, machine.name)
    return Resource(
        name=machine.name,
        user=named[1] if named else "",
        server="",
        detail=seen.detail,
        handle=seen.handle,
        alive=seen.alive,
        created=machine.created,
    )
