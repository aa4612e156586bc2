"""The state folder: modes, versions, owners, the lock, and what is kept in it."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.state import STATE_VERSION
from jupyterhub_anywhere.hub.files import read_json, write_json, write_private
from jupyterhub_anywhere.hub.statefolder import (
    StateLock,
    cookie_secret,
    hub_id,
    locked,
    open_state,
)

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_the_hubs_alone(tmp_path: Path) -> None:
    paths = open_state(tmp_path / "täst" / "state")
    assert mode(paths.root) == (0o711 if os.geteuid() == 0 else 0o700)
    assert mode(paths.hub) == mode(paths.logs) == 0o700
    assert paths.version.read_text() == f"{STATE_VERSION}\n"
    assert paths.homes.exists() == (os.geteuid() == 0)


def test_modes_that_were_opened_are_closed_again(tmp_path: Path) -> None:
    paths = open_state(tmp_path / "state")
    paths.hub.chmod(0o755)
    open_state(paths.root)
    assert mode(paths.hub) == 0o700


def test_the_root_may_be_a_link_but_nothing_inside(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "disk")
    paths = open_state(tmp_path / "state")
    assert paths.root == tmp_path / "disk"
    paths.logs.rmdir()
    paths.logs.symlink_to(tmp_path)
    with pytest.raises(StateError, match=r"logs is no folder"):
        open_state(tmp_path / "state")


@pytest.mark.parametrize(
    ("text", "wanted"), [("2", "newer version"), ("", "does not hold"), ("x1", "does not hold")]
)
def test_versions_that_are_not_ours(tmp_path: Path, text: str, wanted: str) -> None:
    paths = open_state(tmp_path)
    paths.version.write_text(text)
    with pytest.raises(StateError, match=wanted):
        open_state(tmp_path)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match="state is no folder"):
        open_state(tmp_path / "state")


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="--state DIR"):
        open_state(tmp_path / "file" / "state")


@pytest.mark.root
def test_another_accounts_folder(tmp_path: Path) -> None:
    paths = open_state(tmp_path / "state")
    os.chown(paths.hub, 65534, 65534)
    with pytest.raises(StateError, match=r"belongs to (nobody|uid 65534), and this runs as root"):
        open_state(paths.root)


def fill(ballast: Path) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)


@pytest.mark.root
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount. Cure: run it as root outside a container")
    try:
        fill(tmp_path / "ballast")
        with pytest.raises(StateError, match=r"no space left.*Free some space"):
            open_state(tmp_path)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_one_hub_at_a_time(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    with StateLock(paths):
        assert locked(paths)
        with pytest.raises(StateError, match=f"Another hub.*process {os.getpid()}"):
            StateLock(paths).__enter__()
    assert not locked(paths)
    with StateLock(paths):
        pass


def test_the_lock_names_the_url_of_the_hub_that_holds_it(tmp_path: Path) -> None:
    from jupyterhub_anywhere.core.processes import ProcessId

    paths = open_state(tmp_path)
    process = ProcessId.of(os.getpid())
    assert process is not None
    write_json(paths.up, {"process": process.to_json(), "url": "http://127.0.0.1:8000/"})
    with StateLock(paths), pytest.raises(StateError, match=r"at http://127\.0\.0\.1:8000/"):
        StateLock(paths).__enter__()


def test_a_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    with StateLock(paths):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert not locked(paths)
    finally:
        child.communicate(b"\n")


def test_no_folder_no_lock(tmp_path: Path) -> None:
    from jupyterhub_anywhere.core.state import StatePaths

    assert not locked(StatePaths(tmp_path / "none"))


def test_the_id_is_made_once(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    made = hub_id(paths, None)
    assert made == hub_id(paths, None)
    assert hub_id(paths, "mine") == "mine"
    assert hub_id(paths, None) == made


def test_a_damaged_id_is_not_replaced(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    paths.hub_id.write_text("")
    with pytest.raises(StateError, match="does not hold a hub id"):
        hub_id(paths, None)


def test_the_cookie_secret_is_made_once_and_mended(tmp_path: Path) -> None:
    paths = open_state(tmp_path)
    made = cookie_secret(paths)
    assert len(made) == 32
    assert cookie_secret(paths) == made
    assert mode(paths.cookie_secret) == 0o600
    paths.cookie_secret.write_text("short")
    assert len(cookie_secret(paths)) == 32


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "file"
    write_private(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(file, "\ud800")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff"])
def test_broken_json_is_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert read_json(tmp_path / "file") == {}
