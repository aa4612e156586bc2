"""Fixtures of the tests with a real hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.hub.harness import Hub

MakeHub = Callable[..., Hub]


@pytest.fixture
def make_hub() -> Iterator[MakeHub]:
    """Make hubs (the arguments are those of `Hub`); all of them end with the test."""
    hubs: list[Hub] = []

    def make(**options: Any) -> Hub:
        hub = Hub(**options)
        hubs.append(hub)
        return hub

    yield make
    for hub in hubs:
        hub.close()
