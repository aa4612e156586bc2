"""Which tests of the contract are asked of whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from jupyterhub_anywhere.testing.contract.subject import Can

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., Any]")
_NOTHING = Can(0)


def needs(can: Can, *, lacks: Can = _NOTHING) -> Callable[[_F], _F]:
    """A test is for kinds that can do this.

    Args:
        can: All of it.
        lacks: And none of this.
    """

    def mark(test: _F) -> _F:
        test.__dict__["needs"], test.__dict__["lacks"] = can, lacks
        return test

    return mark


def is_for(test: Any, can: Can) -> bool:
    """Whether a test is asked of a kind that can do this."""
    needed, lacking = getattr(test, "needs", _NOTHING), getattr(test, "lacks", _NOTHING)
    return needed in can and not (lacking & can)
