"""What every verb is given: the state folder, how much to say, and the options they share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.core.state import StatePaths, default_state_root

if TYPE_CHECKING:
    from collections.abc import Callable

FILE_NAME: Final = "anywhere.yaml"
_Command = TypeVar("_Command", bound="Callable[..., Any]")


@dataclass
class Session:
    """One run of the command.

    Attributes:
        state: The state folder that was named; None for the default one.
        verbose: Whether to tell more, and to show tracebacks.
    """

    state: Path | None = None
    verbose: bool = False

    @property
    def paths(self) -> StatePaths:
        """The layout of the state folder; absolute, since a hub changes its folder."""
        # Read here and not by click: a folder named before the verb wins over the variable.
        told = os.environ.get("ANYWHERE_STATE", "")
        state = self.state or (Path(told) if told else default_state_root())
        return StatePaths(state.absolute())


pass_session = click.make_pass_decorator(Session, ensure=True)


def _store(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def store(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        # Given before the verb or behind it, the last one counts.
        if value is not None:
            setattr(context.ensure_object(Session), name, value)

    return store


def session_options(command: _Command) -> _Command:
    """Add what may stand before the verb as well as behind it: ``--state``, ``--verbose``."""
    state = click.option(
        "--state",
        # What is wrong with it is told by the one who uses it, with the cure.
        type=click.Path(file_okay=False, readable=False, path_type=Path),
        metavar="DIR",
        expose_value=False,
        callback=_store("state"),
        help="The state folder. Default: $ANYWHERE_STATE, else"
        " /var/lib/jupyterhub-anywhere as root, else in $XDG_STATE_HOME.",
    )
    verbose = click.option(
        "-v",
        "--verbose",
        is_flag=True,
        default=None,
        expose_value=False,
        callback=_store("verbose"),
        help="Tell more; show the traceback of a fault.",
    )
    return state(verbose(command))


def file_option(command: _Command) -> _Command:
    """Add ``-f/--file``."""
    option = click.option(
        "-f",
        "--file",
        "named",
        type=click.Path(readable=False, path_type=Path),
        envvar="ANYWHERE_FILE",
        metavar="FILE",
        help=f"The configuration. Default: $ANYWHERE_FILE, else ./{FILE_NAME} where there is one,"
        " else the built-in default.",
    )
    return option(command)


def json_option(command: _Command) -> _Command:
    """Add ``--json``."""
    option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
    return option(command)


def choose_file(named: Path | None) -> Path | None:
    """The configuration to use: the named one, else the one in this folder, else None.

    Raises:
        SurroundingsError: The one in this folder is somebody else's, and it was not named.
    """
    if named is not None:
        return named
    found = Path(FILE_NAME)
    try:
        owner = found.stat().st_uid
    except OSError:
        return None
    # The file can name code to run: whoever may write into a folder that an administrator
    # stands in must not be able to slip one in.
    if owner not in _trusted_owners():
        raise SurroundingsError(
            f"./{FILE_NAME} belongs to another account (uid {owner}) and was not named.",
            hint=f"If it is the right one, name it: -f {FILE_NAME}",
        )
    return found


def _trusted_owners() -> set[int]:
    owners = {0, os.geteuid()}
    sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and sudo.isdecimal():
        owners.add(int(sudo))
    return owners


def describe_file(file: Path | None) -> str:
    """The configuration in words."""
    return str(file) if file is not None else "the built-in default"
