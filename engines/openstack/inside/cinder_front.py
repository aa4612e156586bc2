"""Cinder's API, which reads the command line of its process for where its settings are.

Runs among the services, not among the tests.
"""

from __future__ import annotations

import os
import sys

# gunicorn's own is not for it.
sys.argv = ["cinder-api", "--config-file", os.environ["CINDER_SETTINGS"]]

from cinder.wsgi.api import application  # type: ignore[import-not-found]  # noqa: E402

__all__ = ["application"]
