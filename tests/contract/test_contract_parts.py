"""The contract itself: what is asked of whom, how little a kind says, and what the docs say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyterhub_anywhere.testing.contract import Can, Contract, Keys, Subject
from jupyterhub_anywhere.testing.contract.memory_engine import MemoryEngine, NotFoundError
from jupyterhub_anywhere.testing.contract.memory_kind import MemoryTarget
from jupyterhub_anywhere.testing.contract.needs import is_for, needs

ROOT = Path(__file__).parents[2]
TESTS = {name for name in dir(Contract) if name.startswith("test_")}
# Lines that a kind needs to join.
MOST = 40


@pytest.mark.parametrize(
    "file",
    [
        "tests/contract/test_contract_memory.py",
        "tests/contract/test_contract_process.py",
        "tests/engines/test_contract_docker.py",
        "tests/engines/test_contract_docker_removed.py",
    ],
)
def test_a_kind_joins_with_a_few_lines(file: str) -> None:
    assert len((ROOT / file).read_text("utf-8").splitlines()) <= MOST


def test_what_a_kind_cannot_do_is_not_asked_of_it() -> None:
    class Modest(Contract):
        pass

    class Able(Contract):
        can = ~Can(0)

    assert {name for name in TESTS if getattr(Able, name) is None} == set()
    left = {name for name in TESTS if getattr(Modest, name) is not None}
    assert left == {name for name in TESTS if not hasattr(getattr(Contract, name), "needs")}
    assert len(left) > 10

    @needs(Can.FILES, lacks=Can.KEEPS)
    def test() -> None:
        pass

    assert is_for(test, Can.FILES)
    assert not is_for(test, Can.FILES | Can.KEEPS)
    assert not is_for(test, Can.AWAY)


async def test_who_says_that_it_can_has_to(tmp_path: Path) -> None:
    class Silent(Subject):
        target = MemoryTarget

        def keys(self) -> Keys:
            return {"engine": "none"}

        async def names(self) -> set[str]:
            return set()

        async def kill(self, name: str) -> None:
            raise AssertionError(name)

    silent = Silent()
    for call in (silent.bad, silent.crashing, silent.away, silent.back, silent.script):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(NotImplementedError):
        silent.asked()
    for asked in (silent.write("", ""), silent.read(""), silent.stranger("")):
        with pytest.raises(NotImplementedError):
            await asked


def test_the_page_has_every_test_in_its_own_words() -> None:
    page = (ROOT / "docs/contract.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", page, re.MULTILINE))
    assert told == {
        name.removeprefix("test_"): (getattr(Contract, name).__doc__ or "").strip()
        for name in TESTS
    }
    able = set(re.findall(r"^\| `([A-Z]+)` \|", page, re.MULTILINE))
    assert able == {each.name for each in Can}


async def test_the_engine_in_memory_does_what_it_is_told() -> None:
    engine = MemoryEngine("alone")
    try:
        engine.script.extend(["pass", "twice", "empty", "lose"])
        await engine.ask("create", "one", {"hub": "a"}, "token")
        await engine.ask("create", "two", {"hub": "b"}, "token")
        assert await engine.ask("list") == []
        with pytest.raises(ConnectionError, match="was lost"):
            await engine.ask("boot", "one")
        assert [each.name for each in await engine.ask("list", hub="a")] == ["one"]
        assert (await engine.ask("look", "one")).port > 0
        with pytest.raises(NotFoundError, match="number 7"):
            await engine.ask("remove", "one", 7)
        assert engine.asked == 7
    finally:
        await engine.close()
    assert "alone" not in MemoryEngine.opened
