"""Faults of the machine under a hub that runs: its disk is full or can only be read.

It is the disk of our ledger, and of the stock hub's database: what each has to know of its servers.
``ANYWHERE_KILLS=all`` takes the stock hub as well.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from tests.hub.harness import wait_for
from tests.hub.kill_hubs import KilledHub
from tests.hub.machine import BYSTANDER, SIDES, check, states

from jupyterhub_anywhere.testing.faults.machine import disk_is_full, disk_is_read_only
from jupyterhub_anywhere.testing.faults.records import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Megabytes of a disk that soon is full.
SMALL: Final = 8

pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]


class Disk:
    """A small disk, for databases alone."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._filler = place / "filler"

    @property
    def url(self) -> str:
        """Of a database there."""
        return f"sqlite:///{self.place / 'written.sqlite'}"

    @property
    def beside(self) -> str:
        """Of another one there."""
        return f"sqlite:///{self.place / 'beside.sqlite'}"

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

    def let_write(self, *, on: bool) -> None:
        """Let it be written to, or only be read."""
        self.mount("remount,rw" if on else "remount,ro")


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


@pytest.fixture(params=SIDES)
def hub(request: pytest.FixtureRequest, disk: Disk) -> Iterator[tuple[str, KilledHub]]:
    """A side, and a hub of that side."""
    if request.param == OURS:
        made = KilledHub.ours(ledger=disk.url)
    else:
        made = KilledHub.stock(f"c.JupyterHub.db_url = {disk.url!r}\n")
    try:
        made.boot()
        yield request.param, made
    finally:
        made.close()


def nothing() -> None:
    """Ask no more of the stock hub than the cycle does."""


def test_a_full_disk_costs_new_starts_and_nothing_else(
    hub: tuple[str, KilledHub], disk: Disk
) -> None:
    side, made = hub

    def meanwhile() -> None:
        refused = made.hub.api("POST", "users/ann/server", json={})
        assert refused.status_code == httpx.codes.INTERNAL_SERVER_ERROR
        assert "cannot write down" in refused.json()["message"]
        assert "disk is full" in made.hub.logs(200)
        assert "ann" not in made.running()
        assert made.serves(BYSTANDER)
        wait_for(lambda: "bob" not in made.running(), what="a stop that nobody could write down")

    look = meanwhile if side == OURS else nothing
    check(side, made, disk_is_full(made, disk, meanwhile=look))
    if side == OURS:
        assert states(made) == {BYSTANDER: "running", "later": "running"}


def test_a_disk_that_is_full_under_the_hubs_database_too_costs_no_more(disk: Disk) -> None:
    made = KilledHub.ours(f"c.JupyterHub.db_url = {disk.beside!r}\n", ledger=disk.url)
    try:
        made.boot()
        assert (disk.place / "beside.sqlite").exists()
        check(OURS, made, disk_is_full(made, disk), ", and of the hub's database")
        assert states(made) == {BYSTANDER: "running", "later": "running"}
    finally:
        made.close()


def test_a_ledger_that_can_only_be_read_keeps_its_hub_from_starting_and_stops_nothing(
    hub: tuple[str, KilledHub], disk: Disk
) -> None:
    side, made = hub

    def meanwhile() -> None:
        assert made.hub.process is not None
        assert made.hub.process.poll() not in {None, 0}
        assert "can only be read" in made.hub.output()
        assert BYSTANDER in made.running()
        assert made.serves(BYSTANDER), "the proxy went on without its hub"

    look = meanwhile if side == OURS else nothing
    check(side, made, disk_is_read_only(made, disk, meanwhile=look))
