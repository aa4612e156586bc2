"""JSON Schema of ``user_options``, made from what one person is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.catalog.options import NOT_IN_TEXT, bounds
from jupyterhub_anywhere.catalog.patterns import anchored
from jupyterhub_anywhere.config import models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_anywhere.catalog.offers import Offer, OptionOffer, TargetOffer

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_UNITS: Final = {
    "memory": "In bytes. A text such as 1.5G is taken too.",
    "cpu": "In cores. A text such as 500m is taken too.",
}


def user_options(offers: Sequence[Offer]) -> dict[str, Any]:
    """The schema: one branch for each profile at each target, and the empty object."""
    schema: dict[str, Any] = {
        "$schema": DIALECT,
        "title": "Server options",
        "description": "Sent as user_options when a server is started.",
        "type": "object",
    }
    if not offers:
        return {**schema, "not": {}, "description": "Nothing is offered to this user."}
    branches = [_branch(offer, target) for offer in offers for target in offer.targets.values()]
    empty = {"title": "The last choice, or else the default", "maxProperties": 0}
    return {**schema, "oneOf": [*branches, empty]}


def _branch(offer: Offer, target: TargetOffer) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "profile": {"const": offer.name},
        "target": {"const": target.name},
        "options": {
            "type": "object",
            "properties": {name: _option(option) for name, option in target.options.items()},
            "additionalProperties": False,
        },
    }
    if offer.child_form:
        properties["child"] = {
            "type": "object",
            "description": "What the spawner's own form makes of its fields.",
        }
    first = target.name == offer.first_target.name
    text = " ".join(filter(None, [offer.description, target.description, *target.notes]))
    return {
        "title": f"{offer.title} at {target.title}",
        **({"description": text} if text else {}),
        "properties": properties,
        "required": ["profile"] if first else ["profile", "target"],
        "additionalProperties": False,
    }


def _option(offer: OptionOffer) -> dict[str, Any]:
    declared = offer.declared
    text = " ".join(filter(None, [declared.help, _UNITS.get(declared.type, "")]))
    about = {"title": offer.title, **({"description": text} if text else {})}
    return {**about, **_type(offer), "default": offer.default}


def _type(offer: OptionOffer) -> dict[str, Any]:
    match offer.declared:
        case models.ChoiceOption():
            entries = [
                {
                    "const": entry.key,
                    "title": entry.title,
                    **({"description": entry.description} if entry.description else {}),
                }
                for entry in offer.values
            ]
            return {"type": "string", "oneOf": entries}
        case models.BooleanOption():
            return {"type": "boolean"}
        case models.TextOption() as option:
            return {
                "type": "string",
                "maxLength": option.max_length,
                "pattern": anchored(option.pattern),
                "not": {"pattern": NOT_IN_TEXT},
            }
        case models.IntegerOption() | models.MemoryOption() as option:
            low, high = bounds(option)
            return {"type": "integer", "minimum": low, "maximum": high}
        case option:
            low, high = bounds(option)
            return {"type": "number", "minimum": low, "maximum": high}
