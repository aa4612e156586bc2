"""What an administrator asks the running hub of leases, and tells it to do about them.

The same answers are given on the control socket (`answer`) and by the hub's API (`leases_api`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.core.names import did_you_mean
from jupyterhub_anywhere.core.uncollected import uncollected
from jupyterhub_anywhere.ledger.report import make_report

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from jupyterhub_anywhere.ledger.disagree import Disagreement
    from jupyterhub_anywhere.ledger.known import Known
    from jupyterhub_anywhere.ledger.report import Report

Key = tuple[str, str]

# What `answer` knows.
COMMANDS: Final = frozenset({"leases", "leaks", "clean", "adopt", "lift"})


class NoOverviewError(AnywhereError):
    """This hub keeps no ledger."""


class NotThereError(AnywhereError):
    """What was named is not there, or nothing can be done about it."""


class Seat(Protocol):
    """Who knows of leases in this process, and does what a person says: the `Reconciler`."""

    async def facts(self) -> Known:
        """Everything that was found out.

        Raises:
            LedgerError: The ledger cannot be read.
        """

    async def clean(self, keys: Collection[Key]) -> Mapping[Key, str]:
        """Remove resources that have no lease, as a person says.

        Args:
            keys: Target and name of each.

        Returns:
            Why each is not removed yet; empty where it is proven gone.
        """

    async def adopt(self, keys: Collection[Key]) -> Mapping[Key, str]:
        """Make resources servers of the users they were made for.

        Args:
            keys: Target and name of each.

        Returns:
            Why each was not adopted; empty where it was.
        """

    async def lift(self) -> None:
        """Let what nobody wants be removed again, as a person says."""


class _Holder:
    """The one seat of this process."""

    seat: Seat | None = None


def provide(seat: Seat | None) -> None:
    """Let everybody in this process ask a seat; None when it has ended."""
    _Holder.seat = seat


def present() -> Seat:
    """The seat of this process.

    Raises:
        NoOverviewError: There is none.
    """
    if _Holder.seat is None:
        raise NoOverviewError(
            "This hub keeps no ledger.", hint="Its servers are not started by AnywhereSpawner."
        )
    return _Holder.seat


async def report(seat: Seat) -> Report:
    """What is told of what is known now.

    Raises:
        LedgerError: The ledger cannot be read.
    """
    with uncollected():
        # Thousands of rows: in a thread, so that the loop gets its turn meanwhile.
        return await asyncio.to_thread(make_report, await seat.facts())


async def told(seat: Seat) -> dict[str, Any]:
    """The report as plain data.

    Raises:
        LedgerError: The ledger cannot be read.
    """
    # Until there is only plain data, which holds up no look for garbage.
    with uncollected():
        return await asyncio.to_thread((await report(seat)).to_json)


def pick(found: Report, wanted: Sequence[str] | None, *, adopt: bool) -> list[Disagreement]:
    """What a person means.

    Args:
        found: What was reported.
        wanted: ``TARGET/NAME``, or the name where only one target has it; None for all.
        adopt: Whether it is to be adopted; else it is to be removed.

    Raises:
        NotThereError: One of them is not there, is named twice over, or has its lease already.
    """
    able = [x for x in found.disagreements if (x.adoptable if adopt else x.removable)]
    if wanted is None:
        return able
    return list({each.key: each for each in (_one(able, name) for name in wanted)}.values())


def _one(able: Sequence[Disagreement], name: str) -> Disagreement:
    named = [each for each in able if name in {each.key, each.key.partition("/")[2]}]
    if len(named) == 1:
        return named[0]
    keys = ", ".join(each.key for each in named)
    if named:
        raise NotThereError(f"{name} is at several targets.", hint=f"Name one of {keys}.")
    hint = did_you_mean(name, [each.key for each in able])
    raise NotThereError(
        f"Nothing without a lease is called {name}.",
        hint=hint or "`anywhere leaks` lists what there is.",
    )


async def clean(
    seat: Seat, wanted: Sequence[str] | None, *, files: bool = False, dry_run: bool = False
) -> dict[str, Any]:
    """Remove what has no lease, as a person says.

    Args:
        seat: Who does it.
        wanted: See `pick`.
        files: Also what holds its user's files.
        dry_run: Only tell what would be removed.

    Returns:
        ``done``: a row for each, with ``key``, ``what`` and ``problem``; ``spared``: the same of
        what holds files and was left alone; ``report``: what there is now.

    Raises:
        NotThereError: See `pick`.
        LedgerError: The ledger cannot be read.
    """
    found = await report(seat)
    able = pick(found, wanted, adopt=False)
    chosen = [each for each in able if files or not each.keeps]
    spared = [_row(each, "its user's files are in it") for each in able if each not in chosen]
    if dry_run:
        rows = [_row(each, "") for each in chosen]
        return {"done": rows, "spared": spared, "report": await told(seat)}
    problems = await seat.clean([_key(each) for each in chosen]) if chosen else {}
    rows = [_row(each, problems.get(_key(each), "")) for each in chosen]
    return {"done": rows, "spared": spared, "report": await told(seat)}


async def adopt(seat: Seat, wanted: Sequence[str] | None) -> dict[str, Any]:
    """Make what has no lease servers of the users it was made for.

    Args:
        seat: Who does it.
        wanted: See `pick`.

    Returns:
        ``done``: a row for each, with ``key``, ``what`` and ``problem``; ``report``: what there is
        now.

    Raises:
        NotThereError: See `pick`.
        LedgerError: The ledger cannot be read.
    """
    chosen = pick(await report(seat), wanted, adopt=True)
    problems = await seat.adopt([_key(each) for each in chosen]) if chosen else {}
    rows = [_row(each, problems.get(_key(each), "")) for each in chosen]
    return {"done": rows, "report": await told(seat)}


async def lift(seat: Seat) -> dict[str, Any]:
    """Let what nobody wants be removed again after its time of grace.

    Args:
        seat: Who does it.

    Returns:
        ``lifted``: why nothing was removed so far, empty where nothing was held; ``report``: what
        there is now.

    Raises:
        LedgerError: The ledger cannot be read or written.
    """
    held = (await report(seat)).hold
    if held:
        await seat.lift()
    return {"lifted": held, "report": await told(seat)}


def _key(each: Disagreement) -> Key:
    target, _, name = each.key.partition("/")
    return target, name


def _row(each: Disagreement, problem: str) -> dict[str, str]:
    return {"key": each.key, "what": each.what, "problem": problem}


async def answer(seat: Seat | None, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request of the control socket.

    ``leases`` and ``leaks`` ask; ``clean``, ``adopt`` and ``lift`` do.

    Args:
        seat: Who knows; None where this hub keeps no ledger.
        request: ``command``; for ``clean`` and ``adopt`` also ``keys`` (None for all), for
            ``clean`` also ``files`` and ``dry_run``.

    Returns:
        ``ok``, and what the command adds. Where it failed: ``error``, ``hint``, ``kind`` and
        ``code``, the exit code of a command.
    """
    try:
        if seat is None:
            raise NoOverviewError("This hub keeps no ledger.")
        return {"ok": True, **await _answered(seat, request)}
    except AnywhereError as error:
        told = {"error": error.message, "hint": error.hint, "kind": type(error).__name__}
        return {"ok": False, "code": error.exit_code, **told}


async def _answered(seat: Seat, request: Mapping[str, Any]) -> dict[str, Any]:
    command, keys = request.get("command"), request.get("keys")
    wanted = [str(key) for key in keys] if isinstance(keys, list) else None
    if command in {"leases", "leaks"}:
        return await told(seat)
    if command == "clean":
        files, dry_run = request.get("files") is True, request.get("dry_run") is True
        return await clean(seat, wanted, files=files, dry_run=dry_run)
    if command == "adopt":
        return await adopt(seat, wanted)
    if command == "lift":
        return await lift(seat)
    raise NotThereError(f"There is no command {command!r}.")
