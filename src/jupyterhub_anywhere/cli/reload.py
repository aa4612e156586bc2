"""``anywhere reload``: the running hub takes a changed file."""

from __future__ import annotations

from typing import Any

import click

from jupyterhub_anywhere.cli.output import answer, tell
from jupyterhub_anywhere.cli.session import Session, pass_session, session_options
from jupyterhub_anywhere.core.errors import AnywhereError, ConfigError, Problem


@click.command()
@session_options
@pass_session
def reload(session: Session) -> int:
    """Let the running hub take its changed file.

    Targets, profiles, access, users, groups and admins count at once; the answer names what needs
    a restart. A file that is wrong changes nothing: its problems are told, the exit code is 2.
    """
    from jupyterhub_anywhere.hub.control import ask

    report = ask(session.paths, "reload")
    _refuse(report)
    for line in report.get("changed", ()):
        answer(str(line))
    if not report.get("changed"):
        answer("Nothing has changed.")
    for line in report.get("restart", ()):
        tell(f"Needs a restart: {line}")
    return 0


def _refuse(report: dict[str, Any]) -> None:
    """Raise what the hub says is wrong.

    Raises:
        ConfigError: With the problems of the file.
        AnywhereError: Something else kept the hub from reloading.
    """
    if report.get("problems"):
        tell("The hub goes on with what it had; the file is wrong:")
        raise ConfigError([Problem(**problem) for problem in report["problems"]])
    if not report.get("ok", True):
        raise AnywhereError(str(report.get("error") or "The hub could not reload."))
