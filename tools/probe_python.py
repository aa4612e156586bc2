"""Say whether the Python that runs this can make the environment. Runs on old Pythons, too.

Prints ``ok PATH``, or the reason why not, with its cure.
"""

import importlib.util
import os
import stat
import sys
from pathlib import Path

OLDEST = (3, 11)


def private_folder(path: Path) -> str:
    """Return the outermost folder above ``path`` that others cannot enter; empty without one."""
    for folder in reversed(list(path.resolve().parents)):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return str(folder)
    return ""


def verdict() -> str:
    """Judge this interpreter."""
    # Inside an environment the interpreter that made it is meant: environments do not nest.
    program = getattr(sys, "_base_executable", None) or sys.executable
    version = "{}.{}".format(*sys.version_info[:2])
    if sys.version_info[:2] < OLDEST:
        return "is Python " + version
    if os.geteuid() == 0:
        private = private_folder(Path(program)) or private_folder(Path(sys.base_prefix) / "lib")
        if private:
            return "lies in " + private + ", where servers of other users could not run it"
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        default = Path("/usr/bin/python3").resolve() == Path(program).resolve()
        package = "python3-venv" if default else "python" + version + "-venv"
        return "cannot make environments. Cure: apt-get install " + package
    return "ok " + program


if __name__ == "__main__":
    print(verdict())
