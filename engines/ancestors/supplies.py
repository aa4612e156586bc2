"""LibcloudSpawner 2.3.3 as its authors published it, fetched while there is a network.

python -m engines.ancestors supplies
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from engines.docker.supplies import SupplyError, cache, digest, made

if TYPE_CHECKING:
    from pathlib import Path

# Under JupyterHub 5 and later it cannot be imported: it needs `async_generator`, which nothing
# brings along any more. That package is laid beside it; not a line of either is changed.
PACKAGES: Final = ("libcloudspawner==2.3.3", "async_generator==1.10", "apache-libcloud==3.9.1")


def folder() -> Path:
    """Where it is, whether it is there or not; for PYTHONPATH."""
    return cache() / f"libcloudspawner-{digest(*PACKAGES)}"


def not_made() -> str:
    """What is missing, with its cure; empty when nothing is."""
    if folder().exists():
        return ""
    return "LibcloudSpawner 2.3.3 is missing. Cure: python -m engines.ancestors supplies"


def fetch() -> Path:
    """The folder, made where the cache has none.

    Raises:
        SupplyError: pip cannot fetch it.
    """
    path = folder()
    with made(path.name) as target:
        if target is not None:
            print("fetching LibcloudSpawner 2.3.3 …", flush=True)
            words = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
            done = subprocess.run([*words, "--target", str(target), *PACKAGES], check=False)
            if done.returncode:
                raise SupplyError(f"pip could not fetch {', '.join(PACKAGES)}; see above")
    return path
