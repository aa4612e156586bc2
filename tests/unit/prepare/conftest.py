from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
from openstack.warnings import (
    OpenStackDeprecationWarning,
    RemovedInSDK50Warning,
    RemovedInSDK60Warning,
)
from tests.unit.prepare.prepared import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def sdk_warns() -> Iterator[None]:
    """openstacksdk warns of its own calls of its own functions."""
    with warnings.catch_warnings():
        for each in (OpenStackDeprecationWarning, RemovedInSDK50Warning, RemovedInSDK60Warning):
            warnings.simplefilter("ignore", each)
        yield


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "record.json")
