"""The contract, with processes of this machine."""

from __future__ import annotations

import sys

from tests.contract.stub import CRASH, PROGRAM, StubSubject

from jupyterhub_anywhere.targets.process import ProcessKind
from jupyterhub_anywhere.targets.process.ending import kill_rest
from jupyterhub_anywhere.targets.process.labels import scan
from jupyterhub_anywhere.testing.contract import Can, Contract, FailureCause, Keys


class ProcessSubject(StubSubject):
    target = ProcessKind

    def keys(self, program: str = PROGRAM) -> Keys:
        return {"spawner": {"cmd": [sys.executable, "-c", program], "stop_grace": 2.0}}

    async def names(self) -> set[str]:
        return {each.server for hub in self.hubs for each in scan(hub)}

    async def kill(self, name: str) -> None:
        assert all(kill_rest(hub, name) for hub in self.hubs)

    async def close(self) -> None:
        for name in await self.names():
            await self.kill(name)

    def bad(self) -> tuple[Keys, FailureCause]:
        return {"spawner": {"cmd": ["/no/such/program"]}}, FailureCause.CONFIG

    def crashing(self) -> Keys:
        return self.keys(CRASH)


class TestProcess(Contract):
    kind = ProcessSubject
    can = Can.FILES | Can.CREATED | Can.BAD | Can.CRASHES
