"""Values as people write them, with secrets masked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel

from jupyterhub_anywhere.config.shape import Shape, field_shapes
from jupyterhub_anywhere.core.quantities import format_duration, format_memory

MASK: Final = "***"
_SECRET_NAME: Final = re.compile(
    r"secret|password|passwd|token|credential|api_?key|private_?key", re.IGNORECASE
)
_URL_PASSWORD: Final = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*@")
_PLAIN_TEXT: Final = re.compile(r"[A-Za-z_/][\w ./-]*")
_WORDS: Final = {"true", "false", "null", "yes", "no", "on", "off"}


def display(value: Any, shape: Shape | None = None, name: str = "") -> str:
    """A value as one line of YAML.

    Args:
        value: A model, a part of one, or untyped data.
        shape: Its declared type, which tells memory and durations from numbers.
        name: Its key; one that sounds like a secret masks the value.
    """
    here = shape or Shape(Any)
    if isinstance(value, BaseModel):
        return _model(value)
    if isinstance(value, Mapping | list | tuple):
        return _collection(value, here, name)
    if _SECRET_NAME.search(name) and isinstance(value, str | int | float):
        return MASK
    return _scalar(value, here.noun())


def _collection(
    value: Mapping[str, Any] | list[Any] | tuple[Any, ...], shape: Shape, name: str
) -> str:
    if isinstance(value, Mapping):
        items = (f"{_text(str(k))}: {display(v, shape.item, str(k))}" for k, v in value.items())
        return "{" + ", ".join(items) + "}"
    return "[" + ", ".join(display(item, shape.item, name) for item in value) + "]"


def _model(model: BaseModel) -> str:
    shapes = field_shapes(type(model))
    items = []
    for name, info in type(model).model_fields.items():
        if name in model.model_fields_set:
            key = info.alias or name
            items.append(f"{key}: {display(getattr(model, name), shapes[key], key)}")
    for key, value in (model.model_extra or {}).items():
        items.append(f"{_text(key)}: {display(value, None, key)}")
    return "{" + ", ".join(items) + "}"


def _scalar(value: object, noun: str) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _NUMBERS.get(noun, repr)(value)
    return _text(_URL_PASSWORD.sub(rf"\1:{MASK}@", str(value)))


_NUMBERS: Final[Mapping[str, Callable[[Any], str]]] = {
    "memory": format_memory,
    "duration": format_duration,
    "whole number": str,
}


def _text(text: str) -> str:
    plain = _PLAIN_TEXT.fullmatch(text) and text.lower() not in _WORDS and text == text.strip()
    return text if plain else json.dumps(text, ensure_ascii=False)
