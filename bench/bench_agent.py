"""What the agent adds to a machine's start where the processor is not emulated.

The script of a first boot runs in mounts and processes of its own (as root), redeems its ticket at
a door of this process and starts a server of an account that is there. It is timed from the
script's first line until the agent says ``starting``, that is, once there is a process for the
server. Beside it: an empty Python, for comparing processors.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.hub.machine_door import STUB, Door, Start, expect, forget
from tests.hub.machine_guest import Booting

from jupyterhub_anywhere.targets.machines.launcher import Boot, boot_script

ROUNDS: Final = 10


async def once(door: Door, number: int) -> float:
    """Seconds from the script's start until the server's process."""
    machine = Booting(Path(f"/var/tmp/anywhere-bench-{os.getpid()}-{number}"), STUB)
    start = Start(f"lease{number}", cmd=["jupyterhub-singleuser"], account={"name": "ann"})
    expect([start])
    try:
        # The machine is up once it has done so.
        await machine.run("useradd -m ann")
        script = boot_script(Boot(hub=door.url, ticket=start.text, insecure=True))
        began = time.monotonic()
        await machine.boot(script)
        await start.stage("starting")
        return time.monotonic() - began
    finally:
        machine.close()
        await forget([start])


def empty() -> float:
    """Seconds that an empty Python takes."""
    began = time.monotonic()
    subprocess.run(["/usr/bin/python3", "-I", "-S", "-c", "pass"], check=True)
    return time.monotonic() - began


async def main(rounds: int) -> None:
    """Measure, and tell the medians."""
    door = Door().open()
    try:
        taken = [await once(door, number) for number in range(rounds)]
    finally:
        await door.close()
    alone = [empty() for _ in range(rounds)]
    print(f"median of {rounds}")
    print(f"  user-data to the server's process {1000 * statistics.median(taken):6.0f} ms")
    print(f"  an empty Python                   {1000 * statistics.median(alone):6.0f} ms")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("Machines of one's own need root. Cure: sudo make bench")
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS))
