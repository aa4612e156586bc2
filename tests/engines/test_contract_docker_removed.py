"""The contract, with containers that are removed at their end."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engines.test_contract_docker import DockerSubject

from jupyterhub_anywhere.testing.contract import Can, Contract


class RemovedSubject(DockerSubject):
    remove = True


class TestDockerThatRemoves(Contract):
    can = ~(Can.SCRIPTED | Can.KEEPS | Can.STATUS)

    @pytest.fixture
    def subject(self, containers: Any) -> DockerSubject:
        return RemovedSubject(*containers)
