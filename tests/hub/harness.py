"""A real JupyterHub in a process of its own, for tests.

`Hub` runs either ``anywhere up`` or plain ``jupyterhub`` with a configuration file; each hub has a
folder, a state folder, free ports and a token of its own. `Hub.close` ends whatever was started on
its behalf, the servers that outlived it included, and removes the folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar

import httpx
import yaml
from tests.hub.guard import Guard, end
from tests.hub.guard import processes_with as processes_with  # noqa: PLC0414 - for tests, too

from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub.files import write_json
from jupyterhub_anywhere.hub.proxy_command import find_proxy_command
from jupyterhub_anywhere.hub.statefolder import open_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jupyterhub_anywhere.core.processes import ProcessId

# Generous: a machine that is slow or busy is not wrong.
START_SECONDS = 120.0
SERVER_SECONDS = 120.0
END_SECONDS = 90.0
# The line with which `anywhere up` says that it is ready: all else was printed and written before.
READY = "JupyterHub is at "
# Below those that the kernel gives to connections: a port is not taken between its choice and use.
_PORTS = range(10_000, 32_768)
SOURCES = Path(__file__).parents[2] / "src"
Answer = TypeVar("Answer")

# A service of the tests may do everything; it is appended, so that the hub's own services stay.
_SERVICE = """
c.JupyterHub.services.append({{"name": "tests", "api_token": {token!r}}})
c.JupyterHub.load_roles.append({{"name": "tests", "services": ["tests"], "scopes": {scopes!r}}})
"""
_SCOPES = [
    "admin:users",
    "admin:servers",
    "admin:groups",
    "admin:server_state",
    "access:servers",
    "tokens",
    "proxy",
    "shutdown",
    "read:metrics",
    "read:hub",
]
_PLAIN = """
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub_port}"
c.JupyterHub.db_url = "sqlite:///" + {database!r}
c.JupyterHub.cookie_secret_file = {cookie!r}
c.ConfigurableHTTPProxy.command = {command!r}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.ConfigurableHTTPProxy.pid_file = {pid_file!r}
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
"""
# As ``python -m``, without the seconds of which `jupyterhub_anywhere.core.quick` tells.
_QUICK = """
import runpy
from jupyterhub_anywhere.core.quick import import_jsonschema
import_jsonschema()
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


# What was given lately: nobody may hold it yet, as a hub that takes three and is about to start.
_given: Final[deque[int]] = deque(maxlen=64)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody holds now, and that no other worker of pytest chooses."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    while True:
        port = secrets.choice(_PORTS[worker::workers])
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.append(port)
            return port


def _two_ports() -> dict[str, int]:
    first = second = free_port()
    while second == first:
        second = free_port()
    return {"hub_port": first, "api_port": second}


def wait_for(
    condition: Callable[[], Answer], *, seconds: float = 60.0, what: str = "the condition"
) -> Answer:
    """Ask until the answer is true, and return it.

    Raises:
        AssertionError: It was not within the time.
    """
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"{what} did not come true within {seconds:g} s"
        time.sleep(0.05)


# Of this process; it outlives it.
_GUARD: Final = Guard()


class Hub:
    """A hub in a folder of its own; nothing runs before `start`.

    Args:
        mode: ``up`` runs ``anywhere up``; ``plain`` runs JupyterHub with `config` alone.
        site: The content of ``anywhere.yaml``; in mode ``plain`` the file is written and no more.
            ``hub.url``, ``hub.id`` and ``hub.jupyterhub_config`` are filled in.
        config: Python text of ``extra.py``, the hub's own configuration, read last.
        arguments: More arguments for ``anywhere up``.
        environment: More variables for the hub; None removes one.
        path: The path of the hub's URL.
        scheme: ``https`` where `site` brings a certificate, which is not verified.

    Attributes:
        folder: Everything of this hub; reachable for every account of the machine.
        state: The state folder of ``anywhere up``.
        url: Where the hub answers, with a slash at its end.
        token: A token for the API that may do everything.
    """

    def __init__(
        self,
        *,
        mode: Literal["up", "plain"] = "up",
        site: Mapping[str, Any] | None = None,
        config: str = "",
        arguments: Sequence[str] = (),
        environment: Mapping[str, str | None] | None = None,
        path: str = "/",
        scheme: Literal["http", "https"] = "http",
    ) -> None:
        self.mode = mode
        self.folder = Path(tempfile.mkdtemp(prefix="anywhere-hub-"))
        # Servers of other accounts have to reach their homes in here.
        self.folder.chmod(0o711)
        self.state = StatePaths(self.folder / "state")
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}{path}"
        # A certificate of `site` is the test's own. Without TLS it is about the cost: each client
        # that verifies reads all authorities of the world, which takes longer than a request.
        self._verify = False
        self.id = f"test-{secrets.token_hex(6)}"
        self.arguments = tuple(arguments)
        self.environment = dict(environment or {})
        self.process: subprocess.Popen[bytes] | None = None
        _GUARD.watch(self.folder, self.id)
        self._ready_before = 0
        self._clients: list[httpx.Client] = []
        self.write_config(config)
        self.write_site(site or {})

    # --- files -----------------------------------------------------------------------------------

    @property
    def file(self) -> Path:
        """The hub's ``anywhere.yaml``."""
        return self.folder / "anywhere.yaml"

    @property
    def config_file(self) -> Path:
        """The hub's ``extra.py``, a ``jupyterhub_config.py``."""
        return self.folder / "extra.py"

    def write_site(self, site: Mapping[str, Any]) -> None:
        """Write ``anywhere.yaml`` anew."""
        ours = {"url": self.url, "id": self.id, "jupyterhub_config": self.config_file.name}
        whole = {**site, "hub": {**ours, **site.get("hub", {})}}
        self.file.write_text(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False), "utf-8")

    def write_config(self, config: str) -> None:
        """Write ``extra.py`` anew."""
        text = config + _SERVICE.format(token=self.token, scopes=_SCOPES)
        if self.mode == "plain":
            text = self._plain_config() + text
        self.config_file.write_text(text, "utf-8")
        self.config_file.chmod(0o600)

    def _plain_config(self) -> str:
        return _PLAIN.format(
            url=self.url,
            **_two_ports(),
            database=str(self.folder / "plain.sqlite"),
            cookie=str(self.folder / "plain.cookie"),
            command=find_proxy_command(),
            pid_file=str(self.folder / "plain-proxy.pid"),
        )

    # --- the process -----------------------------------------------------------------------------

    def words(self) -> list[str]:
        """What follows ``python -m`` in the command line that starts the hub."""
        if self.mode == "plain":
            return ["jupyterhub", "-f", str(self.config_file)]
        return [
            *("jupyterhub_anywhere.cli.main", "--state", str(self.state.root)),
            *("up", "-f", str(self.file), *self.arguments),
        ]

    def command(self) -> list[str]:
        """The command line that starts the hub."""
        module, *words = self.words()
        if self.mode == "plain":
            return [sys.executable, "-c", _QUICK.format(module=module), *words]
        return [sys.executable, "-m", module, *words]

    def variables(self) -> dict[str, str]:
        """The environment of the hub and of commands beside it."""
        paths = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        values: dict[str, str | None] = {
            **os.environ,
            "PATH": os.pathsep.join(paths),
            "PYTHONPATH": str(SOURCES),
            "PYTHONUNBUFFERED": "1",
            "ANYWHERE_TEST_FOLDER": str(self.folder),
            **self.environment,
        }
        return {name: value for name, value in values.items() if value is not None}

    def launch(self, wrapper: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start the process without waiting for the hub.

        Args:
            wrapper: A command that runs the hub, as ``setpriv``.
        """
        assert self.process is None or self.process.poll() is not None, "the hub runs already"
        self._ready_before = self.output().count(READY)
        with (self.folder / "output.log").open("ab") as output:
            self.process = subprocess.Popen(
                [*wrapper, *self.command()],
                cwd=self.folder,
                env=self.variables(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self.process

    def start(self, *, seconds: float = START_SECONDS) -> Self:
        """Start the hub and wait until it is ready.

        Raises:
            AssertionError: It ended, or was not ready in time; with the end of its logs.
        """
        if self.mode == "up" and not self.state.root.exists():
            self._choose_ports()
        process = self.launch()
        end = time.monotonic() + seconds
        while not self.ready():
            assert process.poll() is None, (
                f"the hub ended with {process.returncode}:\n{self.logs()}"
            )
            assert time.monotonic() < end, f"the hub is not ready:\n{self.logs()}"
            time.sleep(0.05)
        return self

    def _choose_ports(self) -> None:
        """Lay a state folder whose ports no other worker chooses.

        A hub of root takes its own out of some three hundred; with many hubs side by side, one
        that is away for a moment would find its port taken when it comes back.
        """
        write_json(open_state(self.state.root).proxy, _two_ports())

    def ready(self) -> bool:
        """Whether the hub answers and has said, in mode ``up``, all that it says at its start.

        It answers a moment before it prints passwords and URL and writes down where it is.
        """
        if self.mode == "up" and self.output().count(READY) <= self._ready_before:
            return False
        return self.answers()

    def answers(self) -> bool:
        """Whether the hub answers through its proxy."""
        try:
            answer = httpx.get(self.url + "hub/api/", timeout=2.0, verify=self._verify)
        except httpx.TransportError:
            return False
        # While the hub is away, the proxy itself answers with 503.
        return answer.status_code == httpx.codes.OK

    def signal(self, number: signal.Signals, *, seconds: float = END_SECONDS) -> int:
        """Signal the hub and wait for its end; returns its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=seconds)

    def stop(self) -> int:
        """End the hub as an administrator would; returns its exit status."""
        return self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the hub as a power cut would; its proxy and servers stay."""
        self.signal(signal.SIGKILL)

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run ``anywhere --state … ARGUMENTS`` beside the hub."""
        command = [sys.executable, "-m", "jupyterhub_anywhere.cli.main"]
        return subprocess.run(
            [*command, "--state", str(self.state.root), *arguments],
            cwd=self.folder,
            env=self.variables(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def output(self) -> str:
        """What the hub wrote to its terminal."""
        path = self.folder / "output.log"
        return path.read_text("utf-8", "replace") if path.is_file() else ""

    def logs(self, lines: int = 60) -> str:
        """The ends of all logs of this hub."""
        files = sorted(self.state.logs.glob("*.log")) if self.state.logs.exists() else []
        texts = {"output": self.output()}
        texts |= {path.name: path.read_text("utf-8", "replace") for path in files}
        return "\n".join(f"--- {name}\n{_tail(text, lines)}" for name, text in texts.items())

    # --- HTTP ------------------------------------------------------------------------------------

    def client(self, **options: Any) -> httpx.Client:
        """A client that begins at the hub's URL and is closed with the hub."""
        settings: dict[str, Any] = {"base_url": self.url, "timeout": 60.0, **options}
        settings.setdefault("verify", self._verify)
        client = httpx.Client(**settings)
        self._clients.append(client)
        return client

    def api(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask the hub's API with the token of the tests; `path` begins after ``/hub/api/``."""
        headers = {"Authorization": f"token {self.token}", **options.pop("headers", {})}
        settings: dict[str, Any] = {"timeout": 60.0, "verify": self._verify, **options}
        return httpx.request(method, f"{self.url}hub/api/{path}", headers=headers, **settings)

    def login(self, name: str, password: str = "") -> httpx.Client:
        """Log in as a browser does; the client has the cookies.

        Raises:
            AssertionError: The hub refused.
        """
        client = self.client(follow_redirects=True)
        answer = self.try_login(client, name, password)
        assert "/hub/login" not in answer.url.path, f"login as {name} failed: {answer.status_code}"
        return client

    def try_login(self, client: httpx.Client, name: str, password: str) -> httpx.Response:
        """Send the login form, as a browser does, and return the answer."""
        client.get("hub/login").raise_for_status()
        form = {"username": name, "password": password, "_xsrf": client.cookies["_xsrf"]}
        # To the home page: the default would start a server.
        return client.post("hub/login?next=" + httpx.URL(self.url).path + "hub/home", data=form)

    def add_user(self, name: str) -> None:
        """Make a user, unless there is one."""
        answer = self.api("POST", f"users/{name}")
        assert answer.status_code in {201, 409}, answer.text

    def server(self, user: str, server: str = "") -> dict[str, Any] | None:
        """What the API says of a server, its state included; None where it does not exist."""
        answer = self.api("GET", f"users/{user}", params={"include_stopped_servers": "1"})
        answer.raise_for_status()
        model: dict[str, Any] | None = answer.json()["servers"].get(server)
        return model

    def start_server(
        self,
        user: str,
        server: str = "",
        *,
        options: Mapping[str, Any] | None = None,
        seconds: float = SERVER_SECONDS,
    ) -> dict[str, Any]:
        """Start a server through the API and wait until it is ready.

        Raises:
            AssertionError: The hub refused, or it was not ready in time.
        """
        self.add_user(user)
        path = f"users/{user}/servers/{server}" if server else f"users/{user}/server"
        body = {} if options is None else {"user_options": dict(options)}
        answer = self.api("POST", path, json=body, timeout=seconds)
        assert answer.status_code in {201, 202}, f"{answer.text}\n{self.logs()}"
        end = time.monotonic() + seconds
        while True:
            model = self.server(user, server)
            if model is not None and model["ready"]:
                return model
            assert model is not None, f"the server vanished:\n{self.logs()}"
            assert model["pending"], f"the start failed:\n{self.logs()}"
            assert time.monotonic() < end, f"the server is not ready:\n{self.logs()}"
            time.sleep(0.1)

    def stop_server(self, user: str, server: str = "", *, seconds: float = END_SECONDS) -> None:
        """Stop a server through the API and wait until it has gone."""
        path = f"users/{user}/servers/{server}" if server else f"users/{user}/server"
        answer = self.api("DELETE", path, timeout=seconds)
        assert answer.status_code in {202, 204}, answer.text

        def stopped() -> bool:
            model = self.server(user, server)
            return model is None or not (model["ready"] or model["pending"])

        wait_for(stopped, seconds=seconds, what=f"the stop of {user}/{server}")

    def user_token(self, user: str) -> str:
        """A token of a user, with all rights of that user."""
        answer = self.api("POST", f"users/{user}/tokens", json={"note": "tests"})
        assert answer.status_code == httpx.codes.CREATED, answer.text
        token: str = answer.json()["token"]
        return token

    # --- the end ---------------------------------------------------------------------------------

    def leftovers(self) -> list[ProcessId]:
        """Everything that runs on behalf of this hub, and the hub."""
        return processes_with(str(self.folder), self.id)

    def close(self) -> None:
        """End everything of this hub and remove its folder."""
        for client in self._clients:
            client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        end(self.folder, self.id)
        _GUARD.forget(self.folder)


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text("utf-8"))


def _tail(text: str, lines: int) -> str:
    return "\n".join(text.splitlines()[-lines:])
