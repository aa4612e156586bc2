"""Speaking to the running hub: a Unix socket in the state folder, one line of JSON each way.

The socket is the hub's alone, as is the folder it lies in; whoever can open it may end the hub.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import SurroundingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyterhub_anywhere.core.state import StatePaths

LONGEST_LINE: Final = 1 << 20
# Of an answer: a row for each of tens of thousands of servers.
_LONGEST_ANSWER: Final = 1 << 28


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A name for a socket's path that fits into the 107 bytes a socket address has."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def ask(
    paths: StatePaths, command: str, *, seconds: float = 60.0, **arguments: Any
) -> dict[str, Any]:
    """Ask the running hub.

    Args:
        paths: Its state folder.
        command: ``status``, ``reload`` or ``stop`` (with ``keep``: leave the servers).
        seconds: How long to wait for the answer.
        **arguments: What the command takes; plain JSON.

    Returns:
        The answer: ``ok``, and what the command adds.

    Raises:
        SurroundingsError: No hub runs on this state folder, or it does not answer.
    """
    request = json.dumps({"command": command, **arguments}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            with short_path(paths.control) as name:
                connection.connect(name)
            connection.sendall(request)
            with connection.makefile("rb") as stream:
                line = stream.readline(_LONGEST_ANSWER)
            answer = json.loads(line)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        raise SurroundingsError(
            f"No hub runs on the state folder {paths.root}.",
            hint="Start one with `anywhere up`, or name its folder with --state DIR.",
        ) from None
    except PermissionError:
        raise SurroundingsError(
            f"The state folder {paths.root} is another account's.", hint="Run this as that account."
        ) from None
    except (OSError, ValueError) as error:
        raise SurroundingsError(
            f"The hub of {paths.root} does not answer: {error}.",
            hint=f"Its log is {paths.logs / 'hub.log'}.",
        ) from error
    return answer if isinstance(answer, dict) else {"ok": False, "error": "no answer"}
