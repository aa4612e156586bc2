"""Restoring: what comes back, what is refused, and that nothing is ever lost."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import stat
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub.backup import MANIFEST, create, installed
from jupyterhub_anywhere.hub.restore import restore
from jupyterhub_anywhere.targets.process.accounts import Accounts, UidRange

Member = tuple[tarfile.TarInfo, bytes]


@pytest.fixture
def state(tmp_path: Path) -> StatePaths:
    paths = StatePaths(tmp_path / "state")
    paths.hub.mkdir(parents=True)
    paths.hub.chmod(0o700)
    paths.version.write_text("1\n")
    paths.hub_id.write_text("hub-abc\n")
    paths.hub_id.chmod(0o600)
    paths.proxy.write_text(
        json.dumps({"token": "t", "port": 8000, "process": {"pid": 1}, "shape": "x"})
    )
    with closing(sqlite3.connect(paths.database)) as database, database:
        database.execute("CREATE TABLE users (name TEXT)")
    home = paths.homes / "ann"
    home.mkdir(parents=True)
    paths.homes.chmod(0o711)
    home.chmod(0o700)
    (home / "run.sh").write_text("#!/bin/sh\n")
    (home / "run.sh").chmod(0o755)
    (home / "python3").symlink_to("/usr/bin/python3")
    return paths


@pytest.fixture
def archive(state: StatePaths, tmp_path: Path) -> Path:
    file = tmp_path / "b.tar.gz"
    create(state, file, homes=True)
    return file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_comes_back(archive: Path, tmp_path: Path) -> None:
    paths = StatePaths(tmp_path / "new")
    done = restore(archive, paths)
    assert (done.hub_id, done.homes, done.aside) == ("hub-abc", True, None)
    assert done.origin == str(tmp_path / "state")
    assert paths.hub_id.read_text() == "hub-abc\n"
    assert (mode(paths.hub), mode(paths.hub_id), mode(paths.homes)) == (0o700, 0o600, 0o711)
    assert mode(paths.homes / "ann" / "run.sh") == 0o755
    assert (paths.homes / "ann" / "python3").readlink() == Path("/usr/bin/python3")
    with closing(sqlite3.connect(paths.database)) as database:
        assert database.execute("SELECT count(*) FROM users").fetchone() == (0,)
    assert names(paths.root) == ["VERSION", "homes", "hub"]


def test_processes_of_the_backups_time_are_forgotten(archive: Path, tmp_path: Path) -> None:
    paths = StatePaths(tmp_path / "new")
    restore(archive, paths)
    assert json.loads(paths.proxy.read_text()) == {"token": "t", "port": 8000}


@pytest.mark.root
def test_owners_come_back(state: StatePaths, tmp_path: Path) -> None:
    for path in (state.homes / "ann", *(state.homes / "ann").iterdir()):
        os.chown(path, 70001, 70002, follow_symlinks=False)
    create(state, tmp_path / "owners.tar.gz", homes=True)
    paths = StatePaths(tmp_path / "new")
    restore(tmp_path / "owners.tar.gz", paths)
    for path in (paths.homes / "ann", *(paths.homes / "ann").iterdir()):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (70001, 70002)
    assert paths.hub.stat().st_uid == 0


def test_state_that_is_there_is_not_touched(archive: Path, state: StatePaths) -> None:
    state.hub_id.write_text("changed since")
    with pytest.raises(StateError, match="is not empty") as caught:
        restore(archive, state)
    assert "--force" in caught.value.hint
    assert state.hub_id.read_text() == "changed since"


def test_by_force_it_is_moved_aside(archive: Path, state: StatePaths) -> None:
    state.hub_id.write_text("changed since")
    done = restore(archive, state, force=True)
    assert state.hub_id.read_text() == "hub-abc\n"
    assert done.aside is not None
    assert (done.aside / "hub" / "hub.id").read_text() == "changed since"
    assert (done.aside / "homes" / "ann" / "run.sh").exists()
    assert mode(done.aside) == 0o700


def test_a_backup_without_homes_leaves_the_homes(state: StatePaths, tmp_path: Path) -> None:
    create(state, tmp_path / "hub-only.tar.gz")
    (state.homes / "ann" / "new.txt").write_text("since then")
    restore(tmp_path / "hub-only.tar.gz", state, force=True)
    assert (state.homes / "ann" / "new.txt").read_text() == "since then"


@pytest.mark.root
def test_uids_of_homes_that_stay_are_not_given_to_others(state: StatePaths, tmp_path: Path) -> None:
    uids = UidRange(3_000_000_000, 3_000_000_099)
    before = Accounts(state.accounts, uids)
    ann = before.reserve("ann")
    create(state, tmp_path / "hub.tar.gz", homes=False)
    ben = before.reserve("ben")
    (state.homes / "cyd").mkdir()
    os.chown(state.homes / "cyd", ben + 1, ben + 1)

    restore(tmp_path / "hub.tar.gz", state, force=True)

    after = Accounts(state.accounts, uids)
    assert (after.find("ann"), after.find("ben")) == (ann, ben)
    assert after.reserve("dan") == ben + 2
    assert mode(state.accounts) == 0o600


def test_when_it_cannot_be_replaced_all_is_as_it_was(
    archive: Path, state: StatePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine where homes/ is a mount point: the world refuses that one rename."""
    rename = Path.rename

    def busy(self: Path, target: Path) -> Path:
        if self == state.homes:
            raise OSError(16, "Device or resource busy", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", busy)
    state.hub_id.write_text("changed since")
    with pytest.raises(StateError, match="cannot be replaced: Device or resource busy"):
        restore(archive, state, force=True)
    assert state.hub_id.read_text() == "changed since"
    assert names(state.root) == ["VERSION", "homes", "hub"]


# --- archives that were not made by a friend -----------------------------------------------------


def rewrite(archive: Path, change: Any) -> Path:
    """Write an archive anew from the list of members that ``change`` makes of the old one."""
    with tarfile.open(archive) as old:
        members: list[Member] = []
        for member in old:
            stream = old.extractfile(member) if member.isreg() else None
            members.append((member, b"" if stream is None else stream.read()))
    file = archive.with_name("rewritten.tar.gz")
    with tarfile.open(file, "w:gz") as new:
        for member, data in change(members):
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return file


def entry(name: str, data: bytes = b"", **attributes: Any) -> Member:
    info = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, data


def with_manifest(members: list[Member], **changes: Any) -> list[Member]:
    """The same members, with a manifest that fits them, and changes on top."""
    *rest, (last, text) = members
    manifest = json.loads(text)
    manifest["files"] = {
        info.name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for info, data in rest
        if info.isreg()
    }
    manifest.update(changes)
    return [*rest, (last, json.dumps(manifest).encode())]


@pytest.mark.parametrize(
    "added",
    [
        [entry("../evil", b"x")],
        [entry("/etc/evil", b"x")],
        [entry("hub/../../evil", b"x")],
        [entry("hub//evil", b"x")],
        [entry("hub/./evil", b"x")],
        [entry("evil", b"x")],
        [entry("hub/hub.id", b"twice")],
        [entry("hub/link", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
        [entry("hub/hard", type=tarfile.LNKTYPE, linkname="hub/hub.id")],
        [entry("homes/ann/hard", type=tarfile.LNKTYPE, linkname="hub/cookie_secret")],
        [entry("homes/ann/device", type=tarfile.CHRTYPE)],
        [entry("homes/ann/pipe", type=tarfile.FIFOTYPE)],
        [
            entry("homes/ann/out", type=tarfile.SYMTYPE, linkname="/tmp"),
            entry("homes/ann/out/evil", b"x"),
        ],
        [entry("homes/ann/run.sh/evil", b"x")],
        [entry("homes/bob/evil", b"x")],
    ],
    ids=lambda added: added[-1][0].name,
)
def test_what_no_backup_holds_is_refused(
    archive: Path, tmp_path: Path, added: list[Member]
) -> None:
    file = rewrite(archive, lambda old: with_manifest([*old[:-1], *added, old[-1]]))
    paths = StatePaths(tmp_path / "new")
    with pytest.raises(StateError, match="which no backup of a hub does"):
        restore(file, paths)
    assert names(paths.root) == []
    assert not (tmp_path / "evil").exists()


def test_no_archive_makes_a_program_run_as_another(archive: Path, tmp_path: Path) -> None:
    wicked = entry("homes/ann/su", b"x", mode=0o6755)
    file = rewrite(archive, lambda old: with_manifest([*old[:-1], wicked, old[-1]]))
    paths = StatePaths(tmp_path / "new")
    restore(file, paths)
    assert mode(paths.homes / "ann" / "su") == 0o755


def changed_content(old: list[Member]) -> list[Member]:
    return [(info, b"other" if info.name == "hub/hub.id" else data) for info, data in old]


def missing_file(old: list[Member]) -> list[Member]:
    return [member for member in old if member[0].name != "hub/hub.id"]


def additional_file(old: list[Member]) -> list[Member]:
    return [*old[:-1], entry("hub/more", b"x"), old[-1]]


@pytest.mark.parametrize("change", [changed_content, missing_file, additional_file])
def test_what_differs_from_the_manifest(archive: Path, tmp_path: Path, change: Any) -> None:
    with pytest.raises(StateError, match="is not what the manifest says"):
        restore(rewrite(archive, change), StatePaths(tmp_path / "new"))


@pytest.mark.parametrize(
    "change",
    [
        lambda old: old[:-1],
        lambda old: [*old[:-1], entry(MANIFEST, b"[]")],
        lambda old: [*old[:-1], entry(MANIFEST, b"{no json")],
        lambda old: [*old[:-1], entry(MANIFEST, b'{"format": 1}')],
        lambda old: with_manifest(old, format="one"),
    ],
)
def test_a_manifest_that_is_none(archive: Path, tmp_path: Path, change: Any) -> None:
    with pytest.raises(StateError, match="manifest"):
        restore(rewrite(archive, change), StatePaths(tmp_path / "new"))


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_an_archive_that_was_cut_off(archive: Path, tmp_path: Path, part: float) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(StateError, match="is no backup, or is damaged"):
        restore(archive, StatePaths(tmp_path / "new"))


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b\x08\x00" + b"\xff" * 200])
def test_a_file_that_is_no_archive(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "x.tar.gz"
    file.write_bytes(data)
    with pytest.raises(StateError, match="is no backup, or is damaged"):
        restore(file, StatePaths(tmp_path / "new"))


@pytest.mark.parametrize("newer", [{"state_version": 99}, {"format": 99}, {"jupyterhub": "99.0.0"}])
def test_a_newer_version_is_refused(archive: Path, tmp_path: Path, newer: dict[str, Any]) -> None:
    file = rewrite(archive, lambda old: with_manifest(old, **newer))
    with pytest.raises(StateError, match="made by a newer version") as caught:
        restore(file, StatePaths(tmp_path / "new"))
    assert "Install that version" in caught.value.hint


def test_a_newer_patch_release_is_fine(archive: Path, tmp_path: Path) -> None:
    patch = ".".join([*installed("jupyterhub").split(".")[:2], "999"])
    file = rewrite(archive, lambda old: with_manifest(old, jupyterhub=patch))
    assert restore(file, StatePaths(tmp_path / "new")).files > 0
