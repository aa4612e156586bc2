"""What images are made from, fetched while there is a network: a base system, and wheels.

Nobody needs an image registry: the base is made by debootstrap from the mirror that this machine
installs its own packages from, and wheels come by pip as this machine's pip is configured.
Both are kept in a cache outside of the clone, under names that say what is in them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engines import room

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE: Final = Path(__file__).parent
SINGLEUSER: Final = room.CLONE / "images/singleuser"
PROGRAMS: Final = {"debootstrap": "debootstrap", "unshare": "util-linux"}
# A suite, and the Python it has: wheels are fetched for that one.
SUITE: Final = "bookworm"
PYTHON: Final = "3.11"
PACKAGES: Final = ("ca-certificates", "python3", "python3-venv")
# The newest glibc of the suite (PEP 600 names wheels by it); 2.17 is manylinux2014's.
_GLIBC: Final = range(36, 16, -1)
_UNUSED: Final = 14 * 24 * 3600


class SupplyError(Exception):
    """What could not be had, and the cure."""


def cache() -> Path:
    """The folder that outlives clones: ``ANYWHERE_CACHE``, else one of the user's cache folder."""
    chosen = os.environ.get("ANYWHERE_CACHE")
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = (Path(chosen) if chosen else users / "jupyterhub-anywhere") / "engines"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def digest(*parts: str | bytes | Path) -> str:
    """A short name for contents: texts, files, and folders with all their files."""
    made = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            files = sorted(part.rglob("*")) if part.is_dir() else [part]
            for file in files:
                if file.is_file() and "__pycache__" not in file.parts:
                    made.update(f"{file.relative_to(part)}\0{file.stat().st_mode:o}\0".encode())
                    made.update(file.read_bytes())
        else:
            made.update(part.encode() if isinstance(part, str) else part)
        made.update(b"\0")
    return made.hexdigest()[:16]


def base_key() -> str:
    """The name of the base: of all that decides what is in it, but for the mirror's day."""
    return digest(SUITE, *PACKAGES, platform.machine(), HERE / "make-base")


@contextlib.contextmanager
def made(name: str) -> Iterator[Path | None]:
    """Make an entry of the cache, once: yields where to write it, or nothing when it is there.

    Entries appear whole or not at all; who comes while another makes the same waits for it.
    """
    entry = cache() / name
    with (cache() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if entry.exists():
            os.utime(entry)
            yield None
            return
        partial = entry.with_name(f".{name}.partial")
        discard(partial)
        try:
            yield partial
            partial.rename(entry)
        finally:
            discard(partial)


def discard(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; nothing when it is not there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def prune() -> None:
    """Remove entries of the cache that nobody has used for two weeks."""
    # Locks stay: they are empty, and somebody may be about to take one.
    for entry in (entry for entry in cache().iterdir() if entry.suffix != ".lock"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - entry.stat().st_mtime > _UNUSED:
                discard(entry)


def mirror() -> str:
    """The address of the Debian mirror that this machine's own packages come from.

    Raises:
        SupplyError: When apt has none.
    """
    chosen = os.environ.get("ANYWHERE_DEBIAN_MIRROR")
    if chosen:
        return chosen
    words = ["apt-get", "indextargets", "--format", "$(SITE) $(ORIGIN) $(COMPONENT)"]
    with contextlib.suppress(OSError):
        done = subprocess.run(
            [*words, "Created-By: Packages"], check=False, capture_output=True, text=True
        )
        if site := first_mirror(done.stdout.splitlines()):
            return site
    raise SupplyError(
        "apt knows no mirror of Debian to make the base of the images from."
        " Cure: apt-get update on a Debian, or set ANYWHERE_DEBIAN_MIRROR"
    )


def first_mirror(lines: Iterable[str]) -> str:
    """The first of apt's sources that is Debian's main archive; empty when none is."""
    for line in lines:
        site, _, rest = line.partition(" ")
        if rest == "Debian main" and not site.rstrip("/").endswith("-security"):
            return site
    return ""


def base() -> Path:
    """The base system as a tar, made where the cache has none.

    Raises:
        SupplyError: When it cannot be made.
    """
    name = f"base-{base_key()}.tar"
    with made(name) as target:
        if target is not None:
            if missing := room.lacking(PROGRAMS):
                raise SupplyError(missing)
            site = mirror()
            print(f"making the images' base from {site} …", flush=True)
            environment = {
                **os.environ,
                "BASE_SUITE": SUITE,
                "BASE_PACKAGES": ",".join(PACKAGES),
                # A half-made name on the way out of debootstrap would be anybody's language.
                "LC_ALL": "C",
            }
            words = [str(HERE / "make-base"), site, str(target)]
            if subprocess.run(words, check=False, env=environment).returncode != 0:
                raise SupplyError(f"debootstrap could not make {SUITE} from {site}; see above")
    return cache() / name


def wheels() -> Path:
    """A folder with the wheels of the single-user image, fetched where the cache has none.

    Raises:
        SupplyError: When pip cannot fetch them.
    """
    lock = SINGLEUSER / "requirements.txt"
    name = f"wheels-{digest(lock, PYTHON, platform.machine())}"
    with made(name) as target:
        if target is not None:
            print("fetching the single-user image's packages …", flush=True)
            words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            words += ["--require-hashes", "--only-binary", ":all:", "--dest", str(target)]
            words += ["--python-version", PYTHON, "--implementation", "cp"]
            for minor in _GLIBC:
                words += ["--platform", f"manylinux_2_{minor}_{platform.machine()}"]
            words += ["--platform", f"manylinux2014_{platform.machine()}"]
            if subprocess.run([*words, "-r", str(lock)], check=False).returncode != 0:
                raise SupplyError(f"pip could not fetch what {lock} asks for; see above")
    return cache() / name
