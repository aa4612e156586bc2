"""Whether something listens at an address."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

_SECONDS: Final = 3.0


async def answers(host: str, port: int) -> bool:
    """Whether a connection can be opened; closed at once, nothing is sent."""
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        # A time-out is one as well.
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
