"""Making thousands of things at once without Python's looks for garbage among them.

Each of those goes through everything that the process has, holds all of its threads meanwhile, and
finds nothing: what is made is used, and goes by itself when it is let go.
"""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _State:
    """How many blocks are in work, and whether garbage was looked for before the first."""

    lock = threading.Lock()
    blocks = 0
    before = True


@contextmanager
def uncollected() -> Iterator[None]:
    """Let the garbage of this process wait until the block ends, of at most a few seconds.

    Blocks may lie in each other, and in several threads and tasks at once.
    """
    with _State.lock:
        if not _State.blocks:
            _State.before = gc.isenabled()
            gc.disable()
        _State.blocks += 1
    try:
        yield
    finally:
        with _State.lock:
            _State.blocks -= 1
            if not _State.blocks and _State.before:
                gc.enable()
