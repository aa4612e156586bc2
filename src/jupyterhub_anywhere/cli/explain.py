"""``anywhere explain``: what a key means, its value here, and where that comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jupyterhub_anywhere.cli.session import (
    file_option,
    json_option,
    session_options,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("key")
@file_option
@json_option
@session_options
def explain(key: str, named: Path | None, *, as_json: bool) -> None:
    """Explain a KEY of anywhere.yaml.

    Its value here and where that comes from, its meaning and default. For example: hub.url,
    users.login, profiles.python.options.memory.max
    """
    raise NotImplementedError
