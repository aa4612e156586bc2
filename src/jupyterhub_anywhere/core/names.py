"""Names: what a user may be called, and what a resource of a server is called.

User names are 1 to 64 characters after NFKC: letters, digits and ``._-@+``, with no ``.`` or ``-``
in front. They become parts of URLs, paths and labels, and JupyterHub itself takes nearly anything.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_USER_NAME: Final = 64
_PLAIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
# The prefix of a DNS label that is neither the hash nor the dash before it.
_SLUG_LENGTH: Final = 48
_HASH_LENGTH: Final = 8


def normalize_user_name(name: str) -> str:
    """Bring a user name into the one form that is stored: NFKC, lower case, no blanks around it.

    Lower case is JupyterHub's own rule (``Authenticator.normalize_username``).

    Raises:
        ValueError: No such name may exist; the text says why.
    """
    normal = unicodedata.normalize("NFKC", name).strip().lower()
    # Lower-casing can leave the composed form (U+0130), so it is composed once more.
    normal = unicodedata.normalize("NFKC", normal)
    if not 1 <= len(normal) <= MAX_USER_NAME:
        raise ValueError(f"a user name has 1 to {MAX_USER_NAME} characters")
    if normal[0] in ".-":
        raise ValueError("a user name does not start with a dot or a dash")
    # A mark in front has no letter that it could belong to.
    if not all(map(_allowed, normal)) or unicodedata.category(normal[0]).startswith("M"):
        raise ValueError("a user name consists of letters, digits and . _ - @ +")
    return normal


def _allowed(char: str) -> bool:
    if char in "._-@+":
        return True
    category = unicodedata.category(char)
    # Marks belong to the letters of many scripts (vowel signs); Nl and No are no digits.
    return category.startswith("L") or category in {"Nd", "Mn", "Mc"}


def slug(text: str, *, length: int = _SLUG_LENGTH) -> str:
    """Make a name that is safe as DNS label, file name and cgroup name.

    A plain short name stays as it is; any other gets a hash of the whole, so that two
    names never meet in one slug.

    Args:
        text: Any text, at least one character.
        length: The longest result, in characters; at least 16.

    Returns:
        ``[a-z0-9-]``, no dash at either end, at most ``length`` characters.
    """
    # A name that ends like a hash of ours is hashed too: it could be another name's slug.
    looks_hashed = re.search(r"--[0-9a-f]{8}$", text) is not None
    if len(text) <= length and _PLAIN.fullmatch(text) and not looks_hashed:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", ascii_text)[: length - _HASH_LENGTH - 2].strip("-") or "x"
    return f"{stem}--{digest}"


def resource_name(hub_id: str, user_name: str, server_name: str, *, attempt: int = 0) -> str:
    """The deterministic name of what is made for one server.

    Args:
        hub_id: The hub's random id (``hub.id``), which keeps two hubs apart on one back end.
        user_name: The stored name of the user.
        server_name: The server's name, empty for the default one.
        attempt: Which start of this server; 0 where the resource is kept between starts.

    Returns:
        At most 63 characters, a valid DNS label.
    """
    server = f"{user_name}/{server_name}" if server_name else user_name
    name = f"{slug(server, length=36)}-{slug(hub_id, length=16)}"
    return f"{name}-{attempt}" if attempt else name


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, or an empty text."""
    candidates = list(known)
    lowered = {candidate.lower(): candidate for candidate in candidates}
    if name.lower() in lowered:
        return lowered[name.lower()]
    matches = get_close_matches(name, candidates, n=1, cutoff=0.6)
    return matches[0] if matches else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the nearest one, else all that are allowed (up to twelve)."""
    candidates = sorted(known)
    guess = nearest(name, candidates)
    if guess:
        return f"Did you mean {guess}?"
    if not candidates:
        return ""
    shown = candidates[:12]
    more = f" and {len(candidates) - len(shown)} more" if len(candidates) > len(shown) else ""
    return f"Allowed: {', '.join(shown)}{more}."
