"""Servers on real machines with systemd and cloud-init, seen from within the machine."""

from __future__ import annotations

import contextlib
import mmap
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from tests.engines.openstack_guests import (
    CLOUD_CONFIG,
    LONGER,
    STUB,
    Guest,
    GuestHub,
    answers,
    boot_of,
    guest_hub,
)
from tests.engines.openstack_hub import PATIENCE
from tests.hub.harness import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.openstack.cloud import OpenStack

pytestmark = pytest.mark.root

# Where no systemd starts sshd.
DOOR_AT_BOOTS: Final = """\
door=/var/lib/cloud/scripts/per-boot/door
printf '#!/bin/sh\\nmkdir -p /run/sshd\\nexec /usr/sbin/sshd\\n' >$door
chmod 755 $door
"""
SERVICE: Final = "jupyterhub-anywhere.service"
SCOPE: Final = "jupyterhub-anywhere-ann.scope"
# What is said of the machine, beside what is on its disk.
_SAID: Final = (
    "journalctl --no-pager -o verbose",
    "systemctl show --all 'jupyterhub-anywhere*'; systemctl cat 'jupyterhub-anywhere*'",
    "ps -eww -o args",
    "grep -rsa '' /run/systemd /run/jupyterhub-anywhere /run/cloud-init /run/udev /tmp",
    "dmesg",
)


def on_disk(cloud: OpenStack, guest: Guest, machine: str, secrets: list[str]) -> list[str]:
    """Which secrets are on a machine's disks, in files or in what is left of files."""
    guest.run("sync")
    [disk] = cloud.folder.rglob(f"{machine}/disk")
    with disk.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return [each for each in secrets if data.find(each.encode()) >= 0]


@pytest.mark.full
def test_one_unit_a_server(openstack: OpenStack) -> None:
    """The real cloud-init runs user-data, and the real systemd runs agent and server."""
    with guest_hub(openstack, image="debian-12", cmd=[STUB]) as hub:
        hub.start_server("ann", seconds=PATIENCE)
        with hub.guest() as guest:
            assert guest.units() == {SERVICE: "running", SCOPE: "running"}
            assert guest.run(f"systemctl is-enabled {SERVICE}") == "enabled"
            pid = guest.server("ann")
            assert guest.processes(SCOPE) == [pid]
            token = guest.environment(pid)["JUPYTERHUB_API_TOKEN"]
            nobody_is_told(guest, pid, token)
            # A ticket is there, so what is there is found.
            assert on_disk(openstack, guest, hub.machine()["id"], ["awt1.", token]) == ["awt1."]
            the_agent_may_die(hub, guest, pid)
            # As an administrator ends a server.
            guest.run(f"systemctl stop {SCOPE}")
            assert guest.tried(f"test -e /proc/{pid}").returncode == 1
        wait_for(lambda: hub.machines() == [], seconds=PATIENCE, what="the end of the machine")
        wait_for(lambda: hub.leases() == [], seconds=PATIENCE, what="an empty ledger")


def nobody_is_told(guest: Guest, pid: int, token: str) -> None:
    """The server's token is in its own environment, and the system says it to nobody."""
    # Nobody but root and the account itself can look there.
    assert guest.run(f"stat -c %U:%a /proc/{pid}/environ") == "ann:400"
    said = {command: guest.run(command) for command in _SAID}
    # What is there would be found.
    assert "listening" in said[_SAID[0]]
    assert SCOPE in said[_SAID[1]]
    assert "server.py" in said[_SAID[2]]
    assert [command for command, text in said.items() if token in text] == []


def the_agent_may_die(hub: GuestHub, guest: Guest, pid: int) -> None:
    """Systemd starts it again, and it finds its server, which has noticed nothing."""
    first = guest.main(SERVICE)
    guest.run(f"kill -9 {first}")
    wait_for(lambda: guest.main(SERVICE) not in {0, first}, seconds=PATIENCE, what="another agent")
    told = reports(hub)
    # Only then has it looked for its server; one that is gone by then would be started again.
    wait_for(lambda: reports(hub) > told, seconds=PATIENCE, what="a report of it")
    assert guest.processes(SCOPE) == [pid]
    assert guest.units() == {SERVICE: "running", SCOPE: "running"}


def reports(hub: GuestHub) -> int:
    """How many reports of machines a hub has had."""
    logs = hub.state.hub.rglob("hub.log")
    return sum(each.read_text().count("POST /hub/api/anywhere/machines/report") for each in logs)


@pytest.mark.full
def test_a_machine_that_is_kept_comes_back(openstack: OpenStack) -> None:
    """Set up by cloud-init's own document; the unit brings the server back after a stop."""
    with guest_hub(
        openstack,
        template=CLOUD_CONFIG,
        configurer="cloud-init",
        image="debian-12",
        cmd=[STUB],
        on_stop="stop",
        start_timeout=LONGER,
    ) as hub:
        hub.start_server("ann", seconds=LONGER)
        machine = hub.machine()["id"]
        with hub.guest() as guest:
            # The agent came after the last of cloud-init's commands.
            guest.run("test /var/lib/jupyterhub-anywhere/config.json -nt /var/set-up")
            before = guest.environment(guest.server("ann"))["JUPYTERHUB_API_TOKEN"]
        url = f"{hub.url}user/ann/stub/files/kept"
        httpx.put(url, content=b"what was done", timeout=60, trust_env=False).raise_for_status()
        hub.stop_server("ann", seconds=LONGER)
        assert hub.machine()["status"] == "SHUTOFF"
        hub.start_server("ann", seconds=LONGER)
        assert hub.machine()["id"] == machine
        with hub.guest() as guest:
            assert guest.units() == {SERVICE: "running", SCOPE: "running"}
            after = guest.environment(guest.server("ann"))["JUPYTERHUB_API_TOKEN"]
            assert before != after
            secrets = ["awt1.", before, after]
            assert on_disk(openstack, guest, machine, secrets) == ["awt1."]
        assert httpx.get(url, timeout=60, trust_env=False).content == b"what was done"


@pytest.mark.full
@pytest.mark.parametrize("image", ["debian-stub", "debian-12"])
def test_a_machine_that_is_booted_again_brings_its_server_back(
    openstack: OpenStack, image: str
) -> None:
    """A script of each boot does so, or the unit. For the hub the server has never been away."""
    more = {"first": DOOR_AT_BOOTS} if image == "debian-stub" else {}
    with guest_hub(openstack, image=image, cmd=[STUB], start_timeout=LONGER, **more) as hub:
        hub.start_server("ann", seconds=LONGER)
        machine, before = hub.machine()["id"], hub.server("ann")
        assert before is not None
        with hub.guest() as guest:
            token = guest.environment(guest.server("ann"))["JUPYTERHUB_API_TOKEN"]
            if image == "debian-12":
                # Its connection may end before it is answered.
                guest.tried("systemctl reboot")
        if image == "debian-stub":
            # The cloud's own way: nobody on the machine is asked.
            openstack.reboot(machine)
        wait_for(lambda: boot_of(hub) != before["state"]["agent"]["boot"], seconds=LONGER)
        url = f"{hub.url}user/ann/stub/about"
        wait_for(lambda: answers(url), seconds=LONGER, what="the server that has come back")
        after = hub.server("ann")
        assert after is not None
        assert [after[name] for name in _STAYS] == [before[name] for name in _STAYS]
        assert after["state"]["port"] == before["state"]["port"]
        assert hub.machine()["id"] == machine
        assert len(hub.leases()) == 1
        with hub.guest() as guest:
            pid = guest.server("ann")
            assert guest.environment(pid)["JUPYTERHUB_API_TOKEN"] == token
            assert on_disk(openstack, guest, machine, ["awt1.", token]) == ["awt1."]
            if image == "debian-12":
                assert guest.units() == {SERVICE: "running", SCOPE: "running"}
                assert guest.processes(SCOPE) == [pid]
        hub.stop_server("ann", seconds=LONGER)
        wait_for(lambda: hub.machines() == [], seconds=LONGER, what="the end of the machine")


@pytest.mark.full
def test_a_copy_of_a_machine_starts_no_server(openstack: OpenStack) -> None:
    """Booted from a snapshot, it has everything that the first one has but its number."""
    with guest_hub(
        openstack, image="debian-stub", cmd=[STUB], first=DOOR_AT_BOOTS, start_timeout=LONGER
    ) as hub:
        hub.start_server("ann", seconds=LONGER)
        before = hub.server("ann")
        assert before is not None
        with hub.guest() as guest:
            guest.run("sync")
        with copied(openstack, hub.machine()["id"]) as address:
            state = {"address": address, "host_keys": before["state"]["host_keys"]}
            with Guest(hub.keys, state) as copy:
                wait_for(lambda: copy.tried("true").returncode == 0, seconds=LONGER)
                log = "/var/lib/jupyterhub-anywhere/agent.log"
                said = wait_for(
                    lambda: copied_word(copy.tried(f"cat {log}").stdout), seconds=LONGER
                )
                assert "whose server stays there" in said
                assert copy.tried("pgrep -u ann").returncode == 1
                assert copy.tried("pgrep -f [a]gent.py").returncode == 1
        after = hub.server("ann")
        assert after is not None
        assert [after[name] for name in _STAYS] == [before[name] for name in _STAYS]
        assert answers(f"{hub.url}user/ann/stub/about")


def copied_word(log: str) -> str:
    """The line of a log that says what a machine is; empty where none does."""
    return next((each for each in log.splitlines() if "a copy of another machine's" in each), "")


@contextlib.contextmanager
def copied(cloud: OpenStack, machine: str) -> Iterator[str]:
    """The address of a machine that boots from a snapshot of another one's disk."""
    with cloud.client() as project:
        image = cloud.act(machine, "createImage", {"name": "a copy"})["image_id"]
        try:
            path = f"/images/{image}"
            wait_for(lambda: project.get("image", path)["status"] == "active", seconds=LONGER)
            body = {
                "name": "copy",
                "imageRef": image,
                "flavorRef": cloud.seeded.flavors["m1.small"],
                "networks": [{"uuid": cloud.seeded.networks["hubnet"]}],
            }
            made = project.post("compute", "/servers", {"server": body})["server"]["id"]
            try:
                wait_for(lambda: cloud.status(made) == "ACTIVE", seconds=LONGER)
                [found] = cloud.server(made)["addresses"]["hubnet"]
                yield found["addr"]
            finally:
                cloud.destroy_behind_our_back(made)
        finally:
            cloud.admin.delete("image", f"/images/{image}")


# Of what the hub's API tells of a server.
_STAYS: Final = ("ready", "pending", "stopped", "started", "url")
