"""Faults of the machine under a hub that runs: its disk is full or can only be read."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from tests.hub.harness import Hub, wait_for
from tests.hub.kill_hubs import LEDGER, KilledHub
from tests.hub.machine import BYSTANDER, check, states

from jupyterhub_anywhere.testing.faults.run import Doing, ready_bystander, settled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Megabytes of a disk that soon is full.
SMALL: Final = 8

pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]


class Disk:
    """A small disk, for the ledger alone."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"

    @property
    def url(self) -> str:
        """Of a ledger there."""
        return f"sqlite:///{self.place / 'ledger.sqlite'}"

    def mount(self, options: str) -> None:
        """Mount it, or mount it anew with other options."""
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "anywhere-tests", str(self.place)], check=True
        )

    def fill(self) -> None:
        """Leave no room on it."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def empty(self) -> None:
        """Make room again."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "small")
    disk.place.mkdir()
    try:
        disk.mount(f"size={SMALL}m,mode=0700")
    except subprocess.CalledProcessError:
        pytest.skip("Root may mount nothing here. Cure: run it where it has CAP_SYS_ADMIN")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk.place)], check=True)


@pytest.fixture
def hub(disk: Disk) -> Iterator[KilledHub]:
    ledger = {**LEDGER, "url": disk.url}
    made = KilledHub(
        Hub(site={"hub": {"ledger": ledger}}, arguments=["--keep-servers", "--share-account"])
    )
    made.hub.write_config(made.watch())
    try:
        made.boot()
        yield made
    finally:
        made.close()


def test_a_full_disk_costs_new_starts_and_nothing_else(hub: KilledHub, disk: Disk) -> None:
    before = ready_bystander(hub)
    settled(hub, "bob")
    hub.add("ann")
    wait_for(lambda: states(hub) == {BYSTANDER: "running", "bob": "running"}, what="leases")
    disk.fill()

    refused = hub.hub.api("POST", "users/ann/server", json={})
    assert refused.status_code == httpx.codes.INTERNAL_SERVER_ERROR
    assert "cannot write down" in refused.json()["message"]
    assert "disk is full" in hub.hub.logs(200)
    assert "ann" not in hub.running()
    assert hub.serves(BYSTANDER)
    assert hub.hub.api("DELETE", "users/bob/server").status_code in {202, 204}
    wait_for(lambda: "bob" not in hub.running(), what="a stop that nobody could write down")
    assert hub.running()[BYSTANDER] == before.healthy[BYSTANDER]

    disk.empty()
    before.healthy["ann"] = settled(hub, "ann")
    check(hub, Doing.RUN, "the ledger's disk is full for some time", before, "bob")
    assert states(hub) == {BYSTANDER: "running", "ann": "running"}


def test_a_ledger_that_can_only_be_read_keeps_its_hub_from_starting_and_stops_nothing(
    hub: KilledHub, disk: Disk
) -> None:
    before = ready_bystander(hub)
    hub.kill()
    disk.mount("remount,ro")
    hub.launch()
    wait_for(hub.ended, seconds=120, what="the end of a hub that cannot write")
    assert hub.hub.process is not None
    assert hub.hub.process.returncode != 0
    assert "can only be read" in hub.hub.output()
    assert hub.running()[BYSTANDER] == before.healthy[BYSTANDER]
    assert hub.serves(BYSTANDER), "the proxy went on without its hub"

    disk.mount("remount,rw")
    hub.boot()
    before.healthy["ann"] = settled(hub, "ann")
    check(hub, Doing.RESTART, "the ledger can only be read for some time", before)
