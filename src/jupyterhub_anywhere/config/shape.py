"""The declared shape of the file: which type stands at a path, and what may stand beside it.

Errors, ``explain``, the reference page and the places of problems all ask here, so that none of
them has a list of fields of its own.
"""

from __future__ import annotations

import functools
import operator
import types
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator, Tag
from pydantic.fields import FieldInfo

from jupyterhub_anywhere.config.secrets import Secret
from jupyterhub_anywhere.config.units import Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOUNS: Final = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    Secret: "secret",
}
_PLURALS: Final = {"text": "texts", "path": "paths", "secret": "secrets", "any value": "any values"}


@dataclass(frozen=True)
class Shape:
    """One type of the declaration.

    Attributes:
        hint: The type without ``Annotated`` and without ``None``.
        unit: What people call it, where its annotation says so.
        optional: Whether it may be left empty (null).
        discriminator: The key that tells the members of a union apart; empty for none.
    """

    hint: Any
    unit: Unit | None = None
    optional: bool = False
    discriminator: str = ""

    @property
    def model(self) -> type[BaseModel] | None:
        """The model that stands here, None for anything else."""
        is_model = isinstance(self.hint, type) and issubclass(self.hint, BaseModel)
        return self.hint if is_model else None

    @property
    def members(self) -> dict[str, Shape]:
        """The alternatives of a union by the tag that names each; empty for anything else."""
        return _members(self)

    @property
    def item(self) -> Shape | None:
        """The type of the items of a list or the values of a mapping, None for anything else."""
        if get_origin(self.hint) is tuple:
            return shape(get_args(self.hint)[0])
        if get_origin(self.hint) is dict:
            return shape(get_args(self.hint)[1])
        return None

    @property
    def is_list(self) -> bool:
        """Whether a list stands here."""
        return get_origin(self.hint) is tuple

    @property
    def is_mapping(self) -> bool:
        """Whether a mapping with free keys stands here."""
        return get_origin(self.hint) is dict

    def member(self, data: object) -> Shape | None:
        """The alternative that data belongs to; the shape itself when there are none."""
        if not self.members:
            return self
        if self.discriminator:
            tag = data.get(self.discriminator) if isinstance(data, dict) else None
            return self.members.get(tag) if isinstance(tag, str) else None
        return self.members.get("secret" if isinstance(data, dict) else "text")

    def child(self, key: str | int) -> Shape | None:
        """What stands under a key; None where nothing may, or nothing is declared."""
        if self.model is not None:
            fields = field_shapes(self.model)
            return fields.get(key) if isinstance(key, str) else None
        return self.item

    @property
    def is_secret(self) -> bool:
        """Whether a secret stands here, alone or as one of several types."""
        if self.members and not self.discriminator:
            return any(member.is_secret for member in self.members.values())
        return self.model is Secret

    @property
    def literals(self) -> tuple[str, ...]:
        """The fixed texts of which one has to stand here; empty for anything else."""
        return get_args(self.hint) if get_origin(self.hint) is Literal else ()

    def noun(self) -> str:
        """The type in words, as ``memory`` or ``list of text``."""
        if self.unit is not None:
            return self.unit.noun
        if self.discriminator:
            return "mapping"
        if self.members:
            return " or ".join(member.noun() for member in self.members.values())
        if self.literals:
            return " or ".join(f"`{value}`" for value in self.literals)
        if self.item is not None:
            return f"{'list' if self.is_list else 'mapping'} of {self.item.plural()}"
        return "any value" if self.hint is Any else _NOUNS.get(self.hint, "mapping")

    def plural(self) -> str:
        """The type in words where there are several."""
        noun = self.noun()
        if self.item is not None or noun.startswith(("list", "mapping")):
            return noun.replace("list", "lists", 1).replace("mapping", "mappings", 1)
        return _PLURALS.get(noun, noun)

    def allowed(self) -> str:
        """What may be written here, as a sentence; empty where the type says it all."""
        if self.unit is not None:
            return self.unit.allowed
        if self.hint is bool:
            return "Write true or false."
        if self.literals:
            return f"Allowed: {', '.join(self.literals)}."
        if self.discriminator:
            return f"Allowed: {', '.join(self.members)}."
        return "Write {env: NAME} or {file: PATH}." if self.model is Secret else ""

    def allowed_keys(self) -> str:
        """What a key of a mapping with free keys may be; empty where it may be anything."""
        return shape(get_args(self.hint)[0]).allowed() if self.is_mapping else ""


def shape(annotation: Any) -> Shape:
    """The shape of a type annotation."""
    unit: Unit | None = None
    optional = False
    discriminator = ""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation, *metadata = get_args(annotation)
            for each in metadata:
                if isinstance(each, Unit):
                    unit = each
                elif isinstance(each, FieldInfo) and isinstance(each.discriminator, str):
                    discriminator = each.discriminator
        elif origin in {Union, types.UnionType} and type(None) in get_args(annotation):
            optional = True
            rest = [arg for arg in get_args(annotation) if arg is not type(None)]
            annotation = functools.reduce(operator.or_, rest)
        else:
            return Shape(annotation, unit, optional, discriminator)


@functools.cache
def field_shapes(model: type[BaseModel]) -> Mapping[str, Shape]:
    """The keys of a model as they are written in the file, each with its shape."""
    return {
        info.alias or name: shape(_annotation(info)) for name, info in model.model_fields.items()
    }


@functools.cache
def field_infos(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """The keys of a model as they are written in the file, each with its declaration."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _annotation(info: FieldInfo) -> Any:
    # pydantic takes the outer metadata off the annotation; it is put back here.
    extra = list(info.metadata)
    if isinstance(info.discriminator, str | Discriminator):
        extra.append(FieldInfo(discriminator=info.discriminator))
    annotation: Any = info.annotation
    for each in extra:
        annotation = Annotated[annotation, each]
    return annotation


def _members(of: Shape) -> dict[str, Shape]:
    if get_origin(of.hint) not in {Union, types.UnionType}:
        return {}
    found: dict[str, Shape] = {}
    for arg in get_args(of.hint):
        inner = shape(arg)
        if of.discriminator and inner.model is not None:
            tag = field_shapes(inner.model)[of.discriminator]
            found[str(get_args(tag.hint)[0])] = inner
            continue
        tags = [each.tag for each in get_args(arg)[1:] if isinstance(each, Tag)]
        found[tags[0] if tags else inner.noun()] = inner
    return found


def walk(root: type[BaseModel], path: tuple[str | int, ...], data: object) -> Shape | None:
    """What stands at a path of the data of a model.

    Args:
        root: The model of the whole.
        path: The path, with keys as they are written in the file.
        data: The plain data, which tells the members of unions apart.

    Returns:
        The shape; None where the declaration has nothing there.
    """
    here: Shape | None = Shape(root)
    for key in path:
        here = here.member(data) if here is not None else None
        here = here.child(key) if here is not None else None
        data = step(data, key)
    return here


def step(data: object, key: str | int) -> object:
    """What stands under a key of plain data, None where nothing does."""
    if isinstance(data, dict):
        return data.get(key)
    if isinstance(data, list) and isinstance(key, int) and key < len(data):
        return data[key]
    return None
