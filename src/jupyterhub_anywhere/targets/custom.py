"""Kind ``custom``: any Spawner class on the path, with its own config section."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from jupyterhub_anywhere.config.models import Model
from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.base import Target

if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner


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
    settings_model: ClassVar[type[Model]] = CustomSettings
    own: CustomSettings

    def child_class(self) -> type[Spawner]:
        """Import the class.

        Raises:
            TargetError: It cannot be imported or is no Spawner.
        """
        from jupyterhub.spawner import Spawner

        module_name, _, class_name = self.own.spawner_class.rpartition(".")
        try:
            found = getattr(importlib.import_module(module_name), class_name)
        except (Exception, SystemExit) as error:
            raise TargetError(
                f"target {self.name}: {self.own.spawner_class} cannot be imported:"
                f" {type(error).__name__}: {error}.",
                hint="Install the package that has it beside JupyterHub, or correct the name.",
            ) from error
        if not (isinstance(found, type) and issubclass(found, Spawner)):
            raise TargetError(
                f"target {self.name}: {self.own.spawner_class} is no Spawner class.",
                hint="Name a subclass of jupyterhub.spawner.Spawner.",
            )
        return found
