"""``python -m jupyterhub_anywhere.cli``: the same as the command ``anywhere``."""

import sys

from jupyterhub_anywhere.cli.main import main

sys.exit(main())
