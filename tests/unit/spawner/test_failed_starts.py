"""What is left of a start that could not be made: nothing, and no secret of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.testing.contract import Can
from jupyterhub_anywhere.testing.contract.hub import AGAIN
from jupyterhub_anywhere.testing.contract.memory import MemorySubject
from jupyterhub_anywhere.testing.contract.stage import staged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.testing.contract.stage import Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(MemorySubject(), ~Can(0), tmp_path) as made:
        yield made


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_launch_that_is_refused_leaves_nothing(stage: Stage, moment: str) -> None:
    hub = await stage.begin()
    # A ledger that is new holds everything back until nothing is there to be held back.
    await hub.sweep(3)

    async def refuse(when: str, lease: Lease) -> None:
        if when == moment:
            hub.ledger.witnesses.clear()
            raise LedgerError("The ledger cannot be written: the disk is full.")

    hub.ledger.witnesses.append(refuse)
    with pytest.raises(StartError) as caught:
        await hub.start()
    assert "cannot write down" in str(caught.value.jupyterhub_message)
    assert "disk is full" not in str(caught.value.jupyterhub_message)
    assert await stage.names() == [], "nothing was made"
    assert await hub.settle() == []
    await hub.sweep(2, after=AGAIN)
    assert hub.tokens() == 0
    [past] = await hub.past()
    assert past.state is State.GONE
    await hub.start()
    assert (await hub.lease()).state is State.RUNNING


async def test_no_secret_of_a_failed_start_is_written_down(stage: Stage) -> None:
    hub = await stage.begin()
    spawner: Any = None
    token = ""

    async def fail(when: str, lease: Lease) -> None:
        nonlocal token
        if when == "after":
            token = spawner.child.api_token
            spawner.child.environment = {"DATABASE_PASSWORD": "open-sesame"}
            raise RuntimeError(f"cannot run: server --token {token} --db open-sesame")

    hub.ledger.witnesses.append(fail)
    spawner, task = hub.begin_start()
    with pytest.raises(StartError):
        await task
    assert token
    hub.ledger.witnesses.clear()
    await hub.settle()
    [past] = await hub.past()
    told = [past.error, *(str(each) for each in await hub.ledger.events(past.id))]
    assert not any(token in text or "open-sesame" in text for text in told), told
    for file in stage.folder.rglob("ledger.sqlite*"):
        content = file.read_bytes()
        assert token.encode() not in content
        assert b"open-sesame" not in content
