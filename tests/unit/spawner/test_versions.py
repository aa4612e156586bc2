"""Which versions of JupyterHub fit together, and who is told."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.spawner import versions
from jupyterhub_anywhere.targets.base import Level

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("server", [None, "", "6.1.1", "6.1.9", "6.1.0b1", "no version"])
def test_what_fits_is_not_told(server: str | None) -> None:
    assert versions.compare(server, "6.1.1") is None


@pytest.mark.parametrize("server", ["6.0.3", "6.2.0", "5.4.0"])
def test_another_minor_version_should_work_and_another_major_one_may_not(server: str) -> None:
    major = server.startswith("5")
    found = versions.compare(server, "6.1.1")
    assert found is not None
    assert found.major is major
    assert server in found.for_user
    assert ("round in circles" in found.for_user) is major
    assert '"jupyterhub==6.1.*"' in found.cure


class Server(versions.Versioned):
    """As little of a spawner as it takes."""

    def __init__(self, root: Path) -> None:
        self.log = logging.getLogger("versions")
        self.site = SimpleNamespace(info=SimpleNamespace(state=StatePaths(root)))
        self._log_name = "ann:lab"
        self._envelope = SimpleNamespace(target="gpu")


def test_administrators_find_it_in_log_and_doctor(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    StatePaths(tmp_path).hub.mkdir()
    server: Any = Server(tmp_path)
    assert server.version_notice == ""
    for version in ("4.1.6", "4.1.6"):
        server._jupyterhub_version = version
    assert server._jupyterhub_version == "4.1.6"
    assert "4.1.6" in server.version_notice
    assert "The server of ann:lab at target gpu has JupyterHub 4.1.6" in caplog.text
    (finding,) = versions.findings(StatePaths(tmp_path))
    assert (finding.level, finding.subject) == (Level.WARNING, "target gpu")
    assert "2 times" in finding.message
    assert finding.cure
    server._jupyterhub_version = None
    assert server.version_notice == ""
