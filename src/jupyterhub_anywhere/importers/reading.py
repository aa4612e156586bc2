"""Reads a ``jupyterhub_config.py``: by running it, and where it fails by looking at its text."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import ConfigError, Problem
from jupyterhub_anywhere.importers import runner
from jupyterhub_anywhere.importers.values import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Seconds that the file may run. Files that ask a cloud for its images exist.
RUN_SECONDS: Final = 60.0
# Packages that only the old hub had; a file that names others gets them one at a time.
_OLD_PACKAGES: Final = ("wrapspawner", "libcloudspawner")
_MOST_MISSING: Final = 20
_READ: Final = (*runner.READ, "JupyterHub")


@dataclass(frozen=True, slots=True)
class OldConfig:
    """What an old file sets.

    Attributes:
        file: The file, as it was named.
        sections: Class name to what it sets, as plain JSON (`importers.values`). Values are there
            for `runner.READ` only.
        missing: Packages that are not installed here; stand-ins took their place.
        failure: Why the file could not be run to its end, with its line; empty when it could.
    """

    file: Path
    sections: Mapping[str, Mapping[str, Any]]
    missing: tuple[str, ...] = ()
    failure: str = ""

    def section(self, name: str) -> dict[str, Any]:
        """What one class is set to."""
        return dict(self.sections.get(name, {}))


@dataclass(slots=True)
class _Run:
    effects: bool = False
    missing: list[str] = field(default_factory=list)

    def once(self, file: Path) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="anywhere-import-") as folder:
            output = Path(folder) / "result.json"
            command = [sys.executable, "-P", "-m", "jupyterhub_anywhere.importers.runner"]
            command += [str(file), str(output), *([runner.ALLOW] if self.effects else [])]
            command += [*_OLD_PACKAGES, *self.missing]
            try:
                # What the file prints is not our answer.
                done = subprocess.run(  # noqa: S603 - our own module, without a shell
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=2,
                    timeout=RUN_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                what = f"it did not end within {RUN_SECONDS:g} seconds"
                return {"error": {"line": 0, "what": what, "module": None}, "sections": {}}
            try:
                found: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                what = f"it ended its Python with exit code {done.returncode}"
                return {"error": {"line": 0, "what": what, "module": None}, "sections": {}}
            return found


def read(file: Path, *, effects: bool = False) -> OldConfig:
    """Read what a file sets.

    The file is run, as JupyterHub runs it, in a process of its own, which can change nothing else.
    Where it cannot be run to its end, assignments of plain values are taken from its text.

    Args:
        file: A ``jupyterhub_config.py``.
        effects: Let it do what it does at its hub: write files, run programs, ask others.

    Raises:
        ConfigError: It cannot be read, or it is no Python.
    """
    source = _source(file)
    tree = _tree(file, source)
    running, found = _Run(effects), {}
    for _ in range(_MOST_MISSING):
        found = running.once(file.absolute())
        module = (found.get("error") or {}).get("module")
        if not module or module.partition(".")[0] in running.missing:
            break
        running.missing.append(module.partition(".")[0])
    error = found.get("error")
    sections = {name: dict(values) for name, values in found.get("sections", {}).items()}
    if error:
        for name, key, value in _assigned(tree):
            sections.setdefault(name, {}).setdefault(key, value)
    failure = ""
    if error:
        line = f"line {error['line']}: " if error["line"] else ""
        failure = f"{line}{error['what']}"
    return OldConfig(file, sections, tuple(running.missing), failure)


def _source(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(file, "it is not UTF-8 text.") from error
    except OSError as error:
        raise _unreadable(file, f"{(error.strerror or str(error)).lower()}.") from error


def _tree(file: Path, source: str) -> ast.Module:
    try:
        return ast.parse(source, filename=str(file))
    except SyntaxError as error:
        problem = Problem(str(file), error.lineno or 0, error.offset or 0, "", f"{error.msg}.")
        hint = "It has to be Python, as JupyterHub reads it."
        raise ConfigError(
            [Problem(problem.file, problem.line, problem.column, "", problem.message, hint)]
        ) from error
    except ValueError as error:
        raise _unreadable(file, f"it is no Python: {error}.") from error


def _unreadable(file: Path, message: str) -> ConfigError:
    return ConfigError([Problem(str(file), 0, 0, "", f"cannot be read: {message}")])


def _assigned(tree: ast.Module) -> Iterator[tuple[str, str, Any]]:
    """Section, name and value of each ``c.Section.name = literal``."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Assign) and len(node.targets) == 1):
            continue
        match node.targets[0]:
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name(id="c"), attr=section), attr=name
            ) if section in _READ:
                try:
                    value = ast.literal_eval(_spelled(node.value))
                except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                    continue
                yield section, name, plain(value)


def _spelled(node: ast.expr) -> ast.expr:
    """The same with ``dict(a=1)`` as ``{"a": 1}``, which a literal is for everybody but Python."""

    class Dicts(ast.NodeTransformer):
        def visit_Call(self, call: ast.Call) -> ast.AST:
            self.generic_visit(call)
            named = [keyword for keyword in call.keywords if keyword.arg is not None]
            if (
                isinstance(call.func, ast.Name)
                and call.func.id == "dict"
                and not call.args
                and len(named) == len(call.keywords)
            ):
                keys: list[ast.expr | None] = [ast.Constant(each.arg) for each in named]
                return ast.Dict(keys, [each.value for each in named])
            return call

    changed: ast.expr = Dicts().visit(node)
    return ast.fix_missing_locations(changed)
