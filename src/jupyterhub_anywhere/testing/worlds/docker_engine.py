"""The state machine of a Docker engine: what may follow what, and what is refused.

It answers as dockerd 27 does, with the same HTTP status and nearly the same words. What a program
does when it runs is somebody else's business: `Runner`.
"""

from __future__ import annotations

import copy
import io
import re
import tarfile
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from jupyterhub_anywhere.testing.worlds.docker_objects import (
    NOW,
    Container,
    EngineError,
    Image,
    Network,
    Signal,
    Volume,
    identities,
    matches,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_BUILT_IN = ("bridge", "host", "none")


class Runner(Protocol):
    """Runs and ends the program of a container."""

    def run(self, container: Container, files: Mapping[str, bytes]) -> None:
        """Open its ports, and write its addresses and published ports into it.

        Args:
            container: Has just been started.
            files: What its volumes hold, by the path at which it sees them.
        """

    def end(self, container: Container) -> None:
        """Close its ports."""


class Engine:
    """One daemon.

    Args:
        runner: Runs programs.
        local: Images that are there already.
        registry: Images that a pull finds.
    """

    swarm: Mapping[str, Any] = MappingProxyType(
        {"LocalNodeState": "inactive", "ControlAvailable": False}
    )
    """What ``GET /info`` says of a swarm."""

    def __init__(
        self, runner: Runner, *, local: Iterable[Image] = (), registry: Iterable[Image] = ()
    ) -> None:
        self.runner = runner
        self.images = {image.name: image for image in local}
        self.registry = {image.name: image for image in registry}
        self.containers: dict[str, Container] = {}
        self.volumes: dict[str, Volume] = {}
        self._network_ids = identities("e")
        self.networks = {
            name: Network(
                name,
                next(self._network_ids),
                driver={"none": "null"}.get(name, name),
                gateway="127.77.0.1" if name == "bridge" else "",
            )
            for name in _BUILT_IN
        }
        self._ids = identities("c")
        self._exec_ids = identities("b")
        self.changed = Signal()
        self.events: list[dict[str, Any]] = []
        self.execs: dict[str, tuple[Container, list[str]]] = {}

    # Images

    def image(self, name: str) -> Image:
        """An image that is there, by name with or without its tag, or by id."""
        tagged = name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"
        for image in self.images.values():
            if image.name == tagged or image.id == name:
                return image
        raise EngineError(404, f"No such image: {tagged}")

    def find_to_pull(self, name: str) -> Image:
        """The image that a pull would bring."""
        found = self.registry.get(name) or self.images.get(name)
        if found is None:
            repository = name.rpartition(":")[0]
            raise EngineError(
                404,
                f"pull access denied for {repository}, repository does not exist or may require"
                " 'docker login': denied: requested access to the resource is denied",
            )
        return found

    def pulled(self, image: Image) -> None:
        """The pull is complete."""
        self.images[image.name] = image

    # Containers

    def container(self, reference: str) -> Container:
        """A container by id, name, or the unambiguous beginning of its id."""
        name = reference.removeprefix("/")
        for each in self.containers.values():
            if name in {each.id, each.name}:
                return each
        begun = [each for each in self.containers.values() if each.id.startswith(name)]
        if len(begun) == 1:
            return begun[0]
        if begun:
            raise EngineError(400, f"Multiple IDs found with provided prefix: {reference}")
        raise EngineError(404, f"No such container: {reference}")

    def create(self, name: str, body: Mapping[str, Any]) -> Container:
        """Make a container; it does not run yet."""
        identity = next(self._ids)
        name = name or f"eager_{identity[:8]}"
        if not _NAME.fullmatch(name):
            raise EngineError(
                400,
                f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
            )
        for each in self.containers.values():
            if each.name == name:
                raise EngineError(
                    409,
                    f'Conflict. The container name "/{name}" is already in use by container'
                    f' "{each.id}". You have to remove (or rename) that container to be able to'
                    " reuse that name.",
                )
        image = self.image(str(body.get("Image", "")))
        config = _completed(body, image)
        host = config.pop("HostConfig", None) or {}
        mode = host.get("NetworkMode") or "default"
        endpoints = (config.pop("NetworkingConfig", None) or {}).get("EndpointsConfig") or {}
        first = "bridge" if mode == "default" else mode
        networks = [first, *(each for each in endpoints if each != first)]
        container = Container(identity, name, image, config, host, networks)
        for volume in container.mounts.values():
            self.create_volume(volume)
        self.containers[identity] = container
        self._happened("create", container)
        return container

    def start(self, container: Container) -> bool:
        """Run a container.

        Returns:
            Whether it did not run before.
        """
        if container.running:
            return False
        for name in container.networks:
            if not name.startswith("container:"):
                self.network(name)
        container.status, container.started = "running", NOW
        container.exit_code, container.error = 0, ""
        container.log += [(1, f"{line}\n".encode()) for line in container.image.log]
        self._happened("start", container)
        if container.image.program == "exits":
            self._ended(container, container.image.exit_code)
            return True
        files = {
            f"{path}/{inner}": content
            for path, volume in container.mounts.items()
            for inner, content in self.volumes[volume].files.items()
        }
        try:
            self.runner.run(container, files)
        except EngineError as error:
            container.status, container.exit_code, container.error = "created", 128, error.message
            if container.host.get("AutoRemove"):
                self._forget(container)
            raise
        return True

    def stop(self, container: Container, exit_code: int = 0) -> bool:
        """End a container's program.

        Returns:
            Whether it ran before.
        """
        if not container.running:
            return False
        self._ended(container, exit_code)
        return True

    def kill(self, container: Container) -> None:
        """End it by a signal, which a container that does not run refuses."""
        if not self.stop(container, exit_code=137):
            raise EngineError(
                409,
                f"cannot kill container: {container.id}: container {container.id} is not running",
            )

    def remove(self, container: Container, *, force: bool = False) -> None:
        """Forget a container."""
        if container.running:
            if not force:
                raise EngineError(
                    409,
                    f'cannot remove container "/{container.name}": container is running: stop the'
                    " container before removing or force remove",
                )
            self._ended(container, 137)
        self._forget(container)

    def rename(self, container: Container, name: str) -> None:
        """Give a container another name."""
        if any(each.name == name for each in self.containers.values()):
            raise EngineError(409, f'Conflict. The container name "/{name}" is already in use.')
        container.name = name

    def listed(self, *, everything: bool, filters: Mapping[str, Sequence[str]]) -> list[Container]:
        """Containers that run, or all, newest first, as far as the filters let them through."""
        found = []
        for each in reversed(self.containers.values()):
            wanted = filters.get("status", ())
            if not (everything or wanted or each.running):
                continue
            tests = (
                not wanted or each.status in wanted,
                matches(each.config.get("Labels") or {}, filters.get("label", ())),
                _any(filters, "name", lambda text, c=each: re.search(text, f"/{c.name}")),
                _any(filters, "id", lambda text, c=each: c.id.startswith(text)),
            )
            if all(tests):
                found.append(each)
        return found

    def _ended(self, container: Container, exit_code: int) -> None:
        container.status, container.finished = "exited", NOW
        container.exit_code = exit_code
        container.addresses, container.published = {}, {}
        self.runner.end(container)
        self._happened("die", container, exitCode=str(exit_code))
        if container.host.get("AutoRemove"):
            self._forget(container)

    def _forget(self, container: Container) -> None:
        if self.containers.pop(container.id, None) is not None:
            self._happened("destroy", container)

    def _happened(self, action: str, container: Container, **more: str) -> None:
        attributes = {**container.config["Labels"], "image": container.image.name}
        actor = {"ID": container.id, "Attributes": attributes | {"name": container.name} | more}
        self.events.append(
            {"Type": "container", "Action": action, "Actor": actor, "time": int(time.time())}
        )
        self.changed.send()

    # Commands in containers

    def create_exec(self, container: Container, command: Sequence[str]) -> str:
        """Prepare a command inside a container that runs."""
        if not container.running:
            raise EngineError(409, f"container {container.id} is not running")
        identity = next(self._exec_ids)
        self.execs[identity] = (container, list(command))
        return identity

    def run_exec(self, identity: str) -> bytes:
        """Run a prepared command. Every command writes what it was."""
        if identity not in self.execs:
            raise EngineError(404, f"No such exec instance: {identity}")
        container, command = self.execs[identity]
        if not container.running:
            raise EngineError(409, f"container {container.id} is not running")
        return f"ran {' '.join(command)}\n".encode()

    # Files

    def put_archive(self, container: Container, path: str, archive: bytes) -> list[str]:
        """Unpack an archive at a path, which must be a mounted volume.

        Returns:
            The names of its files.
        """
        volume = container.mounts.get(path.rstrip("/"))
        if volume is None:
            raise EngineError(404, f"Could not find the file {path} in container {container.id}")
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            found = {
                member.name: stream.read()
                for member in tar.getmembers()
                if (stream := tar.extractfile(member)) is not None
            }
        self.volumes[volume].files.update(found)
        return sorted(found)

    def create_volume(self, name: str, labels: Mapping[str, str] | None = None) -> Volume:
        """Make a volume; one that exists stays as it is."""
        return self.volumes.setdefault(name, Volume(name, dict(labels or {})))

    def volume(self, name: str) -> Volume:
        """A volume by name."""
        if name not in self.volumes:
            raise EngineError(404, f"get {name}: no such volume")
        return self.volumes[name]

    def remove_volume(self, name: str) -> None:
        """Forget a volume, unless a container has it."""
        self.volume(name)
        users = [c.id for c in self.containers.values() if name in c.mounts.values()]
        if users:
            raise EngineError(409, f"remove {name}: volume is in use - [{', '.join(users)}]")
        del self.volumes[name]

    # Networks

    def network(self, reference: str) -> Network:
        """A network by name or id."""
        for each in self.networks.values():
            if reference in {each.name, each.id}:
                return each
        raise EngineError(404, f"network {reference} not found")

    def create_network(self, body: Mapping[str, Any]) -> Network:
        """Make a network."""
        name = str(body["Name"])
        if name in self.networks:
            raise EngineError(409, f"network with name {name} already exists")
        driver = body.get("Driver") or "bridge"
        labels = body.get("Labels") or {}
        found = Network(name, next(self._network_ids), driver=driver, labels=labels)
        self.networks[name] = found
        return found

    def remove_network(self, reference: str) -> None:
        """Forget a network that was made."""
        found = self.network(reference)
        if found.name in _BUILT_IN:
            raise EngineError(403, f"{found.name} is a pre-defined network and cannot be removed")
        del self.networks[found.name]


def _completed(body: Mapping[str, Any], image: Image) -> dict[str, Any]:
    """A container's configuration: what was asked for, over what the image says."""
    config: dict[str, Any] = copy.deepcopy(dict(body))
    own = image.inspected()["Config"]
    config["Cmd"] = config.get("Cmd") or own["Cmd"]
    given = list(config.get("Env") or [])
    names = {line.partition("=")[0] for line in given}
    config["Env"] = given + [line for line in own["Env"] if line.partition("=")[0] not in names]
    config.setdefault("Tty", False)
    config["Labels"] = dict(config.get("Labels") or {})
    return config


def _any(filters: Mapping[str, Sequence[str]], key: str, test: Any) -> bool:
    wanted = filters.get(key, ())
    return not wanted or any(test(each) for each in wanted)
