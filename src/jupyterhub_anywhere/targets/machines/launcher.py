"""The launcher: what becomes of a ticket on a machine, as a script of its first boot. Pure.

The script needs a POSIX shell and a Python of 3.8 or newer. It writes the agent and what the agent
has to know into a folder of root's own, and starts it: as a unit where systemd runs, else as a
process of its own that is started again when it fails. Run twice, it does the same once.
"""

from __future__ import annotations

import ast
import base64
import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final
from urllib.parse import urlsplit

FOLDER: Final = "/var/lib/jupyterhub-anywhere"
# In it: what ended badly before the agent was started, in a line, and what it said.
FAILED: Final = "failed"
# What starts the agent, now and at each boot; it lies beside it.
LAUNCH: Final = "launch.sh"
_LINE: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What an agent has to know before it has a job.

    Attributes:
        hub: The hub as the machine reaches it, with its prefix: ``https://10.0.0.1:8081/hub``.
        ticket: The ticket's text.
        ca: The authority that signed the hub's certificate, PEM; empty for those of the system.
        insecure: Whether the hub may be reached by plain http.
        internal_ssl: Whether the machine makes a key, and asks for a certificate.
        dial: Whether the machine opens a tunnel, and so needs the tunnel's file.
        home: Whether a home volume is mounted before.
        search: Folders in which the server's program is looked for first.
        command: The server's program, whose version is told.
        folder: Where the agent lies.
    """

    hub: str
    ticket: str
    ca: str = ""
    insecure: bool = False
    internal_ssl: bool = False
    dial: bool = False
    home: bool = False
    search: tuple[str, ...] = ()
    command: str = ""
    folder: str = FOLDER


def boot_script(boot: Boot) -> str:
    """The script.

    Raises:
        ValueError: The hub's address is none, or is plain http though nobody said that it may be.
    """
    parts = urlsplit(boot.hub)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{boot.hub!r} is no address of a hub, as https://10.0.0.1:8081/hub")
    if parts.scheme == "http" and not boot.insecure:
        raise ValueError(f"{boot.hub} is plain http, and `insecure` is not set")
    names = ("agent.py", "tunnel.py") if boot.dial else ("agent.py",)
    text = _bare(_template("boot.sh"))
    values = {
        "@FOLDER@": _quoted(boot.folder),
        "@HOME@": "yes" if boot.home else "no",
        "@CONFIG@": config_of(boot),
        "@FILES@": packed(names),
    }
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def _bare(text: str) -> str:
    """A script without its comments, but for those at its top: for who finds it on a machine."""
    top, _, rest = text.partition("\nset ")
    lines = rest.splitlines(keepends=True)
    return f"{top}\nset {''.join(x for x in lines if not x.lstrip(' ').startswith('# '))}"


def config_of(boot: Boot) -> str:
    """What stands in ``config.json``: ASCII on one line, so that it ends no document of a shell."""
    values = {
        "hub": boot.hub.rstrip("/"),
        "ticket": boot.ticket,
        "ca": boot.ca,
        "insecure": boot.insecure,
        "internal_ssl": boot.internal_ssl,
        "search": list(boot.search),
        "command": boot.command,
    }
    return json.dumps({name: value for name, value in values.items() if value}, sort_keys=True)


@lru_cache(maxsize=4)
def packed(names: tuple[str, ...]) -> str:
    """What lies beside the agent, and itself: JSON of names to texts, compressed, in base 85."""
    files = {name: sent(source(name)) for name in names}
    files[LAUNCH] = _bare(_template(LAUNCH))
    data = zlib.compress(json.dumps(files).encode(), 9)
    text = base64.b85encode(data).decode("ascii")
    return "\n".join(text[at : at + _LINE] for at in range(0, len(text), _LINE))


def source(name: str) -> str:
    """A file of the agent."""
    return resources.files("jupyterhub_anywhere.agent").joinpath(name).read_text("utf-8")


def sent(text: str) -> str:
    """A program as it travels: without comments and documentation, for user-data is small.

    EC2 takes 16 KiB. What runs is the same, statement by statement.

    Raises:
        ValueError: It cannot be written so that each Python from 3.8 on can read it.
    """
    tree = ast.parse(text, feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and any(map(_is_text, ast.walk(node.value))):
            # From 3.12 on Python writes it as older ones, on machines, cannot read it.
            raise ValueError(f"line {node.lineno}: a text within the braces of an f-string")
        if isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
        ) and (ast.get_docstring(node) is not None):
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _without_types(node)
    lines = ast.unparse(ast.fix_missing_locations(tree)).splitlines()
    return "\n".join(map(_narrow, lines)) + "\n"


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _without_types(node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    node.returns = None
    found = node.args
    for each in (*found.posonlyargs, *found.args, *found.kwonlyargs, found.vararg, found.kwarg):
        if each is not None:
            each.annotation = None


def _narrow(line: str) -> str:
    """A line indented by one blank where it was by four."""
    bare = line.lstrip(" ")
    return " " * ((len(line) - len(bare)) // 4) + bare


def _quoted(text: str) -> str:
    """A text between single quotes of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def _template(name: str) -> str:
    """A shell script that is shipped."""
    return resources.files(__package__).joinpath("templates", name).read_text("ascii")
