"""Arguments of the NotebookApp era, as jupyterhub-singleuser takes them today.

Until JupyterHub 2, a single-user server was a ``NotebookApp``; today it is a ``ServerApp``, which
takes some arguments under other names, and has others from its hub.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_OLD_APP: Final = re.compile(r"--(NotebookApp|SingleUserNotebookApp|SingleUserLabApp)\.(\w+)")
# Trait of the old application to its name in ServerApp, where it has another one.
_RENAMED: Final = {
    "nbserver_extensions": "jpserver_extensions",
    "server_extensions": "jpserver_extensions",
}
_HUB_SAYS: Final = "the hub says it to the server"
_AGENT_SAYS: Final = "the agent on the machine says where the server listens"
_TOKEN: Final = "the hub decides who may enter"  # noqa: S105 - a sentence
# Flags and traits that are not passed on any more, with the reason.
_DROPPED: Final = {
    "no-browser": "a single-user server opens none",
    "browser": "a single-user server opens none",
    "open_browser": "a single-user server opens none",
    "ip": _AGENT_SAYS,
    "port": _AGENT_SAYS,
    "port-retries": _AGENT_SAYS,
    "port_retries": _AGENT_SAYS,
    "token": _TOKEN,
    "password": _TOKEN,
    "password_required": _TOKEN,
    "disable_check_xsrf": "it switches a protection off",
    "allow-root": "a server never runs as root",
    "allow_root": "a server never runs as root",
    "user": _HUB_SAYS,
    "group": _HUB_SAYS,
    "cookie-name": _HUB_SAYS,
    "cookie_name": _HUB_SAYS,
    "cookie_secret": _HUB_SAYS,
    "base-url": _HUB_SAYS,
    "base_url": _HUB_SAYS,
    "hub-host": _HUB_SAYS,
    "hub_host": _HUB_SAYS,
    "hub-prefix": _HUB_SAYS,
    "hub_prefix": _HUB_SAYS,
    "hub-api-url": _HUB_SAYS,
    "hub_api_url": _HUB_SAYS,
}
# Dropped ones that stand alone; all others have a value, which may be the next argument.
_FLAGS: Final = frozenset({"no-browser", "allow-root"})
_FOLDER: Final = frozenset({"notebook-dir", "notebook_dir", "root_dir"})
_FIRST_PAGE: Final = frozenset({"default_url", "default-url"})


@dataclass(slots=True)
class Arguments:
    """What a list of old arguments means today.

    Attributes:
        args: What is passed on.
        notebook_dir: The folder that the server shows; empty where none was named.
        default_url: The page that it opens; empty where none was named.
        notes: What is different, one sentence each.
    """

    args: list[str] = field(default_factory=list)
    notebook_dir: str = ""
    default_url: str = ""
    notes: list[str] = field(default_factory=list)


def split(texts: Iterable[str]) -> list[str]:
    """Split texts as a shell would; LibcloudSpawner joined all of them with blanks.

    Raises:
        ValueError: A quotation is not closed; names the text.
    """
    found: list[str] = []
    for text in texts:
        try:
            found += shlex.split(text)
        except ValueError as error:
            raise ValueError(
                f"{text!r} cannot be split as a shell would: {str(error).lower()}."
            ) from error
    return found


def translate(arguments: Sequence[str]) -> Arguments:
    """Say what arguments of any age mean today.

    Args:
        arguments: Split, one a text.
    """
    out = Arguments()
    waiting = list(arguments)
    while waiting:
        _one(waiting.pop(0), waiting, out)
    return out


def _one(argument: str, rest: list[str], out: Arguments) -> None:
    head, equals, value = argument.partition("=")
    old = _OLD_APP.fullmatch(head)
    name = old.group(2) if old else head.removeprefix("--")
    if not head.startswith("--") or (not old and "." in name):
        out.args.append(argument)
        return
    known = name in _FOLDER | _FIRST_PAGE or name in _DROPPED
    if known and not equals and name not in _FLAGS and rest and not rest[0].startswith("-"):
        value = rest.pop(0)
    if name in _FOLDER:
        out.notebook_dir = value
        out.notes.append(f"{head} is notebook_dir today.")
    elif name in _FIRST_PAGE:
        out.default_url = value
        out.notes.append(f"{head} is default_url today.")
    elif name in _DROPPED:
        out.notes.append(f"{head} is left out: {_DROPPED[name]}.")
    elif old:
        present = f"--ServerApp.{_RENAMED.get(name, name)}"
        out.args.append(f"{present}{equals}{value}")
        out.notes.append(f"{head} is {present} today.")
    else:
        out.args.append(argument)
