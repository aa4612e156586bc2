"""Places at which a hub may die: their names, and which of them belong to a server's life."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType, FrameType

# Functions of JupyterHub that begin, end or look after a server.
_HUB_FLOWS: Final = {
    "jupyterhub/user.py": {"spawn", "stop", "_wait_up", "delete_spawners"},
    "jupyterhub/handlers/base.py": {
        "spawn_single_user",
        "finish_user_spawn",
        "stop_single_user",
        "user_stopped",
        "stop",
    },
    "jupyterhub/app.py": {"init_spawners", "check_spawner", "user_stopped"},
    "jupyterhub/spawner.py": {"start", "stop", "poll", "poll_and_notify"},
}
# Where a sweep begins: it goes on beside whatever else a hub does.
_SWEEPS: Final = re.compile(
    r" in jupyterhub_anywhere/(hub/keeper\.py:_go_round|ledger/reconcile\.py:|targets/watch\.py:)"
)
_OUR_FLOWS: Final = ("spawner/", "targets/", "ledger/", "hub/keeper", "hub/hubside")
_NAMED: Final = re.compile(r"(?:^|/)((?:jupyterhub|jupyterhub_anywhere|dockerspawner)/.+\.py)$")
_IDENTITY: Final = re.compile(
    r"^/(containers|images|networks|volumes|exec)/(?!json\b|create\b|prune\b)(.+?)"
    r"(?=(?:/(?:json|start|stop|kill|wait|logs|attach|archive|update|resize|rename))?$)"
)
_VERSION: Final = re.compile(r"^/v\d+\.\d+(?=/)")


def file_of(code: CodeType) -> str:
    """A file as places name it: from its package on; empty for one that places leave out."""
    found = _NAMED.search(code.co_filename)
    if found is None or "jupyterhub_anywhere/testing/" in found[1]:
        return ""
    return found[1]


def is_flow(file: str, function: str) -> bool:
    """Whether a function belongs to a server's life."""
    if file.startswith("jupyterhub_anywhere/"):
        return file.removeprefix("jupyterhub_anywhere/").startswith(_OUR_FLOWS)
    return file.startswith("dockerspawner/") or function in _HUB_FLOWS.get(file, ())


def is_sweep(place: str) -> bool:
    """Whether a hub comes by a place because it looks after everything, whatever else it does."""
    return _SWEEPS.search(place) is not None


def named(frames: Iterable[tuple[CodeType, int]]) -> str:
    """The name of a chain of frames, outermost first; empty where none is of a server's life.

    It begins with the first that is: who asked for it makes no difference to the world.
    """
    words: list[str] = []
    for code, line in frames:
        file = file_of(code)
        if file and (words or is_flow(file, code.co_name)):
            words.append(f"{file}:{code.co_name}:{line}")
    return " > ".join(words)


def awaited(coroutine: Any) -> Iterator[tuple[CodeType, int]]:
    """The frames of a coroutine that is suspended, outermost first."""
    at = coroutine
    while at is not None:
        for prefix, link in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
            if hasattr(at, link):
                frame = getattr(at, f"{prefix}_frame")
                if frame is not None:
                    yield frame.f_code, frame.f_lineno
                at = getattr(at, link)
                break
        else:
            return


def stacked(frame: FrameType | None) -> list[tuple[CodeType, int]]:
    """The frames of a call, outermost first."""
    found = []
    while frame is not None:
        found.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return found[::-1]


def skeleton(path: str) -> str:
    """A path of an engine's API without its version, its query and what is different each time."""
    bare = _VERSION.sub("", path.partition("?")[0])
    return _IDENTITY.sub(r"/\1/*", bare)
