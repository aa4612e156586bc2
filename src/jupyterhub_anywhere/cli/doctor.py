"""``anywhere doctor``: what is wrong around the hub, and the cure of each."""

from __future__ import annotations

import click

from jupyterhub_anywhere.cli.session import session_options


@click.command()
@session_options
def doctor() -> int:
    """X."""
    raise NotImplementedError
