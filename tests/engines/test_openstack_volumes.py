"""Homes on volumes of a real cloud: they outlive the machines, and go as it is declared."""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from tests.engines.openstack_guests import (
    LONGER,
    STUB,
    GuestHub,
    answers,
    boot_of,
    failed_start,
    guest_hub,
)
from tests.engines.openstack_hub import PATIENCE
from tests.hub.harness import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engines.openstack.cloud import OpenStack

pytestmark = [pytest.mark.root, pytest.mark.full]

# Whoever is made after this one gets the next number, which no other machine would choose.
_ANOTHER: Final = "[ -d /home/ann ] || useradd --uid 1500 --no-create-home another"
_UID: Final = 1501
# In place of systemd: what is to be written is, once the power button is pressed.
_HEARS: Final = """\
modprobe -a evdev button
for each in /dev/input/event*; do
    setsid sh -c "head -c 24 $each >/dev/null && sync && echo o >/proc/sysrq-trigger" \\
        </dev/null >/dev/null 2>&1 &
done
"""


@contextlib.contextmanager
def volume_hub(cloud: OpenStack, **spawner: Any) -> Iterator[GuestHub]:
    """A hub whose users have a home volume of a GiB; what is left of them goes at the end."""
    with guest_hub(cloud, home_volume=1, **spawner) as hub:
        try:
            yield hub
        finally:
            hub_volumes = [each["id"] for each in volumes_of(hub)]
            hub.close()
            for each in hub_volumes:
                cloud.admin.delete("volumev3", f"/volumes/{each}")


def volumes_of(hub: GuestHub) -> list[dict[str, Any]]:
    """The volumes of a hub, as the cloud tells them."""
    listed = all_volumes(hub.cloud)
    return [each for each in listed if each["metadata"].get("anywhere-hub") == hub.id]


def all_volumes(cloud: OpenStack) -> list[dict[str, Any]]:
    """The volumes of everybody."""
    path = "/volumes/detail?all_tenants=true"
    listed: list[dict[str, Any]] = cloud.admin.get("volumev3", path)["volumes"]
    return listed


def volume(hub: GuestHub) -> dict[str, Any]:
    """The only one."""
    [found] = volumes_of(hub)
    return found


def file_of_server(hub: GuestHub, method: str, content: str = "") -> str:
    """What ann's server answers, by the proxy, on one file of hers."""
    headers = {"Authorization": f"token {hub.user_token('ann')}"}
    url = f"{hub.url}user/ann/stub/files/kept.txt"
    answer = httpx.request(method, url, headers=headers, content=content, timeout=PATIENCE)
    return answer.raise_for_status().text


def delete_user(hub: GuestHub) -> None:
    """Delete ann, whose server runs: it is stopped on the way."""

    def deleted() -> bool:
        answer = hub.api("DELETE", "users/ann", timeout=PATIENCE)
        # 400: JupyterHub does not wait for a stop that takes longer than ten seconds.
        assert answer.status_code in {204, 400}, answer.text
        return answer.status_code == httpx.codes.NO_CONTENT

    wait_for(deleted, seconds=PATIENCE, what="the end of ann")


def test_a_home_outlives_its_machines(volumes: OpenStack) -> None:
    """A server writes a file; another machine has it; deleting the user removes the volume.

    The volume says so itself, as it was declared when a machine last got it.
    """
    more = {"image": "debian-stub", "cmd": [STUB], "delete_volumes": True, "first": _ANOTHER}
    with volume_hub(volumes, **more) as hub:
        hub.start_server("ann", seconds=PATIENCE)
        first = hub.machine()
        made = volume(hub)
        assert (made["size"], made["status"]) == (1, "in-use")
        assert [each["server_id"] for each in made["attachments"]] == [first["id"]]
        assert made["metadata"]["anywhere-user"] == "ann"
        assert made["metadata"]["anywhere-goes"] == "1"
        with hub.guest() as guest:
            system = guest.run("findmnt -rno FSTYPE,LABEL,UUID /home")
            assert system.startswith("ext4 anywhere-home "), system
            assert guest.run("stat -c %U:%u /home/ann") == f"ann:{_UID}"
            file_of_server(hub, "PUT", "what was done")
            # Without systemd these guests hear nothing of being switched off.
            guest.run("sync")

        hub.stop_server("ann", seconds=PATIENCE)
        assert hub.machines() == []
        assert (volume(hub)["id"], volume(hub)["status"]) == (made["id"], "available")
        # As if another profile had used it.
        body = {"metadata": {"anywhere-goes": "0"}}
        volumes.admin.post("volumev3", f"/volumes/{made['id']}/metadata", body)

        hub.start_server("ann", seconds=PATIENCE)
        second = hub.machine()
        assert second["id"] != first["id"]
        assert volume(hub)["id"] == made["id"]
        own = {key: text for key, text in made["metadata"].items() if key.startswith("anywhere-")}
        assert own.items() <= volume(hub)["metadata"].items()
        assert file_of_server(hub, "GET") == "what was done"
        with hub.guest() as guest:
            # It was formatted once, and its owner has no other number here.
            assert guest.run("findmnt -rno FSTYPE,LABEL,UUID /home") == system
            assert guest.run("stat -c %U:%u /home/ann/kept.txt") == f"ann:{_UID}"

        delete_user(hub)
        assert (hub.machines(), volumes_of(hub)) == ([], [])


def test_a_home_outlives_its_user_unless_it_is_declared(volumes: OpenStack) -> None:
    """Not so what its machine boots from; and while volumes cannot be had, nothing is made."""
    with volume_hub(volumes, image="debian-stub", cmd=[STUB], boot_volume=3) as hub:
        volumes.stop_api("cinder-api")
        try:
            told = failed_start(hub)
        finally:
            volumes.start_api("cinder-api")
        assert "cannot be made" in told
        assert hub.machines() == []
        hub.start_server("ann", seconds=PATIENCE)
        made = volume(hub)
        assert made["metadata"]["anywhere-goes"] == "0"
        # The one that her machine boots from goes with it.
        assert len(all_volumes(volumes)) == 2
        delete_user(hub)
        assert hub.machines() == []
        wait_for(lambda: len(all_volumes(volumes)) == 1, seconds=PATIENCE, what="one volume")
        assert (volume(hub)["id"], volume(hub)["status"]) == (made["id"], "available")
        assert f"The volume {made['name']} is kept" in hub.logs(400)
        # Another user gets another one.
        hub.start_server("bob", seconds=PATIENCE)
        assert {each["status"] for each in volumes_of(hub)} == {"available", "in-use"}


def test_servers_that_share_a_machine_share_the_home(volumes: OpenStack) -> None:
    """And the next machine finds it again, whoever comes first."""
    with volume_hub(volumes, image="debian-stub", cmd=[STUB], share_machine=True) as hub:
        hub.start_server("ann", seconds=PATIENCE)
        hub.start_server("ann", "two", seconds=PATIENCE)
        first, made = hub.machine(), volume(hub)
        for server in ("", "two"):
            hub.stop_server("ann", server, seconds=PATIENCE)
        assert hub.machines() == []
        hub.start_server("ann", "two", seconds=PATIENCE)
        assert hub.machine()["id"] != first["id"]
        assert (volume(hub)["id"], volume(hub)["status"]) == (made["id"], "in-use")


@contextlib.contextmanager
def patient_shutdown(cloud: OpenStack, image: str) -> Iterator[None]:
    """Let guests of an image have as long to shut down as a busy machine takes."""
    path = f"/images/{cloud.seeded.images[image]}"
    name = "os_shutdown_timeout"
    before = cloud.admin.get("image", path)[name]

    def say(seconds: str) -> None:
        body = json.dumps([{"op": "replace", "path": f"/{name}", "value": seconds}])
        kind = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        cloud.admin.ask("PATCH", "image", path, headers=kind, content=body.encode())

    say("600")
    try:
        yield
    finally:
        say(before)


def test_what_a_machine_had_not_yet_written_is_on_the_volume(
    volumes: OpenStack, tmp_path: Path
) -> None:
    """It is switched off before it is removed, and hears of that in time."""
    more = {"image": "debian-stub", "cmd": [STUB], "first": _HEARS}
    with patient_shutdown(volumes, "debian-stub"), volume_hub(volumes, **more) as hub:
        hub.start_server("ann", seconds=PATIENCE)
        file = volumes.layout.var / "cinder/volumes" / f"volume-{volume(hub)['id']}"
        with hub.guest() as guest:
            # Nothing is written before it has to be.
            guest.run("sysctl -qw vm.dirty_writeback_centisecs=0 vm.dirty_expire_centisecs=360000")
            file_of_server(hub, "PUT", "what was done last")
        assert on_volume(file, "/ann/kept.txt", tmp_path) == ""
        hub.stop_server("ann", seconds=PATIENCE)
        wait_for(lambda: hub.machines() == [], seconds=PATIENCE, what="the end of the machine")
        assert on_volume(file, "/ann/kept.txt", tmp_path) == "what was done last"


def test_under_systemd_a_home_is_there_at_each_boot(volumes: OpenStack, tmp_path: Path) -> None:
    """The server comes back once its home is mounted, and nothing of it is lost at the end."""
    more = {"image": "debian-12", "cmd": [STUB], "start_timeout": LONGER}
    with patient_shutdown(volumes, "debian-12"), volume_hub(volumes, **more) as hub:
        hub.start_server("ann", seconds=LONGER)
        booted = boot_of(hub)
        where = "findmnt -rno LABEL /home"
        with hub.guest() as guest:
            assert guest.run(where) == "anywhere-home"
            unit = "jupyterhub-anywhere.service"
            assert guest.run(f"systemctl show -P RequiresMountsFor {unit}").split()[-1] == "/home"
            file_of_server(hub, "PUT", "what was done")
            # Its connection may end before it is answered.
            guest.tried("systemctl reboot")
        wait_for(lambda: boot_of(hub) != booted, seconds=LONGER, what="the next boot")
        url = f"{hub.url}user/ann/stub/about"
        wait_for(lambda: answers(url), seconds=LONGER, what="the server that has come back")
        with hub.guest() as guest:
            assert guest.run(where) == "anywhere-home"
        assert file_of_server(hub, "GET") == "what was done"
        file = volumes.layout.var / "cinder/volumes" / f"volume-{volume(hub)['id']}"
        file_of_server(hub, "PUT", "what was done last")
        hub.stop_server("ann", seconds=LONGER)
        wait_for(lambda: hub.machines() == [], seconds=LONGER, what="the end of the machine")
        assert on_volume(file, "/ann/kept.txt", tmp_path) == "what was done last"


def on_volume(file: Path, path: str, folder: Path) -> str:
    """What a file on a volume has, as the next machine would find it; empty for none."""
    copy = folder / "volume"
    subprocess.run(["cp", "--sparse=always", str(file), str(copy)], check=True)
    # 1: its journal had something that was not yet in its place.
    checked = subprocess.run(["e2fsck", "-fy", str(copy)], check=False, capture_output=True)
    assert checked.returncode in {0, 1}, checked.stdout
    words = ["debugfs", "-R", f"cat {path}", str(copy)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
