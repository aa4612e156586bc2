"""``anywhere.yaml`` → a checked `Config`, or every problem at once.

::

    source    bytes → text
    nodes     text → nodes, within bounds
    plain     nodes → plain data
    include   one configuration out of several files
    environment   variables that win over the file
    problems  what the models refuse, with its place
    crosscheck    what only the whole can tell
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from jupyterhub_anywhere.config import crosscheck, environment
from jupyterhub_anywhere.config.include import Gathered, gather
from jupyterhub_anywhere.config.marks import Mark, Marks
from jupyterhub_anywhere.config.models import Config
from jupyterhub_anywhere.config.source import FaultError, read_text
from jupyterhub_anywhere.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Loaded:
    """A configuration with its places.

    Attributes:
        config: The models.
        marks: Where each value stands.
        path: The file as the administrator named it; ``Path("")`` for the built-in default.
        base: The folder that relative paths in it start from, absolute.
        problems: What the parts say of each other; empty unless the caller asked to collect.
    """

    config: Config
    marks: Marks
    path: Path
    base: Path
    problems: tuple[Problem, ...] = ()


def load(path: Path, *, environ: Mapping[str, str] | None = None, collect: bool = False) -> Loaded:
    """Load a file.

    Args:
        path: The file.
        environ: Variables that win over the file; default: those of this process.
        collect: Put problems between parts into `Loaded.problems` instead of raising them, for a
            caller that finds more and reports all at once.

    Raises:
        ConfigError: With every problem; a syntax error or an unreadable file stands alone.
    """
    name = str(path)
    try:
        text = read_text(path, name)
    except FaultError as fault:
        raise ConfigError([fault.problem]) from None
    gathered = gather(text, name, path)
    return _finish(gathered, path, environ, collect=collect)


def load_text(
    text: str, name: str, *, environ: Mapping[str, str] | None = None, collect: bool = False
) -> Loaded:
    """Load a text that is in no file; as `load`, with paths relative to the working directory.

    Args:
        text: YAML.
        name: What problems call it; empty for the built-in default.
        environ: Variables that win over the text; default: those of this process.
        collect: As in `load`.
    """
    return _finish(gather(text, name, None), Path(name), environ, collect=collect)


def _finish(
    gathered: Gathered, path: Path, environ: Mapping[str, str] | None, *, collect: bool
) -> Loaded:
    data, entries = gathered.data, gathered.entries
    environment.apply(data, entries, os.environ if environ is None else environ)
    name = str(path) if path != Path() else ""
    marks = Marks(Mark(name, 1, 1) if name else Mark("", 0, 0), entries)
    base = path.parent.absolute()
    problems = list(gathered.problems)
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        # Here: most files are right, and a look at what runs waits for them.
        from jupyterhub_anywhere.config.problems import Within, problems_of
        from jupyterhub_anywhere.config.salvage import problems_of_the_rest

        problems += problems_of(error, Config, data, marks, Within(broken=gathered.broken))
        problems += problems_of_the_rest(error, data, marks, base)
        raise ConfigError(problems) from None
    between = crosscheck.problems(config, marks, base)
    if problems or (between and not collect):
        raise ConfigError([*problems, *between])
    return Loaded(config, marks, path, base, tuple(between))
