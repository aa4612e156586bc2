"""ProcessSpawner with JupyterHub's own database objects, and real processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import jupyterhub
import pytest
import sqlalchemy.orm
from jupyterhub import orm
from jupyterhub.objects import Hub
from jupyterhub.utils import random_port
from traitlets.config import Config

from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.process import ProcessSpawner
from jupyterhub_anywhere.targets.process.ending import kill_rest
from jupyterhub_anywhere.targets.process.inventory import ProcessInventory
from jupyterhub_anywhere.targets.process.labels import scan
from jupyterhub_anywhere.targets.process.listening import listeners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LISTEN = """
    import os, socket, sys, time
    from urllib.parse import urlsplit
    url = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    with socket.create_server((url.hostname, url.port)):
        print("up", flush=True)
        time.sleep(600)
"""


@dataclass
class Stage:
    """One user's server, as the hub would have it."""

    folder: Path
    session: Any
    orm_spawner: Any
    hub_id: str
    made: list[Any] = field(default_factory=list)

    def spawner(
        self, program: str = LISTEN, *, cls: type[ProcessSpawner] = ProcessSpawner, **traits: Any
    ) -> Any:
        values = {
            "hub_id": self.hub_id,
            "homes": str(self.folder / "homes"),
            "accounts": str(self.folder / "accounts.sqlite"),
            "log_folder": str(self.folder / "logs"),
            "share_account": True,
            "cmd": [sys.executable, "-c", textwrap.dedent(program)],
            "stop_grace": 2.0,
            **traits,
        }
        user = SimpleNamespace(name="ann", url="/user/ann/", escaped_name="ann")
        made = cls(
            user=user, orm_spawner=self.orm_spawner, hub=Hub(), config=Config(ProcessSpawner=values)
        )
        made.api_token = "a-secret-token"
        self.made.append(made)
        return made

    def stored(self) -> dict[str, Any]:
        """The state as another connection to the database sees it."""
        self.session.expire_all()
        state: dict[str, Any] = dict(self.orm_spawner.state or {})
        return state

    def log(self, spawner: ProcessSpawner) -> str:
        return spawner.log_path.read_text()


@pytest.fixture
def stage() -> Iterator[Stage]:
    folder = Path(tempfile.mkdtemp(prefix="anywhere-spawner-"))
    # Servers of reserved uids pass through here to their homes.
    folder.chmod(0o711)
    engine = sqlalchemy.create_engine(f"sqlite:///{folder}/hub.sqlite")
    orm.Base.metadata.create_all(engine)
    session = sqlalchemy.orm.Session(engine)
    user = orm.User(name="ann")
    spawner = orm.Spawner(name="", user=user, server=orm.Server(base_url="/user/ann/"))
    session.add_all([user, spawner])
    session.commit()
    made = Stage(folder, session, spawner, f"test-{folder.name}")
    yield made
    assert kill_rest(made.hub_id, made.spawner().resource)
    for each in made.made:
        if each._supervisor is not None:
            each._supervisor.process.wait(timeout=20)
    session.close()
    engine.dispose()
    shutil.rmtree(folder)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the condition is another process's
            await asyncio.sleep(0.02)


async def test_a_whole_life(stage: Stage) -> None:
    spawner = stage.spawner()
    assert await spawner.poll() == 0
    ip, port = await spawner.start()
    assert ip == "127.0.0.1"
    assert await spawner.poll() is None
    assert await spawner.get_url() == f"http://127.0.0.1:{port}/user/ann/"
    assert {"process", "ip", "port"} <= set(spawner.get_state())
    await spawner.stop()
    assert await spawner.poll() == 128 + signal.SIGTERM
    assert scan(stage.hub_id) == []
    await spawner.stop()
    spawner.clear_state()
    assert spawner.get_state() == {}
    assert await spawner.poll() == 0


async def test_the_state_is_committed_before_anything_is_started(stage: Stage) -> None:
    seen: list[dict[str, Any]] = []

    class Dies(ProcessSpawner):
        """A hub that dies right after it has saved the state."""

        def checkpoint(self) -> None:
            super().checkpoint()
            seen.append(stage.stored())
            raise KeyboardInterrupt

    spawner = stage.spawner("open('begun', 'w')", cls=Dies)
    with pytest.raises(KeyboardInterrupt):
        await spawner.start()
    known = ProcessId.from_json(seen[0]["process"])
    assert known is not None
    assert await known.wait(20)
    assert scan(stage.hub_id) == []
    assert [*(stage.folder / "homes" / "ann").iterdir()] == []
    # The next hub finds the state, and nobody behind it.
    after = stage.spawner()
    after.load_state(stage.stored())
    assert await after.poll() == 1


async def test_the_next_hub_takes_the_server_up(stage: Stage) -> None:
    first = stage.spawner()
    _, port = await first.start()
    second = stage.spawner()
    # What was saved before go, not what the hub saves after start.
    second.load_state(stage.stored())
    assert await second.poll() is None
    # The database has no address yet when the hub died in the middle of the start.
    assert await second.get_url() == f"http://127.0.0.1:{port}/user/ann/"
    await second.stop()
    assert scan(stage.hub_id) == []
    assert await second.poll() == 128 + signal.SIGTERM


async def test_a_reused_pid_is_a_stranger(stage: Stage) -> None:
    spawner = stage.spawner()
    mine = ProcessId.of(os.getpid())
    assert mine is not None
    for stranger in (
        {**mine.to_json(), "start": mine.start + 1},
        {**mine.to_json(), "boot": "before the reboot"},
    ):
        spawner.load_state({"process": stranger})
        assert await spawner.poll() == 1
        await spawner.stop()
        await spawner.stop(now=True)


@pytest.mark.parametrize("state", [{}, {"process": 7}, {"process": {}, "port": "x"}, {"pid": 1}])
async def test_a_state_of_another_spawner_is_no_server(stage: Stage, state: Any) -> None:
    spawner = stage.spawner()
    spawner.load_state(state)
    assert await spawner.poll() == 0
    assert await spawner.get_url() == spawner.server.url
    await spawner.stop()


async def test_the_inventory_ends_a_server_gently_and_whole(stage: Stage) -> None:
    spawner = stage.spawner(
        LISTEN.replace("print", "signal.signal(15, lambda *_: (print('bye'), sys.exit(3))); print")
        .replace("import os,", "import os, signal, subprocess,")
        .replace("with", "subprocess.Popen(['sleep', '600'], start_new_session=True)\n    with")
    )
    spawner.anywhere_lease = "0123456789abcdef0123"
    await spawner.start()
    await until(lambda: "up" in stage.log(spawner))
    inventory = ProcessInventory(stage.hub_id)
    (resource,) = await inventory.owned()
    assert (resource.lease, resource.alive, resource.keep) == (spawner.anywhere_lease, True, False)
    assert (resource.name, resource.user, resource.detail) == (
        spawner.resource,
        "ann",
        "3 processes",
    )
    seen = await inventory.observe([resource.name, "other"])
    assert [seen[name].phase for name in (resource.name, "other")] == [Phase.RUNNING, Phase.GONE]
    assert await inventory.destroy(resource)
    assert "bye" in stage.log(spawner)
    assert await inventory.owned() == []
    assert await inventory.destroy(resource)
    assert await spawner.poll() == 3


async def test_an_earlier_life_is_ended_before_the_next_begins(stage: Stage) -> None:
    forgotten = stage.spawner()
    await forgotten.start()
    left = [each.process for each in scan(stage.hub_id)]
    again = stage.spawner()
    await again.start()
    assert [each for each in left if each.alive()] == []
    await again.stop()
    assert await forgotten.poll() is not None


async def test_a_server_that_does_not_listen_in_time_is_told(stage: Stage) -> None:
    spawner = stage.spawner("import time; time.sleep(600)", start_timeout=3)
    with pytest.raises(StartError, match="did not begin to listen within 3 seconds") as caught:
        await spawner.start()
    assert caught.value.reason == "timeout"
    assert await spawner.poll() is None
    await spawner.stop()
    assert scan(stage.hub_id) == []


async def test_a_start_that_is_cancelled_can_be_stopped(stage: Stage) -> None:
    spawner = stage.spawner("import time; print('up', flush=True); time.sleep(600)")
    starting = asyncio.create_task(spawner.start())
    await until(lambda: spawner.log_path.exists() and "up" in stage.log(spawner))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await spawner.poll() is None
    await spawner.stop()
    assert scan(stage.hub_id) == []


async def test_the_end_of_the_log_is_shown_escaped_and_without_the_token(stage: Stage) -> None:
    spawner = stage.spawner(
        "import os, sys; print('<b>', os.environ['JPY_API_TOKEN']); sys.exit(4)"
    )
    with pytest.raises(StartError) as caught:
        await spawner.start()
    error = caught.value
    assert error.jupyterhub_message.endswith("exit status 4. The end of its log:\n<b> ***")
    assert error.jupyterhub_html_message.endswith("<pre>&lt;b&gt; ***</pre>")
    assert error.reason == "exited"


@pytest.fixture
def taken() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


async def test_a_port_that_was_taken_meanwhile_is_replaced(
    stage: Stage, taken: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = [taken.getsockname()[1]]
    monkeypatch.setattr(
        "jupyterhub_anywhere.targets.process.spawner.random_port",
        lambda: ports.pop() if ports else random_port(),
    )
    with taken:
        spawner = stage.spawner()
        _, port = await spawner.start()
        assert port != taken.getsockname()[1]
        await spawner.stop()


@pytest.mark.root  # As one and the same user, the stranger would pass for the server.
async def test_a_port_that_was_taken_while_the_server_began_is_replaced(
    stage: Stage, taken: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports, looks = [taken.getsockname()[1]], [{0}, set[int]()]
    where = "jupyterhub_anywhere.targets.process.spawner."
    monkeypatch.setattr(where + "random_port", lambda: ports.pop() if ports else random_port())
    # The first look, before the server is started, comes too early to see the stranger.
    monkeypatch.setattr(
        where + "listeners",
        lambda port: looks.pop() if len(looks) == 2 else listeners(port),
    )
    with taken:
        spawner = stage.spawner()
        _, port = await spawner.start()
        assert port != taken.getsockname()[1]
        assert "Address already in use" in stage.log(spawner)
        await spawner.stop()


async def test_a_second_start_of_one_object_chooses_its_port_anew(stage: Stage) -> None:
    spawner = stage.spawner()
    _, first = await spawner.start()
    await spawner.stop()
    spawner.clear_state()
    with socket.create_server(("127.0.0.1", first)):
        _, second = await spawner.start()
    assert second != first
    await spawner.stop()


async def test_a_configured_port_that_is_taken_is_told(stage: Stage, taken: socket.socket) -> None:
    with taken:
        spawner = stage.spawner("import sys; sys.exit(1)", port=taken.getsockname()[1])
        with pytest.raises(StartError, match="is taken by another program"):
            await spawner.start()


async def test_two_hubs_on_one_machine_have_two_ids_by_their_databases(stage: Stage) -> None:
    one = stage.spawner(hub_id="")
    plain = ProcessSpawner(user=one.user, orm_spawner=stage.orm_spawner, hub=one.hub)
    again = ProcessSpawner(user=one.user, orm_spawner=stage.orm_spawner, hub=one.hub)
    assert plain.hub_id.startswith("db-")
    assert plain.hub_id == again.hub_id
    assert ProcessSpawner(user=one.user, hub=one.hub).hub_id == "alone"


def make_environment(folder: Path) -> None:
    """A venv by hand, whose jupyterhub-singleuser prints where it is and listens."""
    base = Path(sys.executable).resolve()
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    (folder / "bin" / "python").symlink_to(base)
    show = "print(sys.prefix, os.environ['VIRTUAL_ENV'], os.environ['PATH'])\n"
    script = folder / "bin" / "jupyterhub-singleuser"
    listen = textwrap.dedent(LISTEN).lstrip().replace("with", show + "with", 1)
    script.write_text(f"#!{folder}/bin/python\n{listen}")
    script.chmod(0o755)


async def test_a_server_comes_from_the_environment_that_is_chosen(stage: Stage) -> None:
    folder = stage.folder / "envs" / "mine"
    make_environment(folder)
    spawner = stage.spawner(
        cmd=["jupyterhub-singleuser"], prefix="envs/mine", base=str(stage.folder)
    )
    await spawner.start()
    await until(lambda: "up" in stage.log(spawner))
    prefix, virtual_env, path = stage.log(spawner).splitlines()[0].split()
    assert prefix == virtual_env == str(folder)
    assert path.startswith(f"{folder}/bin:")
    await spawner.stop()


async def test_the_hubs_version_is_what_an_environment_has_to_fit(stage: Stage) -> None:
    (stage.folder / "env" / "bin").mkdir(parents=True)
    (stage.folder / "env" / "bin" / "python").symlink_to(sys.executable)
    spawner = stage.spawner(cmd=["jupyterhub-singleuser"], prefix=str(stage.folder / "env"))
    with pytest.raises(StartError, match=rf"env has no JupyterHub.*=={jupyterhub.__version__}"):
        await spawner.start()
    assert await spawner.poll() == 0


async def test_who_stops_a_server_while_another_cleans_up_waits_for_the_end(stage: Stage) -> None:
    spawner = stage.spawner()
    await spawner.start()
    process = spawner._process
    process.send(signal.SIGKILL)
    await process.wait(20)
    assert scan(stage.hub_id)

    polling = asyncio.create_task(spawner.poll())
    await asyncio.sleep(0)
    await spawner.stop()

    assert scan(stage.hub_id) == []
    assert await polling is not None
