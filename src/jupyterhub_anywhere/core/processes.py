"""Which process is which: pid, start time and boot id together.

A pid alone is reused, after a reboot at once; a signal sent by pid alone reaches strangers.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """The kernel's random id of this boot; empty where there is none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _stat(pid: int) -> tuple[str, int] | None:
    """State letter and start time (clock ticks since boot) of a process; None without one."""
    try:
        # A name may be any bytes, also half a letter: the kernel cuts it after fifteen.
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command stands in parentheses and may itself hold blanks and parentheses.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be taken for another one.

    Attributes:
        pid: The process id.
        start: Start time in clock ticks since boot (``/proc/PID/stat``, field 22).
        boot: The kernel's boot id.
    """

    pid: int
    start: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The identity of a process that runs now, or None."""
        found = _stat(pid)
        return None if found is None else cls(pid, found[1], boot_id())

    @classmethod
    def from_json(cls, data: Any) -> Self | None:
        """Read what `to_json` wrote; None for anything else."""
        if not isinstance(data, dict):
            return None
        pid, start, boot = data.get("pid"), data.get("start"), data.get("boot")
        if isinstance(pid, int) and isinstance(start, int) and isinstance(boot, str) and pid > 0:
            return cls(pid, start, boot)
        return None

    def to_json(self) -> dict[str, int | str]:
        """As plain data."""
        return {"pid": self.pid, "start": self.start, "boot": self.boot}

    def alive(self) -> bool:
        """Whether this very process runs (a zombie does not)."""
        found = _stat(self.pid)
        if found is None or found[0] in "ZX":
            return False
        return found[1] == self.start and self.boot == boot_id()

    async def wait(self, seconds: float) -> bool:
        """Wait until this very process has ended.

        A process that ended and that its parent has not yet reaped counts as ended.

        Args:
            seconds: The longest wait.

        Returns:
            Whether it has ended.
        """
        # Here: commands that ask who runs do not wait for it.
        import asyncio

        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return not self.alive()
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        try:
            if not self.alive():
                return True
            # A descriptor of a process becomes readable when the process ends.
            loop.add_reader(descriptor, ended.set)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), seconds)
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return not self.alive()

    def send(self, number: signal.Signals) -> bool:
        """Signal this very process and no other.

        Returns:
            Whether the process was there to be signalled.

        Raises:
            PermissionError: It belongs to somebody else.
        """
        try:
            # The descriptor pins the process: it cannot be replaced between check and signal.
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.alive():
                return False
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True
