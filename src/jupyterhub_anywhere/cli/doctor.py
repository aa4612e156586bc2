"""``anywhere doctor``: what is wrong around the hub, and the cure of each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import click

from jupyterhub_anywhere.cli.output import answer, answer_json, is_terminal, styled, visible
from jupyterhub_anywhere.cli.session import (
    Session,
    choose_file,
    file_option,
    json_option,
    pass_session,
    session_options,
)

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.targets.base import Finding

_COLOURS: Final = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command()
@file_option
@json_option
@session_options
@pass_session
def doctor(session: Session, named: Path | None, *, as_json: bool) -> int:
    """Look for what is wrong, with cures.

    At the machine, the installation, the file, the running hub and every target. Ends with 1 when
    there is an error; a warning is none.
    """
    from jupyterhub_anywhere.hub.doctor import examine, worst
    from jupyterhub_anywhere.targets.base import Level

    findings = asyncio.run(examine(_file(named, session), session.paths))
    if as_json:
        answer_json([_plain(finding) for finding in findings])
    else:
        for finding in findings:
            _show(finding)
    return 1 if worst(findings) is Level.ERROR else 0


def _file(named: Path | None, session: Session) -> Path | None:
    """The named file, else that of the hub that runs, else what `anywhere up` would take."""
    from jupyterhub_anywhere.hub.uprecord import read_up

    running = read_up(session.paths)
    if named is None and running is not None and running.alive:
        return running.file
    return choose_file(named)


def _plain(finding: Finding) -> dict[str, str]:
    return {
        "level": finding.level.value,
        "subject": finding.subject,
        "message": finding.message,
        "cure": finding.cure,
    }


def _show(finding: Finding) -> None:
    import sys

    level = f"{finding.level.value:<8}"
    if is_terminal(sys.stdout):
        level = styled(level, stream=sys.stdout, fg=_COLOURS[finding.level.value])
    answer(f"{level} {visible(finding.subject)}: {visible(finding.message)}")
    if finding.cure:
        answer(f"{'':8} cure: {visible(finding.cure)}")
