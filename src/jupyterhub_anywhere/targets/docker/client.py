"""One connection to one engine: a client for each thread, and pools of a target's own.

DockerSpawner has one thread for all servers of a hub, so that one slow call holds up every other.
Its authors' reason stands in the review of https://github.com/jupyterhub/kubespawner/pull/64: the
engine did one thing at a time then. A wider pool over its one client would not do, since a client
is a `requests.Session`, which threads must not share: https://github.com/psf/requests/issues/2766.
"""

from __future__ import annotations

import asyncio
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import docker

    from jupyterhub_anywhere.targets.docker.settings import EngineTls

# Calls at a time to one engine.
CALLS: Final = 8
# Images pulled at a time from one engine. More only share the same line.
PULLS: Final = 3
# Seconds in which an engine has to answer a call; docker-py's own default.
CALL_SECONDS: Final = 60
# Seconds without a word after which a pull counts as dead. An engine that unpacks reports often.
PULL_SILENCE_SECONDS: Final = 900
# Where an engine listens that nothing else is said of (docker-py, ``constants.py``).
DEFAULT_URL: Final = "unix:///var/run/docker.sock"


class Engine:
    """One target's way to its engine. Constructing it asks nobody.

    Args:
        name: The target's name, for the names of threads.
        arguments: Gives the arguments of `docker.APIClient` at first use.
        url: The declared address; None where the arguments have it.
    """

    def __init__(
        self, name: str, arguments: Callable[[], Mapping[str, Any]], url: str | None = None
    ) -> None:
        self._url = url
        self._arguments = arguments
        self._fixed: dict[str, Any] | None = None
        self._version: str | None = None
        # Bumped where clients have to be made anew: an engine that comes back as another version.
        self._generation = 0
        self._local = threading.local()
        self.calls = Workers(CALLS, f"docker-{name}", at_end=self._close_client)
        self.pulls = Workers(PULLS, f"docker-pull-{name}")
        # Held while the free GPUs are counted and one of them is reserved.
        self.gpu_lock = asyncio.Lock()
        self.gpu_reserved: dict[str, tuple[str, ...]] = {}

    def learn(self, arguments: Mapping[str, Any]) -> None:
        """Take the arguments of the first spawner, as DockerSpawner itself does.

        They hold what only a hub's own configuration says: ``c.DockerSpawner.client_kwargs``.
        """
        if self._fixed is None:
            self._fixed = dict(arguments)

    @property
    def learned(self) -> bool:
        """Whether a spawner has given the arguments."""
        return self._fixed is not None

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments of every client."""
        return self._fixed if self._fixed is not None else self._arguments()

    @property
    def url(self) -> str:
        """The engine's address."""
        return self._url or str(self.arguments.get("base_url") or DEFAULT_URL)

    @property
    def local(self) -> bool:
        """Whether the engine is on this machine, reached by its socket."""
        return self.url.startswith(("unix:", "http+unix:", "/"))

    @property
    def client(self) -> docker.APIClient:
        """This thread's client; made at first use, which asks the engine for its version.

        Raises:
            DockerException: The engine does not answer, or speaks no version known here.
        """
        made = getattr(self._local, "client", None)
        if made is None or made[0] != self._generation:
            self._close_client()
            made = self._local.client = (self._generation, self._make(CALL_SECONDS))
        client: docker.APIClient = made[1]
        return client

    def pull_client(self) -> docker.APIClient:
        """A client for one pull, which the caller closes.

        Raises:
            DockerException: The engine does not answer, or speaks no version known here.
        """
        return self._make(PULL_SILENCE_SECONDS)

    def _make(self, seconds: int) -> docker.APIClient:
        arguments = {"timeout": seconds, **self.arguments}
        if self._version is not None:
            # Asked once: the thread of the hub makes a client too, and must not wait for it.
            arguments["version"] = self._version
        client = client_class()(**arguments)
        if self._version is None:
            self._version = client._version  # noqa: SLF001 - its only record of what was agreed
        return client

    def _close_client(self) -> None:
        made = self._local.__dict__.pop("client", None)
        if made is not None:
            made[1].close()

    def close(self) -> None:
        """End the threads and their connections, and forget pulls that have not begun.

        A target that nobody uses any more needs it not: idle threads end by themselves.
        """
        self.pulls.shutdown(wait=False, cancel_futures=True)
        self.calls.shutdown(wait=True, cancel_futures=True)
        self._close_client()

    def again(self, call: Callable[[], Any]) -> Any:
        """Make a call, and once more where an engine has come back as another version."""
        try:
            return call()
        except Exception as error:
            said = str(getattr(error, "explanation", "") or "")
            if "client version" not in said or self._version is None:
                raise
            self._version = None
            self._generation += 1
        return call()

    async def ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of `docker.APIClient` in a thread of this target.

        Raises:
            DockerException: The engine does not answer, or refuses.
        """
        return await self.run(lambda client: getattr(client, method)(*args, **kwargs))

    async def run(self, call: Callable[[docker.APIClient], Any]) -> Any:
        """Do something with a client in a thread of this target, long answers read included.

        Raises:
            Exception: What the call raises; `DockerException` where the engine does not answer.
        """
        return await asyncio.wrap_future(
            self.calls.submit(lambda: self.again(lambda: call(self.client)))
        )


@lru_cache(maxsize=1)
def client_class() -> type[docker.APIClient]:
    """`docker.APIClient`, which trusts the declared authority and no other.

    A variable of the environment wins over a session's own `verify` in requests:
    https://github.com/psf/requests/issues/3829.
    """
    import docker

    class Client(docker.APIClient):
        def merge_environment_settings(self, *args: Any, **kwargs: Any) -> Any:
            settings = super().merge_environment_settings(*args, **kwargs)
            if isinstance(self.verify, str):
                settings["verify"] = self.verify
            return settings

    return Client


def client_arguments(
    url: str | None,
    tls: EngineTls | None,
    base: Path,
    *,
    tls_config: Mapping[str, Any],
    client_kwargs: Mapping[str, Any],
) -> dict[str, Any]:
    """The arguments of `docker.APIClient`.

    Args:
        url: The declared engine; None for what DockerSpawner itself would take.
        tls: The declared certificates.
        base: Where their relative paths start from.
        tls_config: DockerSpawner's trait.
        client_kwargs: DockerSpawner's trait.

    Raises:
        DockerException: A declared certificate cannot be read.
    """
    import docker
    from docker.utils import kwargs_from_env

    found: dict[str, Any] = {"version": "auto"}
    if tls_config:
        found["tls"] = docker.tls.TLSConfig(**tls_config)
    if url is None:
        found.update(kwargs_from_env())
    found.update(client_kwargs)
    if url is not None:
        # Two targets must not meet at one engine because of a variable of the environment.
        found["base_url"] = url
        found.pop("tls", None)
        if tls is not None:
            _readable(tls, base)
            found["tls"] = docker.tls.TLSConfig(
                client_cert=(str(base / tls.cert), str(base / tls.key)),
                ca_cert=str(base / tls.ca),
                verify=True,
            )
    return found


def _readable(tls: EngineTls, base: Path) -> None:
    """Name the certificate that cannot be read; docker-py says only that some path is wrong."""
    from docker.errors import DockerException

    for key in ("ca", "cert", "key"):
        path = base / getattr(tls, key)
        reason = ""
        try:
            path.open("rb").close()
        except OSError as error:
            reason = str(error.strerror)
        if reason:
            # Outside of the clause, so that this is the innermost error, which is shown.
            raise DockerException(f"tls.{key}: {path}: {reason}")
