"""``python -m engines.docker images | shell | run -- COMMAND…``: see README.md."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from engines import room
from engines.docker import images, supplies
from engines.docker.engine import DockerEngine, EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE: Final = "usage: python -m engines.docker images | shell | run -- COMMAND…"


def make_images() -> int:
    """Fetch and build what the cache lacks."""
    if not images.missing():
        return 0
    images.fetch()
    return room.open_room([sys.executable, "-m", "engines.docker", "--build"])


def with_engine(command: Sequence[str]) -> int:
    """Inside a room: run a command with an engine of its own that has the images."""
    with DockerEngine(room.current() / "docker", name="docker") as engine:
        for image in (images.STUB_IMAGE, images.SINGLEUSER_IMAGE):
            engine.load(images.tar_of(image))
        environment = {**os.environ, "DOCKER_HOST": engine.url, "ANYWHERE_GATEWAY": engine.gateway}
        return subprocess.run(command, check=False, env=environment).returncode


def build() -> int:
    """Inside a room: build what the cache lacks."""
    with DockerEngine(room.current() / "build", name="build") as engine:
        images.build(engine)
    return 0


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says."""
    match list(arguments):
        case ["images"]:
            return make_images()
        case ["shell"]:
            return main(["run", "--", os.environ.get("SHELL", "/bin/sh")])
        case ["run", "--", *command] if command:
            words = [sys.executable, "-m", "engines.docker", "--with-engine", *command]
            return make_images() or room.open_room(words)
        case ["--build"]:
            return build()
        case ["--with-engine", *command]:
            return with_engine(command)
        case _:
            print(USAGE, file=sys.stderr)
            return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (room.RoomError, EngineError, supplies.SupplyError) as error:
        print(error, file=sys.stderr)
        sys.exit(4)
