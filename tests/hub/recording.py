"""A spawner with every optional method, which writes down each call; for tests of delegation.

The record is a file of JSON lines named by the trait `record`. The server is a stub: a small HTTP
server in a process of its own that answers everything with 200.

A file ``trouble.json`` beside the record says what goes wrong for whom, and is read at each call:
user name to ``[method, how]``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyterhub import __version__
from jupyterhub.spawner import SimpleLocalProcessSpawner, Spawner
from jupyterhub.utils import random_port
from traitlets import Bool, Dict, Unicode, default

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STUB = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", sys.argv[2])
        self.end_headers()
        self.wfile.write(b"stub")
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
# Different at every start, and no business of a comparison.
VOLATILE = {"JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "JUPYTERHUB_SERVICE_URL"}


class Odd(BaseException):
    """An exception that is no Exception."""


TROUBLE = {
    "raise": RuntimeError,
    "exit": SystemExit,
    "odd": Odd,
    "cancel": asyncio.CancelledError,
}


class RecordingSpawner(SimpleLocalProcessSpawner):
    """Starts a stub and writes down what the hub asked of it."""

    record = Unicode().tag(config=True)
    colour = Unicode("grey").tag(config=True)
    labels = Dict().tag(config=True)
    version = Unicode(__version__, help="What the server says it is.").tag(config=True)
    fail_in = Unicode().tag(config=True)
    hang_in = Unicode().tag(config=True)
    resume = Bool(default_value=False, help="Come back with the old token.").tag(config=True)
    volume = Unicode()

    @default("will_resume")
    def _default_will_resume(self) -> bool:
        return bool(self.resume)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trouble("constructor")

    @property
    def poll_jitter(self) -> float:
        """A property where JupyterHub has a trait."""
        self.trouble("attribute")
        return 0.1

    def take_old_token(self) -> None:
        """As a stopped container does: its environment has the token of the first start."""
        file = Path(self.record).with_name(f"token-{self.user.name}-{self.name}")
        if file.exists():
            self.api_token = file.read_text("ascii")
        else:
            file.write_text(self.api_token, "ascii")

    async def note(self, method: str, **facts: Any) -> None:
        """Write a call down, then fail or hang where the test wants it."""
        self.write(method, **facts)
        if self.fail_in == method:
            raise RuntimeError(f"secret cause in {method}")
        how = self.trouble(method)
        if self.hang_in == method or how == "hang":
            await asyncio.Event().wait()
        while how == "cling":
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        if how == "block":
            time.sleep(2.5)  # noqa: ASYNC251 - a child that does not know better

    def trouble(self, method: str) -> str:
        """Raise what is to be raised in a method, else say what else goes wrong there."""
        file = Path(self.record).with_name("trouble.json")
        if not self.record or self.user is None or not file.exists():
            return ""
        where, how = json.loads(file.read_text("utf-8")).get(self.user.name, ("", ""))
        if where != method:
            return ""
        if how in TROUBLE:
            raise TROUBLE[how](f"secret cause in {method}")
        return str(how)

    def write(self, method: str, **facts: Any) -> None:
        who = {"user": self.user.name, "server": self.name}
        line = json.dumps({"call": method, **who, **facts}, default=str)
        with Path(self.record).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def load_state(self, state: dict[str, Any]) -> None:
        self.trouble("load_state")
        super().load_state(state)
        self.volume = state.get("volume", "")

    def get_state(self) -> dict[str, Any]:
        if self.trouble("get_state") == "garbage":
            return {"function": print}
        state: dict[str, Any] = super().get_state()
        if self.volume:
            state["volume"] = self.volume
        return state

    async def start(self) -> tuple[str, int]:
        if self.resume:
            self.take_old_token()
        environment = {k: v for k, v in self.get_env().items() if k.startswith("JUPYTERHUB_")}
        extra = {k: v for k, v in self.environment.items() if isinstance(v, str)}
        await self.note(
            "start",
            options=self.user_options,
            environment={k: v for k, v in environment.items() if k not in VOLATILE},
            extra=extra,
            token=bool(self.api_token),
            colour=self.colour,
            labels=self.labels,
            mem_limit=self.mem_limit,
            kept_volume=self.volume,
            start_timeout=self.start_timeout,
            pending=self._spawn_pending,
            admin=self.admin_access,
        )
        self.volume = self.volume or f"volume-of-{self.user.name}-{self.name}"
        self.port = random_port()
        self.proc = subprocess.Popen(  # noqa: ASYNC220 - as LocalProcessSpawner does
            [sys.executable, "-c", STUB, str(self.port), self.version],
            env={"ANYWHERE_TEST_FOLDER": str(Path(self.record).parent)},
            start_new_session=True,
        )
        self.pid = self.proc.pid
        return "127.0.0.1", self.port

    async def poll(self) -> int | None:
        if "poll" in {self.fail_in, self.hang_in} or self.trouble("poll"):
            await self.note("poll")
        if not self.pid:
            return 0
        return None if await self._signal(0) else 0

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - the hub's signature
        await self.note("stop", now=now, volume=self.volume)
        await self._signal(15)
        self.pid = 0

    async def get_url(self) -> str:
        await self.note("get_url")
        if self.trouble("get_url") == "garbage":
            return "http://[127.0.0.1:port/"
        url: str = await Spawner.get_url(self)
        return url

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        yield {"progress": 42, "message": f"painting it {self.colour}"}

    async def rename(self, old_name: str, new_name: str) -> None:
        await self.note("rename", old=old_name, new=new_name, volume=self.volume)

    async def delete_forever(self) -> None:
        await self.note("delete_forever", volume=self.volume)


class UnbuildableSpawner(RecordingSpawner):
    """Cannot be built."""

    def __init__(self, **kwargs: Any) -> None:
        raise RuntimeError("secret cause in the constructor")
