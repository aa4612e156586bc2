"""``anywhere leaks --ancestors``: what LibcloudSpawner has left, for a person to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.cli.columns import columns
from jupyterhub_anywhere.cli.moments import moment
from jupyterhub_anywhere.cli.output import answer, answer_json, tell, visible
from jupyterhub_anywhere.cli.session import choose_file

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.cli.session import Session

FOUND: Final = 1


def list_ancestors(session: Session, named: Path | None, *, as_json: bool) -> int:
    """Show them; 1 where there are any, or where that could not be told.

    Raises:
        AnywhereError: The file cannot be used.
    """
    from jupyterhub_anywhere.hub.ancestors import look
    from jupyterhub_anywhere.hub.uprecord import read_up

    running = read_up(session.paths)
    file = named or (running.file if running is not None and running.alive else choose_file(None))
    told = look(file, session.paths).plain()
    if as_json:
        answer_json(told)
    else:
        _show(told)
    return FOUND if told["machines"] or told["unknown"] else 0


def _show(told: dict[str, Any]) -> None:
    found = told["machines"]
    if found:
        headings = ["target", "name", "user", "state", "since", "id"]
        columns(headings, [_row(each) for each in found], {})
        tell("No hub of ours has marked these. Whose they are, only you can tell: look into each,")
        tell("and delete at the cloud what nobody needs.")
    elif not told["unknown"]:
        answer("No cloud of this file has a machine that is named as LibcloudSpawner's were.")
    for target, reason in told["unknown"].items():
        tell(f"Target {visible(target)} could not be asked: {visible(reason)}")


def _row(each: dict[str, Any]) -> list[str]:
    since = moment(each["created"]) if each["created"] else ""
    return [each["target"], each["name"], each["user"], each["state"], since, each["id"]]
