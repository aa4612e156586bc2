"""Reading the bytes of a file and making text of them."""

from __future__ import annotations

import codecs
import stat
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.config.marks import Mark
from jupyterhub_anywhere.core.errors import Problem

if TYPE_CHECKING:
    from pathlib import Path

# Two hundred profiles with five options each are a tenth of it.
MAX_BYTES: Final = 1 << 20

_WIDE: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


class FaultError(Exception):
    """One file cannot be read any further; carries the one problem that says why."""

    def __init__(self, mark: Mark, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(*mark, path="", message=message, hint=hint)


def read_text(path: Path, name: str) -> str:
    """The text of a file.

    Args:
        path: The file.
        name: How the administrator wrote it.

    Raises:
        FaultError: It is not there, no file, not readable, too large or not UTF-8.
    """
    mark = Mark(name, 0, 0)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            what = "a folder" if path.is_dir() else "no regular file"
            raise FaultError(mark, f"this is {what}.", "Name a file, as anywhere.yaml.")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise FaultError(mark, "there is no such file.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FaultError(mark, f"this file cannot be read: {reason}.") from None
    if len(data) > MAX_BYTES:
        raise FaultError(mark, "this file is larger than 1 MiB.", "Is it the right one?")
    return decode(data, name)


def decode(data: bytes, name: str) -> str:
    """UTF-8 text, with or without a byte order mark.

    Raises:
        FaultError: It is in another encoding; the place of the first wrong byte is named.
    """
    for bom, encoding in _WIDE:
        if data.startswith(bom):
            raise FaultError(
                Mark(name, 1, 1), f"this file is {encoding}, not UTF-8.", "Save it as UTF-8."
            )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The offset counts from the start of the file, its byte order mark included.
        skipped = len(data) - len(error.object)
        before = error.object[: error.start].decode("utf-8", "replace")
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        raise FaultError(
            Mark(name, line, column),
            f"this file is not UTF-8: byte 0x{error.object[error.start]:02x}"
            f" at offset {error.start + skipped}.",
            "Save it as UTF-8.",
        ) from None
