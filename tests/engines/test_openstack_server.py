"""One user's server on one machine of a real cloud, from the click until nothing is left."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.engines.openstack_hub import (
    HAVE_TO_COME,
    PATIENCE,
    OpenStackHub,
    followed,
    openstack_hub,
    ports_of,
    steps_of,
)
from tests.hub.harness import wait_for
from tests.hub.kernels import Kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.openstack.cloud import OpenStack

pytestmark = pytest.mark.root

_ENVIRONMENT = """
import os
print(os.environ["JUPYTERHUB_API_TOKEN"], os.getuid(), os.path.expanduser("~"))
"""
# What everybody on the machine can read of everybody's processes.
_COMMANDS = """
import glob
for path in glob.glob("/proc/[0-9]*/cmdline"):
    try:
        print(open(path, "rb").read().replace(b"\\0", b" ").decode("utf-8", "replace"))
    except OSError:
        pass
"""


@pytest.fixture(scope="module")
def hub(openstack: OpenStack) -> Iterator[OpenStackHub]:
    with openstack_hub(openstack) as made:
        yield made


def secret_of(kernel: Kernel) -> str:
    """The server's API token; asserts that the server is an ordinary account's."""
    token, uid, home = kernel.execute(_ENVIRONMENT).split()
    assert int(uid) > 0
    assert home == "/home/ann"
    return token


def places(hub: OpenStackHub, machine: dict[str, Any]) -> dict[str, str]:
    """What others can read of a start: everything by its name."""
    given = base64.b64decode(machine.get("OS-EXT-SRV-ATTR:user_data") or "")
    found = {
        "user-data": given.decode(),
        "the cloud's word": json.dumps(machine),
        "the console": hub.cloud.console_log(machine["id"]),
    }
    for path in [*hub.state.hub.rglob("*"), hub.folder / "output.log"]:
        if path.is_file():
            found[path.name] = path.read_bytes().decode("latin-1")
    return found


def test_from_the_click_until_nothing_is_left(
    hub: OpenStackHub, openstack: OpenStack, capsys: pytest.CaptureFixture[str]
) -> None:
    told = followed(hub, "ann")
    assert told[-1][1].get("ready"), (told[-3:], hub.logs(200))
    steps = steps_of(told)
    assert [each for each in steps if each in HAVE_TO_COME] == HAVE_TO_COME, told
    shares = [each["progress"] for _, each in told if "progress" in each]
    assert shares == sorted(shares), told
    with capsys.disabled():
        print("\nseconds after the click:", {each: round(at, 1) for each, at in steps.items()})

    machine = hub.machine()
    assert ports_of(openstack, [machine["id"]])
    [lease] = hub.leases()
    assert lease["state"] == "running"
    assert lease["name"] == machine["name"]
    with Kernel(hub, "ann") as kernel:
        token = secret_of(kernel)
        assert kernel.execute("print(6 * 7)") == "42"
        commands = kernel.execute(_COMMANDS)
        where = kernel.execute("import socket; print(socket.gethostname())")
    assert where.partition(".")[0] == machine["name"]
    assert "jupyterhub-singleuser" in commands
    read = {**places(hub, machine), "the process list": commands}
    assert {"jupyterhub.sqlite", "ledger.sqlite", "hub.log"} <= set(read)
    assert "awt1." in read["user-data"]
    assert [name for name, text in read.items() if token in text] == []

    hub.stop_server("ann", seconds=PATIENCE)
    assert hub.machines() == []
    assert ports_of(openstack, [machine["id"]]) == []
    wait_for(lambda: hub.leases() == [], what="an empty ledger")
    headers = {"Authorization": f"token {token}"}
    assert httpx.get(f"{hub.url}hub/api/user", headers=headers).status_code == 403
