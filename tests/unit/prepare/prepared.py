"""What the tests of a preparation share: a wish, a run, and what a run came to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.unit.prepare.cloud_world import Project, World

from jupyterhub_anywhere.prepare.apply import Apply
from jupyterhub_anywhere.prepare.job import planned
from jupyterhub_anywhere.prepare.record import Record
from jupyterhub_anywhere.prepare.undo import undo
from jupyterhub_anywhere.prepare.wish import ImageWish, Install, Wish

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.prepare.steps import Plan
    from jupyterhub_anywhere.prepare.wants import Known

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtleQ ann@desk"


def wished(**more: Any) -> Wish:
    made = Wish(
        image=ImageWish(name="lab"),
        public_key=KEY,
        install=Install(version="0.1.0", hub_version="6.1.0"),
    )
    return replace(made, **more)


@dataclass
class Site:
    """A cloud, a person at it, and the file with what was made."""

    path: Path
    world: World = field(default_factory=World)
    wish: Wish = field(default_factory=wished)
    said: list[str] = field(default_factory=list)

    @property
    def record(self) -> Record:
        return Record.read(self.path)

    def plan(self) -> Plan:
        project = Project(self.world)
        try:
            return planned(project, self.wish, self.record)
        finally:
            project.close()

    def apply(self) -> Known:
        project, record = Project(self.world), self.record
        try:
            plan = planned(project, self.wish, record)
            return Apply(project, self.wish, record, plan, self.said.append).run()
        finally:
            project.close()

    def undo(self) -> list[str]:
        project = Project(self.world)
        try:
            return undo(project, self.record, self.said.append)
        finally:
            project.close()

    def lines(self) -> dict[str, str]:
        """Key of each step to its sign."""
        return {step.key: step.do.value for step in self.plan().steps}
