"""Let an old JupyterHub write a database, and keep it as SQL.

::

    python -m tests.old_hubs.recipe 4.1.6 tests/old_hubs/jupyterhub-4.1.6.sql

Installs that version into an environment of its own, or takes the one whose Python is named by
``--python``; runs the hub itself, with no proxy; makes users, admins, groups, named servers and
tokens through its API and its login page; and ends it while the servers run.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import venv
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
CONFIG: Final = HERE / "old_config.py"
TOKEN: Final = "0123456789abcdef0123456789abcdef"
CRYPT_KEY: Final = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
_PATIENCE: Final = 120.0
# What pip would take today does not run the old ones: each with what it was written for.
ALONG: Final = {
    "0": ("sqlalchemy<1.4", "tornado<6", "jinja2<3"),
    "1": ("sqlalchemy<1.4", "jinja2<3.1"),
    "2": ("sqlalchemy<2",),
}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Behind the login lies /user/NAME, for which there is no proxy."""

    def redirect_request(self, *_: Any) -> None:
        """Go nowhere: the answer is an error 302."""


class OldHub:
    """One old hub that runs, and what is asked of it.

    Args:
        python: The Python of its environment.
        folder: Where its files go.
        url: Its database; without one it is ``jupyterhub.sqlite`` in the folder.
    """

    def __init__(self, python: Path, folder: Path, url: str = "") -> None:
        self.version = _version_of(python)
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._url = f"http://127.0.0.1:{self._port}/hub/"
        major = int(self.version.split(".")[0])
        variables = {
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "OLD_HUB_TOKEN": TOKEN,
            "OLD_HUB_PORT": str(self._port),
            "OLD_HUB_DATABASE": url or f"sqlite:///{folder}/jupyterhub.sqlite",
            "JUPYTERHUB_CRYPT_KEY": CRYPT_KEY,
            "PYTHONWARNINGS": "ignore",
        }
        variables |= {"OLD_HUB_ROLES": "1"} if major >= 2 else {}
        variables |= {"OLD_HUB_ALLOW": "1"} if major >= 5 else {}
        self._log = (folder / "hub.log").open("wb")
        self.process = subprocess.Popen(
            [python, "-m", "jupyterhub", "-f", CONFIG],
            cwd=folder,
            env=variables,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def wait(self) -> None:
        """Until it answers.

        Raises:
            RuntimeError: It does not; with its log.
        """
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.api("GET", "users")
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise RuntimeError((self.folder / "hub.log").read_text())

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the answer as it is."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self._url}api/{path}", data, {"Authorization": f"token {TOKEN}"}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answered:
            text = answered.read()
        return json.loads(text) if text else None

    def log_in(self, name: str) -> None:
        """Through the login page, so that what the authenticator says is stored, encrypted."""
        jar = http.cookiejar.CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar), _NoRedirect)
        opener.open(f"{self._url}login", timeout=60).read()
        fields = {"username": name, "password": "any"}
        # Since 4.1; before, there is no such cookie.
        given = [cookie.value or "" for cookie in jar if cookie.name == "_xsrf"]
        fields |= {"_xsrf": given[0]} if given else {}
        sent = urllib.parse.urlencode(fields).encode()
        try:
            opener.open(f"{self._url}login", sent, timeout=60).read()
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.FOUND:
                raise

    def start(self, user: str, server: str = "", options: Any = None) -> None:
        """One server, until it is ready."""
        named = urllib.parse.quote(server)
        self.api(
            "POST",
            f"users/{user}/servers/{named}" if server else f"users/{user}/server",
            options or {},
        )
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            model = self.api("GET", f"users/{user}")
            if not model["pending"] and (server in model.get("servers", {}) or model["server"]):
                return
            time.sleep(0.2)
        raise RuntimeError(f"{user}/{server} is not ready")

    def stop(self) -> None:
        """End it; its servers stay."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()


def people(hub: OldHub) -> None:
    """Users, admins, groups, servers of both generations, tokens, and what a login leaves."""
    hub.api("POST", "users", {"usernames": ["alice", "carol", "dave", "o'hara"], "admin": False})
    hub.api("POST", "users/erin", {"admin": True})
    for group, members in {"students": ["alice", "carol"], "teachers": ["bob"]}.items():
        hub.api("POST", f"groups/{group}", {})
        hub.api("POST", f"groups/{group}/users", {"users": members})
    hub.log_in("dave")
    new = {"userserver_image": "Default image", "userserver_size": "m1.small"}
    hub.start("alice", options=new)
    hub.start("bob", options={"machineimage": "Default image", "machinesize": "m1.small"})
    hub.start("carol", "gpu", options=new)
    hub.start("carol", "Big_One", options=new)
    if not hub.version.startswith("0.8"):
        hub.api("POST", "users/alice/tokens", {"note": "of a script of hers"})


def _version_of(python: Path) -> str:
    asked = "import jupyterhub; print(jupyterhub.__version__)"
    return subprocess.run(
        [python, "-W", "ignore", "-c", asked], check=True, capture_output=True, text=True
    ).stdout.strip()


def install(version: str, folder: Path) -> Path:
    """An environment with that JupyterHub; its Python.

    Raises:
        subprocess.CalledProcessError: It cannot be installed on this Python, or not from here.
    """
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    along = ALONG.get(version.split(".", maxsplit=1)[0], ())
    words = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*words, f"jupyterhub=={version}", *along], check=True)
    return python


def write(python: Path, folder: Path) -> Path:
    """Let it write ``jupyterhub.sqlite`` in a folder."""
    hub = OldHub(python, folder)
    try:
        hub.wait()
        people(hub)
    finally:
        hub.stop()
    return folder / "jupyterhub.sqlite"


def dump(database: Path) -> str:
    """A database as SQL."""
    with closing(sqlite3.connect(database)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


def load(text: str, database: Path) -> Path:
    """A database from SQL."""
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(text)
    return database


def main() -> None:
    """The command of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    parser.add_argument("output", type=Path)
    parser.add_argument("--python", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = given.python or install(given.version, folder / "env")
        (folder / "hub").mkdir()
        database = write(python.absolute(), folder / "hub")
        given.output.write_text(dump(database), encoding="utf-8")
    sys.stdout.write(f"{given.output}: written by JupyterHub {given.version}\n")


if __name__ == "__main__":
    main()
