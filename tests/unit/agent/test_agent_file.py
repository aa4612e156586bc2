"""The agent's file: short, for Python 3.8, and of the standard library alone."""

from __future__ import annotations

import ast
import sys

import pytest

from jupyterhub_anywhere.targets.machines import launcher

FILES = ("agent.py", "tunnel.py")
MOST_LINES = 500
# What a machine imports; all of it is in Python 3.8.
ALLOWED = set(sys.stdlib_module_names) - {"tomllib", "zoneinfo", "graphlib"}


def test_the_agent_has_at_most_500_lines() -> None:
    assert len(launcher.source("agent.py").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("sent", [False, True])
def test_it_is_python_3_8_of_the_standard_library(name: str, sent: bool) -> None:  # noqa: FBT001
    text = launcher.source(name)
    tree = ast.parse(launcher.sent(text) if sent else text, feature_version=(3, 8))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
        # Younger than 3.8, and not seen by the parser.
        assert not (
            isinstance(node, ast.Attribute) and node.attr in {"removeprefix", "removesuffix"}
        )
    assert imported <= ALLOWED


@pytest.mark.parametrize("name", FILES)
def test_what_is_sent_does_the_same(name: str) -> None:
    """Only documentation and types are left out: every other statement is there."""
    whole, sent = (ast.parse(text) for text in _both(name))
    assert _bare(whole) == _bare(sent)


def _both(name: str) -> tuple[str, str]:
    text = launcher.source(name)
    return text, launcher.sent(text)


def _bare(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
