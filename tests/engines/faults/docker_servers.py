"""A hub whose servers in containers are harmed, as `servers.Harmful` and `servers.Contained`."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import httpx
from tests.engines.faults.docker_subject import DockerSubject

from jupyterhub_anywhere.testing.faults.run import wait

if TYPE_CHECKING:
    from signal import Signals

# Hasty: waits for a server as long as a test does. The limit is enough for the stub, and no more.
_HASTY = """
c.Spawner.http_timeout = 10
c.Spawner.mem_limit = "64M"
"""
_END_SECONDS = 30.0


class HarmedSubject(DockerSubject):
    """Arguments are those of `DockerSubject`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        with self.hub.config_file.open("a") as file:
            file.write(_HASTY)

    def signal(self, user: str, number: Signals) -> None:
        """Signal the first process of the user's container; the engine is not asked to do so."""
        found = self.made.container(user)
        assert found is not None, f"{user} has no container"
        os.kill(found["State"]["Pid"], number)

    def pause(self, user: str, *, on: bool) -> None:
        """Pause the user's container, or go on with it."""
        found = self.made.container(user)
        assert found is not None, f"{user} has no container"
        with contextlib.closing(self.made.engine.client()) as client:
            (client.api.pause if on else client.api.unpause)(found["Id"])

    def starve(self, user: str) -> None:
        """Have the user's server take memory until the kernel ends it, and wait for that."""
        with contextlib.suppress(httpx.TransportError):
            self.made.ask(user, "stub/eat")

        def over() -> bool:
            found = self.made.container(user)
            return found is None or not found["State"]["Running"]

        assert wait(over, _END_SECONDS), f"the kernel has not ended the server of {user}"

    def reads(self, user: str) -> str:
        """What the user reads on the home page."""
        return home(self, user)


def home(subject: DockerSubject, user: str) -> str:
    """What a user reads on the home page."""
    with contextlib.closing(subject.hub.login(user)) as client:
        return client.get("hub/home").raise_for_status().text
