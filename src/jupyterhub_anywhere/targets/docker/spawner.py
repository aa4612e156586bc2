"""DockerSpawner with its known faults repaired, for one target.

Names, volumes, `remove`, `allowed_images`, the options form and every trait are DockerSpawner's.
What differs is written in ``docs/adr/0010``.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from docker.errors import APIError, DockerException, NotFound
from dockerspawner import DockerSpawner
from jupyterhub.utils import maybe_future
from tornado import web

from jupyterhub_anywhere.core.scrubbing import secrets_of
from jupyterhub_anywhere.targets.docker import addresses, labels, network, watching
from jupyterhub_anywhere.targets.docker import gpus as gpu_rules
from jupyterhub_anywhere.targets.docker.failures import Place, explain
from jupyterhub_anywhere.targets.docker.identity import OfOneEngine, check_same, identity
from jupyterhub_anywhere.targets.docker.images import name_and_tag, permitted
from jupyterhub_anywhere.targets.docker.keeping import forget_server, keeps_for_name
from jupyterhub_anywhere.targets.docker.stopping import Stopping
from jupyterhub_anywhere.targets.docker.traits import DockerTraits
from jupyterhub_anywhere.targets.docker.volumes import label_volumes
from jupyterhub_anywhere.targets.errors import StartError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from jupyterhub_anywhere.targets.docker.client import Engine
    from jupyterhub_anywhere.targets.docker.kind import DockerTarget

# Seconds by which watching a new container ends before the hub's own deadline for a start.
_START_MARGIN: Final = 2.0
# Seconds between looks: at the server's port, short at first, and at the container itself.
_FIRST_LOOK, _SLOWEST_LOOK, _INSPECT_EVERY = 0.05, 0.5, 0.5
# Seconds between two lines of news about a pull.
_NEWS_EVERY: Final = 0.5
# The part of the progress bar that a pull gets.
_PULL_FROM, _PULL_TO = 5, 45
_FORBIDDEN, _CONFLICT = 403, 409


class UnsureError(DockerException):
    """The engine could not say what has become of a container."""

    def __init__(self, error: APIError) -> None:
        super().__init__(str(error))
        self.explanation = error.explanation


class AnywhereDockerSpawner(DockerTraits, OfOneEngine, Stopping, DockerSpawner):
    """Runs each server as a container of one target's engine."""

    # Set on the generated subclass of a target.
    anywhere_target: ClassVar[DockerTarget]

    hub_connect_url: str | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._starting = False
        self._prepared = False
        self._created = False
        # When this start has started the container, by the clock; 0 before that.
        self._began = 0.0
        self._pulled = ""
        self._secrets: list[str] = []
        self._pulling = ""
        self._chosen_image = ""
        self._resumed_gpus: tuple[str, ...] = ()
        self._remark = ""
        self._tail: watching.Tail | None = None
        super().__init__(*args, **kwargs)

    # --- the engine ------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The target's connection to its engine."""
        target = self.anywhere_target
        engine = target.engine
        if not engine.learned:
            engine.learn(target.client_arguments(self.tls_config, self.client_kwargs))
        return engine

    @property
    def executor(self) -> Any:
        """The target's own threads; stock has one for all (see `client`)."""
        return self.engine.calls

    @property
    def client(self) -> Any:
        """The client of this thread, and of this target."""
        return self.engine.client

    def _docker(self, method: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.engine.again(
                lambda: super(AnywhereDockerSpawner, self)._docker(method, *args, **kwargs)
            )
        except APIError as error:
            # Stock takes a 500 for "gone", and the hub forgets a server that runs on. Only a 404
            # says so. It was meant for nodes of the swarms of 2016:
            # https://github.com/jupyterhub/dockerspawner/pull/74
            if method == f"inspect_{self.object_type}" and error.is_server_error():
                raise UnsureError(error) from error
            raise

    def docker(self, method: str, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """Call a method of the client in a thread; pulls and what is made go their own ways."""
        if method == "pull":
            return asyncio.ensure_future(self._pull(*args, **kwargs))
        if method == "create_container":
            return asyncio.ensure_future(self._create_container(*args, **kwargs))
        if method == "remove_container":
            return asyncio.ensure_future(self._remove_container(*args, **kwargs))
        call: Awaitable[Any] = super().docker(method, *args, **kwargs)
        return call

    # --- whose -----------------------------------------------------------------------------------

    @property
    def owner(self) -> labels.Owner:
        """Whom everything is labelled for."""
        target = self.anywhere_target
        return labels.Owner(target.site.hub_id, target.name, self.user.name, self.name or "")

    async def get_object(self) -> Any:
        """The container of this name; None where there is none, or another hub's.

        Raises:
            StartError: While it starts: the name is taken by another hub's container.
            DockerException: The engine could not be asked.
        """
        found = await super().get_object()
        if not found and not self._starting:
            await check_same(self.engine, self.made_at)
        whose = labels.another(found, self.owner.hub) if found else ""
        if whose:
            # Stock stops, removes and reuses whatever has the name.
            self.object_id = ""
            if self._starting:
                raise StartError(
                    f"The name {self.object_name} belongs to {whose} at this engine. Please tell"
                    " the administrator of this hub: servers here need a `prefix` of their own.",
                    reason="name-conflict",
                    status_code=_CONFLICT,
                )
            self.log.warning("%s belongs to %s, and is left alone", self.object_name, whose)
            return None
        if found and self._starting and not self.remove:
            self._take_up(found)
        return found

    def _take_up(self, found: Any) -> None:
        """A kept container is started again, as it was made: tell its user where that differs."""
        self._resumed_gpus = labels.held_gpus(found)
        image = (found.get("Config") or {}).get("Image", "")
        if image and image != self.image:
            self._remark = (
                f"Your earlier container is started again, with the image {image} it was made of,"
                f" not {self.image}."
            )
            self.log.warning("%s: %s", self._log_name, self._remark)

    # --- which image -----------------------------------------------------------------------------

    async def apply_group_overrides(self) -> None:
        """The hub's own overrides come after the choice, and are not measured by it."""
        self._chosen_image = self.image
        await maybe_future(super().apply_group_overrides())

    async def _run_apply_user_options(self, user_options: dict[str, Any]) -> None:
        self._check_permitted(self._chosen_image or self.image)
        await super()._run_apply_user_options(user_options)

    async def check_allowed(self, image: str) -> Any:
        """As stock, and within what the hub's own configuration allows."""
        found = await super().check_allowed(image)
        self._check_permitted(found)
        return found

    def _check_permitted(self, image: str) -> None:
        """A target or a profile may restrict ``c.DockerSpawner.allowed_images``, never widen it."""
        own = type(self).__name__
        sections = [name for name in self.section_names() if name != own]
        allowed = permitted(self.config, sections, self)
        if allowed is not None and image not in allowed:
            raise StartError(
                f"The image {image} is not among those that this hub allows.",
                reason="image",
                status_code=_FORBIDDEN,
            )

    # --- pulling ---------------------------------------------------------------------------------

    async def run_pre_spawn_hook(self) -> None:
        """The hook, and then the pull, which may take longer than a start may.

        Stock pulls inside `start_timeout`, where an image of 8 GB fails again and again:
        https://github.com/jupyterhub/dockerspawner/issues/293.
        """
        await maybe_future(super().run_pre_spawn_hook())
        try:
            option = self.user_options.get("image")
            if option:
                self.image = await self.check_allowed(option)
            await self.pull_image(self.image)
            self._pulled = self.image
        except Exception as error:
            raise self._explained(error) from error

    async def pull_image(self, image: str) -> None:
        """As stock, once a start."""
        if image != self._pulled:
            await super().pull_image(image)
        self._pulled = ""

    async def _pull(self, repository: str, tag: str = "latest") -> None:
        name, tag = name_and_tag(repository, tag)
        puller = self.anywhere_target.puller
        self._pulling = puller.key(name, tag)
        if self.anywhere_pulling is not None:
            self.anywhere_pulling()
        try:
            await puller.pull(name, tag)
        finally:
            self._pulling = ""

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """How far the pull is, and then what DockerSpawner says."""
        last = ""
        while not self._prepared and getattr(self, "_spawn_pending", False):
            news = self.anywhere_target.puller.news(self._pulling)
            if news is not None and news.message != last:
                last = news.message
                share = _PULL_FROM + news.percent * (_PULL_TO - _PULL_FROM) // 100
                pulled = {"stage": "pulling", "percent": news.percent}
                yield {"progress": share, "message": last, **pulled}
            await asyncio.sleep(_NEWS_EVERY)
        if self._remark:
            yield {"progress": _PULL_TO, "message": self._remark}
        async for event in super().progress():
            yield event

    # --- the start -------------------------------------------------------------------------------

    async def start(self) -> Any:
        """Start the container, and watch it until its server answers.

        Returns:
            What DockerSpawner returns: an address and a port.

        Raises:
            StartError: With cause and cure for the user.
        """
        deadline = time.monotonic() + max(float(self.start_timeout) - _START_MARGIN, 1.0)
        self._starting, self._prepared, self._created, self._began = True, True, False, 0.0
        try:
            await self._open_door()
            # Before anything is made: an engine that cannot say who it is leaves nothing behind.
            self.made_at = await identity(self.engine)
            if self.anywhere_progress is not None:
                await self.anywhere_progress(engine=self.made_at)
            address = await maybe_future(super().start())
            await self._watch(address, deadline)
        except Exception as error:
            # A container that has exited has no address either, which stock then says instead.
            ended = None if isinstance(error, StartError) else await self._ended()
            await self._remove_stillborn()
            raise ended or self._explained(error) from error
        finally:
            self._starting = False
            self.engine.gpu_reserved.pop(self.object_name, None)
            if self._tail is not None:
                self._tail.close()
                self._tail = None
        return address

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, web.HTTPError):
            return error
        place = Place(
            target=self.anywhere_target.title,
            # Not `self.engine`, which fails again where the certificates are not there.
            url=self.anywhere_target.engine.url,
            image=self.image,
            container=self.object_name,
            network=self.network_name,
        )
        found = explain(error, place, [self.api_token, *self._secrets])
        if found is None:
            return error
        if not isinstance(error, StartError):
            self.log.error("%s: %s", self._log_name, found.log_message or found)
        return found

    async def _open_door(self) -> None:
        """Give a local engine's containers an address at which they reach the hub."""
        open_door = self.anywhere_target.site.open_door
        if (
            open_door is None
            or self.hub_connect_url is not None
            or not self.engine.local
            or not addresses.is_loopback(self.hub.api_url)
        ):
            return
        joined = self._joined_network()
        if joined != "host":
            address = await network.gateway(self.engine.ask, joined)
            self.hub_connect_url = await open_door(address)

    def _joined_network(self) -> str:
        extra = self.extra_host_config
        mode = "" if callable(extra) else extra.get("network_mode", "")
        return str(mode or self.network_name)

    async def _create_container(self, *args: Any, **kwargs: Any) -> Any:
        """Make a container with our labels, and its volumes before it."""
        mine = kwargs.get("name") == self.object_name
        if mine:
            environment = kwargs.get("environment")
            self._secrets = secrets_of(environment) if isinstance(environment, dict) else []
            chosen = await self._reserve_gpus(self.gpus)
            self._ask_for_gpus(kwargs, chosen)
            ours = labels.of_server(
                self.owner,
                keep=self.anywhere_keeps,
                lease=self.anywhere_lease,
                gpus=chosen,
                token=self.anywhere_token,
            )
        else:
            ours = {**self.owner.labels(), labels.PURPOSE: "certs"}
        kwargs["labels"] = labels.with_labels(kwargs.get("labels"), ours)
        await label_volumes(self, kwargs.get("host_config") or {})
        made = await super().docker("create_container", *args, **kwargs)
        self._created = self._created or mine
        return made

    def _ask_for_gpus(self, kwargs: dict[str, Any], chosen: tuple[str, ...]) -> None:
        request = gpu_rules.device_request(self.gpus, chosen)
        if request is not None:
            host = kwargs.setdefault("host_config", {})
            # Beside what the administrator's own `extra_host_config` asks for.
            host["DeviceRequests"] = [*(host.get("DeviceRequests") or []), request]

    async def _reserve_gpus(self, wanted: gpu_rules.Wanted) -> tuple[str, ...]:
        if not wanted or not self.gpu_devices:
            return ()
        engine = self.engine
        async with engine.gpu_lock:
            # Whoever's they are: the devices are the machine's.
            running = await self.docker("containers", filters={"label": labels.GPUS})
            held = {gpu for each in running for gpu in labels.held_gpus(each)}
            for name, reserved in engine.gpu_reserved.items():
                if name != self.object_name:
                    held.update(reserved)
            chosen = gpu_rules.choose(wanted, self.gpu_devices, held)
            engine.gpu_reserved[self.object_name] = chosen
        return chosen

    async def start_object(self) -> None:
        """As stock; a kept container's GPUs have to be free again."""
        if self._resumed_gpus:
            await self._reserve_gpus(list(self._resumed_gpus))
        if self.remove:
            # The engine removes it at its end, its log with it: read along.
            self._tail = watching.Tail(self.engine, self.container_id)
            await self._tail.attached()
        began = time.time()
        await super().start_object()
        self._began = began

    async def _watch(self, address: Any, deadline: float) -> None:
        """Return when the server answers or time is up: the hub goes on waiting then.

        Raises:
            StartError: The container has exited.
        """
        host, port = addresses.host_and_port(address)
        until = min(time.monotonic() + float(self.http_timeout), deadline)
        pause, next_look = _FIRST_LOOK, 0.0
        while True:
            if host and await watching.answers(host, port, tls=bool(self.internal_ssl)):
                return
            now = time.monotonic()
            if now >= next_look:
                ended = await self._ended()
                if ended is not None:
                    raise ended
                next_look = time.monotonic() + _INSPECT_EVERY
            if now + pause > until:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, _SLOWEST_LOOK)

    async def _ended(self) -> StartError | None:
        """The error for a container that has exited since it was started; None while it runs."""
        found = await self._exit() if self._began else None
        if found is None:
            return None
        secrets = [self.api_token, *self._secrets]
        return watching.ended(found, await self._last_lines(), secrets, self.mem_limit)

    async def _exit(self) -> watching.Exit | None:
        try:
            return watching.exit_of(await self.docker("inspect_container", self.container_id))
        except NotFound:
            pass
        except (DockerException, OSError) as error:
            # Whether it runs is not known; the hub's own deadline holds.
            self.log.debug("%s: %s", self._log_name, error)
            return None
        try:
            return await asyncio.wrap_future(
                self.executor.submit(self._exit_by_events, self.container_id)
            )
        except (DockerException, OSError):
            return watching.Exit(None)

    def _exit_by_events(self, container: str) -> watching.Exit:
        return watching.exit_since(self.client, container, self._began)

    async def _last_lines(self) -> list[str]:
        if self._tail is not None:
            return await self._tail.lines()
        try:
            text = await self.docker("logs", self.container_id, tail=watching.LINES)
        except (DockerException, OSError):
            return []
        return bytes(text).decode("utf-8", "replace").splitlines()

    async def _remove_stillborn(self) -> None:
        """Remove the container that this start has made, and that never served.

        Stock keeps it, and starts it again and again, whatever image is chosen next.
        """
        if not self._created or not self.object_id:
            return
        try:
            await self.docker("remove_container", self.object_id, v=True, force=True)
            self.object_id = ""
        except (DockerException, OSError) as error:
            if not isinstance(error, NotFound):
                self.log.warning("%s could not be removed: %s", self.object_name, error)

    # --- afterwards ------------------------------------------------------------------------------

    async def rename(self, old_name: str, new_name: str) -> None:
        """Refuse where a container or a volume is bound to the old name.

        A container's environment is fixed when it is made, the server's URL with it: it cannot
        serve under another name.
        """
        kept = await keeps_for_name(self)
        if kept:
            raise web.HTTPError(
                _CONFLICT,
                f"The server {old_name} cannot be renamed: {kept} is made for its name. Make a new"
                f" server {new_name}, and delete this one when nothing in it is needed any more.",
            )
        await maybe_future(super().rename(old_name, new_name))

    async def delete_forever(self) -> None:
        """Remove what is kept of this server: its stopped container, and volumes where wanted.

        Stock has none: https://github.com/jupyterhub/dockerspawner/issues/512.
        """
        await forget_server(self)
        await maybe_future(super().delete_forever())
