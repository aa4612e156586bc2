"""``anywhere status``: what runs, where it answers, where its logs are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jupyterhub_anywhere.cli.output import answer_json
from jupyterhub_anywhere.cli.session import (
    Session,
    json_option,
    pass_session,
    session_options,
)

if TYPE_CHECKING:
    from jupyterhub_anywhere.hub.status import Status

NOT_RUNNING = 1


@click.command()
@json_option
@session_options
@pass_session
def status(session: Session, *, as_json: bool) -> int:
    """Show URL and ports, what runs, where logs are.

    Ends with 0 when a hub runs on this state folder, else with 1.
    """
    from jupyterhub_anywhere.hub.status import status as find_out

    found = find_out(session.paths)
    if as_json:
        answer_json(found.to_json())
    else:
        _show(found)
    return 0 if found.running else NOT_RUNNING


def _show(found: Status) -> None:
    raise NotImplementedError
