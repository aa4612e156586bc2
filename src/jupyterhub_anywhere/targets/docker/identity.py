"""Which engine it is that answers: another one in its place knows nothing of its containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docker.errors import DockerException

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.docker.client import Engine


class OtherEngineError(DockerException):
    """The engine that answers is not the one that a container was made at."""

    def __init__(self, url: str, wanted: str, found: str) -> None:
        super().__init__(
            f"at {url} another engine answers ({found or 'without an id'}) than the one that the"
            f" container was made at ({wanted})"
        )


async def identity(engine: Engine) -> str:
    """The id of the engine that answers now; empty where it has none.

    Raises:
        DockerException: It could not be asked.
    """
    return str((await engine.ask("info")).get("ID") or "")


async def check_same(engine: Engine, wanted: str) -> None:
    """Make sure that an engine's "there is no such container" comes from the right one.

    Args:
        engine: Where it was asked.
        wanted: The id of the engine that the container was made at; empty where that is unknown.

    Raises:
        OtherEngineError: It is another one.
        DockerException: It could not be asked.
    """
    if not wanted:
        return
    found = await identity(engine)
    if found != wanted:
        raise OtherEngineError(engine.url, wanted, found)


class OfOneEngine:
    """Mixed in front of DockerSpawner: its state says at which engine the container is."""

    # The engine's id; empty where a container is of before, or of DockerSpawner itself.
    made_at = ""

    def load_state(self, state: dict[str, Any]) -> None:
        """DockerSpawner's, and the engine's id."""
        super().load_state(state)  # type: ignore[misc]  # DockerSpawner's
        self.made_at = str(state.get("engine") or "")

    def get_state(self) -> dict[str, Any]:
        """DockerSpawner's, and the engine's id where there is a container."""
        state: dict[str, Any] = super().get_state()  # type: ignore[misc]  # DockerSpawner's
        if state and self.made_at:
            state["engine"] = self.made_at
        return state
