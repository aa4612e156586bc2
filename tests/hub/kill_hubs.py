"""Hubs that are killed: ours, and the stock hub with its own spawner of local processes."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from tests.hub import kill_troubles
from tests.hub.forked_hub import ForkedHub
from tests.hub.harness import Hub, wait_for

from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.targets.process.labels import labels_of, parse_environ
from jupyterhub_anywhere.testing.faults.run import Told

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from jupyterhub_anywhere.testing.faults.kills import Plan
    from jupyterhub_anywhere.testing.faults.run import Trouble
    from jupyterhub_anywhere.testing.faults.zygote import Zygote

# What we are known not to keep yet; an entry goes when it is kept.
KNOWN_FAILURES = Path(__file__).with_name("kills_known.json")
# Two sweeps and the grace have passed within what a test waits.
LEDGER = {"every": "1s", "grace": "3s"}
# The same for tests that kill hubs by the hundred, and what two of its sweeps take, in seconds.
HASTY_LEDGER = {"every": "0.5s", "grace": "1s"}
TWO_SWEEPS = 1.3
# Which of its hub's servers a process is stands in its environment, whoever started it.
MARK = "ANYWHERE_KILLED"
_WATCH = """
import sys
from jupyterhub_anywhere.testing.faults import kills
kills.install({folder!r})
c.Spawner.cmd = [sys.executable, {stub!r}]
c.Spawner.environment = {{{mark!r}: {id!r}}}
c.Spawner.http_timeout = {patience}
c.Spawner.poll_interval = 1
c.JupyterHub.last_activity_interval = 3600
"""
_STOCK = """
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r} + "/{{username}}"
c.JupyterHub.cleanup_servers = False
"""
_STUB = """
import http.server, os, signal, urllib.parse
deaf = []
signal.signal(signal.SIGUSR1, lambda *_: deaf.append(1))
signal.signal(signal.SIGUSR2, lambda *_: deaf.clear())
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if deaf:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("X-JupyterHub-Version", "6.1.1")
        self.end_headers()
    def log_message(self, *_):
        pass
url = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
http.server.ThreadingHTTPServer((url.hostname, url.port), Answer).serve_forever()
"""


class KilledHub:
    """A hub with the kill points installed, as `run.Subject`; the world is this machine."""

    # Seconds that the hub waits for a server.
    patience = 30

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.folder = hub.folder / "kills"
        self.folder.mkdir()
        (hub.folder / "stub.py").write_text(_STUB)
        (hub.folder / "stub.py").chmod(0o644)

    @classmethod
    def ours(cls, config: str = "", zygote: Zygote | None = None, ledger: str = "") -> Self:
        """``anywhere up`` with its built-in target of local processes.

        Args:
            config: More of the hub's own configuration.
            zygote: What forks its processes; such a hub looks around more often, too.
            ledger: The URL of its ledger; default: a file in its state folder.
        """
        arguments = ["--keep-servers", "--share-account"]
        place = {"url": ledger} if ledger else {}
        if zygote is None:
            hub = Hub(site={"hub": {"ledger": {**LEDGER, **place}}}, arguments=arguments)
        else:
            site = {"hub": {"ledger": {**HASTY_LEDGER, **place}}}
            hub = ForkedHub(zygote, site=site, arguments=arguments)
        made = cls(hub)
        made.hub.write_config(made.watch() + config)
        return made

    @classmethod
    def stock(cls, config: str = "", zygote: Zygote | None = None) -> Self:
        """JupyterHub with SimpleLocalProcessSpawner.

        Args:
            config: More of the hub's own configuration.
            zygote: What forks its processes.
        """
        made = cls(Hub(mode="plain") if zygote is None else ForkedHub(zygote, mode="plain"))
        homes = made.hub.folder / "homes"
        homes.mkdir()
        made.hub.write_config(made.watch() + _STOCK.format(homes=str(homes)) + config)
        return made

    def watch(self) -> str:
        """The lines of the hub's configuration that install the kill points."""
        stub = str(self.hub.folder / "stub.py")
        return _WATCH.format(
            folder=str(self.folder), stub=stub, mark=MARK, id=self.hub.id, patience=self.patience
        )

    # --- the hub ---------------------------------------------------------------------------------

    def boot(self) -> None:
        self.hub.start()

    def launch(self) -> None:
        self.hub.launch()

    def kill(self) -> None:
        self.hub.kill()

    def ended(self) -> bool:
        return self.hub.process is None or self.hub.process.poll() is not None

    def up(self) -> bool:
        return not self.ended() and self.hub.answers()

    def close(self) -> None:
        """End everything, the servers included."""
        for user in self.running():
            self.clear(user)
        self.hub.close()

    # --- users -----------------------------------------------------------------------------------

    def add(self, user: str) -> None:
        self.hub.add_user(user)

    def ask_start(self, user: str) -> None:
        self._ask("POST", user)

    def ask_stop(self, user: str) -> None:
        self._ask("DELETE", user)

    def _ask(self, method: str, user: str) -> None:
        # The hub may die of it before it answers.
        with contextlib.suppress(httpx.TransportError):
            self.hub.api(method, f"users/{user}/server", json={} if method == "POST" else None)

    def told(self, user: str) -> Told:
        model = self.hub.server(user)
        tokens = self.hub.api("GET", f"users/{user}/tokens")
        tokens.raise_for_status()
        notes = [each.get("note") or "" for each in tokens.json()["api_tokens"]]
        return Told(
            ready=bool(model and model["ready"]),
            pending=str((model or {}).get("pending") or ""),
            tokens=sum(note.startswith("Server at") for note in notes),
        )

    def serves(self, user: str) -> bool:
        # Asked again and again; a client that verifies takes long to make, see `Hub`.
        answer = httpx.get(f"{self.hub.url}user/{user}/api", timeout=10, verify=False)
        return answer.status_code == httpx.codes.OK

    def files(self, user: str) -> str:
        """What a file of the user's home has; written at the first look, and never the same."""
        for homes in (self.hub.state.homes, self.hub.folder / "homes"):
            file = homes / user / "kept.txt"
            if file.parent.is_dir():
                if not file.exists():
                    file.write_text(secrets.token_hex(8))
                return file.read_text()
        return ""

    # --- the world -------------------------------------------------------------------------------

    def running(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for process, env in self._processes():
            found.setdefault(env["JUPYTERHUB_USER"], set()).add(f"{process.pid}@{process.start}")
        return {user: frozenset(each) for user, each in found.items()}

    def clear(self, user: str) -> None:
        def left() -> list[ProcessId]:
            return [each for each, env in self._processes() if env["JUPYTERHUB_USER"] == user]

        def none() -> bool:
            for process in left():
                with contextlib.suppress(OSError):
                    process.send(signal.SIGKILL)
            return not left()

        wait_for(none, seconds=20, what=f"the end of {user}'s processes")

    def signal(self, user: str, number: signal.Signals) -> None:
        for process, env in self._processes():
            if env["JUPYTERHUB_USER"] == user:
                process.send(number)

    def trouble(self, user: str, sort: Trouble, plan: Plan) -> None:
        kill_troubles.arise(self, user, sort, plan, self._stray)

    def _stray(self, user: str) -> None:
        """A process with the hub's label that belongs to no lease; nobody's child."""
        labels = {**labels_of(self.hub.id, f"stray-{user}", user, ""), MARK: self.hub.id}
        words = ["sh", "-c", "sleep 600 </dev/null >/dev/null 2>&1 &"]
        subprocess.run(words, env={**os.environ, **labels}, check=True, start_new_session=True)

    def _processes(self) -> list[tuple[ProcessId, dict[str, str]]]:
        """The server processes themselves, without what watches over them."""
        mark = f"{MARK}={self.hub.id}\0".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                block = (entry / "environ").read_bytes()
            except OSError:
                continue
            if mark not in block:
                continue
            identity, env = ProcessId.of(int(entry.name)), parse_environ(block)
            if env.get(MARK) == self.hub.id and identity is not None and identity.alive():
                found.append((identity, env))
        return found


class HastyHub(KilledHub):
    """Waits for a server as long as a test does."""

    patience = 5
