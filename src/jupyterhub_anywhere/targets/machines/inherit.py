"""Machines that another spawner class has made for this hub, and that are ours from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets.machines import marks
from jupyterhub_anywhere.targets.machines.core import MachineCore

if TYPE_CHECKING:
    from collections.abc import Mapping

# How both generations of LibcloudSpawner have stored a machine's id and its server's port.
_STATES: Final = (("userserver_id", "userserver_port"), ("machineid", "serverport"))


def present_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state of another class's as ours; ours as it is."""
    for machine, port in _STATES:
        found = state.get(machine)
        if isinstance(found, str) and found:
            rest = {key: value for key, value in state.items() if key not in {machine, port}}
            number = state.get(port)
            known = {"port": number} if isinstance(number, int) and number > 0 else {}
            return {**rest, "machine": found, **known}
    return dict(state)


class Inheriting(MachineCore):
    """Mixed into `MachineSpawner`."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Find its machine again, whoever has made it; asks nobody."""
        super().load_state(present_state(state))

    async def anywhere_inherited(self) -> str:
        """The name of the machine that another class has made; empty where it was none.

        Raises:
            ProviderError: The cloud cannot be asked.
        """
        memo = self.memo
        if not memo.machine or memo.key:
            return ""
        found = await self.cloud.machine(memo.machine)
        return found.name if found is not None else ""

    async def anywhere_inherit(self, lease: str, token: int | None) -> None:
        """Write on the machine whose it is, so that every listing tells it.

        Args:
            lease: The id of its lease.
            token: The id of the API token of its server.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses.
        """
        memo = self.memo
        source = await self.cloud.source()
        found = marks.of_server(self.owner, keep=False, lease=lease, token=token)
        await self.cloud.mark(memo.machine, found)
        memo.engine, memo.key = source, lease
        self.place.changed()
