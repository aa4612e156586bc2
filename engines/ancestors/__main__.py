"""``python -m engines.ancestors supplies``: see supplies.py."""

from __future__ import annotations

import sys

from engines.ancestors import supplies
from engines.docker.supplies import SupplyError


def main() -> int:
    """Do what the command line says."""
    if sys.argv[1:] != ["supplies"]:
        print("usage: python -m engines.ancestors supplies", file=sys.stderr)
        return 2
    try:
        print(supplies.fetch())
    except SupplyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
