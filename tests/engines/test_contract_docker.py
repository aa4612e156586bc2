"""The contract, with containers of a Docker Engine."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.stub import CRASH
from tests.engines.containers import VOLUMES, ContainerSubject

from jupyterhub_anywhere.targets.docker import DockerTarget
from jupyterhub_anywhere.testing.contract import Can, Contract, FailureCause, Keys


class DockerSubject(ContainerSubject):
    target = DockerTarget
    remove = False

    def keys(self, **traits: Any) -> Keys:
        volumes = {f"{VOLUMES}{{username}}": "/home/jovyan"}
        traits = {"image": self.image, "volumes": volumes, "remove": self.remove, **traits}
        return {"url": self.proxy.url, "spawner": traits}

    def bad(self) -> tuple[Keys, FailureCause]:
        return self.keys(image="no/such:1", pull_policy="never"), FailureCause.IMAGE_NOT_FOUND

    def crashing(self) -> Keys:
        return self.keys(cmd=["python3", "-c", CRASH])


class TestDocker(Contract):
    can = ~Can.SCRIPTED

    @pytest.fixture
    def subject(self, containers: Any) -> DockerSubject:
        return DockerSubject(*containers)
