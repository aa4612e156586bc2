"""What AnywhereSpawner keeps in JupyterHub's database: one envelope, plain JSON, no secrets.

::

    {"v": 1,
     "target": "lab", "definition": "3f9c…",    the child's target, and which definition of it
     "class": "dockerspawner:DockerSpawner",
     "child": {…},                              the child's own get_state()
     "kept": {"lab": {…}, "here": {}},          what each target's child keeps when it is stopped;
                                                a key for every target ever used
     "last": {…}}                               the last accepted choice, as user_options

``kept`` lets volume names survive stops and changes of target, and tells ``delete_forever``
where to go.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any, Final, Self

VERSION: Final = 1


def json_safe(value: Any) -> bool:
    """Whether a value can be stored as it is."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _mapping(value: Any) -> dict[str, Any]:
    return copy.deepcopy(value) if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


@dataclass(slots=True)
class Envelope:
    """The state of one server.

    Attributes:
        target: The target whose child `child` belongs to; empty when there is none.
        definition: The fingerprint of that target's definition.
        child_class: The child's class, for people who read the database.
        child: The child's state.
        kept: Target name to what its child keeps between starts.
        last: The last accepted choice, empty when there was none.
        foreign: The state as a spawner of another class left it, before the first own start.
    """

    target: str = ""
    definition: str = ""
    child_class: str = ""
    child: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    foreign: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_state(cls, state: object) -> Self:
        """Read what is stored; never raises.

        What has no version is the state of another spawner class, which served this hub before.
        """
        if not isinstance(state, dict):
            return cls()
        if state.get("v") != VERSION:
            return cls(foreign=_mapping(state))
        kept = state.get("kept")
        return cls(
            target=_text(state.get("target")),
            definition=_text(state.get("definition")),
            child_class=_text(state.get("class")),
            child=_mapping(state.get("child")),
            kept={
                str(name): _mapping(value)
                for name, value in (kept.items() if isinstance(kept, dict) else ())
            },
            last=_mapping(state.get("last")),
            foreign=_mapping(state.get("foreign")),
        )

    def to_state(self) -> dict[str, Any]:
        """As JupyterHub stores it; empty when there is nothing to remember."""
        parts = {
            "target": self.target,
            "definition": self.definition,
            "class": self.child_class,
            "child": self.child,
            "kept": self.kept,
            "last": self.last,
            "foreign": self.foreign,
        }
        filled = {name: copy.deepcopy(part) for name, part in parts.items() if part}
        return {"v": VERSION, **filled} if filled else {}
