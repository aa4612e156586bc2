"""``anywhere up``: the hub on this machine, until it is told to end."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

import click

from jupyterhub_anywhere.cli.output import (
    OutputClosedError,
    abandon,
    answer,
    is_terminal,
    styled,
    tell,
)
from jupyterhub_anywhere.cli.session import (
    FILE_NAME,
    Session,
    choose_file,
    describe_file,
    file_option,
    pass_session,
    session_options,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jupyterhub_anywhere.hub.options import Running, UpOptions


@click.command()
@file_option
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The port to open, instead of the one of hub.url; kept from then on.",
)
@click.option(
    "--share-account",
    is_flag=True,
    help="As an ordinary user: let several names in, whose servers all run as this account and"
    " can read each other's files and the hub's secrets.",
)
@click.option(
    "--insecure-http",
    is_flag=True,
    help="Serve plain http to other machines: passwords and notebooks can be read on the way.",
)
@click.option(
    "--keep-servers",
    is_flag=True,
    help="Leave servers and proxy running when the hub ends, for the next `anywhere up`.",
)
@session_options
@pass_session
def up(  # noqa: PLR0913 - one parameter an option, as click wants it
    session: Session,
    named: Path | None,
    *,
    port: int | None,
    share_account: bool,
    insecure_http: bool,
    keep_servers: bool,
) -> int:
    """Run the hub on this machine.

    Without a file: on 127.0.0.1:8000, JupyterLab in processes of this machine, with a password
    that is shown once. Ctrl-C ends the hub and all that it started, and nothing else.
    """
    file = choose_file(named)
    tell(f"Starting JupyterHub with {_which(file, named)}; its state is in {session.paths.root}")

    from jupyterhub_anywhere.hub.options import UpOptions

    options = UpOptions(
        # Absolute, since a reload reads it again, and the hub works in a folder of its own.
        file=None if file is None else file.absolute(),
        state_root=session.paths.root,
        port=port,
        share_account=share_account,
        insecure_http=insecure_http,
        keep_servers=keep_servers,
        verbose=session.verbose,
        on_ending=_ending,
    )
    run_hub = import_hub()
    return run_hub(options, lambda running: _ready(running, session, keep_servers=keep_servers))


def import_hub() -> Callable[[UpOptions, Callable[[Running], None]], int]:
    """Import JupyterHub, without what it takes seconds to import and nobody uses."""
    from jupyterhub_anywhere.core.quick import import_jsonschema, imports_for_good

    with imports_for_good():
        import_jsonschema()
        from jupyterhub_anywhere.hub.app import run_hub

    return run_hub


def _ending(what: str) -> None:
    """Say that the end has begun, and how to cut it short."""
    more = "; a second Ctrl-C does not wait" if is_terminal(sys.stderr) else ""
    tell(f"{what}{more}.")


def _which(file: Path | None, named: Path | None) -> str:
    if file is not None and named is None:
        return f"the {FILE_NAME} of this folder"
    return describe_file(file)


def _ready(running: Running, session: Session, *, keep_servers: bool) -> None:
    """Say where the hub is and how to end it; at the first start also the passwords."""
    if running.new_passwords:
        _show_passwords(running.new_passwords, session)
    for note in running.notes:
        tell(f"Note: {note}.")
    stop = _how_to_stop(session, keep_servers=keep_servers)
    # A hub that serves people does not end because nobody reads its first line.
    try:
        answer(f"JupyterHub is at {running.url}    {stop}")
    except (OutputClosedError, OSError):
        abandon(sys.stdout)


def _how_to_stop(session: Session, *, keep_servers: bool) -> str:
    if not is_terminal(sys.stdin):
        stop = f"(stop: {shlex.join([*_this_program(), *_state_words(session), 'down'])})"
    elif keep_servers:
        stop = "(stop: Ctrl-C; servers live on until `anywhere down`)"
    else:
        stop = "(stop: Ctrl-C)"
    return stop


def _this_program() -> list[str]:
    """What to type to run this program: short where the PATH has it."""
    from jupyterhub_anywhere.hub.service_unit import program

    words = program()
    found = shutil.which("anywhere")
    return ["anywhere"] if found is not None and found == words[0] else words


def _state_words(session: Session) -> list[str]:
    return ["--state", str(session.state)] if session.state is not None else []


def _show_passwords(passwords: Mapping[str, str], session: Session) -> None:
    """Show the new passwords, this once; never to a journal, which others read."""
    if os.environ.get("JOURNAL_STREAM"):
        again = shlex.join(["anywhere", *_state_words(session), "password"])
        tell(
            f"Passwords were made. A journal is no place for them: make new ones with `{again}`"
            f" and `{again} --admin`."
        )
        return
    tell("")
    tell("The passwords, shown this once (`anywhere password` makes new ones):")
    for who, value in passwords.items():
        tell(f"  for {who + ':':<8} {styled(value, bold=True)}")
    tell("")
