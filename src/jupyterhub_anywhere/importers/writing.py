"""Writes an imported configuration as ``anywhere.yaml``."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_anywhere.importers.result import Imported


def as_yaml(imported: Imported, sources: Sequence[str]) -> str:
    """The file's text: where it comes from, what was left, and the configuration.

    Args:
        imported: The configuration.
        sources: The files that it was made from.
    """
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(_told(imported), stream)
    lines = [f"Made by `anywhere import` from {', '.join(sources)}."]
    if imported.left:
        lines += ["", "Not carried over:"]
        lines += [f"- {left}" for left in imported.left]
    if imported.told:
        lines += ["", "To be known:"]
        lines += [f"- {text}" for text in imported.told]
    head = "".join(f"# {_one_line(line)}".rstrip() + "\n" for line in lines)
    return f"{head}\n{stream.getvalue()}"


def _told(imported: Imported) -> Any:
    """The data, with a comment above each value whose source is known."""
    data = _readable(imported.data)
    for path, source in imported.sources.items():
        inner, depth = data, len(path) - 1
        for key in path[:-1]:
            inner = inner.get(key, {})
        if path[-1] in inner:
            text = _one_line(source)
            inner.yaml_set_comment_before_after_key(path[-1], before=text, indent=2 * depth)
    return data


def _one_line(text: str) -> str:
    """Nothing of an old file may end the comment it stands in."""
    return "".join(char if char.isprintable() else " " for char in text)


def _readable(value: Any) -> Any:
    """The same with texts of several lines as blocks."""
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

    if isinstance(value, dict):
        return CommentedMap({str(key): _readable(inner) for key, inner in value.items()})
    if isinstance(value, list):
        return [_readable(inner) for inner in value]
    if isinstance(value, str) and "\n" in value:
        fits = all(char.isprintable() or char == "\n" for char in value)
        return LiteralScalarString(value) if fits else DoubleQuotedScalarString(value)
    return value
