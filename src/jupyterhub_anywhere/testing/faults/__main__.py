"""Makes the table of faults: ``python -m jupyterhub_anywhere.testing faults``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_anywhere.testing.faults import records

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Take what runs have recorded, and write the table.

    Returns:
        The exit code: 2 where there is nothing to make a table of.
    """
    parser = argparse.ArgumentParser(prog="python -m jupyterhub_anywhere.testing faults")
    parser.add_argument("new", nargs="*", type=Path, help="what runs have recorded since")
    parser.add_argument(
        "--records",
        type=Path,
        metavar="FILE",
        help="all records; those that are new are added to it",
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table there")
    asked = parser.parse_args(arguments)
    cases: list[records.Case] = []
    if asked.records is not None and asked.records.exists():
        cases = records.kept(asked.records)
    for path in asked.new:
        cases = records.merged(cases, records.kept(path))
    if not cases:
        parser.error("no records: name files that ANYWHERE_FAULTS_RECORD made, or --records")
    if asked.records is not None and asked.new:
        records.write(asked.records, cases)
    page = records.table(cases)
    if asked.write is None:
        sys.stdout.write(page)
    else:
        asked.write.write_text(page, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
