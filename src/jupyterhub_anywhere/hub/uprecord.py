"""``up.json``: which hub runs on a state folder, or did before it was cut off."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.hub.files import read_json, write_json

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.state import StatePaths


@dataclass(frozen=True, slots=True)
class UpRecord:
    """One run of ``anywhere up``.

    Attributes:
        process: The hub's process; None where the record is broken.
        url: The address people open; empty until the hub answers.
        file: The configuration, absolute; None for the built-in default.
        hub_id: The hub's id.
        share_account: Whether the account is shared.
        since: When it was started, seconds since 1970.
    """

    process: ProcessId | None
    url: str = ""
    file: Path | None = None
    hub_id: str = ""
    share_account: bool = False
    since: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.process is not None and self.process.alive()


def write_up(paths: StatePaths, record: UpRecord) -> None:
    """Write the record."""
    data = {
        "process": record.process and record.process.to_json(),
        "url": record.url,
        "file": str(record.file) if record.file else "",
        "hub_id": record.hub_id,
        "share_account": record.share_account,
        "since": record.since or time.time(),
    }
    write_json(paths.up, data)


def read_up(paths: StatePaths) -> UpRecord | None:
    """The record of the hub that runs, or of the last one if it was cut off; None without one."""
    data = read_json(paths.up)
    if not data:
        return None
    file = data.get("file")
    since = data.get("since")
    return UpRecord(
        process=ProcessId.from_json(data.get("process")),
        url=str(data.get("url") or ""),
        file=Path(file) if isinstance(file, str) and file else None,
        hub_id=str(data.get("hub_id") or ""),
        share_account=data.get("share_account") is True,
        since=float(since) if isinstance(since, int | float) else 0.0,
    )
