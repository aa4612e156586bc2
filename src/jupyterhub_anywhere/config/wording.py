"""The words of an error: what is wrong, and what to write instead.

No message holds a value that was refused, other than names, and numbers outside of secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.config.shape import Shape, field_shapes
from jupyterhub_anywhere.core.names import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Words = tuple[str, str]


@dataclass(frozen=True)
class Fault:
    """One error of pydantic with what it is about.

    Attributes:
        kind: pydantic's name of the error, or ``bad_name`` for a key.
        name: The key, or the index in a list.
        text: pydantic's own words.
        context: The figures that belong to it.
        data: The value; used for its type, and shown only where it is a number.
        raw: The text of the file for a value without quotes.
        shape: What is declared here.
        parent: What is declared one level above.
        also: Names that are known here beside the declared ones.
    """

    kind: str
    name: str
    text: str
    context: Mapping[str, Any]
    data: object
    raw: str | None
    shape: Shape
    parent: Shape
    also: Sequence[str]


def words(fault: Fault) -> Words:
    """Message and hint of an error."""
    if fault.kind in _ABOUT_KEYS:
        return _ABOUT_KEYS[fault.kind](fault)
    if fault.data is None:
        hint = fault.shape.allowed() or "Give it one, or take the line out."
        return "this has no value.", hint
    if fault.kind in _BY_KIND:
        return _BY_KIND[fault.kind](fault)
    if fault.kind in _FIGURES:
        return _FIGURES[fault.kind].format_map(fault.context), ""
    return _sentence(fault.text), fault.shape.allowed()


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _unknown_key(fault: Fault) -> Words:
    known = field_shapes(fault.parent.model) if fault.parent.model else {}
    return f"there is no key {fault.name!r} here.", did_you_mean(fault.name, [*known, *fault.also])


def _missing(fault: Fault) -> Words:
    return f"the key {fault.name!r} is missing.", fault.shape.allowed()


def _bad_name(fault: Fault) -> Words:
    return f"{fault.name!r} cannot be a name here.", fault.parent.allowed_keys()


def _tag_missing(fault: Fault) -> Words:
    return f"the key {fault.shape.discriminator!r} is missing.", fault.shape.allowed()


def _tag_unknown(fault: Fault) -> Words:
    # A tag is a name out of a short list, so it may be shown.
    tag = str(fault.context.get("tag", ""))
    return f"unknown option type {tag!r}.", did_you_mean(tag, fault.shape.members)


def _refused(fault: Fault) -> Words:
    return _sentence(str(fault.context.get("error", fault.text))), ""


def _list(fault: Fault) -> Words:  # noqa: ARG001 - one of a table
    return "a list is needed here.", "Write it as [one, two]."


def _mapping(fault: Fault) -> Words:
    if fault.shape.is_secret:
        return "a secret does not stand in the file itself.", fault.shape.allowed()
    if fault.shape.model is not None:
        return (
            "a mapping is needed here.",
            f"Its keys: {', '.join(field_shapes(fault.shape.model))}.",
        )
    if fault.shape.discriminator:
        return "a mapping is needed here.", f"Write it as {{{fault.shape.discriminator}: …}}."
    return "a mapping is needed here.", "Write it as {name: value}, or on lines of its own."


def _text(fault: Fault) -> Words:
    allowed = fault.shape.allowed()
    if isinstance(fault.data, list | dict):
        kind = "list" if isinstance(fault.data, list) else "mapping"
        return f"text is needed here, not a {kind}.", allowed
    # Whoever writes a password as a bare number must not find it in a log.
    if fault.raw is None or fault.shape.is_secret or fault.parent.is_secret:
        return "text is needed here.", "Write it in quotes."
    quotes = f'Write it in quotes: "{fault.raw}".'
    if isinstance(fault.data, bool):
        return f"text is needed here, and YAML reads {fault.raw} as yes or no.", quotes
    return f"text is needed here, and YAML reads {fault.raw} as the number {fault.data}.", quotes


def _number(fault: Fault) -> Words:
    noun = "a whole number" if fault.kind == "int_type" else "a number"
    is_text = isinstance(fault.data, str)
    return f"{noun} is needed here.", "Write it without quotes and units." if is_text else ""


def _switch(fault: Fault) -> Words:
    yes_or_no = isinstance(fault.data, str) and fault.data.lower() in {"yes", "no", "on", "off"}
    return "true or false is needed here.", _YES_NO if yes_or_no else ""


_YES_NO: Final = "To YAML 1.2, yes, no, on and off are text."


def _literal(fault: Fault) -> Words:
    guess = nearest(fault.data, fault.shape.literals) if isinstance(fault.data, str) else ""
    hint = f"Did you mean {guess}?" if guess else fault.shape.allowed()
    return "this value is not known here.", hint


def _pattern(fault: Fault) -> Words:
    hint = fault.shape.allowed() or f"It has to match {fault.context.get('pattern')}"
    return "this text does not fit here.", hint


_ABOUT_KEYS: Final[Mapping[str, Callable[[Fault], Words]]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "bad_name": _bad_name,
}
_BY_KIND: Final[Mapping[str, Callable[[Fault], Words]]] = {
    "union_tag_invalid": _tag_unknown,
    "union_tag_not_found": _tag_missing,
    "value_error": _refused,
    "tuple_type": _list,
    "list_type": _list,
    "dict_type": _mapping,
    "model_type": _mapping,
    "model_attributes_type": _mapping,
    "string_type": _text,
    "path_type": _text,
    "int_type": _number,
    "float_type": _number,
    "bool_type": _switch,
    "literal_error": _literal,
    "string_pattern_mismatch": _pattern,
}
_FIGURES: Final = {
    "greater_than_equal": "this is less than {ge}.",
    "greater_than": "this is not more than {gt}.",
    "less_than_equal": "this is more than {le}.",
    "less_than": "this is not less than {lt}.",
    "string_too_long": "this is longer than {max_length} characters.",
    "string_too_short": "this is shorter than {min_length} characters.",
    "too_short": "at least {min_length} is needed here.",
    "too_long": "no more than {max_length} may stand here.",
}
