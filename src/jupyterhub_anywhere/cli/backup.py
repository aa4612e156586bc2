"""``anywhere backup``: the state folder in one file."""

from __future__ import annotations

from pathlib import Path

import click

from jupyterhub_anywhere.cli.output import answer, tell, visible
from jupyterhub_anywhere.cli.session import Session, pass_session, session_options

_SHOWN = 5


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--homes/--no-homes",
    default=False,
    help="Whether to take the users' homes along. Default: no; they can be huge.",
)
@click.option("--force", is_flag=True, help="Replace FILE when it is there already.")
@session_options
@pass_session
def backup(session: Session, file: Path, *, homes: bool, force: bool) -> None:
    """Save the state folder to FILE, a tar.gz.

    The hub may run. FILE holds the databases, secrets, passwords' hashes, and who has which uid;
    not the logs. Keep it as safe as the hub itself. `anywhere restore FILE` brings it back.
    """
    from jupyterhub_anywhere.core.quantities import format_memory
    from jupyterhub_anywhere.hub.backup import create

    report = create(session.paths, file, homes=homes, force=force)
    size = format_memory(max(report.size >> 10, 1) << 10)
    answer(f"{file} is written: {report.files} files, {size}.")
    left_out = report.homes_left_out
    if left_out:
        these = "1 home in {} is" if left_out == 1 else f"{left_out} homes in {{}} are"
        tell(f"The {these.format(session.paths.homes)} not in it; --homes takes them along.")
    if not report.database:
        tell("The hub's database is not in the state folder: save it with its own tools.")
    _tell_names("Could not be read or kept", report.skipped)
    _tell_names("Changed while they were read", report.changed)


def _tell_names(head: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        tell(f"{head}: {', '.join(map(visible, names[:_SHOWN]))}{more}.")
