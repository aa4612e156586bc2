"""Machines that LibcloudSpawner has left running: found, leased, reached, stopped."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.hub.compat_hub import FIRST, SECOND, cloud, compat_hub
from tests.hub.harness import free_port, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hub.harness import Hub

_LEFT = """
compat_cloud.ancestor("ann", {port})
"""


def leave(
    hub: Hub, state: dict[str, Any], options: dict[str, Any], address: str, port: int
) -> None:
    """Write into the hub's database what LibcloudSpawner has left there for ann."""
    database: Path = hub.folder / "plain.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute(
            "insert into servers (id, proto, ip, port, base_url, cookie_name) values"
            " (901, 'http', ?, ?, '/user/ann/', 'x')",
            (address, port),
        )
        (user,) = connection.execute("select id from users where name = 'ann'").fetchone()
        connection.execute("delete from spawners where user_id = ?", (user,))
        connection.execute(
            "insert into spawners (user_id, server_id, state, name, user_options, started)"
            " values (?, 901, ?, '', ?, '2026-11-01 00:00:00')",
            (user, json.dumps(state), json.dumps(options)),
        )
    connection.close()


def leases(hub: Hub) -> list[dict[str, Any]]:
    """What the ledger has; nothing as long as it is not open yet."""
    found: list[dict[str, Any]] = hub.api("GET", "anywhere/leases").json().get("servers", [])
    return found


@pytest.mark.parametrize(
    ("config", "state", "options"),
    [
        (
            SECOND,
            ("userserver_id", "userserver_port"),
            {"userserver_image": "r-24", "userserver_size": "s8"},
        ),
        (FIRST, ("machineid", "serverport"), {"machineimage": "r-24", "machinesize": "s8"}),
    ],
)
def test_a_running_machine_is_found_leased_reached_and_stopped(
    config: str, state: tuple[str, str], options: dict[str, str]
) -> None:
    port = free_port()
    with compat_hub(config + _LEFT.format(port=port)) as hub:
        hub.start()
        hub.add_user("ann")
        [(machine, made)] = cloud(hub)["machines"].items()
        assert made["marks"] == {}
        assert hub.stop() == 0
        leave(hub, {state[0]: machine, state[1]: port}, options, made["private"][0], port)
        hub.start()
        # Found, and never taken for stopped.
        wait_for(lambda: (hub.server("ann") or {}).get("ready"), what="the server")
        found = cloud(hub)
        assert list(found["machines"]) == [machine]
        assert "create" not in found["asked"]
        # Leased: its marks say whose it is, and the ledger has it.
        wait_for(lambda: cloud(hub)["machines"][machine]["marks"], what="its marks")
        marks = cloud(hub)["machines"][machine]["marks"]
        assert (marks["anywhere-user"], marks["anywhere-target"]) == ("ann", "cloud")
        [lease] = wait_for(lambda: leases(hub), what="its lease")
        assert lease["user"] == "ann"
        # Reached, as it was.
        answer = httpx.get(f"{hub.url}user/ann/api", follow_redirects=False, timeout=30)
        assert answer.status_code < 500, answer.text
        # Kept by the rounds, which see it now; and over one more restart.
        sweeps = cloud(hub)["asked"].count("list")
        wait_for(lambda: cloud(hub)["asked"].count("list") > sweeps + 1, what="two rounds")
        model = hub.server("ann")
        assert model is not None
        assert model["ready"]
        # Stopped: it is gone, and so is its lease.
        hub.stop_server("ann")
        assert cloud(hub)["machines"] == {}
        assert hub.api("GET", "anywhere/leases").status_code == 200
        wait_for(lambda: not leases(hub), what="no lease")
        # What was chosen then is what is started now.
        hub.start_server("ann")
        assert cloud(hub)["wanted"][-1]["image"] == "r-24"
        hub.stop_server("ann")


def test_a_machine_that_is_gone_is_told_as_stopped_and_nothing_is_made() -> None:
    with compat_hub(SECOND) as hub:
        hub.start()
        hub.add_user("ann")
        assert hub.stop() == 0
        leave(hub, {"userserver_id": "gone", "userserver_port": 8000}, {}, "127.77.0.9", 8000)
        hub.start()
        wait_for(lambda: not (hub.server("ann") or {}).get("ready"), what="it is stopped")
        assert "create" not in cloud(hub)["asked"]
