"""Our handlers come before the hub's, once."""

from __future__ import annotations

from typing import Any

import jupyterhub.apihandlers
import jupyterhub.handlers

from jupyterhub_anywhere.hub import handlers


def first(routes: list[tuple[Any, ...]], path: str) -> Any:
    return next(handler for pattern, handler, *_ in routes if pattern == path)


def test_each_path_of_the_hub_is_ours_and_nothing_is_there_twice() -> None:
    handlers.install()
    handlers.install()

    both = [*jupyterhub.handlers.default_handlers, *jupyterhub.apihandlers.default_handlers]
    replaced = [pattern for pattern, handler, *_ in both if handler in handlers.REPLACED]
    assert len(replaced) >= 9
    for pattern, handler, *_ in both:
        if handler in handlers.REPLACED:
            assert first(both, pattern) is handlers.REPLACED[handler]
    mine = [route[:2] for route in both if route[1].__module__.startswith("jupyterhub_anywhere")]
    assert len(mine) == len(set(mine))
