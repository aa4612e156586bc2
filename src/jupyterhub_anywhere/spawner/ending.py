"""The half of AnywhereSpawner that ends servers, and what remains of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado import web

from jupyterhub_anywhere.spawner import guard, left
from jupyterhub_anywhere.spawner.deadlines import Deadlines
from jupyterhub_anywhere.spawner.holder import Holder
from jupyterhub_anywhere.spawner.state import json_safe
from jupyterhub_anywhere.spawner.tokens import forget_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub.spawner import Spawner


class Ending(Deadlines, Holder):
    """Mixed into AnywhereSpawner."""

    name: str
    user: Any
    will_resume: bool

    async def stop(self, *args: Any, **kwargs: Any) -> None:
        """Stop the child; never raises, bounded in time."""
        try:
            child = await self._existing_child()
        except Exception as error:
            self.log.exception("%s cannot be stopped", self._log_name)
            self._leave(self._envelope.child, f"{type(error).__name__}: {error}")
            return
        if child is None:
            return
        what = self._what("stop")
        done = await guard.bounded(lambda: child.stop(*args, **kwargs), self.stop_deadline, what)
        if isinstance(done, guard.Failed):
            state = guard.guarded(child.get_state, self._what("get_state"))
            self._leave(state, done.reason)

    def _leave(self, state: Any, reason: str) -> None:
        """Remember what a stop that failed may have left: the hub counts the server as stopped."""
        target = self._envelope.target
        if not target:
            return
        kept = state if isinstance(state, dict) and json_safe(state) else self._envelope.child
        self._envelope.left[target] = dict(kept)
        left.note(self.site.info.state, self._log_name, target, reason)

    async def end_left(self) -> None:
        """Try once more to stop what failed stops have left; what remains stays remembered."""
        before = len(self._envelope.left)
        for name, state in list(self._envelope.left.items()):
            if await self._is_gone(name, state):
                del self._envelope.left[name]
                left.forget(self.site.info.state, self._log_name, name)
        if len(self._envelope.left) != before:
            self.save_state()

    async def _is_gone(self, target: str, state: Mapping[str, Any]) -> bool:
        what = f"{self._log_name} at {target}: what was left"
        child = guard.guarded(lambda: self._past_child(target, state), what)
        if child is None or isinstance(child, guard.Failed):
            return False
        if await guard.bounded(child.poll, self.poll_deadline, what) is None:
            await guard.bounded(child.stop, self.tidy_deadline, what)
        answer = await guard.bounded(child.poll, self.poll_deadline, what)
        return answer is not None and not isinstance(answer, guard.Failed)

    async def run_post_stop_hook(self) -> None:
        """The wrapper's hook, then the child's."""
        if self.child is not None and not self.api_token and not self.will_resume:
            # The server was started by an earlier hub, whose token this one never knew.
            forget_tokens(self.user, self.orm_spawner)
        with guard.contained():
            await guard.answer(super().run_post_stop_hook())  # type: ignore[misc]  # of Spawner
            if self.child is not None:
                await guard.answer(self.child.run_post_stop_hook())

    def _past_child(self, name: str, state: Mapping[str, Any]) -> Spawner | None:
        """A child of a target that this server has been at; None where the target is gone."""
        factory = self.site.factory(name)
        if factory is None:
            self.log.warning("%s was at target %s, which is gone", self._log_name, name)
            return None
        return self._as_chosen(factory, state)

    def _places(self) -> list[str]:
        """Every target that may keep something of this server, the latest last."""
        names = list(self._envelope.kept)
        if self._envelope.foreign:
            # Another spawner's class has been here, and nobody says whose target that is now.
            names += [name for name in self.site.targets if name not in names]
        return names

    async def rename(self, old_name: str, new_name: str) -> None:
        """Tell every child that this server ever had; one that refuses prevents it.

        Raises:
            HTTPError: Something is left of a failed stop, or a child refuses.
        """
        await self.end_left()
        if self._envelope.left:
            places = ", ".join(self._envelope.left)
            raise web.HTTPError(409, f"Something of this server is left at {places}.")
        for name in self._places():
            what = f"{self._log_name} at {name}: rename"
            try:
                child = self._past_child(name, self._kept_at(name))
            except Exception as error:
                self.log.exception("%s failed", what)
                raise web.HTTPError(500, f"This server cannot be renamed at {name}.") from error
            if child is None:
                continue
            done = await guard.bounded(
                lambda child=child: child.rename(old_name, new_name),  # type: ignore[misc]  # a default that mypy cannot infer
                self.tidy_deadline,
                what,
            )
            if isinstance(done, guard.Failed):
                raise web.HTTPError(500, f"This server cannot be renamed at {name}.")

    async def delete_forever(self) -> None:
        """Let every child that this server ever had remove what it keeps; never raises.

        What takes longer than a person waits goes on.
        """
        await self.end_left()
        names = {*self._places(), *self._envelope.left}
        if not self.name:
            names |= {n for n, target in self.site.targets.items() if target.keeps_for_user}
        for name in sorted(names):
            what = f"{self._log_name} at {name}: delete_forever"
            child = guard.guarded(
                lambda name=name: self._past_child(name, self._kept_at(name)),  # type: ignore[misc]  # as above
                what,
            )
            if child is not None and not isinstance(child, guard.Failed):
                await guard.bounded(child.delete_forever, self.tidy_deadline, what, cancel=False)
        for name in self._envelope.left:
            self.log.error("%s is deleted, and something is left at %s", self._log_name, name)
