"""``anywhere down``: ends what runs, and what an earlier hub left."""

from __future__ import annotations

import click

from jupyterhub_anywhere.cli.output import answer, visible
from jupyterhub_anywhere.cli.session import Session, pass_session, session_options


@click.command()
@session_options
@pass_session
def down(session: Session) -> None:
    """End the hub, its proxy and all its servers.

    Also those that --keep-servers or a crash left. Only what this hub started is ended: each
    process is known by more than its number.
    """
    from jupyterhub_anywhere.hub.control import down as end_all

    ended = end_all(session.paths)
    if not ended:
        answer("Nothing was running.")
    for line in ended:
        answer(f"Ended: {visible(line)}")
