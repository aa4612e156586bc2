"""Calls that block, in threads of their own: a slow disk here delays nobody else's calls."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Args = ParamSpec("_Args")
_Result = TypeVar("_Result")

_POOL: Final = ThreadPoolExecutor(max_workers=8, thread_name_prefix="anywhere-process")


async def blocking(
    call: Callable[_Args, _Result], *args: _Args.args, **kwargs: _Args.kwargs
) -> _Result:
    """Make a call in a thread, and wait for what it returns or raises."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_POOL, partial(call, *args, **kwargs))
