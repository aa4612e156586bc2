"""Keystone under ``/``, ``/keystone`` and ``/identity`` of one port, as clouds have it.

Runs among the services, not among the tests. Its links follow the way by which they were asked
for; the catalogue says ``/``, which is right for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keystone.wsgi.api import (  # type: ignore[import-not-found]  # of the services' environment
    application as keystone,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIXES = ("/keystone", "/identity")


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Take a known prefix from the path."""
    path: str = environ.get("PATH_INFO", "")
    for prefix in PREFIXES:
        if path == prefix or path.startswith(f"{prefix}/"):
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
            environ["PATH_INFO"] = path.removeprefix(prefix) or "/"
            break
    answer: Iterable[bytes] = keystone(environ, start_response)
    return answer
