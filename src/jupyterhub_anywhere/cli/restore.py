"""``anywhere restore``: a backup brought back."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from jupyterhub_anywhere.cli.output import answer, tell
from jupyterhub_anywhere.cli.session import Session, pass_session, session_options
from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.state import StatePaths


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--into",
    type=click.Path(file_okay=False, readable=False, path_type=Path),
    metavar="DIR",
    help="The state folder to restore into. Default: the one of --state.",
)
@click.option("--force", is_flag=True, help="Move a state that is there aside, inside its folder.")
@session_options
@pass_session
def restore(session: Session, file: Path, into: Path | None, *, force: bool) -> None:
    """Bring back a backup.

    FILE is what `anywhere backup` made, on this machine or another one. The hub of that folder
    must not run. Nothing is deleted: with --force the present state is moved to
    before-restore-TIME in the same folder.
    """
    from jupyterhub_anywhere.hub.restore import restore as bring_back
    from jupyterhub_anywhere.hub.statefolder import StateLock

    paths = StatePaths(into.absolute()) if into is not None else session.paths
    with ExitStack() as stack:
        if paths.hub.is_dir():
            # Held until the end: no hub starts while its state is being replaced.
            stack.enter_context(StateLock(paths))
            _refuse_what_runs(paths)
        done = bring_back(file, paths, force=force)
    answer(f"{paths.root} is restored: {done.files} files of {done.made}.")
    if done.aside is not None:
        tell(f"What was there before is in {done.aside}.")
    if not done.homes:
        tell(f"Homes are not in this backup; put them into {paths.homes}, owners kept.")
    if Path(done.origin) != paths.root:
        tell(f"It comes from {done.origin} and has the same hub id, {done.hub_id}: never run both.")


def _refuse_what_runs(paths: StatePaths) -> None:
    """Servers and proxy that live on would belong to a state that knows nothing of them.

    Raises:
        StateError: Some live on.
    """
    from jupyterhub_anywhere.hub.status import status

    found = status(paths)
    if found.busy or found.proxy_pid is not None:
        raise StateError(
            f"Servers or the proxy of {paths.root} still run.",
            hint="End them with `anywhere down`; `anywhere status` lists them.",
        )
