"""A quarter of the worlds in which anything happens: what must hold after every step holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.ledger.model_worlds import enough, live, parts

if TYPE_CHECKING:
    from collections.abc import Callable


# What breaks is made short, which takes its time.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", parts(3))
def test_what_must_hold_holds(part: int, record_property: Callable[[str, object], None]) -> None:
    enough(live(part, record_property))
