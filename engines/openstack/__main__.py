"""``python -m engines.openstack supplies | shell | run -- COMMAND… | status``: see README.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engines import room
from engines.docker.supplies import SupplyError
from engines.openstack import supplies
from engines.openstack.cloud import OpenStack
from engines.openstack.processes import CloudError

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE: Final = "usage: python -m engines.openstack supplies | shell | run -- COMMAND… | status"


def with_cloud(command: Sequence[str]) -> int:
    """Inside a room: run a command with a cloud of its own."""
    with OpenStack(room.current() / "openstack") as cloud:
        print(f"started in {cloud.times} s; files in {cloud.folder}", flush=True)
        environment = {**os.environ, **cloud.environment()}
        return subprocess.run(command, check=False, env=environment).returncode


def fill(target: Path) -> int:
    """Inside a room: keep the state of a cloud that nobody has used yet."""
    OpenStack(room.current() / "openstack").fill(target)
    return 0


def status() -> int:
    """Say what is there to start a cloud with."""
    print(supplies.lacking() or "All packages are installed.")
    for name, path in (
        ("services", supplies.services_path()),
        ("guests", supplies.guests_path()),
        ("cloud", supplies.filled_path()),
        ("volumes, for all tests only", supplies.volumes_path()),
    ):
        print(f"{name}: {path}{'' if path.exists() else ' (not made yet)'}")
    return 1 if supplies.lacking() or supplies.not_made() else 0


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says."""
    match list(arguments):
        case ["supplies" | "status" as word]:
            if word == "supplies":
                supplies.fetch()
            return status()
        case ["shell"]:
            return main(["run", "--", os.environ.get("SHELL", "/bin/sh")])
        case ["run", "--", *command] if command:
            supplies.fetch()
            module = [sys.executable, "-m", "engines.openstack"]
            return room.open_room([*module, "--with-cloud", *command])
        case ["--fill", target]:
            return fill(Path(target))
        case ["--with-cloud", *command] if command:
            return with_cloud(command)
        case _:
            print(USAGE, file=sys.stderr)
            return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (room.RoomError, CloudError, SupplyError) as error:
        print(error, file=sys.stderr)
        sys.exit(4)
