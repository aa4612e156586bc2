"""HTTP/1.1 as it is on the wire: heads are read, bodies are passed on unread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

# Of a head, and of one piece of a body.
LIMIT: Final = 1 << 20
_PIECE: Final = 1 << 16
_SWITCHING: Final = 101
_NO_CONTENT: Final = frozenset({204, 304})
_RAW: Final = "application/vnd.docker.raw-stream"
_MULTIPLEXED: Final = "application/vnd.docker.multiplexed-stream"


class WireError(Exception):
    """What came is no HTTP, or ended in the middle."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first lines of a request or an answer.

    Attributes:
        raw: As they came, with the empty line at their end.
        start: The first line's words.
        fields: The headers; names in lower case.
    """

    raw: bytes
    start: tuple[str, str, str]
    fields: dict[str, str]

    @property
    def status(self) -> int:
        """An answer's status."""
        return int(self.start[1])

    @property
    def chunked(self) -> bool:
        """Whether the body is in chunks."""
        return "chunked" in self.fields.get("transfer-encoding", "").lower()

    @property
    def length(self) -> int | None:
        """The body's length where it is told."""
        told = self.fields.get("content-length")
        return int(told) if told is not None else None

    @property
    def upgrades(self) -> bool:
        """Whether a request asks for a connection of its own, as attach and exec do."""
        return "upgrade" in self.fields

    @property
    def closes(self) -> bool:
        """Whether the connection ends after this."""
        return "close" in self.fields.get("connection", "").lower()

    def hijacks(self) -> bool:
        """Whether an answer is the beginning of a stream in both directions."""
        kind = self.fields.get("content-type", "")
        bare = not self.chunked and self.length is None
        return self.status == _SWITCHING or (bare and kind in {_RAW, _MULTIPLEXED})


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; None where the connection ended before it.

    Raises:
        WireError: It ended within, or is no HTTP.
    """
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except EOFError as error:
        if not getattr(error, "partial", b""):
            return None
        raise WireError("the connection ended within a head") from error
    except (OSError, ValueError) as error:
        raise WireError(f"no head could be read: {error}") from error
    lines = raw.decode("latin-1").split("\r\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2:  # noqa: PLR2004  (an answer may lack its reason)
        raise WireError(f"this is no HTTP: {lines[0]!r}")
    fields = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            fields[name.strip().lower()] = value.strip()
    return Head(raw, (words[0], words[1], words[2] if words[2:] else ""), fields)


async def request_body(head: Head, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """A request's body, piece by piece, as it is on the wire."""
    if head.chunked:
        async for piece in _chunks(reader):
            yield piece
    else:
        async for piece in _exactly(reader, head.length or 0):
            yield piece


async def answer_body(
    head: Head, method: str, reader: asyncio.StreamReader
) -> AsyncIterator[bytes]:
    """An answer's body, piece by piece, as it is on the wire.

    Args:
        head: The answer's head.
        method: The request's.
        reader: Where it comes from.
    """
    if method == "HEAD" or head.status in _NO_CONTENT:
        return
    if head.chunked:
        async for piece in _chunks(reader):
            yield piece
    elif head.length is not None:
        async for piece in _exactly(reader, head.length):
            yield piece
    else:
        while piece := await reader.read(_PIECE):
            yield piece


async def content(head: Head, method: str, reader: asyncio.StreamReader) -> bytes:
    """The whole content of an answer, out of its chunks."""
    pieces = [piece async for piece in answer_body(head, method, reader)]
    if not head.chunked:
        return b"".join(pieces)
    # Pieces are size line, data and line end, as `_chunks` yields them.
    return b"".join(data.removesuffix(b"\r\n") for data in pieces[1::2])


def answer(status: int, body: bytes, reason: str = "Made") -> bytes:
    """A whole answer of one's own."""
    lines = [
        f"HTTP/1.1 {status} {reason}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def _exactly(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    while length > 0:
        piece = await reader.read(min(length, _PIECE))
        if not piece:
            raise WireError("the connection ended within a body")
        length -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Size line and data with its line end, in turn; the last is the empty chunk's."""
    try:
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            yield line
            if size == 0:
                # Trailers would come here; none of those that we know sends any.
                yield await reader.readuntil(b"\r\n")
                return
            yield await reader.readexactly(size + 2)
    except EOFError as error:
        raise WireError("the connection ended within a chunk") from error
