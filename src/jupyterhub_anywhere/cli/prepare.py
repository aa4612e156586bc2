"""``anywhere prepare``: a cloud project made ready by one command."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from jupyterhub_anywhere.cli.output import answer, is_terminal, tell
from jupyterhub_anywhere.cli.prepare_options import wish_of, wish_options
from jupyterhub_anywhere.cli.session import Session, pass_session, session_options

if TYPE_CHECKING:
    from jupyterhub_anywhere.prepare.project import OpenStackProject
    from jupyterhub_anywhere.prepare.record import Record
    from jupyterhub_anywhere.prepare.steps import Plan
    from jupyterhub_anywhere.prepare.wants import Known
    from jupyterhub_anywhere.prepare.wish import Wish

LEFT: Final = 1


@click.group()
def prepare() -> None:
    """Make a cloud ready for a hub and its users' servers."""


@prepare.command()
@click.option("--plan", "action", flag_value="plan", default=True, help="Show what would be done.")
@click.option("--apply", "action", flag_value="apply", help="Do it; again, it goes on.")
@click.option("--undo", "action", flag_value="undo", help="Remove what it made, and nothing else.")
@click.option("--yes", is_flag=True, help="With --undo: do not ask.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write anywhere.yaml, its secrets and how they get to the hub.",
)
@click.option(
    "--record",
    "record_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What was made is written here. Default: in the state folder, by cloud.",
)
@click.option("--cloud", metavar="NAME", help="The cloud in clouds.yaml. Default: $OS_CLOUD.")
@click.option(
    "--clouds",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="clouds.yaml, also the one of the web console. Default: as `openstack` finds it.",
)
@wish_options
@session_options
@pass_session
def openstack(  # noqa: PLR0913 - one parameter an option, as click wants it
    session: Session,
    /,
    *,
    action: str,
    yes: bool,
    out: Path | None,
    record_file: Path | None,
    cloud: str | None,
    clouds: Path | None,
    **options: Any,
) -> int:
    """Make an OpenStack project ready: plan, apply, undo.

    Makes, or finds, an application credential, a network with a router, security groups, a key
    pair, an image that is tested, and the machine of the hub with a floating IP. The login is that
    of clouds.yaml or of the environment; a password that is missing there is asked for.

    Ends with 0 when it was done, with 1 when --undo left something.
    """
    from jupyterhub_anywhere.prepare.login import cloud_region
    from jupyterhub_anywhere.prepare.project import OpenStackProject
    from jupyterhub_anywhere.prepare.record import Record

    region = cloud_region(cloud, clouds, _ask if _somebody() else None)
    project = OpenStackProject(region)
    try:
        name = str(region.name or "") or "environment"
        path = record_file or session.paths.root / "prepare" / f"{_file_name(name)}.json"
        record = Record.read(path)
        if action == "undo":
            return _undo(project, record, yes=yes)
        wish = wish_of(options)
        _run(project, wish, record, action, out)
    finally:
        project.close()
    return 0


def _somebody() -> bool:
    import sys

    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def _ask(what: str) -> str:
    return str(click.prompt(what, hide_input=True, err=True))


def _file_name(cloud: str) -> str:
    from jupyterhub_anywhere.core.names import slug

    return slug(cloud)


def _run(
    project: OpenStackProject, wish: Wish, record: Record, action: str, out: Path | None
) -> None:
    from jupyterhub_anywhere.prepare.apply import Apply
    from jupyterhub_anywhere.prepare.job import kept, planned

    plan = planned(project, wish, record)
    if action == "plan" or plan.problems:
        _show(project, wish, plan)
        plan.check()
    known = kept(plan, record)
    if action == "apply":
        known = Apply(project, wish, record, plan, tell).run()
        tell("Done." if plan.changes else "Nothing had to be done.")
    if out is not None:
        _write(project, wish, (plan, known, record), out)


def _show(project: OpenStackProject, wish: Wish, plan: Plan) -> None:
    from jupyterhub_anywhere.cli.columns import columns
    from jupyterhub_anywhere.prepare.rules import left_closed
    from jupyterhub_anywhere.prepare.show import COLOURS, HEADINGS, closed, foot, head, rows

    for line in head(project.login(), wish):
        tell(line)
    columns(HEADINGS, rows(plan), COLOURS)
    for line in closed([astuple(each) for each in left_closed(wish.groups)]):
        tell(line)
    for line in foot(plan):
        tell(line)


def _write(
    project: OpenStackProject, wish: Wish, came: tuple[Plan, Known, Record], out: Path
) -> None:
    """The files, of what was planned, is known and was made."""
    from jupyterhub_anywhere.prepare import output
    from jupyterhub_anywhere.prepare.job import place

    plan, known, record = came
    where = place(wish, project.login(), plan, known)
    secret = wish.given[1] if wish.given is not None else record.secret
    entry = record.entry("hub")
    keys = list(entry.facts.get("host_keys", [])) if entry is not None else []
    files = output.hub_files(wish, where, secret, project.now(), out)
    files.update(output.delivery(wish, where, keys))
    files["rules.md"] = output.rules_page(wish)
    for name in output.write_files(out, files, programs=["deliver"]):
        tell(f"{out / name} is yours and stays; {out / name}.new is what it would be now.")
    if wish.install.carried:
        count = output.wheels_into(out, Path(wish.install.wheels))
        tell(f"{count} wheels are beside it.")
    answer(f"{out}: anywhere.yaml, its secrets and `deliver`, which hands them to the hub.")
    tell(f"Next: anywhere check -f {out / output.FILES / 'anywhere.yaml'} && {out / 'deliver'}")


def _undo(project: OpenStackProject, record: Record, *, yes: bool) -> int:
    from jupyterhub_anywhere.cli.leaks import confirm
    from jupyterhub_anywhere.prepare.undo import undo

    if not record.entries:
        answer(f"Nothing was made by the record {record.path}.")
        return 0
    for entry in reversed(record.entries):
        answer(f"- {entry.kind} {entry.name} ({entry.id or 'if it was made'})")
    if not yes:
        confirm("Remove all of these?")
    left = undo(project, record, tell)
    for line in left:
        tell(f"Left: {line}")
    answer(f"{len(left)} left; they stay in {record.path}." if left else "All of it is gone.")
    return LEFT if left else 0
