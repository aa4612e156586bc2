"""Texts of others without the secrets in them: a server's last log lines, an engine's own words.

Two nets. What is known to be secret is found however it is written: over several lines, with
blanks in it, percent-encoded once or more. What only looks like a secret is found by its looks.
What is too much is hidden rather than what is too little: these texts are a help, no record.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MASK: Final = "***"
# Shorter ones are in every text. Longer than the mask, so that masking comes to an end.
SHORTEST: Final = 4
# How often something may have been percent-encoded.
_DEPTH: Final = 3
_SECRET_NAME: Final = re.compile(
    r"token|secret|passw|pwd|passphrase|credential|cookie|private|signature"
    r"|(^|[_-])(key|auth|pin|pat|sas|dsn)($|[_-])|api_?key|access_?key",
    re.IGNORECASE,
)
_USER_INFO: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/@:]*:([^\s/@]+)@", re.IGNORECASE)
_NAMES: Final = (
    r"(?:[\w.-]*(?:token|secret|passw(?:or)?d|passphrase|credential|api_?key|access_?key|cookie)[\w.-]*"
    r"|pwd|sig|code|client_secret)"
)
_LOOKS: Final = (
    # Authorization: token abc; Proxy-Authorization: Basic abc
    (re.compile(r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?)[^\r\n'\"]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b((?:bearer|basic|token)\s+)[A-Za-z0-9._~+/=-]{8,}"), rf"\1{MASK}"),
    (re.compile(r"(?i)((?:set-)?cookie['\"]?\s*:\s*)[^\r\n]+"), rf"\1{MASK}"),
    # https://name:password@host
    (re.compile(r"(?i)([a-z][a-z0-9+.-]*://)[^\s/@]*:[^\s/@]+@"), rf"\1{MASK}@"),
    # token=abc, "password": "a b", --secret=abc
    (re.compile(rf"(?i)({_NAMES}['\"]?\s*[:=]\s*)(\"[^\"\r\n]+\"|'[^'\r\n]+')"), rf"\1{MASK}"),
    (re.compile(rf"(?i)({_NAMES}['\"]?\s*[:=]\s*)[^\s&;,'\")}}\]]+"), rf"\1{MASK}"),
    # JSON web tokens, and what is long and hexadecimal; a digest of an image is no secret.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}"), MASK),
    (re.compile(r"(?<![A-Za-z0-9])(?<!sha256:)[0-9A-Fa-f]{32,}(?![A-Za-z0-9])"), MASK),
)
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")
# Of the characters of random base64, five in eight are capitals or digits; of a path, few are.
_RANDOM_SHARE: Final = 0.3


def secrets_of(environment: Mapping[str, object]) -> list[str]:
    """The values of an environment that are secret: by their names, and passwords in addresses."""
    found: list[str] = []
    for name, value in ((name, str(each)) for name, each in environment.items()):
        if _SECRET_NAME.search(name):
            found.append(value)
        found += _USER_INFO.findall(value)
    return [value for value in dict.fromkeys(found) if len(value) >= SHORTEST]


def scrubbed(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without secrets.

    Args:
        text: Any text. Cut it afterwards, not before: half a secret is not found.
        secrets: What is known to be secret; what is shorter than four characters is not looked
            for.
    """
    known = without(text, secrets)
    for pattern, put in _LOOKS:
        known = pattern.sub(put, known)
    known = _RUN.sub(_masked_run, known)
    # What was put in may have brought the ends of a secret together.
    return without(known, secrets)


def without(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets, in whatever writing."""
    wanted = [secret for secret in (_bytes(each) for each in secrets) if len(secret) >= SHORTEST]
    wanted.sort(key=len, reverse=True)
    changed = bool(wanted)
    while changed:
        spans = _spans(text, wanted)
        changed = bool(spans)
        for start, end in reversed(spans):
            text = text[:start] + MASK + text[end:]
    return text


def _masked_run(found: re.Match[str]) -> str:
    run = found[0]
    loud = sum(char.isupper() or char.isdigit() for char in run)
    mixed = any(map(str.isupper, run)) and any(map(str.islower, run)) and any(map(str.isdigit, run))
    return MASK if mixed and loud >= _RANDOM_SHARE * len(run) else run


def _bytes(secret: str) -> bytes:
    return bytes(byte for byte in _encoded(secret) if not _blank(byte))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _blank(byte: int) -> bool:
    return byte <= 0x20 or byte == 0x7F  # noqa: PLR2004 - blanks, line ends, what terminals obey


# A byte as it would be after decoding, and the characters of the text that stand for it.
_Byte = tuple[int, int, int]


def _spans(text: str, wanted: list[bytes]) -> list[tuple[int, int]]:
    """Where a secret stands: starts and ends, disjoint and in order."""
    view: list[_Byte] = [
        (byte, place, place + 1) for place, char in enumerate(text) for byte in _encoded(char)
    ]
    found: list[tuple[int, int]] = []
    for _ in range(_DEPTH + 1):
        # Blanks go first: a percent sign and its digits may be on two lines.
        view = [each for each in view if not _blank(each[0])]
        plain = bytes(each[0] for each in view)
        for secret in wanted:
            at = plain.find(secret)
            while at >= 0:
                found.append((view[at][1], view[at + len(secret) - 1][2]))
                at = plain.find(secret, at + 1)
        decoded = _decoded(view)
        if len(decoded) == len(view):
            break
        view = decoded
    return _merged(found)


def _decoded(view: list[_Byte]) -> list[_Byte]:
    """Percent-decoding by one level."""
    result: list[_Byte] = []
    at = 0
    while at < len(view):
        byte, start, end = view[at]
        pair = bytes(each[0] for each in view[at + 1 : at + 3]) if byte == ord("%") else b""
        if len(pair) == 2 and all(chr(digit) in "0123456789abcdefABCDEF" for digit in pair):  # noqa: PLR2004 - two digits
            result.append((int(pair, 16), start, view[at + 2][2]))
            at += 3
        else:
            result.append((byte, start, end))
            at += 1
    return result


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    result: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result
