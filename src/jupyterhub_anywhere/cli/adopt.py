"""``anywhere adopt``: what has no lease becomes a server of the user it was made for."""

from __future__ import annotations

import click

from jupyterhub_anywhere.cli.leaks import ask, confirm, look, needs_hub, show_results
from jupyterhub_anywhere.cli.output import answer, answer_json, visible
from jupyterhub_anywhere.cli.session import (
    Session,
    json_option,
    pass_session,
    session_options,
)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]…")
@click.option("-y", "--yes", is_flag=True, help="Without names: do not ask.")
@json_option
@session_options
@pass_session
def adopt(session: Session, names: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    """Keep what has no lease, for its user.

    NAME is TARGET/NAME as `anywhere leaks` shows it, or the name alone. Without one, everything
    that can be adopted is. It needs a hub that runs.

    Ends with 0 when each was adopted, else with 1.
    """
    needs_hub(session.paths, "adopt")
    keys = list(names)
    if not keys:
        able = [each for each in look(session.paths)["disagreements"] if each["adoptable"]]
        keys = [each["key"] for each in able]
        if keys and not yes:
            for each in able:
                answer(f"To be adopted: {visible(each['what'])}")
            confirm(f"Adopt {len(keys)}?")
    done = ask(session.paths, "adopt", keys=keys) if keys else {"done": []}
    if as_json:
        answer_json(done)
    elif keys:
        show_results(done, "Adopted")
    else:
        answer("There is nothing to adopt.")
    return 1 if any(each["problem"] for each in done["done"]) else 0
