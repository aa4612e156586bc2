"""The systemd unit of a hub: its text, and where it goes."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import StateError, SurroundingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME: Final = "jupyterhub-anywhere.service"
# A hub ends its servers one after the other in the worst case; systemd kills it after this.
STOP_SECONDS: Final = 90


@dataclass(frozen=True, slots=True)
class ServiceUnit:
    """What the unit starts, and how.

    Attributes:
        program: The first words of ``anywhere``.
        state: The state folder, absolute.
        file: The configuration, absolute; None for the built-in default.
        arguments: More words behind ``up``.
        keep_servers: Whether users' servers live on while the hub is stopped or restarted.
        system: A unit of the machine; else one of the account's own manager.
    """

    program: Sequence[str]
    state: Path
    file: Path | None = None
    arguments: Sequence[str] = ()
    keep_servers: bool = True
    system: bool = True

    def text(self) -> str:
        """The unit file.

        Raises:
            SurroundingsError: A path holds a line break, which no unit file can.
        """
        up = [*self.program, "up", "--state", str(self.state)]
        if self.file is not None:
            up += ["--file", str(self.file)]
        if self.keep_servers:
            up.append("--keep-servers")
        up += self.arguments
        reload = [*self.program, "reload", "--state", str(self.state)]
        wanted_by = "multi-user.target" if self.system else "default.target"
        network = ["Wants=network-online.target", "After=network-online.target"]
        return "\n".join(
            [
                "# Made by `anywhere service`.",
                "[Unit]",
                "Description=JupyterHub Anywhere",
                "Documentation=https://jupyterhub.readthedocs.io/",
                *(network if self.system else []),
                "",
                "[Service]",
                "Type=exec",
                f"ExecStart={command_line(up)}",
                "# Fails, and leaves what runs as it is, when the file is wrong.",
                f"ExecReload={command_line(reload)}",
                *self._stopping(),
                "Restart=on-failure",
                "RestartSec=5",
                "# A wrong command line or file, or a state folder that cannot be used, stays so.",
                "RestartPreventExitStatus=2 3",
                "# One notebook that runs out of memory does not end the hub.",
                "OOMPolicy=continue",
                "# Limits of memory and CPU for each server.",
                "Delegate=yes",
                "TasksMax=infinity",
                "LimitNOFILE=65536",
                "",
                "[Install]",
                f"WantedBy={wanted_by}",
                "",
            ]
        )

    def _stopping(self) -> list[str]:
        if self.keep_servers:
            return [
                "# Only the hub is ended: servers and proxy live on until it is back.",
                "# `anywhere down` ends them.",
                "KillMode=process",
                f"TimeoutStopSec={STOP_SECONDS}",
            ]
        return [
            "# The hub ends its servers; what is left after the time-out is killed.",
            "KillMode=mixed",
            f"TimeoutStopSec={STOP_SECONDS}",
        ]


def command_line(words: Sequence[str]) -> str:
    """Write an argument list so that systemd reads the same list back.

    Raises:
        SurroundingsError: A word holds a control character.
    """
    first, *rest = words
    # $ starts a variable everywhere but in the program's own path, % a specifier everywhere;
    # doubled they stand for themselves.
    return " ".join([_quote(first), *(_quote(word.replace("$", "$$")) for word in rest)])


def _quote(word: str) -> str:
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in word):  # noqa: PLR2004 - ASCII control
        raise SurroundingsError(
            f"{word!r} holds a control character, which a systemd unit cannot carry.",
            hint="Rename that file or folder.",
        )
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    plain = text and all(char.isalnum() or char in "/._-=:,@+%$" for char in text)
    return text if plain else f'"{text}"'


def program() -> list[str]:
    """The first words of a command line that runs this very ``anywhere``, absolute."""
    script = Path(sysconfig.get_path("scripts")) / "anywhere"
    if os.access(script, os.X_OK):
        return [str(script)]
    return [sys.executable, "-m", "jupyterhub_anywhere.cli"]


def unit_path(*, system: bool) -> Path:
    """Where the unit belongs."""
    if system:
        return Path("/etc/systemd/system") / NAME
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    config = Path(base) if base.startswith("/") else Path.home() / ".config"
    return config / "systemd" / "user" / NAME


def install(text: str, path: Path, *, force: bool) -> bool:
    """Write the unit file, whole or not at all.

    Args:
        text: The unit.
        path: Where it goes.
        force: Whether a different file may be replaced.

    Returns:
        Whether anything was written; False when the same text stood there.

    Raises:
        StateError: A different file stands there, and ``force`` was not given.
        OSError: It cannot be written.
    """
    try:
        present = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        present = None
    if present == text:
        return False
    if present is not None and not force:
        raise StateError(
            f"{path} is there already and differs.",
            hint="Look at the difference, then replace it with --force.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Units are read by everybody and hold no secrets.
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o644)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return True
