"""From an exception to a message and an exit code: nobody ever sees a raw traceback.

=====  ==========================================================================
code   meaning
=====  ==========================================================================
0      done
1      not so: no hub runs (``status``), something is wrong (``doctor``)
2      the command line or ``anywhere.yaml`` is wrong
3      the state folder cannot be used
4      the machine lacks something: a port, a program, disk space, a right
5      a target cannot do what was asked of it
70     a fault in this program; the traceback is in the file that the message names
130    ended by Ctrl-C
141    whoever read the output has gone
=====  ==========================================================================
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
import tempfile
import time
import traceback
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.cli.output import is_terminal, styled, tell, visible
from jupyterhub_anywhere.core.errors import AnywhereError, ConfigError, SurroundingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_anywhere.core.errors import Problem

INTERNAL: Final = 70
INTERRUPTED: Final = 130
OUTPUT_CLOSED: Final = 141
# The longest piece of a line that is shown, in characters.
_EXCERPT: Final = 90

# What the machine does to us, by the kernel's own word; all else is a fault of ours.
_WORLD: Final = {
    errno.ENOSPC: "Free some space there, then try again.",
    errno.EDQUOT: "Free some space of this account's quota there, then try again.",
    errno.EROFS: "Name a folder that can be written, with --state DIR.",
    errno.EACCES: "Run this as an account that may, or name another folder with --state DIR.",
    errno.EPERM: "Run this as an account that may, or name another folder with --state DIR.",
    errno.EMFILE: "Raise the limit of open files: ulimit -n 4096.",
    errno.ENFILE: "This machine has too many open files; end what is not needed.",
    errno.EIO: "The disk or network share fails; look at the kernel's log with dmesg.",
    errno.ENAMETOOLONG: "Name a folder with a shorter path, with --state DIR.",
    errno.ELOOP: "Its symbolic links go round in a circle; name the real path.",
}


def as_anywhere_error(error: Exception) -> AnywhereError | None:
    """What an exception means to a person; None for a fault of this program."""
    if isinstance(error, AnywhereError):
        return error
    if isinstance(error, OSError) and error.errno in _WORLD:
        place = os.fsdecode(error.filename) if error.filename is not None else "The output"
        reason = (error.strerror or "").lower()
        return SurroundingsError(f"{place}: {reason}.", hint=_WORLD[error.errno])
    if isinstance(error, ModuleNotFoundError) and not _is_ours(error.name or ""):
        return SurroundingsError(
            f"The Python package {error.name} is missing in {sys.prefix}.",
            hint="Install what belongs to this program: pip install 'jupyterhub-anywhere[hub]'",
        )
    if isinstance(error, sqlite3.OperationalError) and "full" in str(error):
        return SurroundingsError("A database: the disk is full.", hint=_WORLD[errno.ENOSPC])
    return None


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "jupyterhub_anywhere"


def report(error: AnywhereError) -> int:
    """Tell a failure; the exit code that goes with it."""
    if isinstance(error, ConfigError):
        report_problems(error.problems)
    else:
        tell(f"{styled('anywhere:', fg='red', bold=True)} {error.message}")
        if error.hint:
            tell(f"  {error.hint}")
    return error.exit_code


def report_problems(problems: Sequence[Problem]) -> None:
    """Tell what is wrong in a file, one line a problem; on a terminal with the line itself."""
    sources: dict[str, list[str]] = {}
    for problem in problems:
        tell(_one_line(str(problem)))
        if problem.line and is_terminal(sys.stderr):
            for line in _excerpt(problem, sources):
                tell(line)
    count = len(problems)
    tell(styled(f"{count} problem{'s' if count > 1 else ''} found.", bold=True))


def _one_line(text: str) -> str:
    """Programs read one line a problem, so that a parser's own line breaks are joined."""
    return visible(" ".join(text.split()))


def _excerpt(problem: Problem, sources: dict[str, list[str]]) -> list[str]:
    """The line of the file that a problem is about, with a caret under the place."""
    if problem.file not in sources:
        try:
            text = Path(problem.file).read_text(encoding="utf-8", errors="replace")
        except (OSError, ValueError):
            text = ""
        sources[problem.file] = text.splitlines()
    lines = sources[problem.file]
    if not 1 <= problem.line <= len(lines):
        return []
    line, before = _window(lines[problem.line - 1].replace("\t", " "), problem.column - 1)
    number = str(problem.line)
    caret = " " * sum(map(_cells, before)) + "^"
    return [f"  {number} | {line}", f"  {' ' * len(number)} | {styled(caret, fg='red', bold=True)}"]


def _window(line: str, column: int) -> tuple[str, str]:
    """The part of a line that fits, and what of it stands before the column."""
    start = max(0, column - _EXCERPT // 2) if len(line) > _EXCERPT else 0
    shown = visible(line[start : start + _EXCERPT])
    return shown, visible(line[start : max(column, start)])


def _cells(char: str) -> int:
    """How many cells of a terminal a character takes."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def show_traceback(error: Exception) -> None:
    """Tell the whole traceback, for ``--verbose``."""
    tell("".join(traceback.format_exception(error)).rstrip())


def report_fault(error: Exception, logs: Path | None, *, verbose: bool) -> int:
    """Tell of a fault in this program, and write its traceback where it can be found.

    Args:
        error: The exception nobody expected.
        logs: The folder of log files; it is not made, and may be missing.
        verbose: Whether the traceback is shown as well.
    """
    if verbose:
        show_traceback(error)
    place = _write_traceback("".join(traceback.format_exception(error)), logs)
    told = f"The traceback is in {place}." if place else "Run it with --verbose to see where."
    # The exception's own text may hold what is private; it is in the file, which only we read.
    name = type(error).__name__
    tell(f"{styled('anywhere:', fg='red', bold=True)} a fault in this program ({name}). {told}")
    tell("  Please report it with that traceback and the output of: anywhere --version")
    return INTERNAL


def _write_traceback(text: str, logs: Path | None) -> Path | None:
    for folder in (logs, Path(tempfile.gettempdir())):
        if folder is None or not folder.is_dir():
            continue
        prefix = f"fault-{time.strftime('%Y%m%d-%H%M%S')}-"
        try:
            # mkstemp: mode 0600, and never somebody else's file or link.
            handle, name = tempfile.mkstemp(prefix=prefix, suffix=".log", dir=folder)
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError:
            continue
        return Path(name)
    return None
