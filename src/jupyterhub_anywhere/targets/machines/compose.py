"""Parts of a first boot as one user-data. Pure.

Scripts alone become one script, which any image runs that runs user-data at all. As soon as a part
is for cloud-init, all of them travel as MIME parts, in order.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPT: Final = "text/x-shellscript"
# How cloud-init tells what a part is: by its beginning.
_KINDS: Final = (
    ("#!", SCRIPT),
    ("#cloud-config", "text/cloud-config"),
    ("#include-once", "text/x-include-once-url"),
    ("#include", "text/x-include-url"),
    ("#cloud-boothook", "text/cloud-boothook"),
    ("## template:", "text/jinja2"),
)
_LINE: Final = 76


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Attributes:
        name: For people who read the user-data, as ``lab.yaml``.
        text: What it says.
    """

    name: str
    text: str

    @property
    def kind(self) -> str:
        """Its media type.

        Raises:
            TargetError: Nothing on a machine would know what to do with it.
        """
        for beginning, kind in _KINDS:
            if self.text.startswith(beginning):
                return kind
        raise TargetError(
            f"The user-data {self.name} begins with neither `#cloud-config` nor `#!`, so no machine"
            " would run it.",
            hint="Begin the template with one of these, in its first line.",
        )


def composed(parts: Sequence[Part]) -> str:
    """All parts as one user-data; empty for none.

    Raises:
        TargetError: Nothing on a machine would know what to do with one of them.
    """
    kinds = {each.kind for each in parts}
    if not parts:
        return ""
    if len(parts) == 1:
        return parts[0].text
    return _one_script(parts) if kinds == {SCRIPT} else _multipart(parts)


def _one_script(parts: Sequence[Part]) -> str:
    """A script that runs each part by its own interpreter; one that fails is no end of the rest."""
    lines = ["#!/bin/sh", "umask 077", "parts=$(mktemp -d) || exit 1", "run() {"]
    lines += ['    chmod 700 "$parts/$1" && "$parts/$1"', "    status=$?"]
    lines += ['    [ "$status" = 0 ] || echo "user-data: $1 ended with status $status" >&2', "}"]
    for number, each in enumerate(parts):
        end = f"END_{_digest(each.text)}"
        text = each.text if each.text.endswith("\n") else f"{each.text}\n"
        lines += [f"cat >\"$parts/{number}\" <<'{end}'", f"{text}{end}", f"run {number}"]
    lines += ['rm -rf "$parts"', 'exit "${status:-0}"', ""]
    return "\n".join(lines)


def _multipart(parts: Sequence[Part]) -> str:
    boundary = f"=={_digest(''.join(each.text for each in parts))}=="
    lines = [f'Content-Type: multipart/mixed; boundary="{boundary}"', "MIME-Version: 1.0", ""]
    for each in parts:
        encoding, body = _encoded(each.text)
        lines += [
            f"--{boundary}",
            f'Content-Type: {each.kind}; charset="utf-8"',
            f"Content-Transfer-Encoding: {encoding}",
            f'Content-Disposition: attachment; filename="{each.name}"',
            "",
            body,
        ]
    return "\n".join([*lines, f"--{boundary}--", ""])


def _encoded(text: str) -> tuple[str, str]:
    """How a part travels: as it is where it is ASCII, else what cloud-init decodes safely."""
    if text.isascii():
        return "7bit", text
    coded = base64.b64encode(text.encode()).decode()
    return "base64", "\n".join(coded[at : at + _LINE] for at in range(0, len(coded), _LINE))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def check_size(text: str, most: int, what: str) -> None:
    """Refuse what a cloud would not take.

    Args:
        text: The user-data.
        most: How many bytes the cloud takes; 0 where nobody knows.
        what: The cloud, for people.

    Raises:
        TargetError: It is too long.
    """
    size = len(text.encode())
    if most and size > most:
        raise TargetError(
            f"The user-data has {size} bytes, and {what} takes {most} at most.",
            hint="Make the template smaller, or have it fetch what is large.",
        )
