"""Where a value comes from, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from jupyterhub_anywhere.config.display import display
from jupyterhub_anywhere.config.marks import KeyPath, dotted, split_key
from jupyterhub_anywhere.config.models import Config
from jupyterhub_anywhere.config.secrets import Secret
from jupyterhub_anywhere.config.shape import Shape, field_infos, field_shapes
from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.core.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.config.load import Loaded


class UnknownKeyError(AnywhereError):
    """There is no such key, in the declaration or in this file."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Explanation:
    """One key, for people. Secrets are masked in every text.

    Attributes:
        path: The key, dotted.
        value: The value that counts, as one line of YAML; ``nothing`` where there is none.
        origin: ``default``, ``FILE:LINE``, ``environment NAME``, ``jupyterhub_config``.
        type: The type in words.
        default: The default, as one line of YAML; ``required`` where there is none to fall
            back on.
        description: What it means.
        allowed: What may be written; empty where the type says it.
    """

    path: str
    value: str
    origin: str
    type: str
    default: str
    description: str
    allowed: str


class _Unset:
    """Stands for a value that is nowhere."""


_UNSET: Final = _Unset()


@dataclass(frozen=True)
class _Here:
    """One step on the way down."""

    path: KeyPath
    shape: Shape
    value: Any
    description: str = ""
    default: str = "none"


def explain(
    loaded: Loaded | None,
    key: str,
    *,
    overrides: Mapping[str, tuple[Any, str]] | None = None,
    kinds: Mapping[str, type[BaseModel]] | None = None,
) -> Explanation:
    """Explain one key.

    Args:
        loaded: The configuration; None for the built-in default.
        key: The key, as ``profiles.python.options.memory.max``.
        overrides: What wins over the file: dotted key to value and origin.
        kinds: Kind of target to the model of its own keys.

    Raises:
        UnknownKeyError: There is no such key; the hint has the nearest.
    """
    try:
        path = split_key(key)
    except ValueError as error:
        raise UnknownKeyError(str(error)) from None
    here = _Here((), Shape(Config), loaded.config if loaded else Config())
    for part in path:
        here = _down(here, part, kinds or {})
    path = here.path  # with an index for each item of a list
    value, origin = here.value, _origin(loaded, path)
    name = str(path[-1])
    if overrides and dotted(path) in overrides:
        value, origin = overrides[dotted(path)]
    return Explanation(
        path=dotted(path),
        value=display(None if value is _UNSET else value, here.shape, name),
        origin=origin if value is not _UNSET or origin != "default" else "not set",
        type=here.shape.noun(),
        default=here.default,
        description=here.description,
        allowed=here.shape.allowed(),
    )


def _origin(loaded: Loaded | None, path: KeyPath) -> str:
    if loaded is None or not loaded.marks.written(path):
        return "default"
    return str(loaded.marks.key(path)) or "default"


def _down(here: _Here, part: str | int, kinds: Mapping[str, type[BaseModel]]) -> _Here:
    shape = _member(here.shape, here.value, part)
    if isinstance(here.value, dict | tuple | list) and not isinstance(here.value, BaseModel):
        return _inside(here, shape, part)
    if shape.model is not None:
        return _field(here, shape.model, part, kinds)
    if shape.item is not None or shape.hint is Any:
        return _Here((*here.path, part), shape.item or shape, _UNSET)
    raise UnknownKeyError(f"{dotted(here.path)} has no keys.")


def _member(shape: Shape, value: Any, part: str | int) -> Shape:
    """The alternative of a union that counts here."""
    if not shape.members:
        return shape
    for member in shape.members.values():
        if member.model is not None and isinstance(value, member.model):
            return member
    for member in shape.members.values():
        if member.child(part) is not None:
            return member
    return next(iter(shape.members.values()))


def _inside(here: _Here, shape: Shape, part: str | int) -> _Here:
    """An entry of a mapping with free keys, or an item of a list."""
    path = (*here.path, part)
    inner = shape.item or Shape(Any)
    if isinstance(here.value, dict):
        if part in here.value:
            return _Here(path, inner, here.value[part], _doc(inner))
        if not here.value:
            return _Here(path, inner, _UNSET, _doc(inner))
        known = here.value
        hint = did_you_mean(str(part), map(str, known))
        raise UnknownKeyError(f"There is no {dotted(path)} in this configuration.", hint=hint)
    index = int(part) if str(part).isdigit() else -1
    if 0 <= index < len(here.value):
        return _Here((*here.path, index), inner, here.value[index], _doc(inner))
    raise UnknownKeyError(f"{dotted(here.path)} has {len(here.value)} items, counted from 0.")


def _field(
    here: _Here, model: type[BaseModel], part: str | int, kinds: Mapping[str, type[BaseModel]]
) -> _Here:
    """A key of a model, or one that belongs to the kind of a target."""
    path = (*here.path, part)
    name = str(part)
    unset = here.value is _UNSET or here.value is None
    info = field_infos(model).get(name)
    if info is not None:
        value = _UNSET if unset else getattr(here.value, _attribute(model, name))
        shape = field_shapes(model)[name]
        required = info.is_required()
        default = "required" if required else info.get_default(call_default_factory=True)
        shown = default if required else display(default, shape, name)
        return _Here(path, shape, value, info.description or "", shown)
    extra = getattr(here.value, "model_extra", None) or {}
    own = kinds.get(getattr(here.value, "kind", ""))
    if own is not None and name in field_infos(own):
        declared = _field(_Here(here.path, here.shape, _UNSET), own, part, {})
        value = extra.get(name, _UNSET)
        return _Here(path, declared.shape, value, declared.description, declared.default)
    if name in extra:
        return _Here(path, Shape(Any), extra[name], "Belongs to the kind of the target.", "none")
    known = [*field_infos(model), *(field_infos(own) if own else ()), *extra]
    raise UnknownKeyError(f"There is no key {dotted(path)}.", hint=did_you_mean(name, known))


def _attribute(model: type[BaseModel], key: str) -> str:
    return next(n for n, i in model.model_fields.items() if (i.alias or n) == key)


def _doc(shape: Shape) -> str:
    if shape.model is None or shape.model is Secret:
        return ""
    return (shape.model.__doc__ or "").strip().split("\n\n")[0]
