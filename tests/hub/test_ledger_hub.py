"""The ledger in a real hub: what is held is known, and what is lost is found, without a guess."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from tests.hub.harness import wait_for
from tests.hub.process_site import STUB, running

from jupyterhub_anywhere.targets.process.labels import labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hub.conftest import MakeHub
    from tests.hub.harness import Hub

GRACE = 3.0


@pytest.fixture
def hub(make_hub: MakeHub) -> Hub:
    hub = make_hub(arguments=["--share-account"])
    program = hub.folder / "stub.py"
    program.write_text(STUB.read_text())
    program.chmod(0o644)
    spawner = {"cmd": [sys.executable, str(program)], "poll_interval": 1}
    hub.write_site(
        {
            "hub": {"ledger": {"every": "1s", "grace": f"{GRACE:g}s"}},
            "targets": {"here": {"kind": "process", "spawner": spawner}},
        }
    )
    return hub


@pytest.fixture
def stray(hub: Hub) -> Iterator[Any]:
    """Makes processes with the hub's label that no lease is of."""
    made: list[subprocess.Popen[bytes]] = []

    def make(name: str = "stray", user: str = "eve") -> subprocess.Popen[bytes]:
        labels = labels_of(hub.id, name, user, "")
        sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
        made.append(subprocess.Popen(sleep, env={**os.environ, **labels}))
        return made[-1]

    yield make
    for each in made:
        each.kill()
        each.wait()


def test_a_hub_of_ones_own_keeps_it_too(make_hub: MakeHub) -> None:
    hub = make_hub(mode="plain")
    program = hub.folder / "stub.py"
    program.write_text(STUB.read_text())
    hub.write_site(
        {
            "hub": {"ledger": {"every": "1s"}},
            "targets": {
                "here": {"kind": "process", "spawner": {"cmd": [sys.executable, str(program)]}}
            },
        }
    )
    hub.write_config(
        "from jupyterhub_anywhere import setup\n"
        f"setup(c, {str(hub.file)!r}, state={str(hub.state.root)!r})\n"
        "c.ProcessSpawner.share_account = True\n"
    )
    hub.start()
    hub.start_server("ann")
    wait_for(lambda: servers(hub) == {"ann": "running"}, what="a lease")
    hub.kill()
    hub.start()
    wait_for(lambda: servers(hub) == {"ann": "running"}, what="a lease after a restart")
    assert hub.server("ann") is not None
    hub.stop_server("ann")
    wait_for(lambda: servers(hub) == {}, what="a proven end")


def servers(hub: Hub) -> dict[str, str]:
    """User to state, by the ledger."""
    found = hub.api("GET", "anywhere/leases")
    if found.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return {"": "the ledger is not open yet"}
    found.raise_for_status()
    return {each["user"]: each["state"] for each in found.json()["servers"]}


def leaks(hub: Hub) -> tuple[int, str]:
    done = hub.run("leaks")
    return done.returncode, done.stdout + done.stderr


def settled(hub: Hub) -> bool:
    with suppress(httpx.HTTPError):
        return bool(hub.api("GET", "anywhere/leases").json()["hold"] == "")
    return False


def test_a_lease_lives_as_long_as_its_server(hub: Hub) -> None:
    hub.start()
    hub.start_server("ann")
    assert servers(hub) == {"ann": "running"}
    assert "ann" in hub.run("status").stdout
    wait_for(lambda: settled(hub), what="an end of the hold of a new ledger")
    assert leaks(hub)[0] == 0, leaks(hub)
    hub.stop_server("ann")
    wait_for(lambda: servers(hub) == {}, what="a proven end")
    history = json.loads(hub.run("ledger", "history", "--json").stdout)
    assert "ann" in json.dumps(history)
    metrics = hub.api("GET", "metrics").text
    assert 'jupyterhub_anywhere_stop_duration_seconds_count{target="here"} 1.0' in metrics
    assert 'jupyterhub_anywhere_spawn_duration_seconds_count{target="here"} 1.0' in metrics


def test_what_nobody_asked_for_goes_after_a_time_of_grace(hub: Hub, stray: Any) -> None:
    hub.start()
    wait_for(lambda: settled(hub), what="an end of the hold of a new ledger")
    began = time.monotonic()
    process = stray()
    code, said = leaks(hub)
    assert process.poll() is None, "removed at first sight"
    wait_for(lambda: leaks(hub)[0] == 1 or process.poll() is not None, what="a leak that is told")
    process.wait(timeout=60)
    assert time.monotonic() - began >= GRACE, (code, said)
    wait_for(lambda: leaks(hub)[0] == 0, what="an end of all leaks")
    assert 'jupyterhub_anywhere_reaped_total{target="here"} 1.0' in hub.api("GET", "metrics").text


def test_a_server_goes_on_without_its_lease_and_is_adopted(hub: Hub, stray: Any) -> None:
    hub.start()
    hub.start_server("ann")
    hub.kill()
    before = {each.process.pid for each in running(hub)}
    for file in hub.state.hub.glob("ledger.sqlite*"):
        file.unlink()
    process = stray()
    hub.start()
    wait_for(lambda: servers(hub).get("ann") == "running", what="the adoption of a server")
    time.sleep(GRACE + 3)
    assert process.poll() is None, "a new ledger removed what it did not know"
    assert before <= {each.process.pid for each in running(hub)}
    code, said = leaks(hub)
    assert code == 1
    assert "stray" in said
    assert hub.run("leaks", "--clean", "--yes").returncode in {0, 1}
    process.wait(timeout=60)
    assert hub.server("ann") is not None


def test_a_new_database_of_the_hub_stops_nothing(hub: Hub) -> None:
    hub.start()
    hub.start_server("ann")
    hub.kill()
    before = {each.process.pid for each in running(hub)}
    for file in hub.state.hub.glob("jupyterhub.sqlite*"):
        file.unlink()
    hub.start()
    time.sleep(GRACE + 4)
    assert before <= {each.process.pid for each in running(hub)}
    code, said = leaks(hub)
    assert code == 1
    assert "ann" in said


def test_an_older_database_of_the_hub_stops_nothing_until_a_person_says_so(hub: Hub) -> None:
    hub.start()
    hub.start_server("bob")
    hub.kill()
    copy = hub.state.database.with_name("copy.sqlite")
    with closing(sqlite3.connect(hub.state.database)) as now, closing(sqlite3.connect(copy)) as old:
        now.backup(old)
    hub.start()
    hub.add_user("eve")
    hub.start_server("ann")
    hub.kill()
    for file in hub.state.hub.glob("jupyterhub.sqlite*"):
        file.unlink()
    copy.rename(hub.state.database)
    before = {each.process.pid for each in running(hub)}
    hub.start()
    wait_for(lambda: leaks(hub)[0] == 1, what="a leak that is told")
    time.sleep(GRACE + 3)
    assert before <= {each.process.pid for each in running(hub)}
    assert servers(hub) == {"ann": "running", "bob": "running"}
    _, said = leaks(hub)
    assert "older than the ledger" in said
    assert "ann" in said
    assert hub.run("leaks", "--lift", "--yes").returncode == 1
    wait_for(lambda: servers(hub) == {"bob": "running"}, what="the end of what nobody wants")
    assert hub.server("bob") is not None
    wait_for(lambda: leaks(hub)[0] == 0, what="an end of all leaks")


def test_ledger_and_database_of_one_backup_stop_nothing_that_was_started_since(hub: Hub) -> None:
    hub.start()
    hub.start_server("bob")
    wait_for(lambda: settled(hub), what="an end of the hold of a new ledger")
    hub.kill()
    databases = [hub.state.database, hub.state.hub / "ledger.sqlite"]
    for file in databases:
        with (
            closing(sqlite3.connect(file)) as now,
            closing(sqlite3.connect(file.with_suffix(".copy"))) as old,
        ):
            now.backup(old)
    hub.start()
    hub.add_user("eve")
    hub.start_server("eve")
    hub.kill()
    before = {each.process.pid for each in running(hub)}
    assert len(before) > 1
    for file in databases:
        for each in hub.state.hub.glob(f"{file.name}*"):
            each.unlink()
        file.with_suffix(".copy").rename(file)
    hub.start()
    wait_for(lambda: "never gave" in leaks(hub)[1], what="a leak that is told")
    time.sleep(GRACE + 3)
    assert before <= {each.process.pid for each in running(hub)}
    assert servers(hub) == {"bob": "running"}
    code, said = leaks(hub)
    assert code == 1
    assert "eve" in said
    assert "never gave" in hub.run("status").stdout
    assert "never gave" in hub.logs(1000)
    assert hub.run("leaks", "--clean", "--yes").returncode in {0, 1}
    wait_for(lambda: leaks(hub)[0] == 0, what="an end of all leaks")
    assert {each.user for each in running(hub)} == {"bob"}
    assert hub.server("bob") is not None


def test_a_user_who_is_renamed_keeps_the_server_that_runs(hub: Hub) -> None:
    hub.start()
    hub.start_server("ann")
    wait_for(lambda: settled(hub), what="an end of the hold of a new ledger")
    before = {each.process.pid for each in running(hub)}
    assert hub.api("PATCH", "users/ann", json={"name": "zoe"}).status_code == httpx.codes.OK
    wait_for(lambda: servers(hub) == {"zoe": "running"}, what="a lease of the new name")
    hub.kill()
    hub.start()
    time.sleep(GRACE + 3)
    assert servers(hub) == {"zoe": "running"}
    assert before <= {each.process.pid for each in running(hub)}
    assert settled(hub), "nothing was lost"
    hub.stop_server("zoe")
    wait_for(lambda: servers(hub) == {}, what="a proven end")


def test_a_target_that_is_declared_no_more_loses_no_server_to_another_one(hub: Hub) -> None:
    site = yaml.safe_load(hub.file.read_text("utf-8"))
    one = site["targets"]
    hub.start()
    hub.start_server("ann")
    hub.kill()
    before = {each.process.pid for each in running(hub)}
    hub.write_site({**site, "targets": {"also": one["here"]}})
    hub.start()
    wait_for(lambda: leaks(hub)[0] == 1, what="a target that is told")
    time.sleep(GRACE + 3)
    assert before <= {each.process.pid for each in running(hub)}
    assert "ann" in servers(hub)


def test_the_oauth_client_of_a_server_that_is_gone_goes(hub: Hub) -> None:
    hub.start()
    hub.start_server("ann")
    hub.start_server("bob")
    hub.stop_server("bob")

    def clients() -> set[str]:
        with closing(sqlite3.connect(hub.state.database, timeout=30)) as database:
            found = database.execute("SELECT identifier FROM oauth_clients")
            return {each for (each,) in found if each.startswith("jupyterhub-user")}

    assert clients() == {"jupyterhub-user-ann"}
    wait_for(lambda: settled(hub), what="an end of the hold of a new ledger")
    # As a hub leaves it that kept a container, which somebody has removed since.
    with closing(sqlite3.connect(hub.state.database, timeout=30)) as database, database:
        database.execute("INSERT INTO oauth_clients (identifier) VALUES ('jupyterhub-user-bob')")
        database.execute(
            "UPDATE spawners SET oauth_client_id = 'jupyterhub-user-bob' WHERE user_id ="
            " (SELECT id FROM users WHERE name = 'bob')"
        )
    # By the API: a program takes about as long to start as the grace lasts here.
    wait_for(
        lambda: "OAuth client" in hub.api("GET", "anywhere/leaks").text,
        what="a client that is told",
    )
    wait_for(lambda: clients() == {"jupyterhub-user-ann"}, what="the end of the client")
    wait_for(lambda: leaks(hub)[0] == 0, what="an end of all leaks")


def test_a_target_that_a_reload_removes_is_told_no_more(hub: Hub) -> None:
    hub.start()
    age = 'jupyterhub_anywhere_observation_age_seconds{target="also"}'
    site = yaml.safe_load(hub.file.read_text("utf-8"))
    one = site["targets"]
    hub.write_site({**site, "targets": {**one, "also": one["here"]}})
    assert hub.run("reload").returncode == 0
    wait_for(lambda: age in hub.api("GET", "metrics").text, what="a look at a new target")
    hub.write_site({**site, "targets": one})
    assert hub.run("reload").returncode == 0
    wait_for(lambda: age not in hub.api("GET", "metrics").text, what="the end of it")


def test_a_server_that_died_with_its_hub_leaves_no_token(hub: Hub) -> None:
    hub.start()
    hub.start_server("ann")
    about = json.loads(next(hub.state.homes.glob("**/stub.json"), hub.folder / "x").read_text())
    token = about["env"]["JUPYTERHUB_API_TOKEN"]
    hub.kill()
    for each in running(hub):
        each.process.send(9)  # type: ignore[arg-type]  # a signal's number
    hub.start()
    wait_for(lambda: servers(hub) == {}, what="a proven end")
    wait_for(lambda: not (hub.server("ann") or {}).get("ready"), what="a hub that knows it")
    headers = {"Authorization": f"token {token}"}

    def refused() -> bool:
        return httpx.get(f"{hub.url}hub/api/user", headers=headers).status_code == 403

    wait_for(refused, what="an end of the token")
