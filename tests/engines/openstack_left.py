"""Machines as LibcloudSpawner left them at a real cloud, and in its hub's database."""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.utils import hash_token
from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider
from tests.engines.openstack_compat import IDENTITY, CompatHub, parameters
from tests.engines.openstack_hub import PATIENCE
from tests.hub.harness import wait_for

if TYPE_CHECKING:
    from engines.openstack.cloud import OpenStack

# Sent as it is to a machine, whose Python runs it.
_PROGRAM: Final = Path(__file__).with_name("left_server.py")
_LEFT: Final = """\
#!/bin/sh
cat >/srv/server.py <<'END'
{program}
END
{environment} setsid python3 /srv/server.py >/dev/console 2>&1 &
"""


@dataclass(frozen=True)
class Left:
    """A machine as LibcloudSpawner made it.

    Attributes:
        id: At the cloud.
        name: By its pattern.
        token: The API token of the server on it.
    """

    id: str
    name: str
    token: str = field(repr=False)


def leave(hub: CompatHub, user: str, port: int, size: str = "m1.tiny") -> Left:
    """Make a machine with the calls that LibcloudSpawner makes: no mark, its token in user-data.

    Args:
        hub: The hub that its server asks.
        user: Whose.
        port: Where its server listens.
        size: A flavor.
    """
    cloud = hub.cloud
    given = parameters(cloud, IDENTITY)
    driver: Any = get_driver(Provider.OPENSTACK)(given["arg_user_id"], given["arg_key"], **given)
    token = secrets.token_hex(16)
    environment = {
        "JUPYTERHUB_API_TOKEN": token,
        "JUPYTERHUB_API_URL": f"{hub.inner}/hub/api",
        "JUPYTERHUB_USER": user,
        "JUPYTERHUB_SERVICE_URL": f"http://0.0.0.0:{port}/user/{user}/",
    }
    words = " ".join(f"{name}={value}" for name, value in environment.items())
    ending = "".join(secrets.choice(string.ascii_uppercase) for _ in range(6))
    node = driver.create_node(
        name=f"jhub-{user}-{ending}",
        image=next(each for each in driver.list_images() if each.name == "debian-stub"),
        size=next(each for each in driver.list_sizes() if each.name == size),
        networks=[next(each for each in driver.ex_list_networks() if each.name == "hubnet")],
        ex_userdata=_LEFT.format(program=_PROGRAM.read_text("utf-8"), environment=words),
    )
    return Left(str(node.id), str(node.name), token)


def address_of(cloud: OpenStack, machine: str) -> str:
    """The only address of a machine; waits for it.

    Raises:
        AssertionError: It has none in time, or more.
    """

    def known() -> list[str]:
        networks = cloud.server(machine)["addresses"].values()
        return [each["addr"] for network in networks for each in network]

    [address] = wait_for(known, seconds=PATIENCE, what=f"an address of {machine}")
    return address


def write_down(database: Path, user: str, left: Left, address: str) -> int:
    """Write the id of a real machine and its token into what a user's old hub has written.

    The names in the state, the port, and how a token is kept, are that hub's.

    Returns:
        The port that the old hub has written down.

    Raises:
        AssertionError: Nothing is written there of this user's server.
    """
    base_url = f"/user/{user}/"
    with closing(sqlite3.connect(database)) as connection, connection:
        number, text = connection.execute(
            "SELECT spawners.id, state FROM spawners JOIN servers ON server_id = servers.id"
            " WHERE base_url = ?",
            (base_url,),
        ).fetchone()
        state = json.loads(text)
        [at_id] = [name for name, value in state.items() if isinstance(value, str)]
        [port] = [value for value in state.values() if isinstance(value, int)]
        state[at_id] = left.id
        note, start = f"Server at {base_url}", "sha512:1:"
        (kept,) = connection.execute(
            "SELECT hashed FROM api_tokens WHERE note = ?", (note,)
        ).fetchone()
        assert kept.startswith(start), kept
        hashed = hash_token(left.token, rounds=1)
        changes: list[tuple[str, tuple[Any, ...]]] = [
            ("UPDATE spawners SET state = ? WHERE id = ?", (json.dumps(state), number)),
            ("UPDATE servers SET ip = ?, port = ? WHERE base_url = ?", (address, port, base_url)),
            (
                "UPDATE api_tokens SET hashed = ?, prefix = ? WHERE note = ?",
                (hashed, left.token[:4], note),
            ),
        ]
        for statement, values in changes:
            assert connection.execute(statement, values).rowcount == 1, statement
        assert hashed.startswith(start), hashed
    return int(port)
