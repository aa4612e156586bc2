from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_anywhere.core.loopback import is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "127.3.2.1", "::1", "[::1]", "0.0.0.0"]
)
def test_this_machine(host: Any) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "hub.example.org", "", "localhost.example.org"])
def test_another_machine(host: Any) -> None:
    assert not is_loopback(host)
