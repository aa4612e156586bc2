"""Make, renew and remove the Python environment of this clone. Standard library only.

::

    environment.py run      what `make up` needs; prints the environment's folder
    environment.py dev      that, and what `make test` needs
    environment.py clean    removes what make has made

The environment is ``.venv`` in the clone. As root it must be usable by every user, for servers
run as the users: where the clone lies in a folder that others cannot enter, the environment is
made below ``/opt`` instead, and the package is installed there, not linked into the clone.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLONE: Final = Path(__file__).resolve().parent.parent
ELSEWHERE: Final = Path("/opt/jupyterhub-anywhere")
LEVELS: Final = ("run", "dev")
STAMP: Final = "jupyterhub-anywhere.json"
LEFTOVERS: Final = (
    *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache"),
    *("docs/_build", "dist", "build", "artifacts"),
)


class SetupError(Exception):
    """What hinders, and the cure."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment for one clone.

    Attributes:
        clone: The clone whose package is installed.
        folder: The environment's folder.
        linked: Whether the package is linked into the clone (else it is a copy).
    """

    clone: Path
    folder: Path
    linked: bool

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """What is installed: written last, so that a broken attempt leaves none."""
        return self.folder / STAMP


def private_folder(path: Path) -> Path | None:
    """Return the outermost folder, from the root to ``path``, that others cannot enter."""
    for folder in (*reversed(path.parents), path):
        if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def choose(clone: Path, *, as_root: bool, elsewhere: Path = ELSEWHERE) -> Environment:
    """Decide where the environment of a clone lives."""
    if not as_root or private_folder(clone) is None:
        return Environment(clone, clone / ".venv", linked=True)
    name = hashlib.sha256(os.fsencode(clone)).hexdigest()[:12]
    return Environment(clone, elsewhere / f"env-{name}", linked=False)


def digest(files: Sequence[Path], base: Path) -> str:
    """Hash names and contents of files."""
    found = hashlib.sha256()
    for file in files:
        found.update(os.fsencode(file.relative_to(base)) + b"\0")
        found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def wanted(env: Environment, level: str) -> dict[str, str]:
    """Describe what has to be installed; equal descriptions mean that nothing is to be done."""
    clone = env.clone
    locks = sorted((clone / "requirements").glob("*.txt"))
    sources = [clone / "pyproject.toml"]
    if not env.linked:
        tree = (path for path in (clone / "src").rglob("*") if "__pycache__" not in path.parts)
        sources += sorted(path for path in tree if path.is_file())
    return {
        "clone": str(clone),
        "level": level,
        "locks": digest(locks, clone),
        "package": digest(sources, clone),
    }


def installed(env: Environment) -> dict[str, str]:
    """Read the stamp; empty where there is none or it makes no sense."""
    try:
        found = json.loads(env.stamp.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def prepare(env: Environment, level: str) -> None:
    """Bring the environment to ``level``, doing only what is missing.

    Raises:
        SetupError: It cannot be done; the text names the cure.
    """
    goal, have = wanted(env, level), installed(env)
    # The lock for development holds all that the one for running does, in the same versions.
    if have.get("level") == "dev":
        goal["level"] = "dev"
    if have == goal:
        return
    keep = ("clone", "level", "locks")
    if not usable(env) or any(have.get(key) != goal[key] for key in keep):
        make(env, moved=have.get("clone", str(env.clone)) != str(env.clone))
        say(f"Installing the packages for `make {'up' if goal['level'] == 'run' else 'test'}` …")
        pip(env, "--require-hashes", "-r", "requirements/build.txt")
        lock = f"requirements/{goal['level']}.txt"
        # What has to be built is built with the pinned tools above: nothing unpinned is fetched.
        pip(env, "--require-hashes", "--no-build-isolation", "--use-pep517", "-r", lock)
    link = ("-e",) if env.linked else ("--force-reinstall",)
    pip(env, "--no-deps", "--no-index", "--no-build-isolation", *link, ".")
    make_link_relative(env)
    env.stamp.write_text(json.dumps(goal, indent=2) + "\n")


def make_link_relative(env: Environment) -> None:
    """Let the package's path file say ``../…/src``: Python reads it in the locale's encoding.

    In the C locale an absolute path with a letter beyond ASCII ends every start of Python.
    """
    source = env.clone / "src"
    for file in env.folder.glob("lib/python*/site-packages/*jupyterhub_anywhere.pth"):
        file.write_text(os.path.relpath(source, file.parent) + "\n")


def usable(env: Environment) -> bool:
    """Whether the environment's interpreter runs and has pip."""
    try:
        command = [str(env.python), "-I", "-m", "pip", "--version"]
        answer = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - ours
    except OSError:
        return False
    return answer.returncode == 0


def make(env: Environment, *, moved: bool) -> None:
    """Make an empty environment where there is none, or its programs point to an old place."""
    env.stamp.unlink(missing_ok=True)
    if usable(env) and not moved:
        return
    say(f"Making the environment {env.folder} with {sys.executable} …")
    if not env.linked:
        env.folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        hidden = private_folder(env.folder.parent)
        if hidden is not None:
            raise SetupError(f"Other users cannot enter {hidden}. Cure: chmod o+x {hidden}")
    venv.create(env.folder, clear=True, symlinks=True, with_pip=True)


def pip(env: Environment, *arguments: str) -> None:
    """Run ``pip install``; its output goes to standard error."""
    command = [str(env.python), "-I", "-m", "pip", "install", "--quiet", "--no-input", *arguments]
    settings = {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    answer = subprocess.run(  # noqa: S603 - fixed arguments, no shell
        command,
        check=False,
        cwd=env.clone,
        env={**os.environ, **settings},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    )
    if answer.returncode != 0:
        cure = (
            "Check that this machine reaches a package index (HTTPS_PROXY), and that "
            f"{env.folder.parent} has room."
        )
        if "--no-index" in arguments:
            cure = "The clone seems not to be whole: look at `git status`."
        raise SetupError(f"pip failed; its messages stand above. {cure} Then make it again.")


@contextlib.contextmanager
def alone(clone: Path) -> Iterator[None]:
    """Keep a second make out while this one changes the environment."""
    descriptor = os.open(clone, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another make in this clone …")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def running(folder: Path) -> list[int]:
    """Processes whose program or script lies in ``folder``."""
    prefix = os.fsencode(folder) + b"/"
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                words = (entry / "cmdline").read_bytes().split(b"\0")[:2]
                if any(word.startswith(prefix) for word in words):
                    found.append(int(entry.name))
    return sorted(found)


def clean(env: Environment) -> None:
    """Remove the environment, the proxy, caches and build results; never the state folder.

    Raises:
        SetupError: Something still runs from the environment.
    """
    busy = running(env.folder)
    if busy:
        processes = ", ".join(map(str, busy))
        raise SetupError(
            f"Processes {processes} run from {env.folder}. "
            f"Cure: {env.folder}/bin/anywhere down, then run `make clean` again."
        )
    cache = os.environ.get("XDG_CACHE_HOME", "")
    caches = Path(cache) if cache.startswith("/") else Path.home() / ".cache"
    rubbish = [env.folder, env.clone / ".venv", caches / "jupyterhub-anywhere"]
    rubbish += [env.clone / name for name in LEFTOVERS]
    for part in ("src", "tests", "tools", "bench", "docs"):
        rubbish += (env.clone / part).rglob("__pycache__")
    for folder in rubbish:
        if folder.exists():
            shutil.rmtree(folder)
    if not env.linked:
        with contextlib.suppress(OSError):  # other clones have theirs there
            env.folder.parent.rmdir()
    state = state_folder(env.clone)
    if state.exists():
        say(f"Users, homes and passwords are kept in {state}: remove that folder by hand.")


def state_folder(clone: Path) -> Path:
    """Where `anywhere up` keeps its state, asked from the package without installing it."""
    source = clone / "src" / "jupyterhub_anywhere" / "core" / "state.py"
    spec = importlib.util.spec_from_file_location("anywhere_state", source)
    if spec is None or spec.loader is None:
        raise SetupError(f"{source} cannot be read; the clone is not whole.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their own module up there
    spec.loader.exec_module(module)
    return Path(module.default_state_root())


def say(text: str) -> None:
    """Tell what happens; standard output is for the answer only."""
    print(text, file=sys.stderr, flush=True)


def run(command: str) -> None:
    """Carry one command out."""
    as_root = os.geteuid() == 0
    if as_root:
        os.umask(0o022)  # what is made here is for every user
    env = choose(CLONE, as_root=as_root)
    with alone(CLONE):
        if command == "clean":
            clean(env)
            return
        prepare(env, command)
    print(env.folder)


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    if len(arguments) != 1 or arguments[0] not in {*LEVELS, "clean"}:
        say(f"usage: environment.py {'|'.join(LEVELS)}|clean")
        return 2
    try:
        run(arguments[0])
    except SetupError as error:
        say(str(error))
        return 4
    except PermissionError as error:
        say(
            f"{error.filename} cannot be written ({error.strerror}). If root made it, run "
            "`sudo make clean` once; else clone into a folder of your own."
        )
        return 4
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"The environment could not be made: {error}")
        return 4
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
