"""The hub as the reconciler sees it: users, servers, tokens, and what is to be done about them."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from jupyterhub import orm
from jupyterhub.utils import url_escape_path, url_path_join

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.observation import Observation, Phase
from jupyterhub_anywhere.ledger.hubside import HubServer, ServerClient, ServerToken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from jupyterhub_anywhere.ledger.lease import Lease
    from jupyterhub_anywhere.spawner.desk import Desk

log = logging.getLogger(__name__)

# The note that JupyterHub gives to a server's token (``user.py``, ``User.spawn``).
_NOTE: Final = "Server at "
# Seconds that the hub gets to take leave of a server.
_DROP_SECONDS: Final = 30.0


class JupyterHubSide:
    """One JupyterHub.

    Args:
        app: The hub.
        desk: Which starts and stops this process works on.
        newborn: Why nothing may be reaped; empty where something may.
        tell: Has a user (by name) read a text about a server.
    """

    def __init__(
        self,
        app: Any,
        desk: Desk,
        newborn: Callable[[], str],
        tell: Callable[[str, str, str], None],
    ) -> None:
        self._app, self._desk, self._newborn, self._tell = app, desk, newborn, tell

    def newborn(self) -> str:
        """Why nothing may be reaped: the hub's database knows none of its users."""
        return self._newborn()

    def users(self) -> set[str]:
        """The names of all users."""
        with self._reading() as db:
            return {name for (name,) in db.query(orm.User.name)}

    def rows(self) -> Mapping[tuple[str, str], datetime | None]:
        """Every server that the database knows, to when it was last touched there (UTC)."""
        with self._reading() as db:
            found = list(
                db.query(orm.User.name, orm.Spawner.name, orm.Spawner.last_activity).join(
                    orm.Spawner, orm.Spawner.user_id == orm.User.id
                )
            )
        return {(user, name): _aware(at) for user, name, at in found}

    def servers(self) -> Mapping[tuple[str, str], HubServer]:
        """Every server that the hub counts as running, starting or stopping."""
        found: dict[tuple[str, str], HubServer] = {}
        with self._reading() as db:
            rows = list(
                db.query(orm.User.id, orm.User.name, orm.Spawner.name, orm.Server.base_url)
                .join(orm.Spawner, orm.Spawner.user_id == orm.User.id)
                .join(orm.Server, orm.Spawner.server_id == orm.Server.id)
            )
        keys = {}
        for identity, user, server, address in rows:
            keys[identity, server] = key = (user, server)
            found[key] = HubServer(active=True, made_for=self._user_in(str(address)))
        for identity, user in self._app.users.items():
            for server, spawner in user.spawners.items():
                pending = spawner.pending
                # Whatever else is asked of a server's row, the hub reads it from its database.
                if not pending and (identity, server) not in keys:
                    continue
                key = keys.get((identity, server)) or (user.name, server)
                found[key] = HubServer(
                    active=True,
                    pending=str(pending or ""),
                    target=getattr(spawner, "anywhere_target", ""),
                    made_for=found[key].made_for if key in found else "",
                )
        return found

    def _user_in(self, address: str) -> str:
        """The user's name in the path of a server; empty where there is none."""
        base = url_path_join(self._app.base_url, "user", "/")
        return unquote(address.removeprefix(base).split("/")[0]) if address.startswith(base) else ""

    def tokens(self) -> Sequence[ServerToken]:
        """The API tokens that servers were given."""
        with self._reading() as db:
            rows = list(
                db.query(orm.APIToken.id, orm.APIToken.note, orm.User.name, orm.APIToken.created)
                .join(orm.User, orm.APIToken.user_id == orm.User.id)
                .filter(orm.APIToken.note.like(f"{_NOTE}%"))
            )
        found = []
        for identity, note, user, made in rows:
            server = self._server_in(str(note), user)
            if server is not None:
                found.append(ServerToken(int(identity), user, server, _aware(made)))
        return found

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        """The hub's session, for questions that write nothing of what others have not finished."""
        db = self._app.db
        with db.no_autoflush:
            yield db

    def _server_in(self, note: str, user: str) -> str | None:
        """The server's name in a token's note; None where the note is of something else."""
        base = url_path_join(self._app.base_url, "user", url_escape_path(user), "/")
        path = note.removeprefix(_NOTE)
        if not path.startswith(base):
            return None
        name = path[len(base) :].strip("/")
        return name if "/" not in name else None

    async def drop(self, user: str, server: str, reason: str) -> None:
        """Take leave of a server that is proven gone: its route, its row and its token."""
        spawner = self._spawner(user, server)
        if spawner is None or spawner.pending:
            return
        log.warning("The server of %s is gone: %s", spawner._log_name, reason)  # noqa: SLF001 - the hub's word for it
        # The hub's own callbacks take the route away and stop what is left.
        async with asyncio.timeout(_DROP_SECONDS):
            await spawner.poll_and_notify()

    async def revoke(self, token: int, *, instead: int | None = None) -> None:
        """Delete a token of a server that is dead, or that a server never got.

        Args:
            token: Its id.
            instead: The id of the token that its server has. The start that gave it none has made
                its own one the secret with which people log in to the server.
        """
        with self._reading() as db:
            row = db.get(orm.APIToken, token)
            own = db.get(orm.APIToken, instead) if instead is not None else None
        if row is None:
            return
        log.info(
            "Revoking token %s of a server that %s", token, "never got it" if own else "is gone"
        )
        if own is not None:
            self._has_secret(str(row.note), row.user, own.hashed)
        self._app.db.delete(row)
        self._app.db.commit()

    def _has_secret(self, note: str, user: Any, hashed: str) -> None:
        """Let the OAuth client of a server know it by a token; both are kept hashed alike."""
        server = self._server_in(note, user.name)
        for spawner in user._orm_spawners:  # noqa: SLF001 - its only list of them
            if spawner.name == server and spawner.oauth_client is not None:
                spawner.oauth_client.secret = hashed

    def clients(self) -> Sequence[ServerClient]:
        """The OAuth clients that servers were given."""
        with self._reading() as db:
            rows = list(
                db.query(orm.OAuthClient.id, orm.User.name, orm.Spawner.name, orm.Spawner.started)
                .join(orm.Spawner, orm.Spawner.oauth_client_id == orm.OAuthClient.identifier)
                .join(orm.User, orm.Spawner.user_id == orm.User.id)
            )
        return [ServerClient(int(each), user, name, _aware(at)) for each, user, name, at in rows]

    async def disown(self, client: int) -> None:
        """Delete the OAuth client of a server that is dead, and with it the logins to it."""
        with self._reading() as db:
            row = db.get(orm.OAuthClient, client)
        if row is not None:
            log.info("Removing the OAuth client %s of a server that is gone", row.identifier)
            self._app.db.delete(row)
            self._app.db.commit()

    async def tell(self, user: str, server: str, text: str) -> None:
        """Have the user told on the home page."""
        self._tell(user, server, text)

    def in_charge(self, lease: str) -> bool:
        """Whether a start or a stop of this process works on a lease."""
        return self._desk.in_charge(lease)

    async def halt(self, lease: Lease) -> None:
        """Stop what a lease holds by its spawner's own way, which keeps what is to be kept.

        Raises:
            TargetError: It could not be stopped, or its user is gone.
        """
        spawner = self._made(lease)
        if spawner is None:
            raise TargetError(f"There is no user {lease.user} any more.")
        await spawner.halt(lease)

    async def ask(self, lease: Lease) -> Observation:
        """What a lease's own spawner says, for a target that cannot be listed. Never raises."""
        spawner = self._made(lease)
        if spawner is None:
            return Observation(Phase.UNKNOWN, f"there is no user {lease.user} any more")
        found: Observation = await spawner.ask(lease)
        return found

    def _made(self, lease: Lease) -> Any:
        """The server's spawner, made for this question where there is none."""
        with self._reading() as db:
            row = db.query(orm.User).filter_by(name=lease.user).first()
            if row is None or lease.server not in {each.name for each in row._orm_spawners}:  # noqa: SLF001 - its only list of them
                return None
        user = self._app.users[row]
        return user.spawners.get(lease.server) or user._new_spawner(lease.server)  # noqa: SLF001 - what `user.spawners` itself calls

    def _spawner(self, user: str, server: str) -> Any:
        with self._reading() as db:
            row = db.query(orm.User).filter_by(name=user).first()
        if row is None:
            return None
        return self._app.users[row].spawners.get(server)


def _aware(at: datetime | None) -> datetime | None:
    """A time of the database: JupyterHub writes UTC, without saying so."""
    return None if at is None else at.replace(tzinfo=UTC)
