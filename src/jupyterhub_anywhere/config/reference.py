"""The reference page, made from the models.

``python -m jupyterhub_anywhere.config.reference [--check] [PATH]`` writes it, or says with exit
status 1 that it is not current.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.config.display import display
from jupyterhub_anywhere.config.environment import variables
from jupyterhub_anywhere.config.marks import dotted
from jupyterhub_anywhere.config.models import Config, Model, TargetConfig
from jupyterhub_anywhere.config.secrets import Secret
from jupyterhub_anywhere.config.shape import Shape, field_infos, field_shapes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

DEFAULT: Final = Path("docs/reference/configuration.md")

_INTRODUCTION: Final = """\
% Generated from the models by `python -m jupyterhub_anywhere.config.reference`. Do not edit.

# Every key of anywhere.yaml

All keys may be left out, but those marked as required. `NAME` stands for a name of your own.

- **memory** is written `512M`, `1.5G` or as a number of bytes; `K`, `M`, `G` and `T` are powers of
  1024.
- **duration** is written `90s`, `30m`, `1h30m`, `2d` or as a number of seconds.
- **CPU cores** are written `2`, `0.5` or `500m` (thousandths).
- **secret** is `{env: NAME}`, an environment variable, or `{file: PATH}`, a file of its own; the
  value is never printed. Traits under `spawner`, `login_options`, `sets` and `sets_for` may be
  secrets too; there the name of a variable is in capitals.
- **path**: a relative one starts from the folder of the main file.
"""

_ENVIRONMENT: Final = """\
## Environment variables

These win over the file, for containers that are set up that way. An empty one counts as not set.

| variable | key |
|---|---|
"""


def reference(kinds: Mapping[str, type[BaseModel]] | None = None) -> str:
    """The page as MyST Markdown.

    Args:
        kinds: Kind of target to the model of its own keys; each gets a section of its own.
    """
    sections = [_section(model, title) for model, title in _outline(kinds or {})]
    rows = "".join(f"| `{name}` | `{dotted(path)}` |\n" for name, path in variables().items())
    return "\n".join([_INTRODUCTION, *sections, _ENVIRONMENT + rows])


def _outline(kinds: Mapping[str, type[BaseModel]]) -> Iterator[tuple[type[BaseModel], str]]:
    """Every model once, with the title of its section; the upper ones come first."""
    waiting: list[tuple[type[BaseModel], str]] = [(Config, "")]
    done: set[type[BaseModel]] = set()
    for model, path in waiting:
        if model in done:
            continue
        done.add(model)
        yield model, path or "The top level"
        where = path.partition(",")[0]
        if model is TargetConfig:
            waiting += [(own, f"{path}, kind {kind}") for kind, own in kinds.items()]
        for key, shape in field_shapes(model).items():
            for found, inner in _models(shape, f"{where}.{key}" if where else key):
                common = _common(found)
                if common is not None:
                    waiting.append((common, inner.partition(",")[0]))
                waiting.append((found, inner))


def _common(model: type[BaseModel]) -> type[BaseModel] | None:
    """The model whose keys this one shares with its alternatives, None for none."""
    base = model.__base__
    return base if base is not None and issubclass(base, Model) and base is not Model else None


def _section(model: type[BaseModel], title: str) -> str:
    common = _common(model)
    doc = inspect.cleandoc(model.__doc__ or "").replace("``", "`")
    if common is not None:
        doc += f" Beside these keys it has those of [every option](#{_label(common)})."
    lines = [f"({_label(model)})=", f"## {title}", "", doc, ""]
    rows = [
        _row(key, field_shapes(model)[key], info)
        for key, info in field_infos(model).items()
        if common is None or key not in field_infos(common)
    ]
    if rows:
        lines += ["| key | type | default | meaning |", "|---|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _models(shape: Shape, path: str) -> Iterator[tuple[type[BaseModel], str]]:
    """The models that stand under a key, each with the path of its section."""
    if shape.discriminator:
        for tag, member in shape.members.items():
            if member.model is not None:
                yield member.model, f"{path}, {shape.discriminator} {tag}"
    elif shape.item is not None:
        suffix = "[]" if shape.is_list else ".NAME"
        yield from _models(shape.item, f"{path}{suffix}")
    elif shape.model is not None and shape.model is not Secret:
        yield shape.model, path


def _row(key: str, shape: Shape, info: FieldInfo) -> str:
    tagged = bool(shape.discriminator or (shape.item and shape.item.discriminator))
    links = [
        f"[{where.rpartition(' ')[2] if tagged else shape.noun()}](#{_label(model)})"
        for model, where in _models(shape, "")
    ]
    kind = ", ".join(links) if links else _noun(shape)
    default = "required" if info.is_required() else _default(shape, info)
    meaning = info.description or ("Names the type." if shape.literals else "")
    return f"| `{key}` | {_cell(kind)} | {_cell(default)} | {_cell(meaning)} |"


def _noun(shape: Shape) -> str:
    # Other units are explained above, once.
    is_text = shape.unit is not None and shape.unit.noun == "text"
    return f"text. {shape.allowed()}" if is_text else shape.noun()


def _default(shape: Shape, info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True)
    if value is None:
        return ""
    shown = display(value, shape)
    return "empty" if shown in {'""', "{}", "[]"} else f"`{shown}`"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _label(model: type[BaseModel]) -> str:
    return f"config-{model.__name__.lower()}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or with ``--check`` compare it.

    Returns:
        0, or 1 when the page that is there is not current.
    """
    parser = argparse.ArgumentParser(description="Write the reference page of anywhere.yaml.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    parser.add_argument("path", nargs="?", type=Path, default=DEFAULT)
    options = parser.parse_args(arguments)
    text = reference()
    path: Path = options.path
    if options.check:
        current = path.is_file() and path.read_text(encoding="utf-8") == text
        if not current:
            sys.stdout.write(
                f"{path} is not current."
                f" Renew it: python -m jupyterhub_anywhere.config.reference {path}\n"
            )
        return 0 if current else 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
