"""The two hubs that are compared: one with the bare class, one with it behind AnywhereSpawner."""

from __future__ import annotations

import importlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import jupyterhub.apihandlers
import jupyterhub.handlers

from jupyterhub_anywhere.config.models import Config as SiteConfig
from jupyterhub_anywhere.hub.bootstrap import setup

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jupyterhub.spawner import Spawner
    from traitlets.config import Config

    from jupyterhub_anywhere.testing.world import Subject, World

Which = Literal["bare", "ours"]
TARGET: Final = "lab"
PROFILE: Final = "main"
GROUP: Final = "lab"
TITLE: Final = "<script>alert(1)</script> & Co"
"""Of the profile; whether it is escaped is one of the rows."""
_MADE_AT_FIRST_USE: Final = frozenset({"_client", "_executor", "reflectors"})


@dataclass
class Side:
    """One hub's configuration.

    Attributes:
        which: Which of the two.
        subject: The class.
        world: Its back end.
        folder: Of this hub.
        extra: More trait values of the class, as a shorter timeout.
        more_targets: Name to a world that a second target of the class has; ours only.
        hooks: What hooks were called, in order, with what they saw.
    """

    which: Which
    subject: Subject
    world: World
    folder: Path
    extra: Mapping[str, Any] = field(default_factory=dict)
    more_targets: Mapping[str, World] = field(default_factory=dict)
    hooks: list[dict[str, Any]] = field(default_factory=list)

    def configure(self, c: Config) -> None:
        """Fill the hub's configuration."""
        self._forget()
        subject = self.subject
        section = c[subject.class_name]
        c.JupyterHub.load_groups = {GROUP: {"users": [subject.user]}}
        c.Spawner.environment = {"FROM_SPAWNER": "spawner"}
        c.Spawner.args = ["--from-spawner"]
        c.Spawner.default_url = "/lab/tree/{username}"
        section.http_timeout = 31
        section.poll_interval = 29
        section.poll_jitter = 0.05
        section.group_overrides = {
            "all": {
                "groups": [GROUP],
                "spawner_override": {"environment": {"FROM_GROUP": "group"}, "debug": True},
            }
        }
        self._hooks(c, section)
        section.update({**self.world.settings(), **subject.settings, **self.extra})
        if subject.config is not None:
            subject.config(c, self.world)
        if self.which == "ours":
            # What delegation alone does: lists in place of questions are the ledger's affair.
            setup(c, self._site(), state=self.folder / "state", ledger=False)
        else:
            c.JupyterHub.spawner_class = self._class()

    def _hooks(self, c: Config, section: Any) -> None:
        def note(name: str, spawner: Any, **facts: Any) -> None:
            self.hooks.append({"hook": name, "class": _own_class(spawner, self.subject), **facts})

        def before(spawner: Any) -> None:
            note("pre_spawn_hook", spawner, environment=dict(spawner.environment))
            spawner.environment["FROM_HOOK"] = "hook"

        async def ready(spawner: Any, event: dict[str, Any]) -> dict[str, Any]:
            note("progress_ready_hook", spawner)
            return {**event, "message": f"{event['message']}, says the hook"}

        async def auth_state(spawner: Any, state: Any) -> None:
            note("auth_state_hook", spawner, state=state)

        c.Spawner.pre_spawn_hook = before
        section.post_stop_hook = lambda spawner: note("post_stop_hook", spawner)
        section.auth_state_hook = auth_state
        section.progress_ready_hook = ready

    def _site(self) -> SiteConfig:
        return SiteConfig.model_validate(
            {
                "targets": {
                    TARGET: self._target(self.world),
                    **{name: self._target(other) for name, other in self.more_targets.items()},
                },
                "profiles": {
                    PROFILE: {
                        "title": TITLE,
                        "targets": [TARGET, *self.more_targets],
                        "form": "child",
                    }
                },
            }
        )

    def _target(self, world: World) -> dict[str, Any]:
        subject = self.subject
        target: dict[str, Any] = {"kind": subject.target_kind, **subject.declared(world)}
        if subject.target_kind == "custom":
            target["class"] = subject.spawner_class
        if world is not self.world:
            target["spawner"] = dict(world.settings())
        return target

    def choice(self, options: Mapping[str, Any] | None, target: str = TARGET) -> dict[str, Any]:
        """What is sent to start a server with the class's own options."""
        if self.which == "bare":
            return dict(options or {})
        return {"profile": PROFILE, "target": target, "child": dict(options or {})}

    # --- processes have no past ------------------------------------------------------------------

    def _class(self) -> type[Spawner]:
        module, _, name = self.subject.spawner_class.rpartition(".")
        found: type[Spawner] = getattr(importlib.import_module(module), name)
        return found

    def _forget(self) -> None:
        """Undo what earlier hubs have left in this process, and would not in one of their own."""
        for routes in (
            jupyterhub.handlers.default_handlers,
            jupyterhub.apihandlers.default_handlers,
        ):
            routes[:] = [route for route in routes if not _is_ours(*route[:2])]
        for cls in self._class().__mro__:
            for name in _MADE_AT_FIRST_USE & vars(cls).keys():
                _close(vars(cls)[name])
                setattr(cls, name, {} if name == "reflectors" else None)
        self.subject.forget()


def _is_ours(path: str, handler: type) -> bool:
    return "/anywhere-static" in path or handler.__module__.startswith("jupyterhub_anywhere.hub")


def _close(what: Any) -> None:
    for method in ("close", "shutdown"):
        with suppress(AttributeError):
            getattr(what, method)()


def _own_class(spawner: Any, subject: Subject) -> str:
    """The class's own name, also of a subclass that was generated for a target."""
    names = [cls.__name__ for cls in type(spawner).__mro__]
    return subject.class_name if subject.class_name in names else names[0]
