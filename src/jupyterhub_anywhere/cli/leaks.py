"""``anywhere leaks``: on what the ledger, the hub and the targets disagree; and removing it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from jupyterhub_anywhere.cli.columns import columns
from jupyterhub_anywhere.cli.moments import moment
from jupyterhub_anywhere.cli.output import answer, answer_json, is_terminal, tell, visible
from jupyterhub_anywhere.cli.session import (
    Session,
    file_option,
    json_option,
    pass_session,
    session_options,
)
from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.core.uncollected import uncollected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jupyterhub_anywhere.core.state import StatePaths

LEAKS: Final = 1
# A target may take half a minute to list, and as long to remove.
_SECONDS: Final = 300.0
_COLOURS: Final = {
    "resource without lease": "yellow",
    "resource held": "yellow",
    "lease without resource": "yellow",
    "deletion fails": "red",
    "target cannot be asked": "red",
    "token of no server": "red",
}


@click.command()
@click.option("--clean", is_flag=True, help="Remove what has no lease; asks first.")
@click.option("--with-files", is_flag=True, help="With --clean: also what holds users' files.")
@click.option("-y", "--yes", is_flag=True, help="With --clean: do not ask.")
@click.option("--dry-run", is_flag=True, help="With --clean: only show what would be removed.")
@click.option(
    "--lift", is_flag=True, help="Where nothing is removed by itself: let it be removed again."
)
@click.option(
    "--ancestors",
    is_flag=True,
    help="Only list machines of clouds that LibcloudSpawner may have left, by their names.",
)
@file_option
@json_option
@session_options
@pass_session
def leaks(  # noqa: PLR0913 - one argument an option
    session: Session,
    named: Path | None,
    *,
    ancestors: bool,
    clean: bool,
    with_files: bool,
    yes: bool,
    dry_run: bool,
    lift: bool,
    as_json: bool,
) -> int:
    """Show on what ledger, hub and targets disagree.

    Each with its cause, and what happens next. Most of it is settled by the hub itself; what has
    no lease is left alone for a time of grace, and for ever where it holds files. --clean removes
    it now.

    While the hub's database or the ledger is new, nothing is removed by itself: look, then
    --clean, `anywhere adopt`, or --lift, after which what nobody wants goes when its time is up.

    --ancestors asks the clouds of the file (-f) for unmarked machines whose names are as those of
    LibcloudSpawner, jhub-USER-ABCDEF. It removes none of them: whose they are, a person decides.

    Ends with 0 when nothing disagrees, else with 1.
    """
    if ancestors:
        if clean or lift:
            raise click.UsageError("--ancestors only lists: neither --clean nor --lift go with it.")
        from jupyterhub_anywhere.cli.ancestors import list_ancestors

        return list_ancestors(session, named, as_json=as_json)
    if (not clean and (with_files or dry_run or (yes and not lift))) or (clean and lift):
        raise click.UsageError("--with-files, --yes and --dry-run go with --clean, --lift alone.")
    if lift:
        return _lift(session.paths, yes=yes, as_json=as_json)
    if clean:
        return _clean(session.paths, files=with_files, yes=yes, dry_run=dry_run, as_json=as_json)
    with uncollected():
        report = look(session.paths)
        if as_json:
            answer_json(report)
        else:
            show(report)
    return 0 if report["clean"] else LEAKS


def look(paths: StatePaths) -> dict[str, Any]:
    """The report of the running hub; without one, of the ledger and the targets.

    Raises:
        AnywhereError: The hub does not answer, or the ledger cannot be read.
    """
    from jupyterhub_anywhere.hub.uprecord import read_up

    record = read_up(paths)
    if record is not None and record.alive:
        return ask(paths, "leaks")
    from jupyterhub_anywhere.hub.offline import look as look_alone
    from jupyterhub_anywhere.ledger.report import make_report

    found = look_alone(paths, record)
    if found.problem is not None:
        raise found.problem
    return make_report(found.known).to_json()


def ask(paths: StatePaths, command: str, **arguments: Any) -> dict[str, Any]:
    """Ask the running hub.

    Raises:
        SurroundingsError: None runs, it does not answer, or it says no.
    """
    from jupyterhub_anywhere.hub.control import ask as ask_hub

    told = ask_hub(paths, command, seconds=_SECONDS, **arguments)
    if not told.pop("ok", False):
        error = SurroundingsError(
            str(told.get("error") or "The hub says no."), hint=str(told.get("hint") or "")
        )
        code = told.get("code")
        error.exit_code = code if isinstance(code, int) else error.exit_code
        raise error
    return told


def show(report: dict[str, Any]) -> None:
    """Show on what a report says that something disagrees."""
    found = report["disagreements"]
    if report["hold"]:
        tell(f"Nothing is removed by itself: {visible(report['hold'])}.")
        tell("Decide: `anywhere leaks --clean` removes what is listed, and --lift lets it be")
        tell("removed by itself; `anywhere adopt` keeps what holds files.")
    if found:
        headings = ["what", "kind", "since", "why", "what happens"]
        columns(headings, [_row(each) for each in found], _COLOURS)
    elif not report["hold"]:
        checked = "Ledger, hub and targets agree" if report["hub"] else "Ledger and targets agree"
        answer(f"{checked}: {_number(report['servers'], 'server')}, nothing else.")
    if not report["hub"]:
        tell("No hub runs here: what the hub itself knows was not looked at.")


def _row(each: dict[str, Any]) -> list[str]:
    due = f" At {moment(each['due'])}." if each["due"] else ""
    what = each["key"] or each["what"]
    # For programs the word; for people one that can be wrapped.
    kind = each["kind"].replace("-", " ") if is_terminal(sys.stdout) else each["kind"]
    return [what, kind, moment(each["since"]), each["cause"], f"{each['cure']}{due}"]


def _number(things: Sequence[Any], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


# --- removing ------------------------------------------------------------------------------------


def _clean(paths: StatePaths, *, files: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    needs_hub(paths, "clean up")
    planned = ask(paths, "clean", files=files, dry_run=True)
    if dry_run:
        if as_json:
            answer_json(planned)
        else:
            _show_plan(planned, "Would be removed")
        return 0 if planned["report"]["clean"] else LEAKS
    if planned["done"] and not yes:
        if not as_json:
            _show_plan(planned, "To be removed")
        confirm(f"Remove {_number(planned['done'], 'thing')} for good?")
    # Just those that were shown: what has appeared meanwhile stays.
    keys = [each["key"] for each in planned["done"]]
    done = ask(paths, "clean", keys=keys, files=files) if keys else planned
    done["spared"] = planned["spared"]
    if as_json:
        answer_json(done)
    else:
        _show_done(done)
    return 0 if done["report"]["clean"] else LEAKS


def _lift(paths: StatePaths, *, yes: bool, as_json: bool) -> int:
    needs_hub(paths, "do that")
    report = ask(paths, "leaks")
    if report["hold"] and not yes:
        if not as_json:
            show(report)
        confirm("Let what nobody wants be removed by itself?")
    done = ask(paths, "lift")
    if as_json:
        answer_json(done)
    elif done["lifted"]:
        answer("What nobody wants is removed again after its time of grace.")
    else:
        answer("Nothing was held back.")
    return 0 if done["report"]["clean"] else LEAKS


def needs_hub(paths: StatePaths, what: str) -> None:
    """Refuse what only a running hub may do.

    Raises:
        SurroundingsError: None runs.
    """
    from jupyterhub_anywhere.hub.uprecord import read_up

    record = read_up(paths)
    if record is None or not record.alive:
        raise SurroundingsError(
            f"No hub runs on {paths.root}, and only a hub may {what}: it knows what it uses.",
            hint="Start it with `anywhere up`; `anywhere down` ends all that runs here.",
        )


def confirm(question: str) -> None:
    """Ask the person at the terminal.

    Raises:
        UsageError: Nobody is there.
        Abort: The answer was no.
    """
    if not is_terminal(sys.stdin):
        raise click.UsageError("Nobody is here to be asked: add --yes.")
    click.confirm(question, abort=True, err=True)


def _show_plan(planned: dict[str, Any], title: str) -> None:
    for each in planned["done"]:
        answer(f"{title}: {visible(each['what'])}")
    _show_spared(planned)
    if not planned["done"]:
        answer("There is nothing to remove.")


def _show_spared(done: dict[str, Any]) -> None:
    for each in done.get("spared", ()):
        tell(f"Stays: {visible(each['what'])}: {visible(each['problem'])} (--with-files)")


def _show_done(done: dict[str, Any]) -> None:
    show_results(done, "Removed")
    _show_spared(done)
    if not done["done"]:
        answer("There is nothing to remove.")
    remaining = done["report"]["disagreements"]
    if remaining:
        answer("")
        answer("What remains:")
        show(done["report"])


def show_results(done: dict[str, Any], word: str) -> None:
    """Show what was done to each, and what could not be done.

    Args:
        done: The hub's answer.
        word: As "Removed".
    """
    for each in done["done"]:
        if each["problem"]:
            tell(f"Not yet: {visible(each['what'])}: {visible(each['problem'])}")
        else:
            answer(f"{word}: {visible(each['what'])}")
