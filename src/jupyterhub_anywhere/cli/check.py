"""``anywhere check``: everything that is wrong in the file, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jupyterhub_anywhere.cli.output import answer, answer_json
from jupyterhub_anywhere.cli.session import (
    Session,
    choose_file,
    describe_file,
    file_option,
    json_option,
    pass_session,
    session_options,
)
from jupyterhub_anywhere.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@file_option
@json_option
@session_options
@pass_session
def check(session: Session, named: Path | None, *, as_json: bool) -> int:
    """Check anywhere.yaml; all problems at once.

    Ends with 0 when the file can be used, else with 2. No server is started and no back end is
    asked. The classes of custom targets are built once, each in a process of its own.
    """
    from jupyterhub_anywhere.spawner.check import check_targets
    from jupyterhub_anywhere.spawner.check_custom import check_trials
    from jupyterhub_anywhere.spawner.site import load_site

    file = choose_file(named)
    try:
        site = load_site(file, state_root=session.paths.root)
        check_targets(site.loaded, site.targets)
        check_trials(site)
    except ConfigError as error:
        if not as_json:
            raise
        answer_json(
            {"file": str(file or ""), "problems": [_plain(item) for item in error.problems]}
        )
        return error.exit_code
    if as_json:
        answer_json({"file": str(file or ""), "problems": []})
        return 0
    # Where no profile is declared, each target is one.
    profiles = _count(len(site.config.profiles) or len(site.targets), "profile")
    targets = _count(len(site.targets), "target")
    answer(f"{describe_file(file)} is right: {profiles}, {targets}")
    return 0


def _plain(problem: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(problem)  # type: ignore[call-overload, no-any-return]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
