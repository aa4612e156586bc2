"""One life of a hub, as a target sees it.

JupyterHub's own users, spawners and database, and our ledger, watches and reconciler. There is no
web server and no proxy: what they would ask for is a method here.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy
import sqlalchemy.orm
from jupyterhub import orm, roles
from jupyterhub.objects import Hub
from jupyterhub.user import UserDict
from traitlets.config import Config

from jupyterhub_anywhere.hub.hubside import JupyterHubSide
from jupyterhub_anywhere.hub.keeper import Keeper
from jupyterhub_anywhere.ledger.aio import AsyncLedger
from jupyterhub_anywhere.ledger.policy import Policy
from jupyterhub_anywhere.ledger.reconcile import Reconciler
from jupyterhub_anywhere.ledger.states import Cause, State
from jupyterhub_anywhere.spawner import desk as desks
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner
from jupyterhub_anywhere.testing.contract.subject import ONE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Self

    from jupyterhub_anywhere.core.inventory import Resource, Sweep
    from jupyterhub_anywhere.core.observation import Observation
    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.spawner.site import Site
    from jupyterhub_anywhere.targets.watch import Watch
    from jupyterhub_anywhere.testing.contract.clock import AdvancedClock

# Seconds between two lists that count as two, and until a deletion is tried again.
APART: Final = 1.1
AGAIN: Final = 700.0
GRACE: Final = 300.0
PROFILE: Final = "contract"
# Seconds that a busy machine gets to clean up.
_PATIENCE: Final = 60.0
# Looks after which everything has come to its end, or never will.
_LOOKS: Final = 6
_SETTLED: Final = frozenset({State.RUNNING, State.KEPT})


class WitnessedLedger(AsyncLedger):
    """The ledger, which lets a test look around before and after a launch is committed.

    Attributes:
        witnesses: Called with ``before`` or ``after``, and the lease.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.witnesses: list[Callable[[str, Lease], Awaitable[None]]] = []

    async def move(self, lease: Lease, cause: Cause, **changes: Any) -> Lease:
        """See `AsyncLedger.move`."""
        launches = cause in {Cause.LAUNCH, Cause.RESUME}
        for each in self.witnesses if launches else ():
            await each("before", lease)
        moved = await super().move(lease, cause, **changes)
        for each in self.witnesses if launches else ():
            await each("after", moved)
        return moved


class HubProcess:
    """One life of a hub; begin it with `begin`, and end it as a hub that leaves its servers.

    Attributes:
        user: Whose servers are started where nothing else is said.
        ledger: Its ledger.
        clock: Its clock.
        users: JupyterHub's users.
        db: The session of the hub's database.
    """

    def __init__(
        self, site: Site, ledger: WitnessedLedger, db: Any, clock: AdvancedClock, user: str
    ) -> None:
        self.user, self.ledger, self.clock, self.db = user, ledger, clock, db
        self._keeper = Keeper(site, ledger, clock)
        settings: dict[str, Any] = {
            "spawner_class": AnywhereSpawner,
            "hub": Hub(ip="127.0.0.1", port=8081),
            "config": Config(),
            "base_url": "/",
            "internal_ssl": False,
            "allow_named_servers": True,
        }
        self.users = settings["users"] = UserDict(lambda: db, settings)
        app = SimpleNamespace(users=self.users, db=db, base_url="/")
        desk = self._keeper.desk
        self._side = JupyterHubSide(app, desk, lambda: self._newborn, self._keeper.teller.tell_user)
        self._newborn = ""
        self._keeper.reconciler = Reconciler(
            ledger, self._side, desk.watches, clock, Policy(grace=GRACE)
        )
        desks.publish(desk)

    @classmethod
    async def begin(cls, site: Site, database: Path, clock: AdvancedClock, user: str) -> Self:
        """Open the databases, and look after the servers of the life before.

        Raises:
            LedgerError: The ledger cannot be used.
        """
        url = f"sqlite:///{site.info.state.ledger}"
        ledger = await WitnessedLedger.open(url, site.info.hub_id, clock)
        made = cls(site, ledger, _session(database), clock, user)
        made.person(user)
        await made._look_after()
        return made

    async def end(self) -> None:
        """End as a hub does that is killed or leaves its servers: nothing of them is touched."""
        for user in self.users.values():
            for spawner in user.spawners.values():
                spawner.stop_polling()
        await self._keeper.close()
        _close(self.db)

    async def _look_after(self) -> None:
        """What JupyterHub does at its start with every server that it has a row of."""
        for row in list(self.db.query(orm.Spawner).filter(orm.Spawner.server_id.is_not(None))):
            user = self.users[row.user]
            spawner = user.spawners[row.name]
            spawner._check_pending = True
            status = await spawner.poll()
            spawner._check_pending = False
            if status is None:
                spawner.add_poll_callback(user.stop, row.name)
            else:
                await user.stop(row.name)

    # --- people ----------------------------------------------------------------------------------

    def person(self, name: str) -> Any:
        """A user of the hub, made where there is none."""
        row = self.db.query(orm.User).filter_by(name=name).one_or_none()
        if row is None:
            row = orm.User(name=name)
            self.db.add(row)
            self.db.commit()
            roles.assign_default_roles(self.db, entity=row)
        return self.users[row]

    def begin_start(
        self, target: str = ONE, *, user: str = "", server: str = ""
    ) -> tuple[Any, asyncio.Task[Any]]:
        """Have a server started, as the hub's handlers do.

        Returns:
            Its spawner and the start.
        """
        person = self.person(user or self.user)
        spawner = person.get_or_create_spawner(server, "", replace_failed=True)
        spawner._spawn_pending = True
        options = {"profile": PROFILE, "target": target}

        async def start() -> None:
            await person.spawn(server, options=options)
            spawner.add_poll_callback(person.stop, server)

        def ended(future: asyncio.Future[Any]) -> None:
            # As the hub's handlers: what failed is remembered until the next start.
            if future.cancelled() or future.exception() is None:
                spawner._spawn_future = None
            spawner._spawn_pending = False

        spawner._spawn_future = task = asyncio.ensure_future(start())
        task.add_done_callback(ended)
        return spawner, task

    async def start(self, target: str = ONE, *, user: str = "", server: str = "") -> Any:
        """Start a server, and wait until it answers.

        Returns:
            Its spawner.

        Raises:
            StartError: It could not be started.
        """
        spawner, task = self.begin_start(target, user=user, server=server)
        await task
        return spawner

    async def cancel(self, start: asyncio.Task[Any], *, user: str = "", server: str = "") -> None:
        """Cancel a start, as the hub's API does, and wait until its child has cleaned up."""
        person = self.person(user or self.user)
        spawner = person.spawners[server]
        start.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await start
        unfinished = spawner.unfinished
        await person.stop(server)
        if unfinished is not None:
            await asyncio.wait([unfinished], timeout=_PATIENCE)
            await asyncio.sleep(0)

    async def stop(self, *, user: str = "", server: str = "") -> None:
        """Stop a server."""
        await self.person(user or self.user).stop(server)

    async def delete(self, user: str = "") -> None:
        """Delete a user; what runs is stopped before, as the hub's API does."""
        person = self.person(user or self.user)
        for name, spawner in list(person.spawners.items()):
            if spawner.active:
                await person.stop(name)
        await person.delete_spawners()
        self.users.delete(person)

    def runs(self, *, user: str = "", server: str = "") -> bool:
        """Whether the hub counts a server as running."""
        return (user or self.user, server) in self._side.servers()

    def tokens(self) -> int:
        """How many API tokens of servers are valid."""
        return len(self._side.tokens())

    # --- what is looked at -----------------------------------------------------------------------

    async def sweep(self, times: int = 1, *, after: float = APART) -> None:
        """Look at every target, and do what is to be done.

        Args:
            times: How often.
            after: Seconds that pass before each look.
        """
        for _ in range(times):
            self.clock.advance(after)
            await self._keeper._round(self._side)

    async def settle(self) -> list[Lease]:
        """Look until nothing is half-done, twice at least and not more often than it may take.

        Returns:
            The leases that are left.
        """
        await self.sweep(after=AGAIN)
        for number in range(_LOOKS):
            await self.sweep(after=AGAIN if number % 2 else APART)
            leases = await self.leases()
            if {each.state for each in leases} <= _SETTLED:
                break
        return leases

    def watch(self, target: str = ONE) -> Watch:
        """What looks at a target."""
        found: Any = self._keeper.desk.watches[target]
        return found  # type: ignore[no-any-return]  # the desk knows only what it needs of it

    async def look(self, target: str = ONE) -> Sweep:
        """List a target now."""
        self.clock.advance(APART)
        return await self.watch(target).sweep()

    async def owned(self, target: str = ONE) -> Sequence[Resource]:
        """What a target itself has in its list.

        Raises:
            Exception: It cannot be asked.
        """
        return await self.watch(target).inventory.owned()

    async def observe(self, lease: Lease) -> Observation:
        """What the lists say of a lease's resource."""
        assert lease.made is not None
        return self.watch(lease.target).observe(lease.name, lease.made)

    async def leases(self) -> list[Lease]:
        """The leases that are not gone."""
        return await self.ledger.active()

    async def lease(self, *, user: str = "", server: str = "") -> Lease:
        """The one lease of a server that is not gone."""
        [found] = await self.ledger.of_server(user or self.user, server)
        return found

    async def past(self) -> list[Lease]:
        """The leases that are gone, newest first."""
        return await self.ledger.history()


def _in_haste(connection: Any, _: object) -> None:
    """No machine dies here, so nobody waits for the disk; what hubs write outlives them anyway."""
    connection.execute("PRAGMA synchronous = OFF")


def _session(database: Path) -> Any:
    if not database.exists():
        database.write_bytes(_new_database())
    return _opened(database)


@lru_cache(maxsize=1)
def _new_database() -> bytes:
    """The hub's database with what JupyterHub writes into it at its first start."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hub.sqlite"
        session = _opened(path)
        orm.Base.metadata.create_all(session.get_bind())
        for role in roles.get_default_roles():
            roles.create_role(session, role)
        session.add(orm.OAuthClient(identifier="jupyterhub"))
        session.commit()
        _close(session)
        return path.read_bytes()


def _opened(database: Path) -> Any:
    engine = sqlalchemy.create_engine(f"sqlite:///{database}")
    orm.register_foreign_keys(engine)
    sqlalchemy.event.listen(engine, "connect", _in_haste)
    return sqlalchemy.orm.Session(engine, expire_on_commit=False)


def _close(session: Any) -> None:
    engine = session.get_bind()
    session.close()
    engine.dispose()
