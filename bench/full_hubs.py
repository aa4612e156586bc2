"""Hubs with very many servers that run: their databases are written as if they had been started."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bench.null_engine import name_of
from jupyterhub import orm
from jupyterhub.utils import new_token
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session
from tests.hub.harness import SOURCES, Hub

from jupyterhub_anywhere.core.clock import SystemClock
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.ledger import rows
from jupyterhub_anywhere.ledger.database import Database
from jupyterhub_anywhere.ledger.lease import Lease, Seen, new_id
from jupyterhub_anywhere.ledger.schema import hubs, leases
from jupyterhub_anywhere.ledger.states import Cause
from jupyterhub_anywhere.ledger.store import Ledger
from jupyterhub_anywhere.spawner.state import Envelope

if TYPE_CHECKING:
    from pathlib import Path

    from bench.null_engine import NullEngine

# Seconds that a hub may take to answer, and until all of its servers are ready.
_PATIENCE = 150.0
# Users that one answer of the hub lists.
_PAGE = 200
_COMMON = """
c.DockerSpawner.client_kwargs = {{"base_url": {url!r}}}
c.JupyterHub.cleanup_servers = False
# The servers of the bench report no activity.
c.JupyterHub.last_activity_interval = 3600
import asyncio, time

async def sample(path):
    # How late the loop is: it is asked to wait for 10 ms, again and again.
    lines, told = [], time.monotonic()
    while True:
        begin = time.monotonic()
        await asyncio.sleep(0.01)
        now = time.monotonic()
        lines.append(f"{{now}} {{now - begin - 0.01}}\\n")
        if now - told > 1.0:
            with open(path, "a") as stream:
                stream.write("".join(lines))
            lines, told = [], now

sampler = asyncio.get_running_loop().create_task(sample({lag!r}))
"""
_BARE = """
c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
"""
_OURS = """
from jupyterhub_anywhere import setup
setup(c, {file!r}, state={state!r})
"""


@dataclass(frozen=True, slots=True)
class Restart:
    """What a restart took.

    Attributes:
        serves: Seconds from the launch to the first answer through the proxy.
        ready: Seconds from the launch until all servers are ready.
        missing: Servers that are not ready at the end.
        changes: What the engine was asked to change.
    """

    serves: float
    ready: float
    missing: int
    changes: int


class FullHub:
    """A hub whose servers all run.

    Args:
        kind: ``bare`` for DockerSpawner alone, ``ours`` for it through Anywhere.
        engine: Where the servers are.
        url: The engine's URL.
        port: Where each of them answers.
        number: How many.
    """

    def __init__(self, kind: str, engine: NullEngine, url: str, port: int, number: int) -> None:
        self._kind, self._engine, self._port = kind, engine, port
        self.users = [f"user{each}" for each in range(number)]
        site = {"targets": {"lab": {"kind": "docker", "url": url}}}
        self.hub = Hub(mode="plain", site=site, environment={"PYTHONPATH": str(SOURCES)})
        self._lag = self.hub.folder / "lag"
        text = _COMMON + (_BARE if kind == "bare" else _OURS)
        state = str(self.hub.state.root)
        values = {"url": url, "lag": str(self._lag), "file": str(self.hub.file), "state": state}
        self.hub.write_config(text.format(**values))

    def fill(self) -> None:
        """Let the hub make its databases, end it, and write the servers into them."""
        self.hub.start()
        self.hub.stop()
        ids = {user: new_id() for user in self.users}
        self._engine.hold(self.hub.id, ids)
        _fill_hub(self.hub.folder / "plain.sqlite", ids, self._kind, self._port)
        if self._kind == "ours":
            _fill_ledger(self.hub.state.ledger, self.hub.id, ids)

    def restart(self) -> Restart:
        """Start the hub, and wait until it has taken all servers up."""
        self._engine.changes.clear()
        begin = time.monotonic()
        self.hub.start(seconds=_PATIENCE)
        serves = time.monotonic() - begin
        while (ready := self.ready()) < len(self.users) and time.monotonic() < begin + _PATIENCE:
            time.sleep(0.5)
        taken = time.monotonic() - begin
        return Restart(serves, taken, len(self.users) - ready, len(self._engine.changes))

    def ready(self) -> int:
        """How many servers are ready."""
        found, offset = 0, 0
        while True:
            words = {"state": "ready", "limit": str(_PAGE), "offset": str(offset)}
            answer = self.hub.api("GET", "users", params=words, timeout=60)
            answer.raise_for_status()
            page = answer.json()
            found += sum(bool(each["servers"]) for each in page)
            offset += len(page)
            if len(page) < _PAGE:
                return found

    def lags(self, seconds: float) -> list[float]:
        """By how much the hub's loop was late, each time, in so many seconds from now on."""
        begin = time.monotonic()
        time.sleep(seconds)
        lines = [line.split() for line in self._lag.read_text("utf-8").splitlines()]
        return sorted(float(late) for at, late in lines if float(at) >= begin)


def _fill_hub(file: Path, ids: dict[str, str], kind: str, port: int) -> None:
    engine = create_engine(f"sqlite:///{file}")
    with Session(engine) as session:
        role = orm.Role.find(session, "user")
        for user in ids:
            name = name_of(user)
            child = {"object_id": name, "object_name": name}
            envelope = Envelope(
                target="lab",
                child_class="dockerspawner:DockerSpawner",
                child=child,
                last={"profile": "lab", "target": "lab"},
            )
            row = orm.User(name=user, roles=[role])
            server = orm.Server(proto="http", ip="127.0.0.1", port=port, base_url=f"/user/{user}/")
            client = orm.OAuthClient(
                identifier=f"jupyterhub-user-{user}", secret=new_token(), redirect_uri=""
            )
            state = child if kind == "bare" else envelope.to_state()
            spawner = orm.Spawner(
                name="", user=row, server=server, state=state, oauth_client=client
            )
            session.add_all([row, server, client, spawner])
        session.commit()
    engine.dispose()


def _fill_ledger(file: Path, hub: str, ids: dict[str, str]) -> None:
    """In one transaction: one for each would take minutes."""
    clock = SystemClock()
    if not file.exists():
        Ledger.open(f"sqlite:///{file}", hub, clock).close()
    at = clock.now() - timedelta(hours=1)
    made = []
    for user, id in ids.items():  # noqa: A001 - the ledger's word
        lease = Lease(
            id=id,
            hub=hub,
            user=user,
            server="",
            target="lab",
            name=name_of(user),
            choice={"profile": "lab", "target": "lab"},
            child={"object_id": name_of(user), "object_name": name_of(user), "engine": "null"},
        )
        running = lease.moved(Cause.LAUNCH, at)
        running = running.moved(Cause.STARTED, at, seen=Seen(Phase.RUNNING, at, at))
        made.append({**rows.to_row(running), "made_for": ""})
    database = Database(f"sqlite:///{file}")
    with database.write() as connection:
        connection.execute(insert(leases), made)
        connection.execute(hubs.update().values(written=True))
    database.close()
