"""JupyterHub's handlers without its limits on starts: our spawner has a line and limits of its own.

JupyterHub refuses a start with "429 Too many users trying to log in" where more than
`concurrent_spawn_limit` go on, and with "429 Active user limit exceeded" where more than
`active_server_limit` servers run. Both numbers keep their meaning: the first says how many start at
the same time while the others wait, the second is told in words by `spawner.starting`.
"""

from __future__ import annotations

from typing import Any

from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner


class InLine:
    """Mixed into handlers that start servers, in front of JupyterHub's."""

    spawner_class: Any
    settings: dict[str, Any]

    @property
    def concurrent_spawn_limit(self) -> int:
        """As configured for other spawners; none for ours."""
        return self._unless_ours("concurrent_spawn_limit")

    @property
    def active_server_limit(self) -> int:
        """As configured for other spawners; none for ours."""
        return self._unless_ours("active_server_limit")

    def _unless_ours(self, name: str) -> int:
        if issubclass(self.spawner_class, AnywhereSpawner):
            return 0
        return int(self.settings.get(name) or 0)
