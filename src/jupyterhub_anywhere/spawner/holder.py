"""The half of AnywhereSpawner that holds a child: builds it, finds it again, keeps its state."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from jupyterhub_anywhere.config.secrets import resolve_secrets
from jupyterhub_anywhere.core.errors import AnywhereError, TargetError
from jupyterhub_anywhere.spawner import guard, takeover, watchdog
from jupyterhub_anywhere.spawner.delegation import Delegate
from jupyterhub_anywhere.spawner.state import Envelope, json_safe
from jupyterhub_anywhere.targets.traits import apply_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jupyterhub.spawner import Spawner

    from jupyterhub_anywhere.catalog.choice import Choice, Who
    from jupyterhub_anywhere.spawner.child import ChildFactory
    from jupyterhub_anywhere.spawner.site import Site


class Holder(Delegate):
    """Mixed into AnywhereSpawner; nothing here raises but `_build` and `_existing_child`."""

    log: Any
    orm_spawner: Any
    user_options: Any
    who: Callable[[], Who]
    _log_name: str
    poll_deadline: float

    def __init__(self, **kwargs: Any) -> None:
        self._envelope = Envelope()
        self._child_ready = asyncio.Event()
        self.unknown_because = ""
        self.seen_running = False
        self._foreign_options: dict[str, Any] = {}
        super().__init__(**kwargs)

    @property
    def site(self) -> Site:
        """The site that a new choice is made from."""
        raise NotImplementedError

    def _build(
        self, factory: ChildFactory, options: Mapping[str, Any], state: Mapping[str, Any] | None
    ) -> Spawner:
        watchdog.watch(self.site.info.state)
        with guard.contained():
            child = factory.build(self, options)
            child.load_state(dict(state or {}))
        return child

    def _kept_at(self, target: str) -> dict[str, Any]:
        """What a target's child kept, and what another spawner class has left since."""
        return {**self._envelope.kept.get(target, {}), **self._envelope.foreign}

    def _adopt(self, child: Spawner, factory: ChildFactory) -> None:
        self.child = child
        self._envelope.target = factory.name
        self._envelope.definition = factory.fingerprint
        cls = factory.target.child_class()
        self._envelope.child_class = f"{cls.__module__}:{cls.__name__}"
        self._envelope.kept.setdefault(factory.name, {})
        for name, value in self.unanswered.items():
            guard.guarded(partial(setattr, child, name, value), name)
        self.unanswered.clear()
        self._child_ready.set()

    def _restored_choice(self, target: str) -> Choice | None:
        """The choice that a server of before the hub's restart was started with."""
        try:
            choice, _ = self.site.catalog.check_last(self._envelope.last, self.who())
        except AnywhereError:
            return None
        return choice if choice is not None and choice.target == target else None

    async def _existing_child(self) -> Spawner | None:
        """The child of a server that may run; built at first use, inside a coroutine.

        Returns:
            None where there is nothing to ask.

        Raises:
            Exception: The child cannot be built; whether its server runs is unknown then.
        """
        if self.child is None and self._envelope.target:
            self._restore_child(self._envelope.target)
        elif self.child is None and self._envelope.foreign:
            await self._take_over()
        return self.child

    def _restore_child(self, name: str) -> None:
        envelope = self._envelope
        factory = self.site.factory(name, envelope.definition)
        if factory is None:
            raise TargetError(f"target {name} is not declared any more")
        self._adopt(self._as_chosen(factory, envelope.child), factory)

    def _as_chosen(self, factory: ChildFactory, state: Mapping[str, Any]) -> Spawner:
        """A child with a state, and with what was chosen last where that was at its target."""
        choice = self._restored_choice(factory.name)
        options = (choice.child if choice is not None else self._foreign_options) or {}
        child = self._build(factory, options, state)
        if choice is not None:
            # The file may have changed since the start; what does not fit any more is left out.
            guard.guarded(
                lambda: apply_settings(child, self._settings(choice)),
                f"{factory.name}: restored choice",
            )
        return child

    async def _take_over(self) -> None:
        """Find the target of a server that another spawner class has started."""
        foreign, options = self._envelope.foreign, self._foreign_options
        found = await takeover.find(
            self.site,
            self.who(),
            lambda factory: self._build(factory, options, foreign),
            self.poll_deadline,
        )
        if self.child is not None or found.child is None:
            return  # another coroutine was faster
        self._adopt(found.child, found.factory)
        if found.answer is None:
            self.log.info("%s is taken over by target %s", self._log_name, found.factory.name)
            self.save_state()

    async def reconnect(self) -> None:
        """After the hub's restart: build the child of a server that talks to it, once.

        Raises:
            Exception: It cannot be built; whether its server runs is unknown then.
        """
        name = self._envelope.target
        target = self.site.targets.get(name) if self.child is None and name else None
        if target is None or not target.reconnects:
            return
        child: Any = await self._existing_child()
        if child is not None:
            await guard.bounded(
                child.anywhere_reconnect, self.poll_deadline, self._what("anywhere_reconnect")
            )

    async def wait_for_child(self) -> Spawner | None:
        """The child, as soon as the start has come so far."""
        await self._child_ready.wait()
        return self.child

    @property
    def anywhere_target(self) -> str:
        """The target that this server is at; empty while it is at none."""
        return self._envelope.target

    def _what(self, method: str) -> str:
        return f"{self._log_name} at {self._envelope.target}: {self._envelope.child_class}.{method}"

    def load_state(self, state: dict[str, Any]) -> None:
        """Remember the state; the child gets it at first use."""
        self._envelope = envelope = Envelope.from_state(state)
        # The hub has just built this spawner with the options that the database has. A server that
        # has been taken over was never started by a choice of ours.
        foreign = bool(envelope.foreign or (envelope.kept and not envelope.last))
        if (foreign or not envelope.last) and takeover.are_foreign(
            self.user_options, foreign_state=foreign
        ):
            self._foreign_options = dict(self.user_options)

    def get_state(self) -> dict[str, Any]:
        """The envelope: plain JSON, without secrets; never raises."""
        if self.child is not None:
            state = guard.guarded(self.child.get_state, self._what("get_state"))
            if isinstance(state, dict) and json_safe(state):
                self._envelope.child = state
            elif not isinstance(state, guard.Failed):
                self.log.warning("%s is no plain JSON and is not saved", self._what("get_state"))
        return self._envelope.to_state()

    def clear_state(self) -> None:
        """Before a start and after a stop: keep what the child keeps, forget the rest."""
        envelope = self._envelope
        if self.child is not None:
            guard.guarded(self.child.clear_state, self._what("clear_state"))
            kept = guard.guarded(self.child.get_state, self._what("get_state"))
            if isinstance(kept, dict) and json_safe(kept):
                envelope.kept.pop(envelope.target, None)
                envelope.kept[envelope.target] = kept
            envelope.foreign = {}
        self.own_api_token = ""
        self.child = None
        self._child_ready.clear()
        self.unknown_because = ""
        envelope.target = envelope.definition = envelope.child_class = ""
        envelope.child = {}

    def save_state(self) -> None:
        """Save the state now and commit: called before what must not be forgotten."""
        self.orm_spawner.state = self.get_state()
        self._commit()

    def _is_stored(self, **columns: Any) -> bool:
        """Whether the server's row has these values, and nothing of it waits to be committed."""
        row = inspect(self.orm_spawner)
        if not row.persistent or row.modified:
            return False
        return all(getattr(self.orm_spawner, name) == value for name, value in columns.items())

    def _commit(self) -> None:
        session = inspect(self.orm_spawner).session
        if session is not None:
            session.commit()

    def _settings(self, choice: Choice) -> dict[str, Any]:
        """Trait values of a choice, secrets resolved."""
        resolved = resolve_secrets(self.site.catalog.settings(choice), self.site.info.base)
        return dict(resolved)
