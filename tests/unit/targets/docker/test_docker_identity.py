"""Another engine's word on a container is no proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.targets.docker.client import Engine
from jupyterhub_anywhere.targets.docker.identity import OtherEngineError, check_same, identity

if TYPE_CHECKING:
    from pathlib import Path


class Answering(Engine):
    """An engine of which only the answer to ``info`` is known."""

    def __init__(self, folder: Path, found: dict[str, Any]) -> None:
        super().__init__("lab", lambda: {"base_url": f"unix://{folder}/engine.sock"})
        self.found = found

    async def ask(self, method: str, *_args: Any, **_kwargs: Any) -> Any:
        assert method == "info"
        return self.found


async def test_the_same_engine(tmp_path: Path) -> None:
    engine = Answering(tmp_path, {"ID": "one"})
    assert await identity(engine) == "one"
    await check_same(engine, "one")
    # Of before the id was kept, or of DockerSpawner itself: nothing can be compared.
    await check_same(engine, "")


@pytest.mark.parametrize("found", [{"ID": "two"}, {"ID": ""}, {}])
async def test_another_engine(tmp_path: Path, found: dict[str, Any]) -> None:
    with pytest.raises(OtherEngineError, match=r"engine\.sock another engine answers .*\(one\)"):
        await check_same(Answering(tmp_path, found), "one")
