"""What is sound in a configuration that is wrong in parts, so that one run reports everything."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from jupyterhub_anywhere.config import crosscheck
from jupyterhub_anywhere.config.models import Config
from jupyterhub_anywhere.config.problems import paths_of

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.config.marks import KeyPath, Marks
    from jupyterhub_anywhere.core.errors import Problem


def problems_of_the_rest(
    error: ValidationError, data: dict[str, Any], marks: Marks, base: Path
) -> list[Problem]:
    """Check what is left when everything that validation refused is taken out.

    Args:
        error: What validation of the data raised.
        data: The plain data; stays as it is.
        marks: Where it stands.
        base: The folder that relative paths start from.
    """
    rest = copy.deepcopy(data)
    for path in paths_of(error, Config, data):
        _remove(rest, _unit(path))
    if not rest.get("targets"):
        rest.pop("targets", None)  # the default has one, and the lost ones are known below
    try:
        config = Config.model_validate(rest)
    except ValidationError:
        return []
    known = crosscheck.Known(_keys(data, "targets"), _keys(data, "users", "groups"))
    return crosscheck.problems(config, marks, base, known)


def _unit(path: KeyPath) -> KeyPath:
    """The smallest part that can be left out with what is wrong in it."""
    if path[:1] != ("profiles",) or path[2:3] in {(), ("targets",)}:
        return path[:2]
    return path[:4] if path[2] == "options" else path[:3]


def _remove(data: dict[str, Any], path: KeyPath) -> None:
    here: Any = data
    for key in path[:-1]:
        here = here.get(key) if isinstance(here, dict) else None
    if isinstance(here, dict) and path:
        here.pop(path[-1], None)


def _keys(data: dict[str, Any], *path: str) -> tuple[str, ...]:
    here: Any = data
    for key in path:
        here = here.get(key) if isinstance(here, dict) else None
    return tuple(here) if isinstance(here, dict) else ()
