"""Kind ``process``: what it sets, what it says of itself, and what can be asked of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

from jupyterhub_anywhere.targets.base import Finding, Level, Target
from jupyterhub_anywhere.targets.process.blocking import blocking
from jupyterhub_anywhere.targets.process.inventory import ProcessInventory
from jupyterhub_anywhere.targets.process.limits import Enforcement, detect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub.spawner import Spawner

    from jupyterhub_anywhere.targets.base import Inventory


class ProcessKind(Target):
    """Servers as processes of the hub's own machine.

    It has no keys of its own: environments (`prefix`, `cmd`), limits and what becomes of a home
    (`delete_home`) are traits of the spawner, under ``spawner:`` or in an option's ``sets``.
    """

    kind: ClassVar[str] = "process"
    keeps_for_user: ClassVar[bool] = True

    def child_class(self) -> type[Spawner]:
        """`ProcessSpawner`."""
        from jupyterhub_anywhere.targets.process.spawner import ProcessSpawner

        return ProcessSpawner

    def traits(self) -> Mapping[str, Any]:
        """What the spawner has to know of this hub."""
        state = self.site.state
        return {
            "hub_id": self.site.hub_id,
            "base": str(self.site.base),
            "homes": str(state.homes),
            "accounts": str(state.accounts),
            "log_folder": str(state.logs),
            "uids": self.site.uids,
            "share_account": self.site.share_account,
        }

    def enforces(self) -> Enforcement:
        """Which limits are enforced here, and how."""
        return detect(self.site.hub_id).enforcement

    def notes(self) -> Sequence[str]:
        """That limits are not enforced, where they are not."""
        missing = self.enforces().missing()
        return (f"{missing[0].upper()}{missing[1:]} here.",) if missing else ()

    def inventory(self) -> Inventory:
        """The labelled processes of this machine."""
        return ProcessInventory(self.site.hub_id)

    def probe_uid(self) -> int | None:
        """As root, the uid that tries run as: the last of the range, which no user is given."""
        return self.site.uids[1] if os.geteuid() == 0 else None

    async def findings(self) -> Sequence[Finding]:
        """The server's Python as its user, versions, limits, folders, and the system's limits."""
        try:
            return await blocking(self._findings)
        except Exception as error:  # noqa: BLE001 - a report with a hole in it is still a report
            return [Finding(Level.ERROR, f"target {self.name}", f"{type(error).__name__}: {error}")]

    async def choice_findings(self, trait: str, value: Any) -> Sequence[Finding]:
        """Whether an environment of a profile runs, as the user, and has what a server needs."""
        if trait != "prefix":
            return ()
        return await blocking(self._prefix_findings, str(value))

    def _prefix_findings(self, folder: str) -> list[Finding]:
        import jupyterhub

        from jupyterhub_anywhere.targets.process.doctor import python_findings
        from jupyterhub_anywhere.targets.process.environment import Prefix
        from jupyterhub_anywhere.targets.process.probe import probe_server

        prefix = Prefix.named(folder, str(self.site.base))
        probe = probe_server(prefix.path, self.probe_uid())
        subject = f"target {self.name}: environment {folder}"
        return python_findings(subject, probe, jupyterhub.__version__)

    def _findings(self) -> list[Finding]:
        import jupyterhub

        from jupyterhub_anywhere.targets.process import doctor
        from jupyterhub_anywhere.targets.process.environment import Prefix

        state, root, set_here = self.site.state, os.geteuid() == 0, self.declared.spawner
        return doctor.collect(
            self.name,
            prefix=None
            if "cmd" in set_here
            else Prefix.named(str(set_here.get("prefix", "")), str(self.site.base)),
            hub_version=jupyterhub.__version__,
            probe_uid=self.probe_uid(),
            held=self.enforces(),
            folders=[state.logs, *([state.homes] if root or self.site.share_account else [])],
        )
