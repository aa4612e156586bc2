"""What runs on this machine: all of it or none, with the lease that it was started for."""

from __future__ import annotations

import errno
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.targets.process.inventory import ProcessInventory, boot_time, resources
from jupyterhub_anywhere.targets.process.labels import (
    LEASE_VARIABLE,
    Labelled,
    labels_of,
    scan,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

HUB, LEASE = "hub-of-the-inventory", "0123456789abcdef0123"


@pytest.fixture
def server() -> Iterator[subprocess.Popen[bytes]]:
    """A process with the labels of a server."""
    env = labels_of(HUB, "ann-hub", "ann", "", LEASE)
    with subprocess.Popen([sys.executable, "-c", "input()"], env=env, stdin=-1) as process:
        yield process
        process.kill()


def test_a_lease_is_a_label_where_there_is_one() -> None:
    assert labels_of(HUB, "ann-hub", "ann", "", LEASE)[LEASE_VARIABLE] == LEASE
    assert LEASE_VARIABLE not in labels_of(HUB, "ann-hub", "ann", "")


@pytest.mark.usefixtures("server")
async def test_a_server_is_listed_with_its_lease_and_age_until_it_has_ended(
    server: subprocess.Popen[bytes],
) -> None:
    inventory = ProcessInventory(HUB)
    (found,) = await inventory.owned()
    assert (found.name, found.lease, found.alive, found.keep) == ("ann-hub", LEASE, True, False)
    assert found.created is not None
    # The kernel rounds both the moment of boot and the age.
    assert abs(datetime.now(UTC) - found.created) < timedelta(minutes=5)
    server.kill()
    server.wait()
    assert await inventory.owned() == []


def test_of_two_lives_the_later_one_counts() -> None:
    old = Labelled(ProcessId(9, 100, "boot"), "ann-hub", "ann", "", "old")
    new = Labelled(ProcessId(5, 200, "boot"), "ann-hub", "ann", "", "new")
    for members in ([old, new], [new, old]):
        (found,) = resources(members, booted=1_772_366_400.0)
        assert found.lease == "new"
        assert found.created == datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)
    assert resources([old])[0].created is None


def test_the_moment_of_boot(tmp_path: Path) -> None:
    path = tmp_path / "stat"
    assert boot_time(path) is None
    path.write_text("cpu 1 2 3\nbtime 1772366400\nprocesses 7\n")
    assert boot_time(path) == 1_772_366_400.0
    path.write_text("cpu 1 2 3\n")
    assert boot_time(path) is None


@pytest.mark.usefixtures("server")
def test_too_many_open_files_do_not_mean_that_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "environ":
            raise OSError(errno.EMFILE, "Too many open files")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        scan(HUB)


@pytest.mark.usefixtures("server")
def test_a_process_that_cannot_be_told_from_others_does_not_count_as_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ProcessId, "of", lambda _pid: None)
    with pytest.raises(OSError, match="cannot be looked at"):
        scan(HUB)


def test_what_ends_during_the_pass_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "12").mkdir()
    (tmp_path / "self").mkdir()
    assert scan(HUB, tmp_path) == []
