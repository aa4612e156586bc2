"""EC2 as moto simulates it: one server on 127.0.0.1, in a room.

Nothing runs in its instances; see README.md for what else it does not do.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final, Self

from engines import room
from engines.ec2 import supplies

if TYPE_CHECKING:
    from types import TracebackType

_GRACE: Final = 10.0


class Ec2Error(Exception):
    """What the server did not do."""


class Ec2Server:
    """One simulator, empty at its start.

    Attributes:
        port: Where it listens; after `start`.
    """

    def __init__(self) -> None:
        """Describe it.

        Raises:
            room.RoomError: Outside of a room.
            Ec2Error: It was not fetched.
        """
        room.current()
        if missing := supplies.not_made():
            raise Ec2Error(missing)
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start it, and wait until it listens.

        Raises:
            Ec2Error: It does not.
        """
        python = supplies.environment_path() / "bin/python"
        # Its port is the system's choice; it tells it by its first line.
        self._process = subprocess.Popen(
            [str(python), str(supplies.HERE / "serve.py"), "0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        stdout = self._process.stdout
        line = stdout.readline() if stdout is not None else ""
        if not line.startswith("listening on "):
            self.close()
            raise Ec2Error(f"moto's server did not start: {line or 'it said nothing'}")
        self.port = int(line.split()[-1])

    def close(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
