"""``anywhere ledger``: where leases are kept, what was, and the copies of it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jupyterhub_anywhere.cli.columns import columns
from jupyterhub_anywhere.cli.leaks import confirm
from jupyterhub_anywhere.cli.moments import moment
from jupyterhub_anywhere.cli.output import answer, answer_json, facts, tell
from jupyterhub_anywhere.cli.session import (
    Session,
    choose_file,
    file_option,
    json_option,
    pass_session,
    session_options,
)
from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.core.quantities import format_duration, format_memory, parse_duration

if TYPE_CHECKING:
    from jupyterhub_anywhere.hub.ledgerplace import LedgerPlace
    from jupyterhub_anywhere.ledger.copies import Copy
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.ledger.store import Ledger


@click.group()
def ledger() -> None:
    """Look after the ledger, the record of what is held for servers.

    It is one file in the state folder, or a database that hub.ledger.url names. `anywhere status`
    shows the servers in it.
    """


# --- info ----------------------------------------------------------------------------------------


@ledger.command()
@file_option
@json_option
@session_options
@pass_session
def info(session: Session, named: Path | None, *, as_json: bool) -> None:
    """Show where the ledger is and what is in it."""
    with closing(_find(session, named).open()) as found:
        told = _info(found)
    if as_json:
        answer_json(told)
        return
    by_state = ", ".join(f"{count} {state}" for state, count in told["states"].items())
    facts(
        {
            "ledger": told["place"],
            "schema": str(told["schema"]),
            "hub": told["hub"],
            "made": moment(told["born"]),
            "leases": by_state or "none yet",
        }
    )


def _info(found: Ledger) -> dict[str, Any]:
    from jupyterhub_anywhere.ledger.migrations import MIGRATIONS
    from jupyterhub_anywhere.ledger.states import State

    counts = found.counts()
    states = {
        state.value: sum(count for (_, each), count in counts.items() if each is state)
        for state in State
    }
    return {
        "place": found.place,
        "schema": len(MIGRATIONS),
        "hub": found.hub,
        "born": found.born.isoformat(),
        "fresh": found.fresh,
        "states": {state: count for state, count in states.items() if count},
    }


# --- copies --------------------------------------------------------------------------------------


@ledger.command(name="copies")
@file_option
@json_option
@session_options
@pass_session
def list_copies(session: Session, named: Path | None, *, as_json: bool) -> None:
    """List the copies beside the ledger, the newest first.

    One is made before each change of its tables, and by each `anywhere ledger restore`.
    """
    from jupyterhub_anywhere.ledger.copies import copies

    found = copies(_file(_find(session, named)))
    if as_json:
        answer_json([_copy_json(copy) for copy in found])
    elif not found:
        tell("There are no copies.")
    else:
        columns(["copy", "made", "of", "size"], [_copy_row(copy) for copy in found])


def _copy_json(copy: Copy) -> dict[str, Any]:
    return {
        "file": str(copy.file),
        "made": copy.at.isoformat(),
        "schema": copy.version or None,
        "bytes": copy.size,
    }


def _copy_row(copy: Copy) -> list[str]:
    what = f"schema {copy.version}" if copy.version else "set aside by a restore"
    size = format_memory(max(copy.size >> 10, 1) << 10)
    return [copy.file.name, moment(copy.at.isoformat()), what, size]


@ledger.command()
@click.argument("copy", type=click.Path(dir_okay=False, path_type=Path))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@file_option
@session_options
@pass_session
def restore(session: Session, copy: Path, named: Path | None, *, yes: bool) -> None:
    """Put a COPY of the ledger back.

    COPY is a file, or a name that `anywhere ledger copies` shows. No hub may run. The present
    ledger is kept beside it. What was started since the copy is not in it: once the hub runs,
    `anywhere leaks` shows what has no lease, and healthy servers that the hub knows are adopted.
    """
    from jupyterhub_anywhere.hub.statefolder import StateLock
    from jupyterhub_anywhere.ledger.copies import put_back

    place = _find(session, named)
    file = _file(place)
    chosen = copy if copy.exists() or copy.name != str(copy) else file.with_name(copy.name)
    if chosen.resolve() == file.resolve():
        raise click.UsageError(f"{chosen} is the ledger itself.")
    if not chosen.is_file():
        raise click.UsageError(f"There is no copy {copy}; `anywhere ledger copies` lists them.")
    # Held until the end: no hub starts while its ledger is being replaced.
    with StateLock(session.paths):
        if not yes:
            confirm(f"Put {chosen.name} in the place of {file}?")
        aside = put_back(file, chosen, datetime.now(UTC))
    answer(f"{file} is restored from {chosen.name}.")
    if aside is not None:
        tell(f"What was there before is in {aside}.")


# --- history -------------------------------------------------------------------------------------


@ledger.command()
@click.option("--user", metavar="NAME", help="Only this user's.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, help="At most so many. Default: 50."
)
@file_option
@json_option
@session_options
@pass_session
def history(
    session: Session, user: str | None, limit: int, named: Path | None, *, as_json: bool
) -> None:
    """Show servers that are gone, the latest first."""
    with closing(_find(session, named).open()) as found:
        gone = found.history(limit=limit, user=user)
    if as_json:
        answer_json([_lease_json(lease) for lease in gone])
    elif not gone:
        tell("No server that is gone is remembered.")
    else:
        headings = ["server", "target", "profile", "started", "gone", "why"]
        columns(headings, [_lease_row(lease) for lease in gone])


def _lease_json(lease: Lease) -> dict[str, Any]:
    return {
        "id": lease.id,
        "user": lease.user,
        "server": lease.server,
        "target": lease.target,
        "profile": lease.choice.get("profile"),
        "name": lease.name,
        "attempt": lease.attempt,
        "steps": {state.value: at.isoformat() for state, at in lease.steps.items()},
        "cause": lease.cause,
        "error": lease.error,
    }


def _lease_row(lease: Lease) -> list[str]:
    steps = _lease_json(lease)["steps"]
    return [
        lease.log_name,
        lease.target,
        str(lease.choice.get("profile") or ""),
        moment(steps.get("starting")),
        moment(steps.get("gone")),
        lease.error or lease.cause,
    ]


@ledger.command()
@click.option(
    "--older-than",
    "age",
    metavar="TIME",
    help="As 30d or 12h. Default: hub.ledger.history, after which the hub does it by itself.",
)
@file_option
@session_options
@pass_session
def prune(session: Session, age: str | None, named: Path | None) -> None:
    """Forget servers that have been gone for long; the hub may run."""
    place = _find(session, named)
    try:
        seconds = parse_duration(age) if age is not None else place.history
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from error
    with closing(place.open()) as found:
        count = found.prune(datetime.now(UTC) - timedelta(seconds=seconds))
    what = "1 server" if count == 1 else f"{count} servers"
    answer(f"Forgotten: {what}, gone for more than {format_duration(seconds)}.")


# --- the ledger itself ---------------------------------------------------------------------------


def _find(session: Session, named: Path | None) -> LedgerPlace:
    from jupyterhub_anywhere.hub.ledgerplace import find

    return find(session.paths, named, lambda: choose_file(None))


def _file(place: LedgerPlace) -> Path:
    """The file of an SQLite ledger.

    Raises:
        StateError: It is in PostgreSQL.
    """
    from jupyterhub_anywhere.ledger.url import ledger_file

    file = ledger_file(place.url)
    if file is None:
        raise StateError(
            "The ledger is no file, so that there are no copies beside it.",
            hint="Use PostgreSQL's own tools: before a change its tables are copied to …_v1.",
        )
    return file
