"""``python -m engines.ancestors supplies|old-hub``: see supplies.py."""

from __future__ import annotations

import sys

from engines.ancestors import supplies
from engines.docker.supplies import SupplyError


def main() -> int:
    """Do what the command line says."""
    fetched = {"supplies": supplies.fetch, "old-hub": supplies.fetch_old_hub}
    if len(sys.argv) != 2 or sys.argv[1] not in fetched:  # noqa: PLR2004 - one word
        print("usage: python -m engines.ancestors supplies|old-hub", file=sys.stderr)
        return 2
    try:
        print(fetched[sys.argv[1]]())
    except SupplyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
