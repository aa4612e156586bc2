"""Parts of a first boot as one user-data. Pure.

Scripts alone become one script, which any image runs that runs user-data at all. As soon as a part
is for cloud-init, that script travels as the last of MIME parts. It is one there, too: of several
scripts, cloud-init runs those first whose names come first in the alphabet.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.machines.launcher import FAILED, FOLDER

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
# cloud-init writes the commands of `runcmd` into a script of that name, beside those of user-data,
# and runs all in the order of the alphabet.
_LAST: Final = "zz-anywhere.sh"
_LINES: Final = 40
_BYTES: Final = 6000


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


def composed(parts: Sequence[Part], folder: str = FOLDER) -> str:
    """All parts as one user-data; empty for none.

    Args:
        parts: The last one is the launcher's, and runs in any case: it tells what has failed. Of
            the scripts before it, none runs after one that has failed.
        folder: Where the agent lies, and looks for what has failed.

    Raises:
        TargetError: Nothing on a machine would know what to do with one of them.
    """
    scripts = [each for each in parts if each.kind == SCRIPT]
    others = [each for each in parts if each.kind != SCRIPT]
    if len(parts) < 2:  # noqa: PLR2004 - nothing to put together
        return "".join(each.text for each in parts)
    if len(scripts) > 1:
        scripts = [Part(_LAST, _one_script(scripts, folder))]
    elif scripts:
        scripts = [Part(_LAST, scripts[0].text)]
    return _multipart([*others, *scripts]) if others else scripts[0].text


def _one_script(parts: Sequence[Part], folder: str) -> str:
    """A script that runs each part by its own interpreter, as if it were alone."""
    lines = ["#!/bin/sh", "umask 077", "parts=$(mktemp -d) || exit 1"]
    lines += [f"failed={shlex.quote(f'{folder}/{FAILED}')}", _RUN]
    for number, each in enumerate(parts):
        end = f"END_{_digest(each.text)}"
        text = each.text if each.text.endswith("\n") else f"{each.text}\n"
        lines += [f"cat >\"$parts/{number}\" <<'{end}'", f"{text}{end}"]
        if each is parts[-1]:
            lines += [f'chmod 700 "$parts/{number}"', f'"$parts/{number}"', "status=$?"]
        else:
            lines += [f"run {number} {shlex.quote(each.name)}"]
    return "\n".join([*lines, 'rm -rf "$parts"', 'exit "$status"', ""])


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


# Into a file, not a pipe: what a script leaves running would hold that open. Others' programs are
# not to be closed to users by our mask.
_RUN: Final = f"""\
rm -f "$failed"
run() {{
    [ ! -e "$failed" ] || return 0
    chmod 700 "$parts/$1"
    status=0
    (umask 022; exec "$parts/$1") >"$parts/log" 2>&1 || status=$?
    cat "$parts/log"
    [ "$status" != 0 ] || return 0
    echo "user-data: $2 ended with exit status $status" >&2
    mkdir -p -m 700 "${{failed%/*}}"
    echo "$2 ended with exit status $status" >"$failed"
    tail -n {_LINES} "$parts/log" | tail -c {_BYTES} >>"$failed"
}}"""
