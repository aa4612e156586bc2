"""A hub of the tests that a warm process forks, for tests that start hundreds."""

from __future__ import annotations

import secrets
import subprocess
from typing import TYPE_CHECKING, Any, cast

from tests.hub.harness import READY, Hub, free_port

from jupyterhub_anywhere.hub.proxy_command import find_proxy_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_anywhere.testing.faults.zygote import Zygote


class ForkedHub(Hub):
    """As `Hub`, but its process is forked from a warm one.

    Args:
        zygote: The warm process.
        options: Those of `Hub`.
    """

    def __init__(self, zygote: Zygote, **options: Any) -> None:
        super().__init__(**options)
        self._zygote = zygote

    def launch(self, wrapper: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start the process without waiting for the hub."""
        assert not wrapper, "a forked hub runs as it is"
        assert self.process is None or self.process.poll() is not None, "the hub runs already"
        self._ready_before = self.output().count(READY)
        made = self._zygote.fork(
            self.words(),
            folder=self.folder,
            environment=self.variables(),
            output=self.folder / "output.log",
        )
        self.process = cast("subprocess.Popen[bytes]", made)
        return self.process


class LastingProxy:
    """The proxy of a hub of one's own that does not start it itself, as many have it.

    Args:
        hub: Whose proxy.

    Attributes:
        config: The lines of the hub's configuration that say so.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._port = free_port()
        self._token = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self.config = (
            "c.ConfigurableHTTPProxy.should_start = False\n"
            f"c.ConfigurableHTTPProxy.auth_token = {self._token!r}\n"
            f"c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{self._port}'\n"
        )

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._process is not None:
            return
        words = [*find_proxy_command(), "--ip", "127.0.0.1", "--port", str(self._hub.port)]
        with (self._hub.folder / "proxy.log").open("ab") as output:
            self._process = subprocess.Popen(
                [*words, "--api-ip", "127.0.0.1", "--api-port", str(self._port)],
                env={**self._hub.variables(), "CONFIGPROXY_AUTH_TOKEN": self._token},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
