"""Kind ``custom``: any Spawner class on the path, with its own config section."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import Field

from jupyterhub_anywhere.config.models import Model
from jupyterhub_anywhere.config.secrets import SecretUnavailableError, resolve_secrets
from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.base import Finding, Level, Target
from jupyterhub_anywhere.targets.classes import load_class
from jupyterhub_anywhere.targets.trial import SECONDS, texts, tried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub.spawner import Spawner

    from jupyterhub_anywhere.targets.base import Inventory

log = logging.getLogger(__name__)

CURE: Final = (
    "Give it what it misses: its settings below `spawner:`, its packages, its programs. Settings of"
    " a jupyterhub_config.py are not known here."
)


class CustomSettings(Model):
    """The keys of a custom target."""

    spawner_class: str = Field(
        alias="class",
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$",
        description="The Spawner class, as `package.module.Class`.",
    )


class CustomTarget(Target):
    """A target whose spawner somebody else wrote."""

    kind: ClassVar[str] = "custom"
    # Nobody knows what a class keeps: KubeSpawner leaves a volume that a user's servers share to
    # the default server, also when only named ones ever ran. JupyterHub always asks it.
    keeps_for_user: ClassVar[bool] = True
    settings_model: ClassVar[type[Model]] = CustomSettings
    own: CustomSettings

    def child_class(self) -> type[Spawner]:
        """Import the class.

        Raises:
            TargetError: It cannot be imported or is no Spawner.
        """
        return load_class(self.own.spawner_class, self.name)

    async def trial(self, seconds: float = SECONDS) -> str:
        """Build the class once, in a process of its own.

        Args:
            seconds: How long it may take.

        Returns:
            Why it cannot be built; empty where it can, and where a secret of its settings cannot
            be read, which is told elsewhere.
        """
        try:
            values = resolve_secrets(self.declared.spawner, self.site.base)
        except SecretUnavailableError:
            return ""
        secrets = texts(values) - texts(self.declared.spawner)
        return await tried(
            self.own.spawner_class, self.name, values, secrets=secrets, seconds=seconds
        )

    def inventory(self) -> Inventory | None:
        """What the class itself can list; None where it has no ``anywhere_inventory``."""
        try:
            return own_inventory(self.child_class(), self)
        except TargetError as error:
            log.warning("%s", error)
            return None

    async def findings(self) -> Sequence[Finding]:
        """Whether the class can be built."""
        subject = f"target {self.name}"
        cause = await self.trial()
        if cause:
            return [
                Finding(
                    Level.ERROR,
                    subject,
                    f"{self.own.spawner_class} cannot be built: {cause}",
                    CURE,
                )
            ]
        try:
            found = own_inventory(self.child_class(), self)
        except TargetError as error:
            return [Finding(Level.ERROR, subject, error.message, error.hint)]
        listed = "can be listed" if found is not None else "cannot be listed"
        text = f"{self.own.spawner_class} can be built; what it starts {listed}"
        return [Finding(Level.OK, subject, text)]


def own_inventory(child: type[Spawner], target: Target) -> Inventory | None:
    """The inventory of a class that has one.

    Such a class has a class method ``anywhere_inventory(target)``, which returns an `Inventory`: an
    object with ``owned``, ``observe`` and ``destroy``. It is given the target, whose
    ``site.hub_id`` marks what belongs to this hub and whose ``declared.spawner`` are the settings
    of the file.

    Raises:
        TargetError: What it returns is no inventory.
    """
    make = getattr(child, "anywhere_inventory", None)
    what = f"target {target.name}: {child.__name__}.anywhere_inventory"
    if make is None:
        return None
    try:
        found = make(target)
    except (Exception, SystemExit) as error:
        raise TargetError(f"{what}: {type(error).__name__}: {error}") from error
    missing = [name for name in ("owned", "observe", "destroy") if not hasattr(found, name)]
    if missing:
        raise TargetError(
            f"{what} returns something without {', '.join(missing)}.",
            hint="It has to be an Inventory of jupyterhub_anywhere.targets.base.",
        )
    inventory: Inventory = found
    return inventory
