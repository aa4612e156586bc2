"""The two shared passwords: made, kept as scrypt hashes, and checked.

``passwords.json`` holds one entry each for ``users`` and ``admins``. A running hub reads the file
anew when it changes, so that a new password counts at once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import AnywhereError, StateError
from jupyterhub_anywhere.hub.files import read_json, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.core.state import StatePaths

USERS: Final = "users"
ADMINS: Final = "admins"
# No letters or digits that are taken for each other when they are copied by hand.
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS: Final = {USERS: 3, ADMINS: 5}
_SHORTEST: Final = {USERS: 8, ADMINS: 16}
_LONGEST: Final = 1024
# 16 MiB and about 60 ms a try on a server of today; stored with each hash, so that it can grow.
_COST: Final = {"n": 1 << 14, "r": 8, "p": 1}
_MAX_MEMORY: Final = 64 << 20


def make_passwords(paths: StatePaths) -> dict[str, str]:
    """Make both passwords, at the first start only.

    Returns:
        ``users`` and ``admins`` to the passwords in clear, to be shown once; empty where they
        exist already.
    """
    if _entries(paths.passwords).keys() >= {USERS, ADMINS}:
        return {}
    made = {who: _random(who) for who in (USERS, ADMINS)}
    _store(paths.passwords, {who: _hashed(password) for who, password in made.items()})
    return made


def new_password(paths: StatePaths, *, admin: bool, password: str | None = None) -> str:
    """Set a new password.

    Args:
        paths: The state folder.
        admin: For the admins; else for the users.
        password: The wanted one; None makes one.

    Returns:
        The password in clear, to be shown once.

    Raises:
        AnywhereError: The wanted password is too short, too long, or the other group's.
        StateError: It could not be written.
    """
    who, other = (ADMINS, USERS) if admin else (USERS, ADMINS)
    if password is None:
        password = _random(who)
    if not _SHORTEST[who] <= len(password) <= _LONGEST:
        raise AnywhereError(
            f"The password for {who} has {_SHORTEST[who]} to {_LONGEST} characters."
        )
    entries = _entries(paths.passwords)
    if other in entries and matches(entries[other], password):
        # With one password for both, whoever knows the users' name is an admin.
        raise AnywhereError(f"This is the password for {other}.", hint="Choose a different one.")
    _store(paths.passwords, {**entries, who: _hashed(password)})
    return password


class PasswordFile:
    """The hashes in a file, read anew whenever it changes.

    Args:
        path: The file; it need not exist, then nothing matches.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._entries: dict[str, dict[str, Any]] = {}

    def check(self, who: str, password: str) -> bool:
        """Whether this is the password of ``users`` or ``admins``.

        Takes about 60 ms of a core without the interpreter's lock, so it belongs into a thread.
        """
        entry = self._current().get(who)
        return entry is not None and matches(entry, password)

    def _current(self) -> dict[str, dict[str, Any]]:
        try:
            found = self._path.stat()
        except OSError:
            return {}
        seen = (found.st_mtime_ns, found.st_ino, found.st_size)
        if seen != self._seen:
            self._entries = _entries(self._path)
            self._seen = seen
        return self._entries


def matches(entry: dict[str, Any], password: str) -> bool:
    """Whether a password is the one of a stored entry; False for an entry that is broken."""
    if len(password) > _LONGEST:
        return False
    try:
        salt, wanted = bytes.fromhex(entry["salt"]), bytes.fromhex(entry["hash"])
        found = _scrypt(password, salt, int(entry["n"]), int(entry["r"]), int(entry["p"]))
    except (KeyError, TypeError, ValueError, OverflowError, MemoryError):
        return False
    return hmac.compare_digest(found, wanted)


def _hashed(password: str) -> dict[str, Any]:
    salt = secrets.token_bytes(16)
    digest = _scrypt(password, salt, **_COST)
    made = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return {"salt": salt.hex(), "hash": digest.hex(), **_COST, "made": made}


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    # Keyboards differ in how they compose an accent; a lone surrogate is no text but must not fail.
    text = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=32)


def _random(who: str) -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(_GROUPS[who]))
    return "-".join(groups)


def _entries(path: Path) -> dict[str, dict[str, Any]]:
    data = read_json(path)
    return {who: data[who] for who in (USERS, ADMINS) if isinstance(data.get(who), dict)}


def _store(path: Path, entries: dict[str, dict[str, Any]]) -> None:
    try:
        write_json(path, entries)
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}.") from error
