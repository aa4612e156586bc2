"""JupyterHub's check of scopes, with a type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from jupyterhub import scopes

if TYPE_CHECKING:
    from collections.abc import Callable

Handler = TypeVar("Handler", bound="Callable[..., Any]")


def needs_scope(scope: str) -> Callable[[Handler], Handler]:
    """Let a method of a handler run for those who hold a scope for the user or server it names.

    Args:
        scope: The scope, without filter.
    """
    decorate: Callable[[Handler], Handler] = scopes.needs_scope(scope)
    return decorate
