"""A recording systemd: ``systemd-run`` and ``systemctl``, with units behind them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from jupyterhub_anywhere.testing.world import Call, Fault, World
from jupyterhub_anywhere.testing.worlds.commands import Command, Commands, Executable, Outcome
from jupyterhub_anywhere.testing.worlds.docker_calls import Faults, Words
from jupyterhub_anywhere.testing.worlds.program import Program

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

SERVICE = "service"
"""The step in which a service begins: it can fail, as a program that ends at once does."""
_VERSION = "systemd 252 (252.30)"
# Exit codes of systemctl (its manual, and the LSB codes that it follows).
_INACTIVE = 3
_NOT_LOADED = 5


class State(Enum):
    """The active states that a unit of a server has."""

    ACTIVE = "active"
    FAILED = "failed"


@dataclass
class Unit:
    """A transient service.

    Attributes:
        state: Active, or failed until it is reset. One that ended well is gone.
        environment: From its environment file.
        program: What it runs; None where that has failed.
    """

    state: State
    environment: Mapping[str, str]
    program: Program | None


@dataclass
class Request:
    """What ``systemd-run`` was asked for.

    Attributes:
        unit: Its name, without ``.service``.
        options: Of the command line, by name; those without a value are ``True``.
        properties: Of the unit; several values of one name in order.
        command: The program with its arguments.
    """

    unit: str = ""
    options: dict[str, str | bool] = field(default_factory=dict)
    properties: dict[str, list[str]] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)


class SystemdWorld(World):
    """The manager of one machine.

    A service runs as a stub in this process, at the address that its environment names.
    ``server`` of a fault is the unit's name.
    """

    # SystemdSpawner takes any failure of its questions for a no, and waits for its timeout: they
    # can fail and hang as well, but a conversation about each would take minutes.
    steps: ClassVar[tuple[str, ...]] = ("systemd-run", "systemctl stop")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._words = Words(folder)
        self._calls: list[Call] = []
        self._units: dict[str, Unit] = {}
        self._ended: list[Program] = []
        self._faults = Faults()
        self._failing: dict[str, bool] = {}
        programs = {
            "systemd-run": Executable(version=_VERSION),
            "systemctl": Executable(version=_VERSION),
        }
        self._commands = Commands(folder, programs, self._serve)

    async def open(self) -> None:
        """Put the commands into the folder, and the server's, which is looked for and not run."""
        await self._commands.open()
        (self._commands.bin / "jupyterhub-singleuser").touch(0o700)

    async def close(self) -> None:
        """End every service and every command that hangs."""
        await self._commands.close()
        for name in list(self._units):
            self._end(name)
        for program in self._ended:
            await program.ended()

    @property
    def calls(self) -> Sequence[Call]:
        """Every command so far, in order of arrival."""
        return tuple(self._calls)

    def fault(self, step: str, kind: Fault | None, *, server: str = "") -> None:
        """Let a command fail or hang; see `SERVICE` for what is no command."""
        if step == SERVICE:
            self._failing[server] = kind == "error"
        else:
            self._faults.set(step, kind, server)

    def settings(self) -> Mapping[str, Any]:
        """The folder of environment files, which is below ``/run`` otherwise.

        systemd itself would not take a whole path as a ``RuntimeDirectory``; SystemdSpawner does.
        """
        return {"unit_extra_properties": {"RuntimeDirectory": str(self.folder / "run")}}

    def environment(self) -> Mapping[str, str]:
        """The commands are found first."""
        return {"PATH": self._commands.path()}

    def alive(self) -> Collection[str]:
        """The units that are active."""
        return [name for name, unit in self._units.items() if unit.state is State.ACTIVE]

    async def _serve(self, command: Command) -> Outcome:
        if command.name == "systemd-run":
            asked = _parsed(command.arguments)
            return await self._met("systemd-run", asked.unit, self._asked(asked)) or self._run(
                asked
            )
        verb, _, rest = " ".join(command.arguments).partition(" ")
        name = rest.removesuffix(".service")
        failed = await self._met(f"systemctl {verb}", name, {})
        return failed or self._control(verb, name)

    async def _met(self, step: str, unit: str, facts: Mapping[str, Any]) -> Outcome | None:
        """Write the command down, and let it fail or hang where it shall."""
        self._calls.append(Call(step, {"unit": unit, **facts}))
        if not await self._faults.meet(step, unit):
            return None
        return Outcome(1, "", f"Failed to reach unit {unit}.service: Connection timed out\n")

    def _asked(self, asked: Request) -> dict[str, Any]:
        properties = {name: list(values) for name, values in sorted(asked.properties.items())}
        environment = _environment(properties.pop("EnvironmentFile", []))
        facts = self._words.plain(
            {"options": asked.options, "properties": properties, "command": asked.command}
        )
        pairs = [f"{name}={value}" for name, value in environment.items()]
        return {**facts, "environment": self._words.environment(pairs)}

    def _run(self, asked: Request) -> Outcome:
        name = asked.unit
        if name in self._units:
            return Outcome(
                1,
                "",
                f"Failed to start transient service unit: Unit {name}.service was already loaded"
                " or has a fragment file.\n",
            )
        environment = _environment(asked.properties.get("EnvironmentFile", []))
        self._units[name] = self._begun(name, environment)
        return Outcome(complaint=f"Running as unit: {name}.service\n")

    def _begun(self, name: str, environment: Mapping[str, str]) -> Unit:
        """Start the program; it fails where it cannot listen at its address."""
        address = urlsplit(environment.get("JUPYTERHUB_SERVICE_URL", ""))
        if not self._failing.get(name, self._failing.get("", False)) and address.port:
            try:
                program = Program("127.0.0.1", address.port)
            except OSError:
                return Unit(State.FAILED, environment, None)
            return Unit(State.ACTIVE, environment, program)
        return Unit(State.FAILED, environment, None)

    def _control(self, verb: str, name: str) -> Outcome:
        unit = self._units.get(name)
        state = unit.state.value if unit else "inactive"
        if verb == "is-active":
            return Outcome(0 if state == "active" else _INACTIVE, f"{state}\n")
        if verb == "is-failed":
            return Outcome(0 if state == "failed" else 1, f"{state}\n")
        if verb not in {"stop", "reset-failed"}:
            return Outcome(1, "", f"Unknown command verb {verb}.\n")
        if unit is None:
            action = verb.removesuffix("-failed")
            say = f"Failed to {action} {name}.service: Unit {name}.service not loaded.\n"
            return Outcome(_NOT_LOADED if verb == "stop" else 1, "", say)
        if verb == "reset-failed" or unit.state is State.ACTIVE:
            self._end(name, only_failed=verb == "reset-failed")
        return Outcome()

    def _end(self, name: str, *, only_failed: bool = False) -> None:
        unit = self._units[name]
        if only_failed and unit.state is not State.FAILED:
            return
        del self._units[name]
        if unit.program is not None:
            unit.program.end()
            self._ended.append(unit.program)


def _parsed(arguments: Iterable[str]) -> Request:
    """Read the command line; a value may be a word of its own for the options named here."""
    words = list(arguments)
    asked = Request()
    while words and words[0].startswith("--"):
        name, equals, value = words.pop(0).removeprefix("--").partition("=")
        if not equals and name in {"unit", "working-directory", "property"}:
            value = words.pop(0)
        if name == "unit":
            asked.unit = value
        elif name == "property":
            key, _, content = value.partition("=")
            asked.properties.setdefault(key, []).append(content)
        else:
            asked.options[name] = value or True
    asked.command = words
    return asked


def _environment(files: Sequence[str]) -> dict[str, str]:
    """The variables in environment files. SystemdSpawner writes one word as a shell quotes it."""
    found: dict[str, str] = {}
    for file in files:
        for line in Path(file).read_text("utf-8").split("\n"):
            name, equals, quoted = line.partition("=")
            if equals:
                found[name] = "".join(shlex.split(quoted))
    return found
