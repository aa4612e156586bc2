"""Targets that a reload has taken from the configuration, and what is still looked at: pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jupyterhub_anywhere.core.inventory import Watching


def forgotten(
    watches: Mapping[str, Watching],
    declared: Collection[str],
    held: Collection[str],
    slow: Collection[str],
) -> list[str]:
    """The targets that need not be looked at any more.

    Args:
        watches: Target name to what looks at it.
        declared: The targets of the configuration.
        held: Those at which a lease holds something.
        slow: Those that are being looked at just now.
    """
    left = dict(watches)
    found = []
    for name in sorted(watches.keys() - set(declared) - set(held) - set(slow)):
        latest = left[name].latest
        shared = list(left.values()).count(left[name]) > 1
        # Of targets that share a list, each has what is the others'.
        if shared or (latest is not None and latest.succeeded and not latest.resources):
            found.append(name)
            del left[name]
    return found
