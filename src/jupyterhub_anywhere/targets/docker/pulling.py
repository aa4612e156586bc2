"""Pulling images: in threads of their own, one pull per image, with news for those who wait.

DockerSpawner pulls in the one thread that all its calls share, inside the time that a start has:
https://github.com/jupyterhub/dockerspawner/issues/293.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Future

    from jupyterhub_anywhere.targets.docker.client import Engine

# How much of a pull's work the download is; the rest is unpacking.
_DOWNLOAD_SHARE: Final = 0.75
_FINISHED: Final = frozenset({"Pull complete", "Already exists"})


class PullError(Exception):
    """An image that could not be pulled; the text is the engine's."""


@dataclass(slots=True)
class _Layer:
    """One layer: bytes in all, downloaded and unpacked; `total` is 0 while nobody knows."""

    total: int = 0
    downloaded: int = 0
    unpacked: int = 0
    finished: bool = False


@dataclass(slots=True)
class PullNews:
    """How far a pull is. Written by one thread; read by others, whom an older state does not hurt.

    Attributes:
        image: What is pulled.
    """

    image: str
    _layers: dict[str, _Layer] = field(default_factory=dict)
    _percent: int = 0

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one line of the engine's answer.

        Raises:
            PullError: The line says that the pull has failed.
        """
        if "error" in event or "errorDetail" in event:
            detail = event.get("errorDetail") or {}
            raise PullError(str(detail.get("message") or event.get("error") or "unknown error"))
        name, status = event.get("id"), str(event.get("status") or "")
        if not name or status.startswith("Pulling from"):
            return
        layer = self._layers.setdefault(str(name), _Layer())
        detail = event.get("progressDetail") or {}
        current, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
        if status == "Downloading":
            layer.total, layer.downloaded = max(layer.total, total), current
        elif status == "Extracting":
            # Some engines count the unpacked bytes of what they had counted packed.
            layer.downloaded = layer.total
            layer.unpacked = min(current, layer.total)
        elif status in {"Download complete", "Verifying Checksum"}:
            layer.downloaded = layer.total
            layer.finished = layer.finished or not layer.total
        elif status in _FINISHED:
            layer.downloaded = layer.unpacked = layer.total
            layer.finished = True

    @property
    def percent(self) -> int:
        """0 to 100; never falls, though layers whose size comes late would have it fall."""
        layers = list(self._layers.values())
        total = sum(each.total for each in layers)
        if total and self._complete(layers):
            done = sum(
                each.downloaded * _DOWNLOAD_SHARE + each.unpacked * (1 - _DOWNLOAD_SHARE)
                for each in layers
            )
            self._percent = max(self._percent, min(int(100 * done / total), 100))
        return self._percent

    @property
    def message(self) -> str:
        """One line for the user."""
        layers = list(self._layers.values())
        total = sum(each.total for each in layers)
        if total and self._complete(layers):
            return f"Pulling image {self.image}: {self.percent} % of {size(total)}"
        done = sum(each.downloaded for each in layers)
        return f"Pulling image {self.image}" + (f": {size(done)} so far" if done else "")

    @staticmethod
    def _complete(layers: Iterable[_Layer]) -> bool:
        return all(each.total or each.finished for each in layers)


def size(amount: float) -> str:
    """Bytes as engines and registries write them: in powers of 1000."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if amount >= factor:
            return f"{amount / factor:.1f} {unit}"
    return f"{amount:.0f} B"


class Puller:
    """The pulls of one target.

    Args:
        engine: Where the images go.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._running: dict[str, tuple[PullNews, Future[None]]] = {}

    @staticmethod
    def key(repository: str, tag: str) -> str:
        """The full name of an image."""
        return f"{repository}{'@' if ':' in tag else ':'}{tag}"

    def news(self, image: str) -> PullNews | None:
        """How far the pull of an image is; None where it is not pulled."""
        found = self._running.get(image)
        return found[0] if found else None

    async def pull(self, repository: str, tag: str) -> None:
        """Pull an image, or wait for the pull that somebody else has begun.

        A caller that is cancelled stops waiting; the pull goes on, for others or for the next
        start.

        Raises:
            PullError: The registry or the engine refuses.
            DockerException: The engine does not answer, or refuses.
        """
        image = self.key(repository, tag)
        running = self._running.get(image)
        if running is None or running[1].done():
            news = PullNews(image)
            future = self._engine.pulls.submit(self._pull, repository, tag, news)
            running = self._running[image] = (news, future)
            future.add_done_callback(lambda done: self._forget(image, done))
        # Shielded: cancelling what this returns would cancel a pull that has not begun yet.
        await asyncio.shield(asyncio.wrap_future(running[1]))

    def _forget(self, image: str, future: Future[None]) -> None:
        running = self._running.get(image)
        if running is not None and running[1] is future:
            del self._running[image]

    def _pull(self, repository: str, tag: str, news: PullNews) -> None:
        client = self._engine.pull_client()
        try:
            failure: PullError | None = None
            for event in _pull_stream(client, repository, tag):
                # Read to its end, which an error is: only then the connection is let go.
                try:
                    news.take(event)
                except PullError as error:
                    failure = failure or error
            if failure is not None:
                raise failure
        finally:
            client.close()


def _pull_stream(client: Any, repository: str, tag: str) -> Any:
    # docker-py waits for ever for the next line of a pull, and this thread with it.
    usual = client._set_request_timeout  # noqa: SLF001 - there is no other way to bound it

    def bounded(kwargs: dict[str, Any]) -> dict[str, Any]:
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = client.timeout
        return usual(kwargs)  # type: ignore[no-any-return]  # docker-py is untyped here

    client._set_request_timeout = bounded  # noqa: SLF001 - see above
    return client.pull(repository, tag, stream=True, decode=True)
