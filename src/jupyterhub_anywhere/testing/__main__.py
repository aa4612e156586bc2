"""Holds the suite and writes the table: ``python -m jupyterhub_anywhere.testing``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_anywhere.testing import exceptions
from jupyterhub_anywhere.testing.faults.__main__ import main as faults
from jupyterhub_anywhere.testing.runner import hold
from jupyterhub_anywhere.testing.scenarios import scenarios
from jupyterhub_anywhere.testing.table import declared, everybody, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_anywhere.testing.exceptions import Allowance
    from jupyterhub_anywhere.testing.world import Subject


def main(arguments: Sequence[str] | None = None) -> int:
    """Hold every conversation, say what came of each, and write the table if all is well.

    With ``faults`` as the first word it makes the table of faults instead.

    Returns:
        The exit code: 1 where something differs that may not, or an exception is not needed.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["faults"]:
        return faults(given[1:])
    parser = argparse.ArgumentParser(prog="python -m jupyterhub_anywhere.testing")
    parser.add_argument("subjects", nargs="*", help="names of subjects; default: all")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table there")
    parser.add_argument(
        "--declared",
        action="store_true",
        help="hold nothing: the table that a suite that passes would make",
    )
    asked = parser.parse_args(arguments)
    found = everybody()
    unknown = sorted(set(asked.subjects) - found.keys())
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known are {', '.join(found)}")
    if asked.write is not None and asked.subjects:
        parser.error("the table needs all subjects")
    used: dict[str, Sequence[Allowance]] = dict(declared())
    well = True
    if not asked.declared:
        warnings.filterwarnings("ignore", "subprocess .* is still running", ResourceWarning)
        logging.disable()
        for name in asked.subjects or found:
            used[name], good = _held(found[name])
            well = well and good
    if well and asked.write is not None:
        asked.write.write_text(table(used), "utf-8")
    return 0 if well else 1


def _held(subject: Subject) -> tuple[list[Allowance], bool]:
    """Hold one subject's conversations.

    Returns:
        The exceptions that were needed, and whether all is as it has to be.
    """
    needed: set[Allowance] = set()
    well = True
    for scenario in scenarios(subject):
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            result = asyncio.run(hold(subject, scenario, Path(folder)))
        needed |= result.used
        well = well and not result.faults
        sys.stdout.write(
            f"{subject.name}: {scenario.name}: {'differs' if result.faults else '='}\n"
        )
        sys.stdout.writelines(f"  {fault}\n" for fault in result.faults)
    allowed = exceptions.of(subject.name)
    for each in allowed:
        if each not in needed:
            well = False
            sys.stdout.write(f"{subject.name}: this exception is not needed: {each}\n")
    return [each for each in allowed if each in needed], well


if __name__ == "__main__":
    sys.exit(main())
