"""LibcloudSpawner 2.3.3 as its authors published it, fetched while there is a network.

Once for the JupyterHub that is installed here, and once with the JupyterHub 4 it was written for.

python -m engines.ancestors supplies
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from engines.docker.supplies import SupplyError, cache, digest, made

# Under JupyterHub 5 and later it cannot be imported: it needs `async_generator`, which nothing
# brings along any more. That package is laid beside it; not a line of either is changed.
PACKAGES: Final = ("libcloudspawner==2.3.3", "async_generator==1.10", "apache-libcloud==3.9.1")
# With all that they need, and that alone: it runs by a Python that has nothing else.
OLD_HUB: Final = ("libcloudspawner==2.3.3", "jupyterhub==4.1.6", "apache-libcloud==3.9.1")


def folder() -> Path:
    """Where it is, whether it is there or not; for PYTHONPATH."""
    return cache() / f"libcloudspawner-{digest(*PACKAGES)}"


def old_hub() -> Path:
    """The same with JupyterHub 4.1.6; for PYTHONPATH of `python`."""
    return cache() / f"jupyterhub-4-{digest(*OLD_HUB)}"


def python() -> str:
    """The Python below this environment: without what is installed in here."""
    major, minor = sys.version_info[:2]
    return str(Path(sys.base_prefix) / "bin" / f"python{major}.{minor}")


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
    return _fetched(folder(), "--no-deps", *PACKAGES)


def fetch_old_hub() -> Path:
    """The folder with JupyterHub 4.1.6, likewise.

    Raises:
        SupplyError: pip cannot fetch it.
    """
    return _fetched(old_hub(), *OLD_HUB)


def _fetched(path: Path, *wanted: str) -> Path:
    with made(path.name) as target:
        if target is not None:
            print(f"fetching {path.name} …", flush=True)
            # What is installed here is no concern of theirs: only where they go.
            words = [sys.executable, "-m", "pip", "install", "-q", "--no-warn-conflicts"]
            done = subprocess.run([*words, "--target", str(target), *wanted], check=False)
            if done.returncode:
                raise SupplyError(f"pip could not fetch {', '.join(wanted)}; see above")
    return path
