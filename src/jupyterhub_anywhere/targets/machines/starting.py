"""The half of `MachineSpawner` that brings a machine up and waits until its server answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.loopback import is_loopback
from jupyterhub_anywhere.core.scrubbing import scrubbed
from jupyterhub_anywhere.targets.machines import (
    addresses,
    again,
    ending,
    failures,
    launcher,
    marks,
    reachable,
    tickets,
    tunnels,
    userdata,
)
from jupyterhub_anywhere.targets.machines.memo import Memo
from jupyterhub_anywhere.targets.machines.progress import News, Step
from jupyterhub_anywhere.targets.machines.provider import Power, ProviderError, Rest, Volume, Wanted
from jupyterhub_anywhere.targets.machines.together import Together
from jupyterhub_anywhere.targets.machines.traits import DIAL, DIRECT, listed

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.errors import StartError
    from jupyterhub_anywhere.targets.machines.provider import Machine

# Seconds by which a start ends before the hub's own deadline.
_MARGIN: Final = 3.0
# Seconds for which a listing is good enough for all starts.
_GLANCE: Final = 0.5
# Seconds that a start which failed gets to remove what it made.
_UNDO_SECONDS: Final = 90.0
# What is asked for of the console of a machine that was late: less than the margin, lines, letters.
_CONSOLE_SECONDS, _CONSOLE_LINES, _CONSOLE_LONGEST = 2.0, 20, 4000


class Starting(Together):
    """Mixed into `MachineSpawner`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._creating: asyncio.Task[Machine] | None = None
        self._resumed = False
        super().__init__(*args, **kwargs)

    async def start(self) -> str:
        """Bring a machine up, and wait until its server answers.

        Returns:
            The server's address, as ``http://10.0.0.7:8000``.

        Raises:
            StartError: With cause and cure for the user.
        """
        deadline = time.monotonic() + max(float(self.start_timeout) - _MARGIN, 1.0)
        self._begin()
        try:
            self._check_hub_url()
            self.memo.engine = await self.cloud.source()
            # Committed before anything is made: another cloud's word is no proof later.
            await self.remember(engine=self.memo.engine)
            if self.share_machine:
                return await self._start_shared(deadline)
            if not await self._take_up(deadline):
                await self._create(deadline)
            return await self._served(deadline)
        except BaseException as error:
            await self._undo()
            if isinstance(error, Exception):
                raise failures.explained(error, self.title) from error
            raise
        finally:
            self._starting, self._creating = False, None
            self.news.end()

    def _begin(self) -> None:
        self._failure, self._contested = None, ""
        if self.news.ended:
            # Else somebody may look at it already, who came before the start had its turn.
            self.news = News()
        self._listening, self._redeemer, self._resumed = False, frozenset(), False
        self._starting, self._joined, self._leaving = True, False, False
        self.news.enter(Step.ASKED)

    def _check_hub_url(self) -> None:
        """Machines have to reach the hub, by a way on which nobody reads along.

        Raises:
            StartError: They cannot, or nobody said that they may.
        """
        url = urlsplit(self.hub_url)
        here = getattr(self.cloud, "local", False)
        if is_loopback(url.hostname or "") and not here:
            raise failures.no_address(
                self.title,
                f"the hub's address for machines is {self.hub_url}, which is each machine itself",
                "set internal_url of the target, or hub.internal_url",
            )
        if url.scheme != "https" and not self.plain_http and not here:
            raise failures.no_address(
                self.title,
                f"the hub's address for machines is {self.hub_url}, plain http",
                "serve it by https and name its authority in `ca`, or say insecure: true",
            )

    # --- a machine that was kept -----------------------------------------------------------------

    async def _take_up(self, deadline: float) -> bool:
        """Wake the machine that was kept for this server; what else has its name goes.

        Raises:
            StartError: A machine is kept that cannot be used, or does not come to rest.
            ProviderError: The cloud cannot be asked, or refuses.
        """
        found = [
            each
            for each in await self.place.machines()
            if each.name == self.resource and marks.owner_of(each.marks) == self.owner
        ]
        memo = self.memo
        kept = next((each for each in found if each.id == memo.machine and memo.served), None)
        for each in found:
            if each is not kept:
                await self._clear_away(each)
        if kept is None:
            self.memo = Memo(engine=memo.engine)
            return False
        self._resumed = True
        self.place.claim(self.resource, kept.id)
        await self.expect()
        self.news.enter(Step.WAKING, self._made_as() or kept.state)
        if kept.power in {Power.RUNNING, Power.STOPPED}:
            # Somebody has woken it, and only what boots asks for its server; or it is still on its
            # way to rest, and clouds wake none that is.
            try:
                async with asyncio.timeout(max(deadline - time.monotonic(), 0.0)):
                    await self._until(lambda: self.cloud.rest(kept.id, Rest.STOP))
            except TimeoutError:
                raise failures.late(self.news.words, self.hub_url, "") from None
        await self.cloud.wake(kept.id)
        return True

    def _made_as(self) -> str:
        """What the machine that was kept is, where another one is chosen now; empty where not."""
        memo = self.memo
        if (memo.image, memo.size) in {("", ""), (self.image, self.size)}:
            return ""
        self.log.info(
            "%s has a machine that was kept, of image %s and size %s; chosen were %s and %s",
            *(self._log_name, memo.image, memo.size, self.image, self.size),
        )
        return f"as it was made: image {memo.image}, size {memo.size}"

    async def _clear_away(self, machine: Machine) -> None:
        """A machine of an earlier life of this server; what may hold files is left alone.

        Raises:
            StartError: It may.
            ProviderError: The cloud cannot be asked, or refuses.
        """
        if machine.marks.get(marks.KEEP) == "1":
            why = "this hub has no record of it that would let it be started again"
            raise failures.taken(machine.name, why)
        self.log.warning("%s (%s) is of an earlier start, and goes", machine.name, machine.id)
        await self._until(lambda: ending.removed(self.cloud, machine))

    # --- a new machine ---------------------------------------------------------------------------

    async def _create(self, deadline: float) -> None:
        """Ask for a machine, with a ticket whose record is committed before.

        Raises:
            StartError: Its user-data cannot be made.
            ProviderError: The cloud cannot be asked, or refuses.
        """
        memo = self.memo
        memo.shared, memo.keep = bool(self.share_machine), self.makes_to_stay
        memo.image, memo.size = self.image, self.size
        memo.key = self.new_key()
        lifetime = float(self.ticket_seconds) or max(deadline - time.monotonic(), 1.0)
        text, memo.ticket = tickets.issue(memo.key, time.time(), lifetime)
        wanted = self._wanted(self.userdata(text))
        # Of an earlier user of this name, one may be on its way out.
        self.place.known.going.discard(self.volume_name if self.home_volume else "")
        await self.expect()
        await self.remember(engine=memo.engine)
        self._creating = asyncio.ensure_future(self.cloud.create(wanted))
        try:
            # A thread that asks goes on when nobody waits for it: `_undo` does.
            made = await asyncio.shield(self._creating)
        except ProviderError as error:
            found = None if error.sure else await self._found_after_all()
            if found is None:
                raise
            made = found
        finally:
            # An earlier listing cannot tell whether the call was done twice.
            self.place.changed()
        memo.machine = made.id
        self.place.claim(self.resource, made.id)
        await self.remember(machine=made.id)

    def _boot(self, ticket: str) -> str:
        """The launcher's script.

        Raises:
            OSError: The file of the hub's authority cannot be read.
        """
        boot = launcher.Boot(
            hub=self.hub_url,
            ticket=ticket,
            ca=self.hub_authority(),
            insecure=urlsplit(self.hub_url).scheme != "https",
            internal_ssl=bool(self.internal_ssl),
            dial=self.reach == DIAL,
            home=bool(self.home_volume),
            command=str(self.cmd[0]) if self.cmd else "",
        )
        return launcher.boot_script(boot)

    def userdata(self, ticket: str) -> str:
        """What the machine's first boot gets.

        Args:
            ticket: The ticket's text.

        Raises:
            StartError: It cannot be made.
            OSError: The file of the hub's authority cannot be read.
        """
        return userdata.of(self, self._boot(ticket))

    async def _found_after_all(self) -> Machine | None:
        """The machine of a call whose answer was lost; None where none is seen."""
        try:
            found = [each for each in await self.place.machines() if self.is_own(each)]
        except ProviderError as error:
            self.log.warning("%s: %s", self._log_name, error)
            return None
        return found[0] if found else None

    def _wanted(self, text: str) -> Wanted:
        volumes: tuple[Volume, ...] = ()
        if self.home_volume:
            kind, goes = self.home_volume_kind, self.delete_volumes
            volumes = (Volume(self.volume_name, self.home_volume, kind, goes=goes),)
        return Wanted(
            name=self.machine_name,
            image=self.image,
            size=self.size,
            userdata=text,
            marks=self._marks(),
            networks=listed(self.networks),
            key=self.key,
            security_groups=listed(self.security_groups),
            zone=self.zone,
            metadata=dict(self.metadata),
            config_drive=self.config_drive,
            floating_ip=self.floating_ip,
            boot_volume=self.boot_volume,
            volumes=volumes,
            more=dict(self.create_options),
        )

    def _marks(self) -> dict[str, str]:
        if self.share_machine:
            found = marks.of_shared(self.household, self.shape, self.own_seat())
            return {**found, marks.HOME: "1"} if self.home_volume else found
        keeps = self.memo.keep
        # What is kept gets another token at each start.
        token = None if keeps else self.anywhere_token
        home, lease = bool(self.home_volume), self.memo.key
        return marks.of_server(self.owner, keep=keeps, lease=lease, token=token, home=home)

    # --- until it answers ------------------------------------------------------------------------

    async def _served(self, deadline: float) -> str:
        """Wait for the cloud, for the machine's word, and then for the server's port.

        Raises:
            StartError: The cloud or the machine says that nothing comes of it, or time is up.
        """
        pause = again.FIRST
        while True:
            self._told.clear()
            machine = await self._look()
            if self._failure is not None:
                raise self._failure
            if machine is not None and self._listening:
                url = await self._answering(machine)
                if url:
                    return url
            left = deadline - time.monotonic()
            if left <= 0:
                raise await self._late()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause, left)):
                    await self._told.wait()
            pause = again.slower(pause)

    async def _late(self) -> StartError:
        if self._listening:
            where = f"{self.memo.address}:{self.memo.port}"
            return failures.late(self.news.words, self.hub_url, where)
        return failures.late(self.news.words, self.hub_url, "", await self._console())

    async def _console(self) -> str:
        """The end of its console, for the administrator; empty where it cannot be had."""
        if not self.memo.machine:
            return ""
        try:
            async with asyncio.timeout(_CONSOLE_SECONDS):
                text = await self.cloud.console(self.memo.machine, _CONSOLE_LINES)
        except (ProviderError, TimeoutError) as error:
            self.log.info("%s: its console cannot be had: %s", self._log_name, error)
            return ""
        # Cut afterwards: a secret across the cut would not be found.
        return scrubbed(text, self.untold())[-_CONSOLE_LONGEST:].strip()

    async def _look(self) -> Machine | None:
        """What the cloud says of the machine; None where it cannot be asked just now.

        Raises:
            StartError: It has failed, or is gone.
        """
        try:
            found = [x for x in (await self.place.glance(_GLANCE)).values() if self.is_own(x)]
            machine = await self._one_of(found)
        except ProviderError as error:
            self.log.warning("%s: the cloud cannot be asked: %s", self._log_name, error)
            return None
        if machine is None or machine.power is Power.GOING:
            raise failures.vanished()
        if self._joined and machine.power is Power.STOPPED:
            raise failures.vanished()
        if machine.power is Power.BROKEN:
            raise failures.broken(machine.fault, machine.state)
        if machine.power is Power.BUILDING and not self._resumed:
            self.news.enter(Step.BUILDING, machine.state)
        elif machine.power is Power.RUNNING and self.news.step in {Step.ASKED, Step.BUILDING}:
            self.news.enter(Step.BUILT)
        self._bind(machine)
        return machine

    async def _one_of(self, found: list[Machine]) -> Machine | None:
        """Of two machines that one call has made, the one that redeemed the ticket stays.

        Raises:
            StartError: Somebody else had the ticket.
            ProviderError: The cloud cannot be asked.
        """
        memo = self.memo
        if len(found) > 1 and self._redeemer:
            chosen = next(
                (x for x in found if self._redeemer & {*x.private, *x.public}),
                next((x for x in found if x.id == memo.machine), found[0]),
            )
            if chosen.id != memo.machine:
                memo.machine = chosen.id
                self.place.claim(self.resource, chosen.id)
                await self.remember(machine=chosen.id)
            for each in found:
                if each is not chosen:
                    self.log.warning("%s was made twice; %s goes", each.name, each.id)
                    await self.cloud.destroy(each.id)
            self._contested = ""
            return chosen
        if self._contested and len(found) == 1:
            raise failures.contested(self._contested)
        for each in found:
            if each.id == memo.machine:
                return each
        return await self.cloud.machine(memo.machine)

    def _bind(self, machine: Machine) -> None:
        """From now on the ticket is good at the machine's own addresses only."""
        memo = self.memo
        ticket = memo.ticket
        if ticket is None or ticket.used is not None or ticket.addresses or not self.bind_ticket:
            return
        if self.reach == DIRECT and machine.power is Power.RUNNING:
            memo.ticket = ticket.bound(addresses.bound_to(machine))

    async def _answering(self, machine: Machine) -> str:
        """The server's address once something listens there; empty before."""
        memo = self.memo
        scheme = "https" if self.internal_ssl else "http"
        if self.reach == DIAL:
            # The agent has dialled as soon as its server listens.
            return f"{scheme}://127.0.0.1:{memo.tunnel}" if tunnels.hub.connected(memo.key) else ""
        memo.address = addresses.chosen(
            machine,
            memo.agent.get("addresses") or (),
            self.address,
            self.family,
            floating=bool(self.floating_ip),
        )
        if not memo.address or not await reachable.answers(memo.address, memo.port):
            return ""
        return f"{scheme}://{addresses.in_url(memo.address)}:{memo.port}"

    # --- what a start that failed leaves ---------------------------------------------------------

    async def _undo(self) -> None:
        """Remove what this start has made; what is left then stands in the ledger."""
        try:
            if not self._joined:
                await self.expect_no_more()
            more = ending.PATIENCE if self.home_volume else 0.0
            async with asyncio.timeout(_UNDO_SECONDS + more):
                await self._undo_now()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the first error is the one to tell
            # A time-out has no words of its own.
            why = str(error) or type(error).__name__
            self.log.warning("%s: %s is left: %s", self._log_name, self.resource, why)

    async def _undo_now(self) -> None:
        memo, creating = self.memo, self._creating
        if self._joined:
            await self.leave_what_was_joined()
            return
        if self._resumed:
            # Its user's files are in it.
            await self._until(lambda: self.cloud.rest(memo.machine, self.rest_as))
            self.memo = memo.rested()
            return
        if creating is None:
            return
        if not creating.done():
            await asyncio.wait({creating})
        made = {each.id: each for each in await self.place.machines() if self.is_own(each)}
        if not creating.cancelled() and creating.exception() is None:
            # What a cloud lists may be older than what it has made.
            made[creating.result().id] = creating.result()
        for each in made.values():
            await self._until(lambda each=each: ending.removed(self.cloud, each))
        self.place.disclaim(self.resource)
        self.memo = Memo(engine=memo.engine)

    async def _until(self, done: Any) -> None:
        """Call until it says that it is proven.

        Raises:
            ProviderError: The cloud cannot be asked, or refuses.
        """
        try:
            await again.until(done)
        finally:
            # Of what was listed before that, nothing holds any more.
            self.place.changed()
