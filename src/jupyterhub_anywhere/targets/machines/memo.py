"""What a spawner remembers of its machine: its state, as plain JSON. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from jupyterhub_anywhere.targets.machines.tickets import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEXTS = ("machine", "engine", "key", "image", "size", "address")


@dataclass(slots=True)
class Memo:
    """The state of a `MachineSpawner`.

    Attributes:
        machine: The provider's id of the machine; empty before it is made.
        engine: `Provider.source`: the cloud that it was made at.
        key: Under which its machine redeems and reports: the lease that it was made for.
        image: What its machine was made of, as the choice of that time named it.
        size: Its machine's size likewise.
        shared: Whether other servers may be on its machine.
        keep: Whether its machine was made to stay when its server has ended.
        address: Where its server is reached.
        port: Where its server listens; 0 before it does.
        tunnel: The port of this machine at which the hub reaches it, where its machine dials out.
        ticket: What is kept of the ticket.
        credential: What is kept of the machine's credential; None before it has redeemed.
        agent: What the machine said of itself.
        host_keys: Its SSH host keys.
    """

    machine: str = ""
    engine: str = ""
    key: str = ""
    image: str = ""
    size: str = ""
    shared: bool = False
    keep: bool = False
    address: str = ""
    port: int = 0
    tunnel: int = 0
    ticket: Record | None = None
    credential: Record | None = None
    agent: dict[str, Any] = field(default_factory=dict)
    host_keys: list[str] = field(default_factory=list)

    @property
    def served(self) -> bool:
        """Whether its machine has ever redeemed: before that it holds nobody's files."""
        return self.credential is not None

    def plain(self) -> dict[str, Any]:
        """As a spawner's state; empty where there is nothing to remember."""
        found: dict[str, Any] = {name: getattr(self, name) for name in _TEXTS}
        found["port"], found["tunnel"] = self.port, self.tunnel
        found["shared"], found["keep"] = self.shared, self.keep
        found["ticket"] = self.ticket.plain() if self.ticket is not None else None
        found["credential"] = self.credential.plain() if self.credential is not None else None
        found["agent"], found["host_keys"] = dict(self.agent), list(self.host_keys)
        return {name: value for name, value in found.items() if value}

    @classmethod
    def from_plain(cls, state: Mapping[str, Any]) -> Self:
        """Out of a spawner's state; what does not fit is left out."""
        memo = cls()
        for name in _TEXTS:
            if isinstance(state.get(name), str):
                setattr(memo, name, state[name])
        memo.shared, memo.keep = (state.get(name) is True for name in ("shared", "keep"))
        port, tunnel = state.get("port"), state.get("tunnel")
        memo.port = port if isinstance(port, int) else 0
        memo.tunnel = tunnel if isinstance(tunnel, int) else 0
        memo.ticket = Record.from_plain(state.get("ticket"))
        memo.credential = Record.from_plain(state.get("credential"))
        agent, keys = state.get("agent"), state.get("host_keys")
        memo.agent = dict(agent) if isinstance(agent, dict) else {}
        memo.host_keys = [str(each) for each in keys] if isinstance(keys, list) else []
        return memo

    def rested(self) -> Memo:
        """What is remembered of a machine that rests: where its server was is of no use."""
        return Memo(
            machine=self.machine,
            engine=self.engine,
            key=self.key,
            image=self.image,
            size=self.size,
            keep=self.keep,
            ticket=self.ticket,
            credential=self.credential,
            host_keys=self.host_keys,
        )
