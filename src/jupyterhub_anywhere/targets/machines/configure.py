"""The configurer: what a machine's first boot runs before the server, out of a Jinja2 template.

Templates come from a folder, from the ``data`` folder of a Python module, or are those shipped
here. A name that the template uses and nobody gives is an error. Nothing is escaped by itself: the
filters ``sh``, ``yaml`` and ``json`` do, and the shipped templates let nothing out without one.
"""

from __future__ import annotations

import json
import re
import shlex
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import jinja2

from jupyterhub_anywhere.core.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN: Final = "jupyterhub_anywhere.targets.machines"
# What YAML folds, or does not take, where JSON does.
_NOT_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


def sh(value: object) -> str:
    """A value as one word of a shell.

    Raises:
        ValueError: It has a zero byte, which no shell takes.
    """
    text = str(value)
    if "\0" in text:
        raise ValueError("a zero byte cannot stand in a shell script")
    return shlex.quote(text)


def as_json(value: object) -> str:
    """A value as JSON, in ASCII.

    Raises:
        TypeError: It has no form in JSON.
    """
    return json.dumps(value)


def as_yaml(value: object) -> str:
    """A value as YAML on one line.

    Raises:
        TypeError: It has no form in YAML.
    """
    text = json.dumps(value, ensure_ascii=False)
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


@lru_cache(maxsize=64)
def environment(folder: str, module: str) -> jinja2.Environment:
    """Where templates come from.

    Args:
        folder: A folder; empty for the module.
        module: A Python module with a folder ``data``; empty for the shipped templates.

    Raises:
        TargetError: The module cannot be imported, or has no such folder.
    """
    try:
        loader: jinja2.BaseLoader
        if folder:
            loader = jinja2.FileSystemLoader(folder)
        elif module:
            loader = jinja2.PackageLoader(module, "data")
        else:
            loader = jinja2.PackageLoader(_OWN, "templates")
    except Exception as error:
        raise TargetError(
            f"The templates of {module} cannot be used: {type(error).__name__}: {error}.",
            hint="Install the module beside JupyterHub; its templates are in its folder `data`.",
        ) from error
    made = jinja2.Environment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no HTML; the formats have filters of their own
    )
    made.filters.update({"sh": sh, "json": as_json, "yaml": as_yaml})
    return made


def render(folder: str, module: str, name: str, values: Mapping[str, Any]) -> str:
    """One template with its values.

    Args:
        folder: See `environment`.
        module: See `environment`.
        name: The template's file name.
        values: Its values.

    Raises:
        TargetError: It is not there, is no template, or needs what nobody gives.
    """
    where = folder or (f"{module}/data" if module else "the shipped templates")
    try:
        return environment(folder, module).get_template(name).render(values)
    except jinja2.TemplateNotFound as error:
        raise TargetError(
            f"There is no template {error.name!r} in {where}.",
            hint="Set userdata_name to the name of one of the files there.",
        ) from error
    except jinja2.UndefinedError as error:
        raise TargetError(
            f"The template {name} in {where} uses what nobody gives: {error.message}.",
            hint="Give it in userdata_values, or correct the template. It can use: "
            f"{', '.join(sorted(values))}.",
        ) from error
    except jinja2.TemplateSyntaxError as error:
        raise TargetError(
            f"The template {name} in {where} is wrong in line {error.lineno}: {error.message}.",
            hint="Correct it.",
        ) from error
    except TargetError:
        raise
    except Exception as error:
        raise TargetError(
            f"The template {name} in {where} cannot be rendered: {type(error).__name__}: {error}.",
            hint="Correct the template, or the values that it is given.",
        ) from error
