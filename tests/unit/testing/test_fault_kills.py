"""Places: their names, how a process comes to know them, and how it dies at one."""

from __future__ import annotations

import asyncio
import textwrap
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.testing.faults import kills, places
from jupyterhub_anywhere.testing.faults.kills import Book, Plan, Watched, listed

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from types import CodeType


def code(file: str, function: str) -> CodeType:
    """A function's code as if it stood in a file."""
    made = compile(f"def {function}(): pass", file, "exec")
    found: CodeType = made.co_consts[0]
    return found


USER = "/env/lib/python3/site-packages/jupyterhub/user.py"
BASE = "/env/lib/python3/site-packages/jupyterhub/handlers/base.py"
OURS = "/src/jupyterhub_anywhere/spawner/spawner.py"


# --- names ---------------------------------------------------------------------------------------


def test_a_place_begins_where_a_servers_life_does() -> None:
    frames = [
        (code("/env/lib/asyncio/events.py", "run"), 1),
        (code(BASE, "prepare"), 2),
        (code(USER, "spawn"), 3),
        (code(BASE, "inner"), 4),
        (code("/env/lib/sqlalchemy/orm.py", "commit"), 5),
    ]
    assert (
        places.named(frames) == "jupyterhub/user.py:spawn:3 > jupyterhub/handlers/base.py:inner:4"
    )
    assert places.named(frames[:2]) == ""


@pytest.mark.parametrize(
    ("file", "function", "flows"),
    [
        ("jupyterhub/user.py", "spawn", True),
        ("jupyterhub/user.py", "escaped_name", False),
        ("jupyterhub_anywhere/targets/docker/spawner.py", "anything", True),
        ("jupyterhub_anywhere/hub/keeper.py", "sweep", True),
        ("jupyterhub_anywhere/hub/pages.py", "get", False),
        ("dockerspawner/dockerspawner.py", "start", True),
    ],
)
def test_what_belongs_to_a_servers_life(file: str, function: str, *, flows: bool) -> None:
    assert places.is_flow(file, function) is flows


def test_the_harness_itself_is_no_place() -> None:
    assert places.file_of(code("/src/jupyterhub_anywhere/testing/faults/kills.py", "send")) == ""
    assert places.file_of(code(OURS, "start")) == "jupyterhub_anywhere/spawner/spawner.py"


@pytest.mark.parametrize(
    ("path", "bare"),
    [
        ("/v1.47/containers/json?all=1", "/containers/json"),
        ("/v1.47/containers/create?name=x", "/containers/create"),
        ("/containers/0a1b/start", "/containers/*/start"),
        ("/containers/0a1b?v=1", "/containers/*"),
        ("/images/registry/lab:1/json", "/images/*/json"),
        ("/_ping", "/_ping"),
    ],
)
def test_paths_of_an_engine_without_what_changes(path: str, bare: str) -> None:
    assert places.skeleton(path) == bare


# --- what a hub comes by -------------------------------------------------------------------------


class Step:
    """Suspends once."""

    def __await__(self) -> Generator[str, None, str]:
        yield "step"
        return "done"


def life(folder: Path) -> dict[str, object]:
    """Coroutines that stand in files of a server's life."""
    text = textwrap.dedent("""\
        async def spawn(step):
            return await start(step)

        async def start(step):
            return await step
    """)
    names: dict[str, object] = {}
    exec(compile(text, str(folder / "jupyterhub" / "user.py"), "exec"), names)
    return names


@pytest.fixture
def deaths() -> list[str]:
    return []


@pytest.fixture
def book(tmp_path: Path, deaths: list[str]) -> Book:
    return Book(tmp_path, lambda: deaths.append("dead"))


def watched(book: Book, folder: Path) -> Watched:
    return Watched(life(folder)["spawn"](Step()), book)  # type: ignore[operator]


def finish(task: Watched) -> object:
    assert task.send(None) == "step"
    with pytest.raises(StopIteration) as ended:
        task.send(None)
    return ended.value.value


CHAIN = "jupyterhub/user.py:spawn:2 > jupyterhub/user.py:start:5"


def test_each_place_is_listed_once(book: Book, tmp_path: Path) -> None:
    Plan("list").write(tmp_path)
    for _ in range(2):
        assert finish(watched(book, tmp_path)) == "done"
    assert listed(tmp_path) == [f"waits in {CHAIN}", f"returns in {CHAIN}"]


@pytest.mark.parametrize("when", ["waits", "returns"])
def test_it_dies_at_the_place_that_was_chosen(
    book: Book, tmp_path: Path, deaths: list[str], when: str
) -> None:
    Plan("die", f"{when} in {CHAIN}", skip=1).write(tmp_path)
    finish(watched(book, tmp_path))
    assert deaths == []
    finish(watched(book, tmp_path))
    assert deaths == ["dead"]
    assert (tmp_path / kills.DIED).read_text() == f"{when} in {CHAIN}"


def test_without_a_plan_nothing_is_written(book: Book, tmp_path: Path) -> None:
    finish(watched(book, tmp_path))
    Plan().write(tmp_path)
    finish(watched(book, tmp_path))
    assert listed(tmp_path) == []


def test_what_is_thrown_arrives(book: Book, tmp_path: Path) -> None:
    Plan("list").write(tmp_path)
    task = watched(book, tmp_path)
    task.send(None)
    with pytest.raises(asyncio.CancelledError):
        task.throw(asyncio.CancelledError())
    other = watched(book, tmp_path)
    other.send(None)
    other.close()
    assert len(listed(tmp_path)) == 2


async def test_a_watched_coroutine_can_be_awaited(book: Book, tmp_path: Path) -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    made = Watched(answer(), book)
    assert made.__name__ == "answer"
    assert made.cr_frame is not None
    assert await made == 42


def test_calls_are_named_by_their_callers(book: Book, tmp_path: Path) -> None:
    Plan("list").write(tmp_path)
    assert book.active
    text = "def stop(call):\n    call()\n"
    names: dict[str, object] = {}
    exec(compile(text, "/x/jupyterhub/user.py", "exec"), names)
    commit = kills._around(book, lambda: None, lambda: "commit")
    names["stop"](commit)  # type: ignore[operator]
    commit()
    kills._around(book, lambda: None, lambda: "go")()
    kills._around(book, lambda: None, lambda: "")()
    assert listed(tmp_path) == [
        "before commit in jupyterhub/user.py:stop:2",
        "after commit in jupyterhub/user.py:stop:2",
        "before go in a thread",
        "after go in a thread",
    ]
