"""Hubs that run on what an old JupyterHub wrote: users, admins, groups, and the servers' states."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.hub.harness import SOURCES, Hub, free_port, wait_for
from tests.old_hubs import recipe

if TYPE_CHECKING:
    from tests.hub.conftest import MakeHub

HERE = Path(__file__).parent
MACHINES: dict[str, Any] = {"kind": "custom", "class": "old_machines.LibcloudSpawner"}
SITE: dict[str, Any] = {"targets": {"here": {"kind": "process"}, "vms": MACHINES}}
OWN = """
from jupyterhub_anywhere import setup
c.JupyterHub.allow_named_servers = True
c.Authenticator.allow_all = True
setup(c, {file!r}, state={state!r})
"""
STATES = {
    ("alice", ""): "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e01",
    ("bob", ""): "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e02",
    ("carol", "gpu"): "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e03",
    ("carol", "Big_One"): "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e04",
}
SECRET = "ab" * 32


def old_database(hub: Hub, port: int, name: str = "jupyterhub.sqlite") -> Path:
    text = (recipe.HERE / "jupyterhub-4.1.6.sql").read_text(encoding="utf-8")
    file = recipe.load(text, hub.folder / name)
    # Where the "VMs" are: a port that is free today.
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE servers SET port = ?", (port,))
    return file


def environment(folder: Path | None = None) -> dict[str, str | None]:
    return {"PYTHONPATH": f"{SOURCES}:{HERE}", "OLD_MACHINES": str(folder or "")}


def upgrade(hub: Hub, *words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "jupyterhub_anywhere.cli", "upgrade", *map(str, words), "--yes"],
        env=hub.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_ready(hub: Hub, user: str, server: str) -> bool:
    return bool((hub.server(user, server) or {}).get("ready"))


def assert_all_is_there(hub: Hub) -> None:
    users = {each["name"]: each for each in hub.api("GET", "users").json()}
    assert {"alice", "bob", "carol", "dave", "erin", "o'hara"} <= set(users)
    assert [name for name in sorted(users) if users[name]["admin"]] == ["bob", "erin"]
    groups = {each["name"]: sorted(each["users"]) for each in hub.api("GET", "groups").json()}
    assert groups["students"] == ["alice", "carol"]
    assert groups["teachers"] == ["bob"]
    for (user, server), machine in STATES.items():
        wait_for(partial(is_ready, hub, user, server), what=f"{user}/{server}")
        model = hub.server(user, server)
        assert model is not None
        state = model["state"]
        # The child has it, at the target that has the machine; and so would the bare spawner.
        assert state["target"] == "vms", state
        found = state["child"]
        assert machine in {found.get("userserver_id"), found.get("machineid")}
        assert {name: state[name] for name in found} == found


def machines(port: int) -> Any:
    """What stands for the VMs, at the address that the old hub wrote down."""
    words = [sys.executable, str(HERE / "old_machines.py"), str(port)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.PIPE)


def test_up_runs_on_it_and_takes_the_servers_over(make_hub: MakeHub) -> None:
    hub = make_hub(site=SITE)
    hub.environment = environment()
    port = free_port()
    file = old_database(hub, port)
    (hub.folder / "jupyterhub_cookie_secret").write_text(SECRET)
    upgrade(hub, file, "--into", hub.state.root)
    assert (hub.state.cookie_secret).read_text().strip() == SECRET
    with machines(port) as running:
        assert running.stdout.readline() == b"here\n"
        hub.start()
        assert_all_is_there(hub)
        hub.stop_server("carol", "gpu")
        assert not is_ready(hub, "carol", "gpu")
        running.communicate(timeout=30)


def test_an_own_hub_with_setup_runs_on_it_where_it_is(make_hub: MakeHub) -> None:
    hub = make_hub(mode="plain", site=SITE)
    hub.environment = environment()
    hub.write_config(OWN.format(file=str(hub.file), state=str(hub.state.root)))
    port = free_port()
    file = old_database(hub, port, "plain.sqlite")
    assert "is upgraded" in upgrade(hub, file)
    with machines(port) as running:
        assert running.stdout.readline() == b"here\n"
        hub.start()
        assert_all_is_there(hub)
        running.communicate(timeout=30)


def test_up_upgrades_its_own_file_also_where_no_alembic_is_on_the_path(make_hub: MakeHub) -> None:
    """As under systemd: JupyterHub's own way calls a program by its name."""
    hub = make_hub(site={"targets": {"here": {"kind": "process"}}})
    hub.environment = {"PATH": "/usr/bin:/bin"}
    hub.state.hub.mkdir(parents=True)
    hub.state.root.chmod(0o711)
    hub.state.hub.chmod(0o700)
    old_database(hub, free_port()).rename(hub.state.database)
    hub.start()
    assert "erin" in {each["name"] for each in hub.api("GET", "users").json()}
    assert list(hub.state.hub.glob("jupyterhub.sqlite.before-upgrade-*"))
