"""Who listens on a port of this machine, from ``/proc/net``.

An answer on the port is no proof that the server gives it: any account may have taken the port
before, and would be sent the user's cookies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN: Final = "0A"


def parse_listeners(text: str, port: int) -> set[int]:
    """The uids of the sockets that listen on a port, from the text of a kernel table."""
    wanted = f":{port:04X}"
    found = set()
    for line in text.splitlines()[1:]:
        fields = line.split()
        # sl local remote state queues timer retransmits uid …
        if len(fields) > 7 and fields[1].endswith(wanted) and fields[3] == _LISTEN:  # noqa: PLR2004 - see above
            found.add(int(fields[7]))
    return found


def listeners(port: int) -> set[int] | None:
    """The uids of the sockets that listen on a port; None where nobody tells."""
    found: set[int] = set()
    told = False
    for table in _TABLES:
        try:
            found |= parse_listeners(table.read_text(), port)
            told = True
        except OSError:
            continue
    return found if told else None
