"""Whom a server runs as: an account of this machine, a reserved uid, or the hub's own account."""

from __future__ import annotations

import os
import pwd
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.names import slug

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.process.accounts import Accounts

LOGIN_DEFS: Final = Path("/etc/login.defs")
DEFAULT_UID_MIN: Final = 1000
NOBODY: Final = 65534
SHELL: Final = "/bin/bash"
_NO_SHELLS: Final = frozenset({"", "nologin", "false", "sync"})


class AccountError(TargetError):
    """An account that no server may run as."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a server runs as.

    Attributes:
        name: ``USER`` and ``LOGNAME``.
        uid: The user id.
        gid: The primary group.
        groups: The supplementary groups.
        home: The home folder.
        shell: What terminals run.
        switch: Whether the hub has to change to that user.
        own_home: Whether the home lies in the state folder and is made by us.
        reserved: Whether the uid is of the reserved range and has no account here.
    """

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: Path
    shell: str = SHELL
    switch: bool = False
    own_home: bool = False
    reserved: bool = False


def uid_min(text: str) -> int:
    """The first uid of ordinary accounts, read from the text of ``/etc/login.defs``."""
    match = re.search(r"^\s*UID_MIN\s+(\d+)\s*$", text, re.MULTILINE)
    return int(match[1]) if match else DEFAULT_UID_MIN


def check_account(name: str, uid: int, first: int) -> None:
    """Refuse accounts that are no person's.

    A login is a name that somebody typed. Where one password serves all, ``daemon`` would
    otherwise run a server with the rights of the machine's own services.

    Args:
        name: The account's name.
        uid: Its uid.
        first: The first uid of ordinary accounts.

    Raises:
        AccountError: No server may run as that account.
    """
    if uid == 0:
        raise AccountError(f"No server runs as root: {name!r} is uid 0 on this machine.")
    if uid < first or uid == NOBODY:
        raise AccountError(
            f"{name!r} is a system account of this machine (uid {uid}); no server runs as it.",
            hint="Log in with another name.",
        )


def usable_shell(shell: str) -> str:
    """The account's shell, or bash where the account has one that refuses to run."""
    return SHELL if shell.rpartition("/")[2] in _NO_SHELLS else shell


def home_folder(homes: Path, name: str) -> Path:
    """Where the home of a user without an account lies."""
    return homes / slug(name)


def resolve_as_root(name: str, accounts: Accounts, homes: Path) -> Identity:
    """Whom the server of a user runs as when the hub is root.

    Raises:
        TargetError: The account may not be used or is not found any more, or no uid can be given.
    """
    account = _account(name)
    if account is None:
        accounts.check_never_an_account(name)
        uid = accounts.reserve(name)
        return Identity(
            name=name,
            uid=uid,
            gid=uid,
            groups=(),
            home=home_folder(homes, name),
            switch=True,
            own_home=True,
            reserved=True,
        )
    check_account(name, account.pw_uid, _uid_min_here())
    accounts.note_account(name, account.pw_uid)
    return Identity(
        name=account.pw_name,
        uid=account.pw_uid,
        gid=account.pw_gid,
        groups=tuple(os.getgrouplist(account.pw_name, account.pw_gid)),
        home=Path(account.pw_dir or "/"),
        shell=usable_shell(account.pw_shell),
        switch=True,
    )


def resolve_as_self(name: str, homes: Path, *, share_account: bool) -> Identity:
    """Whom the server of a user runs as when the hub is an ordinary user: that user.

    Args:
        name: The hub's user.
        homes: Where homes lie when several names share the account.
        share_account: Whether several names do; each gets a home of its own.
    """
    account = _own_account()
    return Identity(
        name=account.pw_name if account else name,
        uid=os.getuid(),
        gid=os.getgid(),
        groups=tuple(os.getgroups()),
        home=home_folder(homes, name) if share_account else Path.home(),
        shell=usable_shell(account.pw_shell if account else ""),
        own_home=share_account,
    )


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except (KeyError, ValueError, UnicodeError):
        return None


def _own_account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None


def _uid_min_here() -> int:
    try:
        return uid_min(LOGIN_DEFS.read_text(errors="replace"))
    except OSError:
        return DEFAULT_UID_MIN
