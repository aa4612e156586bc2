"""A backup brought back into a state folder, on this machine or another one.

Nothing of the archive is trusted: names, kinds of files and checksums are checked before anything
of the old state is touched. ``tarfile``'s own ``data`` filter is not used: Python 3.11.2, as in
Debian 12, has none, it refuses the absolute links that homes are full of, and it drops owners.
What it guards against cannot happen here: all is written into a new, private folder, only plain
files and folders at first; links are made last, when nothing is written any more.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.state import STATE_VERSION, StatePaths
from jupyterhub_anywhere.hub.backup import FORMAT, MANIFEST, installed
from jupyterhub_anywhere.targets.process.carry_over import carry_over

_PARTS: Final = ("VERSION", "hub", "homes")
_MANIFEST_LIMIT: Final = 1 << 28
_CHUNK: Final = 1 << 20
# What a fresh file system brings along is no state.
_IGNORED: Final = {"lost+found"}


@dataclass
class Restored:
    """What was brought back.

    Attributes:
        made: When the backup was made, UTC.
        hub_id: The hub's id, which goes on.
        origin: The folder that it was made from.
        files: How many files.
        homes: Whether the users' homes were among them.
        aside: Where the earlier state is now; None where there was none.
    """

    made: str
    hub_id: str
    origin: str
    files: int
    homes: bool
    aside: Path | None = None


def restore(file: Path, paths: StatePaths, *, force: bool = False) -> Restored:
    """Bring a backup back. The caller holds the lock of the state folder, if there is one.

    Args:
        file: The archive.
        paths: The state folder; made where it is missing.
        force: Whether a folder with state may be used; what is there is moved aside.

    Raises:
        StateError: The archive is no backup, damaged or of a newer version; or there is state.
        TargetError: Its table of reserved uids is damaged.
        OSError: It cannot be written; the disk may be full.
    """
    occupied = _entries(paths.root)
    if occupied and not force:
        raise StateError(
            f"{paths.root} is not empty ({', '.join(sorted(occupied)[:5])}).",
            hint="Name an empty folder with --into DIR, or move what is there aside with --force.",
        )
    paths.root.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    # Inside the folder itself: it may be a file system of its own.
    scratch = Path(tempfile.mkdtemp(prefix=".restore-", dir=paths.root))
    try:
        unpacked = _unpack(file, scratch)
        manifest = _check(file, unpacked)
        _settle(scratch, unpacked, owners=os.geteuid() == 0 and manifest["uid"] == 0)
        forget_processes(StatePaths(scratch))
        if os.geteuid() == 0:
            _keep_uids(paths, StatePaths(scratch))
        os.sync()  # What takes the old state's place is on the disk before.
        aside = _swap(scratch, paths)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Restored(
        made=str(manifest["made"]),
        hub_id=str(manifest["hub_id"]),
        origin=str(manifest["root"]),
        files=len(manifest["files"]),
        homes=bool(manifest["homes"]),
        aside=aside,
    )


def _entries(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in folder.iterdir()} - _IGNORED
    except FileNotFoundError:
        return set()


# --- reading -------------------------------------------------------------------------------------


@dataclass
class _Unpacked:
    """What an archive held."""

    members: dict[str, tarfile.TarInfo] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    manifest: bytes | None = None


def _unpack(file: Path, scratch: Path) -> _Unpacked:
    unpacked = _Unpacked()
    try:
        with tarfile.open(file, mode="r:gz") as archive:
            for member in archive:
                _unpack_member(archive, member, scratch, unpacked)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise _damaged(file, str(error)) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(file, str(error)) from error  # gzip's own complaints have no number.
    return unpacked


def _unpack_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, scratch: Path, unpacked: _Unpacked
) -> None:
    name = member.name
    content = archive.extractfile(member) if member.type in tarfile.REGULAR_TYPES else None
    if name == MANIFEST and content is not None and member.size <= _MANIFEST_LIMIT:
        unpacked.manifest = content.read()
        return
    _check_member(member, unpacked)
    unpacked.members[name] = member
    if content is not None:
        unpacked.digests[name] = _write(content, scratch / name)
    elif member.isdir():
        (scratch / name).mkdir(mode=0o700)


def _check_member(member: tarfile.TarInfo, unpacked: _Unpacked) -> None:
    """Refuse what no backup of ours holds.

    Raises:
        StateError: The name leads elsewhere, comes twice, or the kind is not kept in backups.
    """
    parts = member.name.split("/")
    parent = unpacked.members.get("/".join(parts[:-1]))
    fine = (
        parts[0] in _PARTS
        and all(part not in {"", ".", ".."} for part in parts)
        and member.name not in unpacked.members
        and _kind_is_kept(member)
        # Our own archives name each folder before what is in it.
        and (len(parts) == 1 or (parent is not None and parent.isdir()))
    )
    if not fine:
        raise StateError(
            f"The archive holds {member.name!r}, which no backup of a hub does.",
            hint="Nothing was changed. Use a file that `anywhere backup` made.",
        )


def _kind_is_kept(member: tarfile.TarInfo) -> bool:
    if member.issym():
        # The hub's own folder is copied with its links followed.
        return member.name.startswith("homes/")
    if member.name in _PARTS:
        return member.isdir() == (member.name != "VERSION")
    return member.isdir() or member.type in {tarfile.REGTYPE, tarfile.AREGTYPE}


def _write(content: IO[bytes], place: Path) -> str:
    digest = hashlib.sha256()
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as stream:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            stream.write(chunk)
    return digest.hexdigest()


# --- checking ------------------------------------------------------------------------------------


def _damaged(file: Path, reason: str) -> StateError:
    return StateError(
        f"{file} is no backup, or is damaged: {reason}.",
        hint="Nothing was changed. Use another copy of it.",
    )


def _check(file: Path, unpacked: _Unpacked) -> dict[str, Any]:
    """The manifest, when all that it promises is there.

    Raises:
        StateError: Something is missing, too much, different, or of a newer version.
    """
    if unpacked.manifest is None:
        raise _damaged(file, "its end with the manifest is missing")
    try:
        manifest = json.loads(unpacked.manifest)
        promised = {name: entry["sha256"] for name, entry in manifest["files"].items()}
        wanted = (manifest["format"], manifest["state_version"])
        newer = wanted > (FORMAT, STATE_VERSION) or _newer_hub(str(manifest["jupyterhub"]))
        complete = {"made", "hub_id", "root", "uid", "homes", "version"} <= set(manifest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(file, "its manifest cannot be read") from error
    if not complete:
        raise _damaged(file, "its manifest is incomplete")
    if newer:
        raise StateError(
            f"{file} was made by a newer version: jupyterhub-anywhere {manifest['version']} with"
            f" JupyterHub {manifest['jupyterhub']}.",
            hint="Install that version first.",
        )
    different = [
        name
        for name in sorted(promised.keys() | unpacked.digests.keys())
        if promised.get(name) != unpacked.digests.get(name)
    ]
    if different:
        raise _damaged(file, f"{different[0]} is not what the manifest says")
    return dict(manifest)


def _newer_hub(made_with: str) -> bool:
    """Whether the hub's database is of a JupyterHub that this one cannot read."""

    def generation(text: str) -> list[int]:
        return [int(part) for part in text.split(".")[:2] if part.isdecimal()]

    return generation(made_with) > generation(installed("jupyterhub"))


# --- settling ------------------------------------------------------------------------------------


def _settle(scratch: Path, unpacked: _Unpacked, *, owners: bool) -> None:
    """Make links, then give everything its owner, mode and time; folders last, deepest first."""
    members = unpacked.members
    for name, member in members.items():
        if member.issym():
            (scratch / name).symlink_to(member.linkname)
    for name, member in sorted(members.items(), reverse=True):
        place = scratch / name
        if owners and name.startswith("homes/"):
            os.chown(place, member.uid, member.gid, follow_symlinks=False)
        if member.issym():
            continue
        place.chmod(member.mode & _mode_mask(member))
        with suppress(OverflowError):
            os.utime(place, (member.mtime, member.mtime))


def _mode_mask(member: tarfile.TarInfo) -> int:
    """The most that an archive may grant: never the right to run a program as somebody else."""
    if member.name.partition("/")[0] == "hub":
        return 0o700
    return 0o3777 if member.isdir() else 0o777


def forget_processes(paths: StatePaths) -> None:
    """Drop what is known of processes: those of the backup's time are not this state's own."""
    paths.up.unlink(missing_ok=True)
    try:
        data = json.loads(paths.proxy.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if isinstance(data, dict):
        # Token and ports stay: servers of before may still hold them.
        kept = {key: value for key, value in data.items() if key not in {"process", "shape"}}
        paths.proxy.write_text(json.dumps(kept), encoding="utf-8")


def _keep_uids(present: StatePaths, restored: StatePaths) -> None:
    """Let the restored table of uids know those that were given since the backup.

    Raises:
        TargetError: The backup's table is damaged.
    """
    homes = restored.homes if restored.homes.exists() else present.homes
    owners = {}
    if homes.is_dir():
        owners = {entry.name: entry.lstat().st_uid for entry in homes.iterdir() if entry.is_dir()}
    if owners or present.accounts.exists() or restored.accounts.exists():
        carry_over(present.accounts, restored.accounts, owners)


def _swap(scratch: Path, paths: StatePaths) -> Path | None:
    """Put the new state where the old one is; the old one is moved aside, or all stays as it was.

    A backup without homes leaves the homes that are there.
    """
    aside = paths.root / f"before-restore-{time.strftime('%Y%m%d-%H%M%S')}"
    done: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        source.rename(target)
        done.append((source, target))

    try:
        for part in _PARTS:
            if not (scratch / part).exists():
                continue
            if os.path.lexists(paths.root / part):
                aside.mkdir(mode=0o700, exist_ok=True)
                move(paths.root / part, aside / part)
            move(scratch / part, paths.root / part)
    except OSError as error:
        for source, target in reversed(done):
            target.rename(source)
        with suppress(OSError):
            aside.rmdir()
        raise StateError(
            f"The state in {paths.root} cannot be replaced: {error.strerror}"
            f" ({error.filename}). All is as it was.",
            hint="If a part of it is a mount point, restore --into another folder and copy.",
        ) from error
    return aside if aside.exists() else None
