"""An upgraded database put into the state folder of `anywhere up`, with its cookie secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.hub.files import write_private
from jupyterhub_anywhere.hub.statefolder import StateLock, open_state
from jupyterhub_anywhere.hub.upgrade import sqlite

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.core.state import StatePaths

# What JupyterHub itself makes; `anywhere up` takes no other in its own file.
_SECRET: Final = re.compile(r"[0-9a-fA-F]{64}")
DEFAULT_NAME: Final = "jupyterhub_cookie_secret"


@dataclass(frozen=True, slots=True)
class Secret:
    """A cookie secret.

    Attributes:
        file: Where it stands.
        text: It; empty where `anywhere up` cannot take it.
    """

    file: Path
    text: str


def cookie_secret(named: Path | None, database: Path) -> Secret | None:
    """The old hub's cookie secret; None where none was named and none is beside the database.

    Raises:
        StateError: The named one cannot be read, or is none.
    """
    file = named or database.with_name(DEFAULT_NAME)
    if named is None and not file.exists():
        return None
    try:
        text = file.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise StateError(
            f"The cookie secret {file} cannot be read: {(error.strerror or str(error)).lower()}.",
            hint="Name it with --cookie-secret FILE, or run this as its owner.",
        ) from error
    fits = _SECRET.fullmatch(text) is not None
    if named is not None and not fits:
        raise StateError(
            f"{file} does not hold 64 hexadecimal digits.",
            hint="A longer one goes on in anywhere.yaml: hub.cookie_secret. Without one people log"
            " in once more, and nothing else is lost.",
        )
    return Secret(file, text.lower() if fits else "")


def check_free(paths: StatePaths) -> None:
    """See that no hub's database is there.

    Raises:
        StateError: There is one.
    """
    if paths.database.exists():
        raise StateError(
            f"{paths.root} has a hub's database already.",
            hint="Name an empty folder with --into DIR. Two hubs' databases cannot be made one.",
        )


def put_into(file: Path, root: Path, secret: Secret | None, losses: frozenset[str]) -> StatePaths:
    """Put an upgraded copy into a state folder; the old database stays as it is.

    Args:
        file: The old database.
        root: The state folder; made where it is missing.
        secret: The cookie secret to take along.
        losses: Tables that may differ afterwards.

    Raises:
        StateError: It cannot be; the old database is as it was, and there is no half new one.
    """
    paths = open_state(root)
    with StateLock(paths), sqlite.held(file):
        check_free(paths)
        with sqlite.draft(paths.database, paths.hub) as folder:
            made = sqlite.upgraded(file, folder, losses)
            if secret is not None and secret.text:
                # Before the database: that is what says that there is a hub.
                write_private(paths.cookie_secret, f"{secret.text}\n")
            sqlite.put(made, paths.database)
    return paths
