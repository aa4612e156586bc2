"""The JSON Schema of ``anywhere.yaml``, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.config.models import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID: Final = "urn:jupyterhub-anywhere:anywhere.yaml"


def json_schema(kinds: Mapping[str, type[BaseModel]] | None = None) -> dict[str, Any]:
    """The schema, draft 2020-12.

    Args:
        kinds: Kind of target to the model of its own keys. Without it a target may have any key;
            with it, those of its kind only.
    """
    body = Config.model_json_schema(by_alias=True)
    for node in _objects(body):
        if isinstance(node.get("description"), str):
            node["description"] = node["description"].replace("``", "`")
        # OpenAPI's keyword; the `const` of each `type` says the same.
        node.pop("discriminator", None)
        if "patternProperties" in node:
            node.setdefault("additionalProperties", False)
    if kinds:
        _fold(body, kinds)
    body.pop("title", None)
    return {
        "$schema": DIALECT,
        "$id": SCHEMA_ID,
        "title": "anywhere.yaml of JupyterHub Anywhere",
        **body,
    }


def _fold(body: dict[str, Any], kinds: Mapping[str, type[BaseModel]]) -> None:
    """Say for each kind which keys its targets have beside the common ones."""
    target = body["$defs"]["TargetConfig"]
    target.pop("additionalProperties", None)
    # Sees through allOf and if, as additionalProperties does not.
    target["unevaluatedProperties"] = False
    target["properties"]["kind"]["enum"] = sorted(kinds)
    target["allOf"] = []
    for kind, model in sorted(kinds.items()):
        own = model.model_json_schema(by_alias=True)
        for name, definition in own.pop("$defs", {}).items():
            body["$defs"].setdefault(name, definition)
        then = {key: own[key] for key in ("properties", "required") if key in own}
        target["allOf"].append(
            {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": then}
        )
    for node in _objects(body["$defs"]):
        if "patternProperties" in node:
            node.setdefault("additionalProperties", False)


def _objects(data: Any) -> list[dict[str, Any]]:
    """All mappings in a schema; those under ``default`` and ``examples`` are values, not schema."""
    found: list[dict[str, Any]] = []
    if isinstance(data, dict):
        found.append(data)
        for key, value in data.items():
            if key not in {"default", "examples", "enum", "const"}:
                found += _objects(value)
    elif isinstance(data, list):
        for value in data:
            found += _objects(value)
    return found
