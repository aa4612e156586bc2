"""``anywhere password``: new shared passwords."""

from __future__ import annotations

import sys

import click

from jupyterhub_anywhere.cli.output import answer, is_terminal, tell
from jupyterhub_anywhere.cli.session import Session, pass_session, session_options


@click.command()
@click.option("--admin", is_flag=True, help="The admins' password, not the users'.")
@click.option("--set", "chosen", is_flag=True, help="Read it from standard input.")
@session_options
@pass_session
def password(session: Session, *, admin: bool, chosen: bool) -> None:
    """Make a new shared password, and print it once.

    It counts at once, also for a hub that runs; who is logged in stays so.
    """
    from jupyterhub_anywhere.hub.passwords import new_password
    from jupyterhub_anywhere.hub.statefolder import open_state

    paths = open_state(session.paths.root)
    made = new_password(paths, admin=admin, password=_read() if chosen else None)
    whose = "admins" if admin else "users"
    if chosen:
        tell(f"The password for {whose} is set.")
    else:
        tell(f"The new password for {whose}, shown this once:")
        answer(made)


def _read() -> str:
    """The wanted password: asked twice at a terminal, else the first line of standard input."""
    if is_terminal(sys.stdin):
        return str(
            click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
        )
    return sys.stdin.readline().rstrip("\r\n")
