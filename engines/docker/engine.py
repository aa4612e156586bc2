"""A real Docker Engine of one's own: several side by side, each with its bridge and its files.

It runs in a room (``engines.room``) only, which takes back whatever it does to the machine::

    with DockerEngine(room / "one", name="one") as engine:
        engine.load(Path("stub.tar"))
        client = docker.DockerClient(engine.url)

``name`` decides the bridge and the subnet unless they are given; both are there before the
engine, and the bridge's address is the gateway under which containers reach this machine.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import docker
from docker.errors import DockerException

from engines import room
from engines.docker.certificates import write_certificates

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

PROGRAMS: Final = {
    "dockerd": "docker.io",
    "containerd": "docker.io",
    "ip": "iproute2",
    "iptables": "iptables",
}
# A busy machine is slow, not wrong.
_PATIENCE: Final = 120.0
_LOG_LINES: Final = 20
# Before, engines took their id from a key in /etc/docker: two on one machine had the same.
_OWN_ID: Final = 24


class EngineError(Exception):
    """What an engine did not do, with the end of its log."""


def free_port() -> int:
    """A port of the loopback interface that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def subnet_of(name: str) -> str:
    """A subnet for a name, of the range that networks are tested in (RFC 2544)."""
    number = zlib.crc32(name.encode())
    return f"198.{18 + number % 2}.{number // 2 % 256}.0/24"


class DockerEngine:
    """One dockerd with a containerd of its own.

    Attributes:
        name: Tells engines apart.
        folder: All files of the engine, images and volumes included.
        bridge: The network interface of its default network.
        subnet: That network's addresses.
        gateway: This machine's address there.
        socket: The path of its socket.
        tcp_port: The port of 127.0.0.1 where it listens with TLS as well; 0 for none.
        tls: The folder with ``ca.pem``, ``cert.pem`` and ``key.pem`` for its clients.
        log: The path of its log.
    """

    def __init__(  # noqa: PLR0913  (all but the folder are named and have a default)
        self,
        folder: Path,
        *,
        name: str = "engine",
        bridge: str = "",
        subnet: str = "",
        tls: bool = False,
        live_restore: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Describe an engine; nothing is made before ``start``.

        Args:
            folder: A folder that is the engine's alone; made by ``start``.
            name: Tells engines of one room apart.
            bridge: The interface's name, 15 characters at most; from the name when empty.
            subnet: A network of 256 addresses, as ``198.18.7.0/24``; from the name when empty.
            tls: Listen on a TCP port with TLS as well, and make the certificates.
            live_restore: Containers survive the engine's end.
            settings: More entries for ``daemon.json``; they win.

        Raises:
            room.RoomError: Outside of a room.
            EngineError: When a program is missing.
        """
        self.room = room.current()
        if missing := room.lacking(PROGRAMS):
            raise EngineError(missing)
        self.folder = folder
        self.name = name
        self.bridge = bridge or f"any-{name}"[:15]
        self.subnet = subnet or subnet_of(name)
        self.gateway = self.subnet.rpartition(".")[0] + ".1"
        self.socket = folder / "docker.sock"
        self.tcp_port = free_port() if tls else 0
        self.tls = folder / "tls"
        self.live_restore = live_restore
        self.log = folder / "dockerd.log"
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of its socket, as clients take it."""
        return f"unix://{self.socket}"

    @property
    def tcp_url(self) -> str:
        """The address of its TCP port; only with ``tls``."""
        return f"tcp://127.0.0.1:{self.tcp_port}"

    @property
    def cgroup(self) -> str:
        """The control group of all its containers."""
        return f"{self.room.name}/{self.name}"

    @property
    def running(self) -> bool:
        """Whether the engine's process runs."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the engine, and wait until it answers.

        Raises:
            EngineError: When it ends, or does not answer.
        """
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        if self.tcp_port and not self.tls.is_dir():
            write_certificates(self.tls)
        self._make_bridge()
        config = self.folder / "daemon.json"
        config.write_text(json.dumps(self._configuration(), indent=2), "utf-8")
        self.socket.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["dockerd", "--config-file", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Out of the way of a terminal's Ctrl-C: it is stopped when its owner says so.
                start_new_session=True,
            )
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Stop the engine as a service manager would; without live_restore its containers end."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise EngineError(f"Engine {self.name} did not stop. {self.tail()}") from None
        finally:
            self._process = None

    def kill(self) -> None:
        """Kill the engine. Containers stay, until it starts again without live_restore."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop the engine and start it again, with the same files and ports."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Take down all that the engine made: containers, networks, mounts, bridge, files."""
        if self.running:
            with contextlib.suppress(DockerException, OSError):
                self._remove_all()
            with contextlib.suppress(EngineError):
                self.stop()
        self._kill_left()
        self._unmount()
        subprocess.run(["ip", "link", "delete", self.bridge], check=False, capture_output=True)
        room.remove_cgroups(self.cgroup)
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self) -> docker.DockerClient:
        """A client of the engine's socket; the caller closes it."""
        return docker.DockerClient(base_url=self.url, timeout=_PATIENCE)

    def load(self, image: Path) -> None:
        """Load the images of a file made by ``docker save``.

        Raises:
            EngineError: When the engine does not take it.
        """
        with contextlib.closing(self.client()) as client, image.open("rb") as file:
            # To its end: what docker-py's images.load leaves unread keeps a socket open.
            errors = [said["error"] for said in client.api.load_image(file) if "error" in said]
        if errors:
            raise EngineError(f"Engine {self.name} does not load {image}: {'; '.join(errors)}")

    def tail(self) -> str:
        """The end of the engine's log."""
        try:
            lines = self.log.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            lines = []
        return "\n".join([f"{self.log}:", *lines[-_LOG_LINES:]])

    def _configuration(self) -> dict[str, Any]:
        """The engine's ``daemon.json``."""
        made: dict[str, Any] = {
            "hosts": [self.url],
            "data-root": str(self.folder / "data"),
            "exec-root": str(self.folder / "exec"),
            "pidfile": str(self.folder / "dockerd.pid"),
            "bridge": self.bridge,
            "cgroup-parent": f"/{self.cgroup}",
            # No systemd is asked: a room has none.
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "live-restore": self.live_restore,
            "log-level": "warn",
        }
        if _engine_version() < _OWN_ID:
            made["deprecated-key-path"] = str(self.folder / "key.json")
        if self.tcp_port:
            made["hosts"].append(self.tcp_url)
            made["tlsverify"] = True
            made["tlscacert"] = str(self.tls / "ca.pem")
            made["tlscert"] = str(self.tls / "server-cert.pem")
            made["tlskey"] = str(self.tls / "server-key.pem")
        return {**made, **self._settings}

    def _make_bridge(self) -> None:
        """Make the bridge where it is not there yet, with the gateway's address."""
        if (Path("/sys/class/net") / self.bridge).exists() or _has_link(self.bridge):
            return
        for words in (
            ["ip", "link", "add", self.bridge, "type", "bridge"],
            ["ip", "address", "add", f"{self.gateway}/24", "dev", self.bridge],
            ["ip", "link", "set", self.bridge, "up"],
        ):
            done = subprocess.run(words, check=False, capture_output=True, text=True)
            if done.returncode != 0:
                raise EngineError(f"{' '.join(words)}: {done.stderr.strip()}")

    def _wait_until_it_answers(self) -> None:
        """Wait until the engine answers on its socket."""
        deadline = time.monotonic() + _PATIENCE
        while self.running:
            if self._answers():
                return
            if time.monotonic() > deadline:
                self.kill()
                raise EngineError(f"Engine {self.name} does not answer. {self.tail()}")
            time.sleep(0.05)
        raise EngineError(f"Engine {self.name} has ended. {self.tail()}")

    def _answers(self) -> bool:
        """Whether the engine answers a ping (docker-py would leave sockets that were refused)."""
        connection = http.client.HTTPConnection("localhost", timeout=_PATIENCE)
        with contextlib.closing(connection), socket.socket(socket.AF_UNIX) as connected:
            connected.settimeout(_PATIENCE)
            try:
                connected.connect(str(self.socket))
                connection.sock = connected
                connection.request("GET", "/_ping")
                return connection.getresponse().read() == b"OK"
            except (OSError, http.client.HTTPException):
                return False

    def _remove_all(self) -> None:
        """Remove containers and networks, while the engine can still do so itself."""
        with contextlib.closing(self.client()) as client:
            for container in client.containers.list(all=True, ignore_removed=True):
                with contextlib.suppress(DockerException):
                    container.remove(force=True, v=True)
            for network in client.networks.list():
                if network.name not in {"bridge", "host", "none"}:
                    with contextlib.suppress(DockerException):
                        network.remove()

    def _kill_left(self) -> None:
        """Kill what a killed engine left: its containers and their shims."""
        self.kill()
        pids: set[int] = set()
        for group in room.cgroups(self.cgroup):
            for procs in group.rglob("cgroup.procs"):
                with contextlib.suppress(OSError):
                    pids.update(int(word) for word in procs.read_text().split())
        mark = os.fsencode(self.folder / "exec")
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if mark in entry.read_bytes():
                    pids.add(int(entry.parent.name))
        for pid in pids - {0, os.getpid()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _unmount(self) -> None:
        """Detach all that is mounted below the engine's folder."""
        mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in reversed(mounts):
            if Path(mount).is_relative_to(self.folder):
                subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)


def _engine_version() -> int:
    """The first number of the installed engine's version."""
    done = subprocess.run(["dockerd", "--version"], check=True, capture_output=True, text=True)
    found = re.search(r"version (\d+)", done.stdout)
    return int(found[1]) if found else _OWN_ID


def _has_link(name: str) -> bool:
    """Whether this network has an interface (``/sys`` may show another network's)."""
    return name in {link for _, link in socket.if_nameindex()}
