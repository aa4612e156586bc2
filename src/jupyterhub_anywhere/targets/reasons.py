"""Why a target could not be asked, in words for an administrator and without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.scrubbing import scrubbed

if TYPE_CHECKING:
    from collections.abc import Iterable

# Characters of a foreign text that are shown.
_LONGEST: Final = 300
# Characters that are looked through: a proxy may answer with a page of a megabyte.
_READ: Final = 2000


def reason_of(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """An error on one line: its kind and its words, or those of the service that refused.

    Args:
        error: Whatever a target's client raised.
        secrets: What is known to be secret; what looks like a secret is left out in any case.
    """
    # Docker's client keeps the engine's own words apart; the rest is the URL once more. What a
    # failed start says to an administrator is apart from what its user reads.
    apart = getattr(error, "explanation", "") or getattr(error, "log_message", "")
    said = str(apart or error)
    words = said[:_READ].split()
    if len(said) > _READ:
        # It may be half a secret, which nobody would find.
        words = words[:-1]
    text = scrubbed(" ".join(words), secrets)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    name = type(error).__name__
    return f"{name}: {text}" if text else name
