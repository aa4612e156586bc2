"""Several lanes drain one list of places."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from jupyterhub_anywhere.testing.faults.lanes import Case, drain
from jupyterhub_anywhere.testing.faults.run import Doing, Outcome, Trouble

CASES = [Case(Doing.START, f"place {number}") for number in range(20)]


@dataclass
class Lane:
    """Waits at its first place until the other lane is at its own, so that both have some."""

    both: threading.Barrier
    breaks: bool = False
    seen: list[str] = field(default_factory=list)

    def cycle(self, doing: Doing, place: str, trouble: Trouble = Trouble.NONE) -> Outcome:
        if not self.seen:
            self.both.wait(timeout=60)
        self.seen.append(place)
        if self.breaks:
            raise RuntimeError("the hub does not come up")
        return Outcome(fault=f"{place}{trouble}", doing=str(doing))


def test_each_place_is_one_lanes_and_outcomes_keep_their_order() -> None:
    both = threading.Barrier(2)
    lanes = [Lane(both), Lane(both)]
    outcomes = drain(CASES, lanes)
    assert [each.fault for each in outcomes] == [each.place for each in CASES]
    assert sorted(lanes[0].seen + lanes[1].seen) == sorted(each.place for each in CASES)
    assert all(lane.seen for lane in lanes)


def test_what_a_lane_raises_ends_the_others_and_names_the_place() -> None:
    both = threading.Barrier(2)
    lanes = [Lane(both), Lane(both, breaks=True)]
    with pytest.raises(RuntimeError, match="does not come up") as caught:
        drain(CASES, lanes)
    assert "place" in caught.value.__notes__[0]
    assert "start" in caught.value.__notes__[0]
