"""Single values from environment variables, for containers: ``ANYWHERE_HUB_URL`` and the like.

Every plain value of ``hub:`` has one, and so has ``users.login``. A variable wins over the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.config.marks import Entry, KeyPath, Mark
from jupyterhub_anywhere.config.models import HubConfig
from jupyterhub_anywhere.config.shape import Shape, field_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX: Final = "ANYWHERE_"
_SWITCH: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def variables() -> dict[str, tuple[str, str]]:
    """The variables that are read, each with the path of its value."""
    names = {
        f"{PREFIX}HUB_{key.upper()}": ("hub", key)
        for key, shape in field_shapes(HubConfig).items()
        if _plain(shape)
    }
    return {**names, f"{PREFIX}USERS_LOGIN": ("users", "login")}


def _plain(shape: Shape) -> bool:
    if shape.members:
        return "text" in shape.members
    return shape.model is None and shape.item is None


def apply(data: dict[str, Any], entries: dict[KeyPath, Entry], environ: Mapping[str, str]) -> None:
    """Put the values of variables into plain data, in place, with the variable as their place.

    An empty variable counts as not set. A section that is no mapping is left to validation.
    """
    for name, path in variables().items():
        text = environ.get(name, "")
        section = data.setdefault(path[0], {}) if text else None
        if not isinstance(section, dict):
            continue
        shape = field_shapes(HubConfig).get(path[1]) if path[0] == "hub" else None
        is_switch = shape is not None and shape.hint is bool
        section[path[1]] = _SWITCH.get(text.lower(), text) if is_switch else text
        mark = Mark(f"environment {name}", 0, 0)
        for old in [known for known in entries if known[: len(path)] == path]:
            del entries[old]
        entries[path] = Entry(mark, mark)
