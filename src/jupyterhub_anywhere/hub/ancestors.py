"""What ancestors of this program have left at the targets, asked from these; no hub is needed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.spawner.places import load_places
from jupyterhub_anywhere.targets.base import Target
from jupyterhub_anywhere.targets.reasons import reason_of

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.core.inventory import Resource
    from jupyterhub_anywhere.core.state import StatePaths

# A cloud of a thousand machines takes some seconds a list.
_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Left:
    """What was found.

    Attributes:
        found: Target name to what is there.
        reasons: Target name to why it could not be asked.
    """

    found: dict[str, list[Resource]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "machines": [
                {
                    "target": target,
                    "name": each.name,
                    "id": str(each.handle.get("id") or ""),
                    "user": each.user,
                    "state": str(each.handle.get("state") or ""),
                    "created": each.created.isoformat() if each.created is not None else None,
                }
                for target, resources in self.found.items()
                for each in resources
            ],
            "unknown": dict(self.reasons),
        }


def look(file: Path | None, paths: StatePaths) -> Left:
    """Ask every cloud of a file.

    Raises:
        ConfigError: The file cannot be used.
        SurroundingsError: It has no cloud: that nothing was found would mean nothing.
    """
    places = load_places(file, state_root=paths.root)
    # Of other kinds LibcloudSpawner made nothing, and they say nothing of it.
    asked = [x for x in places.targets.values() if type(x).ancestors is not Target.ancestors]
    if not asked:
        raise SurroundingsError(
            "No cloud was asked: "
            + (f"{file} names none." if file is not None else "there is no anywhere.yaml here."),
            hint="Name the file that has the cloud with -f. Where there is none yet, `anywhere"
            " import jupyterhub_config.py` writes it from LibcloudSpawner's options.",
        )
    return asyncio.run(_all(asked))


async def _all(targets: list[Target]) -> Left:
    left = Left()

    async def one(target: Target) -> None:
        try:
            found = await asyncio.wait_for(target.ancestors(), _SECONDS)
        except TimeoutError:
            left.reasons[target.name] = f"no answer in {_SECONDS:.0f} seconds"
        except Exception as error:  # noqa: BLE001 - a foreign kind may raise anything
            left.reasons[target.name] = reason_of(error)
        else:
            left.found[target.name] = sorted(found, key=lambda each: each.name)

    await asyncio.gather(*(one(each) for each in targets))
    return left
