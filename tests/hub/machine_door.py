"""A hub's door for machines without the hub: our handlers, tickets and tunnels, and real agents."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.hub.harness import free_port, wait_for
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from jupyterhub_anywhere.targets.machines import api, launcher, tickets, tunnels, waiting
from jupyterhub_anywhere.targets.machines.waiting import Caller, JobRefusedError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence

    from jupyterhub_anywhere.targets.machines.tickets import Record, Refusal

STUB: Final = Path(__file__).with_name("machine_stub.py")
TOKEN: Final = "a-token-that-is-told-to-nobody-else"
# Generous: a machine that is slow or busy is not wrong.
SECONDS: Final = 60.0


class Door:
    """Serves machines on a port of 127.0.0.1; may be closed and opened again.

    Args:
        context: Of TLS; none for plain http.
        port: The port; default: any.
    """

    def __init__(self, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        routes = [("/hub" + path, handler) for path, handler, *_ in api.ROUTES]
        self.application = web.Application(routes, xsrf_cookies=True, cookie_secret="x" * 40)
        self.context, self.port = context, port
        self.server: HTTPServer | None = None

    def open(self) -> Self:
        self.server = HTTPServer(self.application, ssl_options=self.context, xheaders=True)
        sockets = bind_sockets(self.port, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self.server.add_sockets(sockets)
        return self

    async def close(self) -> None:
        if self.server is not None:
            self.server.stop()
            await self.server.close_all_connections()
            self.server = None

    @property
    def url(self) -> str:
        scheme = "https" if self.context else "http"
        return f"{scheme}://127.0.0.1:{self.port}/hub"


class Start:
    """A start and the life after it, as a spawner has them.

    Args:
        key: Its key.
        job: What is different from a plain job.
    """

    def __init__(self, key: str = "lease1", **job: Any) -> None:
        self.key = key
        self.text, record = tickets.issue(key, time.time(), 300)
        self.record: Record | None = record
        self.credential: Record | None = None
        self.callers: list[Caller] = []
        self.reports: list[dict[str, Any]] = []
        self.refusals: list[tuple[Refusal, str]] = []
        self.verdict: dict[str, Any] = {"lease": "held"}
        self.refusal = ""
        self.news = asyncio.Condition()
        # The door is closed while the answer is on its way, where a test says so.
        self.before: Callable[[], Any] | None = None
        self.job = {
            "server": key,
            "cmd": [str(STUB)],
            "args": ["--port={port}"],
            "env": {
                "JUPYTERHUB_API_TOKEN": TOKEN,
                "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:0/user/ann/",
            },
            "account": {"name": own_name(), "make": False},
            "ports": [[free_port(), 0]],
            "install": None,
            "reach": "direct",
            "every": 0.2,
            "patience": 3600,
            **job,
        }
        if self.job["ports"][0][1] == 0:
            self.job["ports"][0][1] = self.job["ports"][0][0]

    def env(self, **more: str) -> Self:
        self.job["env"].update(more)
        return self

    @property
    def whose(self) -> str:
        return "ann:lab"

    async def redeemed(self, caller: Caller) -> Mapping[str, Any]:
        self.callers.append(caller)
        if self.refusal:
            raise JobRefusedError(self.refusal)
        if self.before is not None:
            before, self.before = self.before, None
            await before()
        await self._tell()
        return self.job

    async def reported(self, report: Mapping[str, Any]) -> Mapping[str, Any]:
        self.reports.append(dict(report))
        await self._tell()
        return self.verdict

    def refused(self, refusal: Refusal, address: str) -> None:
        self.refusals.append((refusal, address))

    async def _tell(self) -> None:
        async with self.news:
            self.news.notify_all()

    def stages(self) -> list[str]:
        return [each["stage"] for each in self.reports]

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for something that a report brings about.

        Raises:
            AssertionError: It did not come.
        """
        try:
            async with asyncio.timeout(SECONDS), self.news:
                await self.news.wait_for(condition)
        except TimeoutError:
            raise AssertionError(f"{what}; stages: {self.stages()[:20]}") from None

    async def stage(self, name: str, times: int = 1) -> dict[str, Any]:
        """Wait for a stage; its last report."""
        await self.until(lambda: self.stages().count(name) >= times, f"no {name}")
        return [each for each in self.reports if each["stage"] == name][-1]


class Agent:
    """An agent that is a process of this machine, in a folder of its own.

    Args:
        folder: Its folder.
        hub: The hub's address.
        ticket: The ticket.
        python: What runs it.
        seconds: Constants of the agent that are to be shorter than in earnest.
        config: More of its configuration.
    """

    def __init__(
        self,
        folder: Path,
        hub: str,
        ticket: str,
        *,
        python: str = sys.executable,
        seconds: Mapping[str, float] | None = None,
        **config: Any,
    ) -> None:
        self.folder, self.python = folder / "agent", python
        self.folder.mkdir(mode=0o700)
        for name in ("agent.py", "tunnel.py"):
            text = launcher.sent(launcher.source(name))
            (self.folder / name).write_text(text, "utf-8")
        change = "".join(f"agent.{name} = {value}\n" for name, value in (seconds or {}).items())
        starter = f"import sys\nsys.path.insert(0, {str(self.folder)!r})\nimport agent\n{change}"
        (self.folder / "start.py").write_text(f"{starter}agent.main()\n", "utf-8")
        values = {"hub": hub, "ticket": ticket, "run": str(folder / "run"), **config}
        values.setdefault("insecure", hub.startswith("http:"))
        (self.folder / "config.json").write_text(json.dumps(values), "utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [self.python, "-I", str(self.folder / "start.py")],
                stdout=out,
                stderr=out,
                cwd="/",
                env={"PATH": os.environ["PATH"]},
            )
        return self

    @property
    def said(self) -> str:
        return (self.folder / "out").read_text("utf-8")

    async def ended(self) -> int:
        """Wait for its end; its exit code."""
        assert self.process is not None
        async with asyncio.timeout(SECONDS):
            return await asyncio.to_thread(self.process.wait)

    async def kill(self) -> None:
        """Kill it, as if there were no memory left."""
        assert self.process is not None
        self.process.kill()
        await self.ended()

    def close(self) -> None:
        """End it, and what it has started."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        for path in self.folder.glob("servers/*.json"):
            pid = json.loads(path.read_text("utf-8")).get("pid")
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        shutil.rmtree(self.folder)


def own_name() -> str:
    """An account that this process may start servers as."""
    return "daemon" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


def expect(starts: Sequence[Start]) -> None:
    for each in starts:
        waiting.expect(each.key, each)


async def forget(starts: Sequence[Start]) -> None:
    for each in starts:
        waiting.forget(each.key)
        await tunnels.hub.close(each.key)


async def eventually(condition: Callable[[], object], what: str) -> None:
    """Wait for something that this process is not told of; it is asked in a thread.

    Raises:
        AssertionError: It did not come.
    """
    await asyncio.to_thread(wait_for, condition, seconds=SECONDS, what=what)


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(pid: int) -> None:
    """Wait for the end of a process."""
    await eventually(lambda: not alive(pid), f"the end of {pid}")


def command_lines() -> list[bytes]:
    """Of all processes, what anybody may read."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return found


# Seconds of an agent that are shorter than in earnest.
QUICK: Final = {"LONGEST_WAIT": 0.5, "IDLE_SECONDS": 0.1, "STOP_SECONDS": 1.0}


class World:
    """A door, starts that wait, and agents.

    Args:
        folder: Where the agents lie.
        context: Of the door.
    """

    def __init__(self, folder: Path, context: ssl.SSLContext | None = None) -> None:
        self.folder, self.door = folder, Door(context).open()
        self.starts: list[Start] = []
        self.agents: list[Agent] = []

    def start(self, key: str = "lease1", **job: Any) -> Start:
        """Wait for a machine."""
        self.starts.append(Start(key, **job))
        expect(self.starts[-1:])
        return self.starts[-1]

    def agent(self, start: Start, **config: Any) -> Agent:
        """Start a machine's agent."""
        folder = self.folder / str(len(self.agents))
        folder.mkdir()
        config = {"seconds": QUICK, **config}
        self.agents.append(Agent(folder, config.pop("hub", self.door.url), start.text, **config))
        return self.agents[-1].start()

    async def close(self) -> None:
        """End everything."""
        for agent in self.agents:
            agent.close()
        await forget(self.starts)
        await self.door.close()
