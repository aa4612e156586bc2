"""Why a target could not be asked, in words for an administrator and without secrets."""

from __future__ import annotations

import re
from typing import Final

# Characters of a foreign text that are shown.
_LONGEST: Final = 300
_SECRETS: Final = (
    # The user and the password of a URL.
    (re.compile(r"(\w+://)[^/@\s'\"]+@"), r"\1***@"),
    # Headers.
    (re.compile(r"(?i)\b(bearer|basic|token)(\s+)[\w.~+/=-]{8,}"), r"\1\2***"),
    # Parameters, variables and fields of that name.
    (
        re.compile(
            r"(?i)(\w*(?:token|passw(?:or)?d|secret|api_?key|signature)\w*[\"']?\s*[=:]\s*[\"']?)"
            r"(?!\*\*\*)[^\s\"'&,;)}]+"
        ),
        r"\1***",
    ),
)


def without_secrets(text: str) -> str:
    """A foreign text without what looks like a password or a token."""
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text


def reason_of(error: BaseException) -> str:
    """An error on one line: its kind and its words, or those of the service that refused.

    Args:
        error: Whatever a target's client raised.
    """
    # Docker's client keeps the engine's own words apart; the rest is the URL once more.
    said = str(getattr(error, "explanation", "") or error)
    text = without_secrets(" ".join(said.split()))
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    name = type(error).__name__
    return f"{name}: {text}" if text else name
