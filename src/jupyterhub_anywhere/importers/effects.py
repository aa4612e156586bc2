"""Keeps a configuration file that is only read from doing anything.

Python tells its audit hooks what it is about to do; one that raises prevents it. That is no prison
for hostile code: it keeps an honest file, which makes folders or starts programs for its hub, from
doing so where it is only looked at.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

# Each says what it would do; where the first argument is a text, it is named.
_REFUSED: Final = {
    "os.remove": "remove",
    "os.rename": "rename",
    "os.mkdir": "make the folder",
    "os.rmdir": "remove",
    "os.link": "link",
    "os.symlink": "link",
    "os.truncate": "cut off",
    "os.chmod": "change the mode of",
    "os.chown": "change the owner of",
    "os.utime": "change the time of",
    "os.setxattr": "change the attributes of",
    "os.removexattr": "change the attributes of",
    "os.system": "run",
    "os.exec": "become",
    "os.posix_spawn": "run",
    "os.fork": "fork",
    "os.forkpty": "fork",
    "os.kill": "send a signal",
    "os.killpg": "send a signal",
    "subprocess.Popen": "run",
    "socket.connect": "open a connection",
    "socket.bind": "listen",
    "socket.sendto": "send a message",
    "socket.sendmsg": "send a message",
    "shutil.rmtree": "remove",
    "shutil.move": "move",
}
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_HARMLESS: Final = frozenset({"/dev/null", "/dev/tty"})


class EffectError(PermissionError):
    """What is only looked at would have done something."""


class Effects:
    """Refuses what changes anything outside of this process, from `forbid` to `allow`.

    An audit hook stays for as long as the process, so this is for processes of their own.
    """

    def __init__(self) -> None:
        self._forbidden = False

    def forbid(self) -> None:
        """From now on."""
        sys.dont_write_bytecode = True
        sys.addaudithook(self._look)
        self._forbidden = True

    def allow(self) -> None:
        """Again."""
        self._forbidden = False

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._forbidden:
            return
        found = refused(event, arguments)
        if found:
            raise EffectError(f"it would {found}, which an import does not do. See --allow-effects")


def refused(event: str, arguments: tuple[Any, ...]) -> str:
    """What an audit event is about to change, in words; empty where it changes nothing."""
    first = arguments[0] if arguments else None
    name = os.fsdecode(first) if isinstance(first, str | bytes) else ""
    if event == "open":
        flags = arguments[2] if len(arguments) > 2 and isinstance(arguments[2], int) else 0  # noqa: PLR2004 - path, mode, flags
        writes = flags & _WRITES and name not in _HARMLESS
        return f"write {name}" if writes else ""
    words = _REFUSED.get(event)
    return "" if words is None else f"{words} {name}".rstrip()
