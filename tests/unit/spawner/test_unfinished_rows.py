"""What a start leaves unfinished in the hub's database while it waits for something: nothing.

JupyterHub takes back what is not committed when any handler ends (``on_finish`` in its
``handlers/base.py``), and reads every user anew after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub.spawner import Spawner
from sqlalchemy.orm import object_session

from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner
from jupyterhub_anywhere.testing.contract import Can
from jupyterhub_anywhere.testing.contract.memory import MemorySubject
from jupyterhub_anywhere.testing.contract.stage import staged

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_nothing_is_unfinished_while_the_child_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the scopes of its server's logins, which a child may read from somewhere."""
    async with staged(MemorySubject(), ~Can(0), tmp_path) as stage:
        hub = await stage.begin()
        unfinished: list[Any] = []

        async def asked(child: Spawner) -> list[str]:
            assert not isinstance(child, AnywhereSpawner)
            session = object_session(child.orm_spawner)
            assert session is not None
            unfinished.append(list(session.dirty))
            return []

        spawner, task = hub.begin_start()
        spawner.user.settings["oauth_provider"] = Provider()
        monkeypatch.setattr(Spawner, "_get_oauth_client_allowed_scopes", asked)
        await task
        assert unfinished == [[]]
        assert spawner.orm_spawner.user_options == spawner.user_options


class Provider:
    """JupyterHub's keeper of clients, in a hub without logins."""

    def add_client(self, *_args: Any, **_options: Any) -> None:
        """None is kept."""
