"""moto's server in an environment of its own, fetched while there is a network.

python -m engines.ec2 supplies
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from engines.docker.supplies import SupplyError, cache, digest, made

HERE: Final = Path(__file__).parent
CONSTRAINTS: Final = HERE / "constraints.txt"
PACKAGES: Final = ("moto[ec2,server]",)


def environment_path() -> Path:
    """The environment, whether it is there or not."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache() / f"ec2-{digest(CONSTRAINTS, version, *PACKAGES)}"


def not_made() -> str:
    """What is missing, with its cure; empty when nothing is."""
    if environment_path().exists():
        return ""
    return "moto's server is missing. Cure: python -m engines.ec2 supplies"


def fetch() -> Path:
    """The environment, made where the cache has none.

    Raises:
        SupplyError: It cannot be made.
    """
    path = environment_path()
    with made(path.name) as target:
        if target is not None:
            print("fetching moto …", flush=True)
            pip = [str(target / "bin/python"), "-m", "pip"]
            commands = (
                [sys.executable, "-m", "venv", str(target)],
                # Not by its own `pip`, whose first line names a folder that is moved.
                [*pip, "install", "--quiet", "--constraint", str(CONSTRAINTS), *PACKAGES],
            )
            for command in commands:
                if subprocess.run(command, check=False).returncode != 0:
                    raise SupplyError(f"{' '.join(command[:4])} … failed; see above")
    return path
