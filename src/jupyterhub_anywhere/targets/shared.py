"""What a Spawner class keeps on itself: clients, pools, watches, made at first use.

A subclass would inherit what the bare class, or another target's, has already made. What the
attribute was before, only the source says: it is read once for each class. Caches of a module
(``functools.lru_cache``, globals) are out of reach; see `spawner.check_custom.PROCESS_WIDE`.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Where a class's source cannot be read.
_KNOWN: Final = {"_client": "None", "_executor": "None", "reflectors": "{}"}
# Packages whose classes keep nothing on themselves.
_CLEAN: Final = frozenset({"jupyterhub", "traitlets", "builtins", "abc"})
_EMPTY: Final = {"dict": "{}", "list": "[]", "set": "set()"}
_CHANGES: Final = frozenset({"add", "append", "extend", "insert", "setdefault", "update"})


def fresh(child: type) -> dict[str, Any]:
    """The attributes that a class keeps on itself, as they were before anybody used it."""
    found: dict[str, str] = {}
    for cls in reversed(child.__mro__):
        package = cls.__module__.partition(".")[0]
        if package in _CLEAN or package in sys.stdlib_module_names:
            continue
        found |= {name: text for name, text in _kept_by(cls).items() if hasattr(child, name)}
    return {
        name: set() if text == "set()" else ast.literal_eval(text) for name, text in found.items()
    }


@lru_cache(maxsize=256)
def _kept_by(cls: type) -> Mapping[str, str]:
    """Attribute to the literal of its beginning, for one class without its bases."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        # A class made at run time: what is known of others, as far as it has that itself.
        return {name: text for name, text in _KNOWN.items() if name in vars(cls)}
    body = next((node for node in tree.body if isinstance(node, ast.ClassDef)), None)
    if body is None:
        return {}
    beginnings = dict(_beginnings(body))
    changed = set(_changed(body))
    return {name: text for name, text in beginnings.items() if name in changed}


def _beginnings(body: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Attributes that begin as None or empty, each with a literal."""
    for node in body.body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        text = _literal(value)
        yield from ((t.id, text) for t in targets if isinstance(t, ast.Name) and text)


def _literal(value: ast.expr) -> str:
    if isinstance(value, ast.Constant) and value.value is None:
        return "None"
    if isinstance(value, ast.Dict) and not value.keys:
        return "{}"
    if isinstance(value, ast.List) and not value.elts:
        return "[]"
    if isinstance(value, ast.Call) and not value.args and not value.keywords:
        return _EMPTY.get(value.func.id, "") if isinstance(value.func, ast.Name) else ""
    return ""


def _changed(body: ast.ClassDef) -> Iterator[str]:
    """Attributes that its methods set on the class, or change inside."""
    for function in ast.walk(body):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        classes = {"cls", body.name, *_class_variables(function)}
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                if _is_class(node.value, classes):
                    yield node.attr
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
                if isinstance(node.value, ast.Attribute):
                    yield node.value.attr
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                inner = node.func.value
                if node.func.attr in _CHANGES and isinstance(inner, ast.Attribute):
                    yield inner.attr


def _class_variables(function: ast.AST) -> Iterator[str]:
    """Names of variables that hold the class: ``cls = self.__class__``."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and _is_class(node.value, frozenset()):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _is_class(node: ast.expr, names: frozenset[str] | set[str]) -> bool:
    """Whether an expression is the class: a name of it, ``type(self)`` or ``self.__class__``."""
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.Attribute):
        return node.attr == "__class__"
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type"
