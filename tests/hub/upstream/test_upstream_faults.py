"""Each fault of LibcloudSpawner 2.3.3 is a real one, and ours has none: the same act at both."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.hub.upstream.faults import FAULTS, STAGES, Fault, table
from tests.hub.upstream.stage import SIDES, Side, Stage

from engines.ancestors import supplies

if TYPE_CHECKING:
    from collections.abc import Iterator

# Those of one hub follow each other, so that it is started once.
_CASES = [
    (side, name, fault)
    for side in SIDES
    for name in STAGES
    for fault in FAULTS
    if fault.stage == name
]


class Stages:
    """The hub that was asked for last; at most one runs."""

    def __init__(self) -> None:
        self._key: tuple[Side, str] | None = None
        self._open = ExitStack()

    def of(self, side: Side, name: str) -> Stage:
        """A hub of a side, the same one as long as nobody asks for another."""
        if self._key != (side, name):
            self.close()
            self._stage = self._open.enter_context(Stage(side, **STAGES[name]))
            self._key = (side, name)
        return self._stage

    def close(self) -> None:
        """End it."""
        self._key = None
        self._open.close()


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    made = Stages()
    yield made
    made.close()


@pytest.mark.ancestors
@pytest.mark.parametrize(
    ("side", "name", "fault"),
    _CASES,
    ids=[f"{side}-{fault.name}" for side, _, fault in _CASES],
)
def test_fault(stages: Stages, side: Side, name: str, fault: Fault) -> None:
    stage, user = stages.of(side, name), fault.name.replace("_", "")
    stage.fresh()
    try:
        seen = fault.act(stage, user)
        assert seen == (fault.theirs if side == "theirs" else fault.ours), stage.log()[-3000:]
    except BaseException:
        # What is left of this one must not fail the next ones.
        stages.close()
        raise
    stage.end(user)


@pytest.mark.ancestors
def test_it_cannot_be_imported_without_what_it_does_not_name() -> None:
    lines = "import sys; sys.modules['async_generator'] = None; import libcloudspawner.spawner"
    done = subprocess.run(
        [sys.executable, "-c", lines],
        env={**os.environ, "PYTHONPATH": str(supplies.folder())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "import of async_generator halted" in done.stderr


def test_every_stage_is_used() -> None:
    assert {each.stage for each in FAULTS} == set(STAGES)
    assert len({each.name for each in FAULTS}) == len(FAULTS)


def test_every_fault_is_one() -> None:
    """A row whose sides are alike would show nothing."""
    assert [each.name for each in FAULTS if each.theirs == each.ours] == []


def test_the_documentation_tells_them_all() -> None:
    page = Path(__file__).parents[3] / "docs/from-libcloudspawner.md"
    assert table() in page.read_text("utf-8"), table()
