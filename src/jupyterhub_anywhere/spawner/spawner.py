"""AnywhereSpawner: one spawner for the hub, which hands each server to the spawner of its target.

The hub talks to this class only. It resolves the user's choice, builds the child as the hub would
have built it, and forwards every method of the hub's contract with the arguments given.

What must never happen here: raising in ``__init__``, ``load_state``, ``clear_state``, a trait
observer or ``_get_oauth_client_allowed_scopes``. The hub has committed the server's row by then
and is not yet inside its ``try``: a raise leaves a server that is marked ready and cannot be
deleted. A bad choice is remembered, and refused in ``_run_apply_user_options``.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyterhub.spawner import Spawner
from tornado import web
from traitlets import TraitError, Unicode
from traitlets.config import Config

from jupyterhub_anywhere.catalog.choice import Who
from jupyterhub_anywhere.core.errors import AnywhereError, ChoiceError
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.core.state import default_state_root
from jupyterhub_anywhere.spawner import guard, progress, site, takeover
from jupyterhub_anywhere.spawner.delegation import BEFORE_THE_CHOICE
from jupyterhub_anywhere.spawner.farewell import tell_of_end
from jupyterhub_anywhere.spawner.inherited import Inherited
from jupyterhub_anywhere.spawner.menu import Menu
from jupyterhub_anywhere.spawner.patience import Patience
from jupyterhub_anywhere.spawner.refusals import public_text, refusal
from jupyterhub_anywhere.spawner.stages import Stage
from jupyterhub_anywhere.spawner.starting import Starting
from jupyterhub_anywhere.spawner.together import read_together
from jupyterhub_anywhere.spawner.versions import Versioned
from jupyterhub_anywhere.targets.causes import failure_cause
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.hubid import id_from_database
from jupyterhub_anywhere.targets.traits import apply_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from jupyterhub_anywhere.catalog.choice import Choice
    from jupyterhub_anywhere.core.observation import Observation
    from jupyterhub_anywhere.spawner.site import Site

# Seconds by which our own deadline comes before the hub's, whose message is empty.
_BEFORE_THE_HUB = 0.5
# The exit status of a server that is gone without having left one.
_NO_STATUS = 1


def _is_url(text: str) -> bool:
    """Whether the hub can take a URL apart; where it cannot, its own start ends."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises where it is no port
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc)


class AnywhereSpawner(Menu, Patience, Inherited, Starting, Versioned, Spawner):
    """Runs each server through the spawner of the target that its user chose."""

    config_file = Unicode(
        "",
        help="Path of anywhere.yaml, for hubs that name this class without calling setup().",
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        self._choice: Choice | None = None
        self._refusal: StartError | None = None
        self._prepared = False
        self._hanging: guard.Failed | None = None
        super().__init__(**kwargs)
        read_together(self.orm_spawner)

    # --- configuration ---------------------------------------------------------------------------

    def _find_my_config(self, cfg: Config) -> Config:
        """Only what is meant for the wrapper: the rest of ``c.Spawner`` counts for the child."""
        mine = Config()
        everybody = cfg.get("Spawner", {})
        mine.update({name: everybody[name] for name in BEFORE_THE_CHOICE if name in everybody})
        mine.merge(cfg.get(AnywhereSpawner.__name__, {}))
        return mine

    @property
    def hub_config(self) -> Config:
        """The hub's configuration, from which children are built."""
        config: Config = self.config
        return config

    @property
    def site(self) -> Site:
        """The site that a new choice is made from.

        Raises:
            ConfigError: The file named by `config_file` is wrong.
            NoSiteError: There is no file.
        """
        if not site.published() and self.config_file:
            # Where nobody keeps an id for this hub, its database is what makes it this one.
            found = site.load_site(
                Path(self.config_file),
                state_root=default_state_root(),
                fallback_id=id_from_database(self.orm_spawner),
            )
            site.publish(found)
        return site.current()

    def who(self) -> Who:
        """The person whose server this is, with the groups of now."""
        groups = {group.name for group in self.user.groups}
        declared = self.site.config.users.groups
        groups |= {name for name, members in declared.items() if self.user.name in members}
        return Who(self.user.name, frozenset(groups))

    # --- the choice ------------------------------------------------------------------------------

    @property
    def last_choice(self) -> dict[str, Any]:
        """The last accepted choice as ``user_options``, empty when there was none."""
        return dict(self._envelope.last)

    def _resolve(self) -> Choice:
        options = self.user_options
        last = self._envelope.last
        raw = None if not options or options == last else options
        catalog, who = self.site.catalog, self.who()
        try:
            return catalog.resolve(raw, who, last=last or None)
        except ChoiceError:
            if not raw or raw != self._foreign_options:
                raise
        # Nobody has chosen this: it stands in the database since another spawner's days.
        return catalog.resolve(takeover.as_choice(raw, self.site, who), who)

    def _resolve_readably(self) -> Choice:
        try:
            choice = self._resolve()
            self.check_room(choice)
        except ChoiceError as error:
            raise refusal(error) from error
        except AnywhereError as error:
            raise StartError(
                "This hub's configuration cannot be used at the moment; please tell its"
                " administrator.",
                reason="config",
                log_message=str(error),
            ) from error
        return choice

    async def _prepare(self) -> None:
        """Resolve the choice and build its child, once a start; failures are remembered."""
        if self._prepared:
            return
        self._prepared = True
        try:
            self._choice = choice = self._resolve_readably()
            factory = self.site.factories[choice.target]
            child = self._build(factory, choice.child or {}, self._kept_at(factory.name))
            self._apply_choice(child, choice)
            guard.guarded(child.clear_state, f"{factory.name}: clear_state")
            child.api_token = self.own_api_token
        except StartError as error:
            self._refusal = error
        except Exception as error:  # noqa: BLE001 - whatever a foreign child raises in its constructor
            self._refusal = self._unusable(error)
        else:
            self._adopt(child, factory)
            self._envelope.last = choice.to_user_options()
            self.begin_story()

    def _apply_choice(self, child: Spawner, choice: Choice) -> None:
        try:
            apply_settings(child, self._settings(choice))
        except (TraitError, AttributeError, AnywhereError) as error:
            raise StartError(
                "This choice cannot be applied; please tell the administrator of this hub.",
                reason="choice",
                log_message=f"target {choice.target}: {type(error).__name__}: {error}",
            ) from error

    def _unusable(self, error: Exception) -> StartError:
        self.log.error("No child for %s: %s", self._log_name, error, exc_info=error)
        return StartError(
            "This place cannot start servers at the moment; please tell the administrator.",
            reason="target",
            log_message=f"{type(error).__name__}: {error}",
        )

    def _restore_previous_options(self) -> None:
        """A refused choice never becomes the last choice."""
        previous = dict(self._envelope.last or self._foreign_options)
        self.user_options = previous
        self.orm_spawner.user_options = previous
        self._commit()

    def clear_state(self) -> None:
        """Before a start and after a stop; never raises."""
        self.forget_start()
        super().clear_state()
        self._choice = self._refusal = None
        self._prepared = False
        self._server_version = None

    # --- the start -------------------------------------------------------------------------------

    async def _get_oauth_client_allowed_scopes(self) -> Any:
        await self._prepare()
        if self.child is None:
            return await super()._get_oauth_client_allowed_scopes()
        scopes = await guard.bounded(
            self.child._get_oauth_client_allowed_scopes,  # noqa: SLF001 - the hub's contract
            self.poll_deadline,
            self._what("oauth_client_allowed_scopes"),
        )
        if self._choice is not None:
            # The hub is about to commit; a commit of our own would hold its loop once more. Not
            # before anything is awaited: a handler that ends meanwhile takes back what is not
            # committed, and lets the hub read all of its users anew.
            self.orm_spawner.user_options = self._choice.to_user_options()
        return [] if isinstance(scopes, guard.Failed) else scopes

    async def run_auth_state_hook(self, auth_state: Any) -> None:
        """The wrapper's hook, then the child's."""
        with self._readable("auth_state_hook"):
            await super().run_auth_state_hook(auth_state)
            if self.child is not None:
                await self.child.run_auth_state_hook(auth_state)
        if self.child is not None and self._refusal is None:
            # As with the options: the hub commits when the start is written down, right after this.
            self.orm_spawner.state = self.get_state()

    async def apply_group_overrides(self) -> None:
        """Overrides of ``c.AnywhereSpawner`` and of ``c.Spawner``, on the child."""
        await self._prepare()
        if self.child is None:
            return
        if self.group_overrides:
            await super().apply_group_overrides()
        with self._readable("group_overrides"):
            await self.child.apply_group_overrides()

    def _apply_overrides(self, spawner_override: dict[str, Any]) -> None:
        child = self._started()
        unknown = [name for name in spawner_override if not hasattr(child, name)]
        if unknown:
            raise StartError(
                "The settings for your group cannot be applied; please tell the administrator.",
                reason="group_overrides",
                log_message=f"{self._what('group_overrides')}: no attribute {', '.join(unknown)}",
            )
        child._apply_overrides(spawner_override)  # noqa: SLF001 - the hub's own merging

    async def _run_apply_user_options(self, user_options: dict[str, Any]) -> None:
        """Refuse a bad choice: the one place where a raise leaves nothing behind."""
        await self._prepare()
        if self._refusal is not None or self.child is None:
            self._child_ready.set()
            self._restore_previous_options()
            raise self._refusal or StartError("No target was chosen.", reason="choice")
        if self._choice is not None:
            self.user_options = options = self._choice.to_user_options()
            if not self._is_stored(user_options=options):
                self.orm_spawner.user_options = options
                # Any handler of the hub that ends meanwhile rolls back what is not committed.
                self._commit()
        if self.apply_user_options:
            await super()._run_apply_user_options(user_options)
        child = self.child
        with self._readable("apply_user_options"):
            await child._run_apply_user_options(child.user_options)  # noqa: SLF001 - the hub's contract

    async def run_pre_spawn_hook(self) -> None:
        """The wrapper's hook, then the child's."""
        with self._readable("pre_spawn_hook"):
            await self.want()
            try:
                await self.queue_turn()
                await guard.answer(super().run_pre_spawn_hook())
                if self.child is not None:
                    await guard.cancellable(self.child.run_pre_spawn_hook())
                await self.end_left()
                await self.clear_the_way()
            except BaseException:
                self.end_turn()
                await asyncio.shield(self.withdraw())
                raise

    async def create_certs(self) -> Any:
        """The child's own."""
        with self._readable("create_certs"):
            return await guard.answer(self._started().create_certs())

    async def move_certs(self, paths: Any) -> Any:
        """The child's own."""
        with self._readable("move_certs"):
            return await guard.answer(self._started().move_certs(paths))

    def _started(self) -> Spawner:
        if self.child is None:
            raise StartError("No target was chosen.", reason="choice")
        return self.child

    async def start(self) -> Any:
        """Start the child.

        Returns:
            What the child returns: a URL, or an address and a port.

        Raises:
            StartError: With a text for the user; the cause is in the log.
        """
        # A hub that dies from here on finds the target again, and with it what was made there.
        if not self._is_stored(state=self.get_state()):
            self.save_state()
        try:
            with self._readable("start"):
                await self.launch()
            self.enter_stage(Stage.STARTING)
            address = await self._start_child(self._started())
        except BaseException as error:
            await asyncio.shield(self.failed(error))
            raise
        finally:
            self.end_turn()
        await self.launched()
        self.enter_stage(Stage.WAITING)
        return address

    async def _start_child(self, child: Spawner) -> Any:
        seconds = float(self.start_timeout)
        deadline = seconds - _BEFORE_THE_HUB if seconds > 2 * _BEFORE_THE_HUB else seconds
        try:
            async with asyncio.timeout(deadline):
                with guard.contained():
                    return await guard.cancellable(child.start(), self.goes_on)
        except TimeoutError as error:
            detail = f"{self._what('start')}: not within {seconds:g} s {error}".rstrip()
            raise self.late(seconds, detail) from error
        except Exception as error:
            raise self._start_failure("start", error) from error

    @contextmanager
    def _readable(self, method: str) -> Iterator[None]:
        """Turn what a hook or a child raises into an error whose text the user may read."""
        try:
            with guard.contained():
                yield
        except Exception as error:
            raise self._start_failure(method, error) from error

    def _start_failure(self, method: str, error: Exception) -> Exception:
        if isinstance(error, StartError) or hasattr(error, "jupyterhub_message"):
            return error
        if not isinstance(error, web.HTTPError):
            self.log.error("%s failed", self._what(method), exc_info=error)
        return StartError(
            public_text(error),
            reason=getattr(error, "reason", "") or "error",
            log_message=f"{self._what(method)}: {type(error).__name__}: {error}",
            html=getattr(error, "message_html", ""),
            status_code=getattr(error, "status_code", 500),
            cause=failure_cause(error),
        )

    # --- while it runs ---------------------------------------------------------------------------

    async def poll(self) -> int | None:
        """None while the server runs or nobody can tell; never raises, bounded in time."""
        try:
            await self.reconnect()
            seen = await self.watched()
            child = await self._existing_child() if seen is None else None
        except Exception as error:  # noqa: BLE001 - a broken ledger, a foreign constructor
            # What runs stays.
            self._unknown(f"{type(error).__name__}: {error}")
            return None
        if seen is not None:
            desk, lease = self.desk, self._lease
            if seen.phase is Phase.GONE and desk is not None and lease is not None:
                await tell_of_end(desk, lease, seen)
            return self._answer(seen)
        if child is None:
            return 0
        if self._hanging is not None and self._hanging.goes_on:
            # Another call would only hang beside it.
            return None
        status = await guard.bounded(child.poll, self.poll_deadline, self._what("poll"))
        if isinstance(status, guard.Failed):
            self._hanging = status
            self._unknown(status.reason)
            return None
        self.unknown_because = ""
        # Some children answer with a text (DockerSpawner); the hub only asks whether it is None.
        return status  # type: ignore[no-any-return]

    def _answer(self, seen: Observation) -> int | None:
        """An observation as the hub asks for it."""
        if seen.phase is Phase.UNKNOWN:
            self._unknown(seen.detail)
            return None
        self.unknown_because = ""
        self.seen_running = seen.phase is Phase.RUNNING
        if self.seen_running:
            return None
        return _NO_STATUS if seen.exit_code is None else seen.exit_code

    def _unknown(self, reason: str) -> None:
        if not self.unknown_because:
            self.log.warning(
                "Whether %s runs at %s cannot be told, so it is kept: %s",
                self._log_name,
                self._envelope.target or "its target",
                reason,
            )
        self.unknown_because = reason

    async def get_url(self) -> str:
        """The child's address of the server; the stored one when the child cannot tell."""
        stored: str = self.server.url
        if self.child is None:
            return stored
        url = await guard.bounded(self.child.get_url, self.url_deadline, self._what("get_url"))
        if isinstance(url, guard.Failed) or url == stored:
            return stored
        if isinstance(url, str) and _is_url(url):
            return url
        self.log.warning("%s: this is no URL: %r", self._what("get_url"), url)
        return stored

    def _generate_progress(self) -> AsyncIterator[dict[str, Any]]:
        return progress.generate(self)

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """The child's events."""
        child = self.child if self.child is not None else await self.wait_for_child()
        if child is not None:
            async for event in child.progress():
                yield event

    @property
    def progress_ready_hook(self) -> Any:
        """The wrapper's hook, then the child's, each with its own spawner."""
        mine, child = self._own_progress_ready_hook, self.child
        found = child and guard.guarded(lambda: child.progress_ready_hook, "progress_ready_hook")
        theirs = None if isinstance(found, guard.Failed) else found
        if not mine and not theirs and not self.version_notice:
            return None

        async def both(_: Any, event: dict[str, Any]) -> Any:
            if self.version_notice and event.get("ready"):
                event = {**event, "message": f"{event.get('message', '')}. {self.version_notice}"}
            if mine:
                event = await guard.answer(mine(self, event))
            if theirs:
                event = await guard.answer(theirs(child, event))
            return event

        return both

    @property
    def _own_progress_ready_hook(self) -> Any:
        return self.config.get(AnywhereSpawner.__name__, {}).get("progress_ready_hook")
