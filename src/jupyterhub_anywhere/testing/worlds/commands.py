"""Commands on ``PATH`` that a world answers: each is a script that asks over a unix socket."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_LONGEST: Final = 8 << 20
"""Bytes of one request: an environment and a script."""
_SCRIPT: Final = """\
import json, os, socket, sys
name, address, version, reads = {constants!r}
if version and sys.argv[1:] == ["--version"]:
    print(version)
    sys.exit()
world = socket.socket(socket.AF_UNIX)
try:
    world.connect(address)
    text = sys.stdin.read() if reads else ""
    asked = {{"name": name, "arguments": sys.argv[1:], "text": text}}
    asked["environment"] = dict(os.environ)
    world.sendall(json.dumps(asked).encode() + b"\\n")
    answer = json.loads(world.makefile().readline() or "null")
except OSError:
    answer = None
if answer is None:
    sys.exit(name + ": the recording world has gone")
sys.stdout.write(answer["output"])
sys.stderr.write(answer["complaint"])
sys.exit(answer["code"])
"""


@dataclass(frozen=True, slots=True)
class Command:
    """One command line that somebody ran.

    Attributes:
        name: The program.
        arguments: Without the program.
        environment: That it was given.
        text: Its standard input; empty for a program that does not read it.
    """

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the program does: exit code, standard output and standard error."""

    code: int = 0
    output: str = ""
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class Executable:
    """A program to be put on ``PATH``.

    Attributes:
        reads: It reads its standard input to the end.
        version: What it says to ``--version``. The script itself answers that: SystemdSpawner's
            constructor asks for it while it holds the event loop, in which the world lives.
    """

    reads: bool = False
    version: str = ""


class Commands:
    """The scripts and the socket that they ask at. Lives in one event loop.

    Args:
        folder: Private; gets a folder ``bin``.
        programs: By name.
        serve: Called for every command that was run. When the one who asked has been killed
            meanwhile, the call is cancelled.
    """

    def __init__(
        self,
        folder: Path,
        programs: Mapping[str, Executable],
        serve: Callable[[Command], Awaitable[Outcome]],
    ) -> None:
        self.bin = folder / "bin"
        self._programs = programs
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._place: tempfile.TemporaryDirectory[str] | None = None
        self._conversations: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Write the scripts and listen."""
        # Not below the folder: the path of a socket may have 107 bytes at most.
        self._place = tempfile.TemporaryDirectory(prefix="commands-")
        address = str(Path(self._place.name) / "socket")
        self._server = await asyncio.start_unix_server(self._met, address, limit=_LONGEST)
        self.bin.mkdir(mode=0o700)
        for name, program in self._programs.items():
            self._write(name, program, address)

    async def close(self) -> None:
        """Leave every command that still waits, which then fails."""
        if self._server is None or self._place is None:
            return
        self._server.close()
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        self._place.cleanup()
        self._server = None

    def path(self) -> str:
        """A value of ``PATH`` under which these commands are found first."""
        return os.pathsep.join([str(self.bin), os.environ.get("PATH", os.defpath)])

    def _write(self, name: str, program: Executable, address: str) -> None:
        constants = (name, address, program.version, program.reads)
        script = self.bin / f".{name}.py"
        script.write_text(_SCRIPT.format(constants=constants), "utf-8")
        command = self.bin / name
        # -I and -S: a quick start, and no variable of the user's environment that changes it.
        python = shlex.join([sys.executable, "-I", "-S", str(script)])
        command.write_text(f'#!/bin/sh\nexec {python} "$@"\n', "utf-8")
        command.chmod(0o700)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._conversations.add(task)
            task.add_done_callback(self._conversations.discard)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await self._talk(reader, writer)
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if not line:
            return
        asked = json.loads(line)
        command = Command(**{**asked, "arguments": tuple(asked["arguments"])})
        work = asyncio.ensure_future(self._serve(command))
        gone = asyncio.ensure_future(reader.read())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                outcome = work.result()
                answer = {
                    "code": outcome.code,
                    "output": outcome.output,
                    "complaint": outcome.complaint,
                }
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        finally:
            work.cancel()
            gone.cancel()
