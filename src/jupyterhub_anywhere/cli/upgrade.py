"""``anywhere upgrade``: the database of an older JupyterHub, brought to this one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jupyterhub_anywhere.cli.leaks import confirm
from jupyterhub_anywhere.cli.output import answer, facts, tell, visible
from jupyterhub_anywhere.cli.session import session_options

if TYPE_CHECKING:
    from jupyterhub_anywhere.hub.upgrade.course import Plan


@click.command()
@click.argument("database")
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, readable=False, path_type=Path),
    metavar="DIR",
    help="Put it into this state folder, for `anywhere up --state DIR`; DATABASE stays as it is.",
)
@click.option(
    "--cookie-secret",
    "secret",
    type=click.Path(readable=False, path_type=Path),
    metavar="FILE",
    help="The old hub's, to take along with --into. Default: jupyterhub_cookie_secret beside"
    " DATABASE, where there is one.",
)
@click.option(
    "--backed-up",
    is_flag=True,
    help="There is a backup: a database of PostgreSQL that cannot be copied is upgraded in place.",
)
@session_options
def upgrade(  # noqa: PLR0913 - one for each option
    database: str,
    into: Path | None,
    secret: Path | None,
    *,
    only_plan: bool,
    yes: bool,
    backed_up: bool,
) -> None:
    """Bring an older JupyterHub's database to this one's layout.

    DATABASE is a file, or a URL as in c.JupyterHub.db_url. The old hub must not run. The old
    database is never written to: a copy is upgraded by JupyterHub's own migrations, checked row by
    row, and takes its place at the end; the old one stays beside it.
    """
    from jupyterhub_anywhere.hub.upgrade import course
    from jupyterhub_anywhere.hub.upgrade.source import find

    if secret is not None and into is None:
        raise click.UsageError("--cookie-secret belongs to --into.")
    plan = course.plan(course.Wish(find(database), into, secret, backed_up=backed_up))
    _show(plan)
    if only_plan or not plan.steps:
        return
    course.check_unused(plan)
    if not yes:
        confirm("Do this now?")
    for line in course.carry_out(plan):
        answer(line)
    if into is not None:
        tell(f"Next: anywhere up --state {into}")


def _show(plan: Plan) -> None:
    facts(plan.facts)
    if not plan.steps:
        answer("It has the layout of this JupyterHub already: there is nothing to do.")
        return
    answer("\nWhat will be done:")
    for number, step in enumerate(plan.steps, 1):
        answer(f"  {number}. {visible(step)}")
    if plan.changes:
        answer("\nWhat to know:")
    for change in plan.changes:
        answer(f"  - {visible(change)}")
    if plan.users:
        answer(f"\nIn use by {visible(plan.users)}: stop the hub before.")
    answer("")
