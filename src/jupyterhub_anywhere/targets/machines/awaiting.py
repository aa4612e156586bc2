"""The half of `MachineSpawner` that its machine talks to; implements `waiting.Awaited`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import jupyterhub

from jupyterhub_anywhere.core.scrubbing import scrubbed, secrets_of
from jupyterhub_anywhere.targets.machines import (
    addresses,
    certificates,
    failures,
    fresh,
    job,
    seen,
    versions,
)
from jupyterhub_anywhere.targets.machines.core import MachineCore
from jupyterhub_anywhere.targets.machines.place import Ended
from jupyterhub_anywhere.targets.machines.progress import OF_STAGE, Step
from jupyterhub_anywhere.targets.machines.tickets import Reason, Record, Refusal
from jupyterhub_anywhere.targets.machines.traits import DIAL, NONE, account_of, port_range
from jupyterhub_anywhere.targets.machines.waiting import JobRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.targets.errors import StartError
    from jupyterhub_anywhere.targets.machines.waiting import Caller

_LONGEST: Final = 200
# The most seconds between two reports from a machine that servers share.
_SHARED_EVERY: Final = 5
_HELD: Final = {"lease": "held"}
_REVOKED: Final = {"lease": "revoked"}


class Awaiting(MachineCore):
    """Mixed into `MachineSpawner`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # What the present start has heard: why it fails, where the server listens, who redeemed.
        self._failure: StartError | None = None
        self._listening = False
        self._redeemer: frozenset[str] = frozenset()
        self._contested = ""
        self._starting = False
        # Whether it is on its way out of a machine that others go on to use.
        self._leaving = False
        super().__init__(*args, **kwargs)

    @property
    def record(self) -> Record | None:
        """Of its ticket."""
        return self.memo.ticket

    @record.setter
    def record(self, record: Record | None) -> None:
        self.memo.ticket = record

    @property
    def credential(self) -> Record | None:
        """Of its machine."""
        return self.memo.credential

    @credential.setter
    def credential(self, credential: Record | None) -> None:
        self.memo.credential = credential

    # --- the machine asks ------------------------------------------------------------------------

    async def redeemed(self, caller: Caller) -> Mapping[str, Any]:
        """The machine is there: remember it, and tell its job.

        Raises:
            JobRefusedError: It gets none.
        """
        memo, machine = self.memo, caller.machine
        told = [str(each) for each in machine.get("addresses") or []]
        self._redeemer = frozenset({caller.address, *told} - {""})
        memo.agent = {
            name: machine[name]
            for name in ("hostname", "python", "singleuser", "agent", "addresses", "boot")
            if machine.get(name)
        }
        if self.anywhere_target is not None:
            hub = self.anywhere_target.site.state.hub
            seen.note(hub, self.place.target, memo.image or str(self.image), machine)
        memo.host_keys = [str(each) for each in machine.get("host_keys") or []]
        try:
            if caller.again and not self._starting:
                await fresh.give_token(self)
            self._set_up(machine)
            found = self._job(machine)
            found |= await self._certificate(caller)
            self.place.sharing.taken(memo.machine, memo.key)
        except JobRefusedError as error:
            self._fail(failures.of_agent({"detail": str(error), "cause": "version"}, ()))
            raise
        await self.remember()
        self.news.enter(Step.REDEEMED)
        self._told.set()
        return found

    def _set_up(self, machine: Mapping[str, Any]) -> None:
        """It has booted, and what sets it up has ended.

        Raises:
            JobRefusedError: Badly.
        """
        self.news.enter(Step.BOOTED)
        first, _, said = str(machine.get("failed") or "").partition("\n")
        if first:
            report = {"cause": "configure", "detail": first, "log": said.splitlines()}
            # A script may say what its template was given.
            self._fail(failures.of_agent(report, self.untold()))
            raise JobRefusedError(f"What sets this machine up has failed: {first}.")
        if self.configurer != NONE or self.home_volume:
            self.news.enter(Step.CONFIGURED)

    def untold(self) -> list[str]:
        """What nothing that a machine says may show."""
        return [*secrets_of(self.userdata_values), *self._secrets, self.api_token]

    async def _certificate(self, caller: Caller) -> dict[str, Any]:
        """What a job has of certificates.

        Raises:
            JobRefusedError: The machine has asked for none that can be given.
            ProviderError: The cloud cannot tell where the machine is.
        """
        if not self.internal_ssl:
            return {"certificate": None, "authority": None}
        if self.reach == DIAL:
            names: tuple[str, ...] = ("127.0.0.1",)
        else:
            there = await self.cloud.machine(self.memo.machine) if self.memo.machine else None
            # Not what the machine says of itself: it could name another's address.
            names = addresses.bound_to(there) if there is not None else ()
            names = names or (caller.address,)
        folder = Path(self.internal_certs_location)
        trusted = Path(self.internal_trust_bundles[certificates.AUTHORITY])
        try:
            certificate = await asyncio.to_thread(
                certificates.signed, caller.machine.get("csr"), self.user.name, names, folder
            )
            authority = await asyncio.to_thread(trusted.read_text, "ascii")
        except (certificates.CertificateError, OSError) as error:
            raise JobRefusedError(str(error)) from error
        return {"certificate": certificate, "authority": authority}

    def _job(self, machine: Mapping[str, Any]) -> dict[str, Any]:
        if self._leaving or (not self._starting and not self.server):
            raise JobRefusedError("This server was stopped.")
        if without_agent := versions.no_agent(machine):
            raise JobRefusedError(without_agent)
        install = job.install_plan(self.install, machine, jupyterhub.__version__)
        dial = self.reach == DIAL
        listen = "127.0.0.1" if dial else ("[::]" if self.family == 6 else "0.0.0.0")  # noqa: PLR2004, S104 - the hub comes from outside
        prefix = self.server.base_url if self.server else "/"
        environment = {name: str(value) for name, value in self.get_env().items() if value}
        self._secrets = [*secrets_of(environment), self.api_token]
        ports = [[int(self.port)] * 2] if self.port else [list(port_range(self.ports) or (0, 0))]
        if self.memo.port and not self._starting:
            # Of a machine that was booted again: its address had better stay.
            ports.insert(0, [self.memo.port] * 2)
        return {
            "server": job.unit_name(self.name or "", self.user.name),
            "cmd": list(self.cmd),
            "args": [str(each) for each in self.get_args()],
            "env": job.with_port(environment, listen, prefix),
            "account": {
                "name": account_of(self.account, self.user.name),
                "make": bool(self.make_account),
            },
            "ports": ports,
            "install": install,
            "reach": str(self.reach),
            "every": self._every(),
            "patience": int(self.patience),
            # Of the whole start: whoever waits gives up by then.
            "seconds": float(self.start_timeout),
        }

    # --- the machine tells -----------------------------------------------------------------------

    def _every(self) -> int:
        """The seconds between two reports: by them the next server comes to a shared machine."""
        wanted = int(self.report_every)
        return min(wanted, _SHARED_EVERY) if self.memo.shared else wanted

    async def reported(self, report: Mapping[str, Any]) -> Mapping[str, Any]:
        """The machine tells how far it is."""
        stage = str(report.get("stage") or "")
        memo = self.memo
        more = self.place.sharing.answer(memo.machine, memo.key, report.get("servers"))
        return {**self._answer(stage, report), **more}

    def _answer(self, stage: str, report: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._starting and not self._redeemer and stage in {"running", "idle"}:
            # A machine that was resumed knows nothing of that: its server is of the time before.
            return {**(_REVOKED if stage == "running" else _HELD), "again": True}
        self._heard(stage, report)
        self._told.set()
        if self._leaving or (not self._starting and not self.server):
            return _REVOKED
        return _HELD

    def _heard(self, stage: str, report: Mapping[str, Any]) -> None:
        detail = scrubbed(str(report.get("detail") or ""), self.untold())[:_LONGEST]
        if stage in OF_STAGE:
            self.news.enter(OF_STAGE[stage], detail)
        if stage in {"listening", "running"}:
            port = report.get("port")
            if isinstance(port, int) and port:
                self.memo.port = port
            self._listening = True
            self.place.ended.pop(self.ended_at(self.memo.machine), None)
        elif stage in {"failed", "ended", "idle"}:
            status = report.get("status")
            ended = Ended(status if isinstance(status, int) else None)
            if self._starting:
                self._fail(failures.of_agent(report, self.untold()))
            elif self.memo.machine:
                self.place.ended[self.ended_at(self.memo.machine)] = ended

    def refused(self, refusal: Refusal, address: str) -> None:
        """Somebody was turned away who named this start."""
        if refusal.reason is Reason.USED and self._starting:
            self._contested = address
            self._told.set()

    def _fail(self, error: StartError) -> None:
        if self._starting and self._failure is None:
            self._failure = error
            self._told.set()
