"""``anywhere down``: ends what runs, and what an earlier hub left."""

from __future__ import annotations

import click

from jupyterhub_anywhere.cli.output import answer, tell, visible
from jupyterhub_anywhere.cli.session import Session, pass_session, session_options


@click.command()
@session_options
@pass_session
def down(session: Session) -> int:
    """End the hub, its proxy and all its servers.

    Also those that --keep-servers or a crash left. Only what this hub started is ended: each
    process is known by more than its number.
    """
    from jupyterhub_anywhere.hub.down import down as end_all

    lines = end_all(session.paths)
    left = [line for line in lines if line.endswith("could not be ended")]
    for line in lines:
        if line in left:
            tell(visible(line))
        else:
            answer(f"Ended: {visible(line)}")
    if not lines:
        answer("Nothing was running.")
    return 1 if left else 0
