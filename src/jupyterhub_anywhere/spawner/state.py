"""What AnywhereSpawner keeps in JupyterHub's database: one envelope, plain JSON, no secrets.

::

    {"v": 1,
     "target": "lab", "definition": "3f9c…",    the child's target, and which definition of it
     "class": "dockerspawner:DockerSpawner",
     "child": {…},                              the child's own get_state()
     "kept": {"lab": {…}, "here": {}},          what each target's child keeps when it is stopped;
                                                a key for every target ever used
     "last": {…},                               the last accepted choice, as user_options
     "left": {"lab": {…}},                      the child's state where its stop failed
     "foreign": {…},                            what a spawner of another class has left here
     "object_id": …, "object_name": …}          the child's own keys once more, as it wrote them

``kept`` lets volume names survive stops and changes of target, and tells ``delete_forever``
where to go.

The child's own keys stand beside the envelope so that a hub which goes back to the bare spawner
finds its servers. While the server is stopped they are what the last target's child keeps. The
envelope's own names win; a child's key of such a name is only in ``child``.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any, Final, Self

VERSION: Final = 1
NAMES: Final = frozenset(
    {"v", "target", "definition", "class", "child", "kept", "last", "left", "foreign"}
)
_ATOMS: Final = frozenset({str, int, float, bool, type(None)})


def json_safe(value: Any) -> bool:
    """Whether a value can be stored as it is."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _copied(value: Any) -> Any:
    """A copy of plain JSON; what is none is copied as Python does, which takes far longer."""
    if type(value) is dict:
        return {key: _copied(inner) for key, inner in value.items()}
    if type(value) is list:
        return [_copied(inner) for inner in value]
    return value if type(value) in _ATOMS else copy.deepcopy(value)


def _mapping(value: Any) -> dict[str, Any]:
    return _copied(value) if isinstance(value, dict) else {}


def _mappings(value: Any) -> dict[str, dict[str, Any]]:
    items = value.items() if isinstance(value, dict) else ()
    return {str(name): _mapping(inner) for name, inner in items}


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
        kept: Target name to what its child keeps between starts; the latest used is last.
        last: The last accepted choice, empty when there was none.
        left: Target name to the child's state where a stop failed and something may be left.
        foreign: The state as a spawner of another class left it, until the next start.
    """

    target: str = ""
    definition: str = ""
    child_class: str = ""
    child: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=dict)
    left: dict[str, dict[str, Any]] = field(default_factory=dict)
    foreign: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_state(cls, state: object) -> Self:
        """Read what is stored; never raises.

        What has no version is the state of another spawner class, which served this hub before.
        Where the keys beside the envelope are not those that it was stored with, such a class has
        copied the envelope along and written its own: its word is the newer one.
        """
        if not isinstance(state, dict):
            return cls()
        if state.get("v") != VERSION:
            return cls(foreign=_mapping(state))
        envelope = cls(
            target=_text(state.get("target")),
            definition=_text(state.get("definition")),
            child_class=_text(state.get("class")),
            child=_mapping(state.get("child")),
            kept=_mappings(state.get("kept")),
            last=_mapping(state.get("last")),
            left=_mappings(state.get("left")),
            foreign=_mapping(state.get("foreign")),
        )
        beside = {name: value for name, value in state.items() if name not in NAMES}
        if beside and beside != envelope.beside():
            envelope.foreign = _mapping(beside)
            envelope.target = envelope.definition = envelope.child_class = ""
            envelope.child = {}
        return envelope

    def beside(self) -> dict[str, Any]:
        """The child's own keys, as the bare spawner would have stored them."""
        latest = list(self.kept.values())[-1] if self.kept and not self.target else {}
        own = self.child or self.foreign or latest
        return {name: _copied(own[name]) for name in own if name not in NAMES}

    def to_state(self) -> dict[str, Any]:
        """As JupyterHub stores it; empty when there is nothing to remember."""
        parts = {
            "target": self.target,
            "definition": self.definition,
            "class": self.child_class,
            "child": self.child,
            "kept": self.kept,
            "last": self.last,
            "left": self.left,
            "foreign": self.foreign,
        }
        filled = {name: _copied(part) for name, part in parts.items() if part}
        return {**self.beside(), "v": VERSION, **filled} if filled else {}
