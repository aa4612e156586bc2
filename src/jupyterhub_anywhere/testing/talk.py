"""A conversation with one hub, written down step by step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyterhub import orm

from jupyterhub_anywhere.spawner.state import NAMES
from jupyterhub_anywhere.testing.hub import PATIENCE, Hub, Reply, RouteTable
from jupyterhub_anywhere.testing.sides import TARGET, Side
from jupyterhub_anywhere.testing.words import Words
from jupyterhub_anywhere.testing.world import Call

if TYPE_CHECKING:
    from collections.abc import Mapping

_PERIOD: Final = 0.01
"""Seconds between two looks at the hub."""
# What JupyterHub reads on a spawner, beside methods and what else is written down here.
ANSWERS: Final = (
    "_log_name",
    "active",
    "admin_access",
    "args",
    "cmd",
    "consecutive_failure_limit",
    "cpu_guarantee",
    "cpu_limit",
    "default_url",
    "display_name",
    "environment",
    "http_timeout",
    "ip",
    "mem_guarantee",
    "mem_limit",
    "name",
    "notebook_dir",
    "oauth_client_id",
    "pending",
    "poll_interval",
    "poll_jitter",
    "port",
    "proxy_spec",
    "ready",
    "ssl_alt_names",
    "ssl_alt_names_include_local",
    "start_timeout",
    "will_resume",
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one step.

    Attributes:
        step: Its label.
        calls: What the back end was asked meanwhile.
        facts: Plain JSON without random parts.
    """

    step: str
    calls: tuple[Call, ...]
    facts: Mapping[str, Any]


@dataclass
class Talk:
    """One side's conversation.

    Attributes:
        side: Which hub it is.
        hub: The hub.
        heard: The steps so far.
        wrong: What is wrong on this side alone, whatever the other one says.
    """

    side: Side
    hub: Hub
    heard: list[Heard] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _calls: int = 0
    _hooks: int = 0

    @property
    def user(self) -> str:
        """Whose servers they are."""
        return self.side.subject.user

    @property
    def words(self) -> Words:
        """What stands for this side's random parts."""
        name = self.side.subject.class_name
        generated = {f"Anywhere{name}_{TARGET}": name, f"{name}_{TARGET}": name}
        return Words(
            {
                **dict.fromkeys(self.side.world.places(), "WORLD"),
                str(self.side.world.folder): "WORLD",
                str(self.side.folder): "FOLDER",
                f"127.0.0.1:{self.hub.port}": "HUB",
                **generated,
            }
        )

    def check(self, condition: object, what: str) -> None:
        """Note what does not hold on this side."""
        if not condition:
            self.wrong.append(what)

    # --- steps -----------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Make the user."""
        reply = await self.hub.api("POST", f"users/{self.user}", {})
        assert reply.status in {201, 409}, reply  # noqa: S101 - a fault of the suite
        await self.note("a user", reply)

    def path(self, server: str) -> str:
        """Of a server in the API."""
        return f"users/{self.user}/servers/{server}" if server else f"users/{self.user}/server"

    async def ask_start(
        self, server: str, options: Mapping[str, Any] | None = None, target: str = TARGET
    ) -> Reply:
        """Ask for a start, and wait until it has come to an end, good or bad."""
        body = None if options is None else self.side.choice(options, target)
        return await self.hub.api("POST", self.path(server), body)

    async def start(
        self, server: str, options: Mapping[str, Any] | None = None, *, step: str = "start"
    ) -> Reply:
        """Start a server."""
        reply = await self.ask_start(server, options)
        await self.settled(server)
        await self.note(step, reply, traits=True)
        return reply

    async def stop(self, server: str, *, step: str = "stop") -> Reply:
        """Stop a server."""
        reply = await self.hub.api("DELETE", self.path(server))
        await self.settled(server)
        await self.note(step, reply)
        return reply

    async def end_hub(self) -> None:
        """End the hub, and leave its servers alone."""
        await self.hub.stop()
        self.side.world.hub_gone()

    async def restart(self, *servers: str, step: str = "restart") -> None:
        """End the hub and start it again."""
        await self.end_hub()
        await self.hub.start()
        for server in servers:
            await self.settled(server)
        await self.note(step, traits=True)

    # --- waiting ---------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something that comes by itself.

        Raises:
            AssertionError: It does not.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():  # noqa: ASYNC110 - the hub tells nobody when it changes
                    await asyncio.sleep(_PERIOD)
        except TimeoutError:
            raise AssertionError(f"{self.side.which}: {what} did not come") from None

    async def settled(self, server: str) -> None:
        """Wait until the hub does nothing about a server."""

        def idle() -> bool:
            spawner = self.hub.spawner(self.user, server)
            future = spawner._spawn_future  # noqa: SLF001 - the hub's own
            return spawner.pending is None and (future is None or future.done())

        await self.until(idle, f"the end of what the hub does about server {server!r}")

    async def reached(self, step: str, before: int, *others: asyncio.Future[Any]) -> bool:
        """Wait until the back end is asked something, or something else has ended.

        Args:
            step: The call.
            before: How many calls there were before.
            others: Tasks that may end without it.
        """

        def asked() -> bool:
            return any(call.name == step for call in self.side.world.calls[before:])

        await self.until(
            lambda: asked() or all(task.done() for task in others) or None, f"the call {step}"
        )
        return asked()

    # --- what is written down --------------------------------------------------------------------

    async def note(self, step: str, reply: Reply | None = None, **more: Any) -> None:
        """Write down everything that can be seen now.

        Args:
            step: The label.
            reply: What the API has answered.
            more: Further facts; ``traits=True`` for the traits of spawners that run.
        """
        traits = more.pop("traits", False)
        user = orm.User.find(self.hub.app.db, self.user)
        facts: dict[str, Any] = {
            "alive": sorted(self.side.world.alive()),
            "hooks": self.side.hooks[self._hooks :],
            "routes": {spec: route["target"] for spec, route in RouteTable.routes.items()},
            "servers": await self._models(),
            "rows": self._rows(user),
            "tokens": self._tokens(user),
            "oauth clients": self._oauth_clients(),
            "spawners": self._spawners(user, traits=traits),
            **more,
        }
        if reply is not None:
            facts["status"] = reply.status
        words = self.words
        new = self.side.world.calls[self._calls :]
        calls = tuple(Call(call.name, words.plain(call.facts)) for call in new)
        self._calls += len(calls)
        self._hooks = len(self.side.hooks)
        self.heard.append(Heard(step, calls, words.plain(facts)))

    async def _models(self) -> Any:
        """What the API says of each server, with our own choice and state put aside."""
        path = f"users/{self.user}?include_stopped_servers=true"
        reply = await self.hub.api("GET", path)
        if reply.status != 200:  # noqa: PLR2004 - HTTP's OK
            return reply.status
        servers = reply.body.get("servers", {})
        for model in servers.values():
            model["state"] = self._own_state(model.get("state") or {})
            chosen = model.get("user_options") or {}
            model["user_options"] = chosen if self.side.which == "bare" else chosen.get("child", {})
        return servers

    def _own_state(self, state: dict[str, Any]) -> dict[str, Any]:
        """The child's own part of a state."""
        json.dumps(state)
        if self.side.which == "bare" or not state:
            return state
        child = state.get("child") if state.get("target") else state.get("kept", {}).get(TARGET)
        beside = {name: value for name, value in state.items() if name not in NAMES}
        self.check(
            beside == {k: v for k, v in (child or {}).items() if k not in NAMES},
            f"the child's keys beside the envelope are {beside}, in it {child}",
        )
        return child or {}

    def _rows(self, user: Any) -> Any:
        """The database's rows of the user's servers."""
        if user is None:
            return None
        found = {}
        for name, row in user.orm_spawners.items():
            server = row.server
            found[name] = {
                "state": self._own_state(dict(row.state or {})),
                "display_name": row.display_name,
                "server": server
                and {key: getattr(server, key) for key in ("proto", "ip", "port", "base_url")},
            }
        return found

    @staticmethod
    def _tokens(user: Any) -> list[Any]:
        tokens = user.api_tokens if user is not None else ()
        return sorted([token.note or "", sorted(token.scopes)] for token in tokens)

    def _oauth_clients(self) -> list[Any]:
        found = self.hub.app.db.query(orm.OAuthClient)
        return sorted([each.identifier, each.redirect_uri, each.description] for each in found)

    def _spawners(self, user: Any, *, traits: bool) -> dict[str, Any]:
        """What the hub reads on the spawners of servers that run."""
        if user is None:
            return {}
        found: dict[str, Any] = {}
        for name in sorted(user.orm_spawners):
            spawner = self.hub.spawner(self.user, name)
            if not spawner.active:
                found[name] = {"active": False}
                continue
            answers = {each: getattr(spawner, each) for each in ANSWERS}
            answers["url"] = spawner.server.url if spawner.server else None
            answers["certificates"] = sorted(spawner.cert_paths or ())
            found[name] = answers
            if traits:
                found[name]["traits"] = _configured(self._child(spawner))
        return found

    def _child(self, spawner: Any) -> Any:
        return spawner if self.side.which == "bare" else spawner.child

    def child(self, server: str) -> Any:
        """The object of the class itself; None where there is none now."""
        return self._child(self.hub.spawner(self.user, server))


def _configured(spawner: Any) -> dict[str, Any]:
    """The values of everything that a configuration can set, and of what the hub gives."""
    if spawner is None:
        return {}
    names = [*spawner.traits(config=True), "user_options"]
    return {name: _plain(getattr(spawner, name)) for name in sorted(names)}


def _plain(value: Any) -> Any:
    """Functions by their names: their addresses differ."""
    if callable(value):
        return f"function {getattr(value, '__qualname__', type(value).__name__)}"
    return value


Conversation = Callable[[Talk], Awaitable[None]]
