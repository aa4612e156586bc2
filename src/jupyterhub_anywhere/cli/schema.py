"""``anywhere schema``: the JSON Schema of anywhere.yaml, for editors."""

from __future__ import annotations

import click

from jupyterhub_anywhere.cli.output import answer_json
from jupyterhub_anywhere.cli.session import session_options


@click.command()
@session_options
def schema() -> None:
    """Print the JSON Schema of anywhere.yaml, for editors.

    Write it to a file, and name it in the first line of anywhere.yaml:
    # yaml-language-server: $schema=anywhere.schema.json
    """
    from jupyterhub_anywhere.config.schema import json_schema
    from jupyterhub_anywhere.targets.registry import kinds

    answer_json(json_schema({name: kind.settings_model for name, kind in kinds().items()}))
