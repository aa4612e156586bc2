"""A Docker engine that is a swarm of one node: services, and the tasks that run for them.

One task a service. A task that fails is not followed by another one, as with restart policy
``none``: when the next one comes is chance, and records must be the same in every run.
"""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.testing.worlds import docker_streams as streams
from jupyterhub_anywhere.testing.worlds.docker_engine import Engine
from jupyterhub_anywhere.testing.worlds.docker_objects import NOW, EngineError, matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.testing.worlds.docker_objects import Container

_ID_LENGTH = 25
_NODE = "node1".ljust(_ID_LENGTH, "0")


@dataclass(slots=True)
class Task:
    """The one task of a service.

    Attributes:
        state: As the engine names it: ``preparing``, ``running``, ``failed``, ``rejected``, …
        error: Why it failed.
        container: What runs for it.
    """

    id: str
    state: str = "new"
    error: str = ""
    container: Container | None = None

    @property
    def desired(self) -> str:
        """What the swarm wants it to be."""
        over = self.state in {"failed", "rejected", "complete", "shutdown"}
        return "shutdown" if over else "running"


@dataclass(slots=True)
class Service:
    """One service, from its creation to its removal."""

    id: str
    spec: dict[str, Any]
    task: Task

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.spec["Name"])

    @property
    def ports(self) -> list[dict[str, Any]]:
        """Its ports as published: where its task listens."""
        running = self.task.container.published if self.task.container else {}
        wanted = (self.spec.get("EndpointSpec") or {}).get("Ports") or []
        found = []
        for each in wanted:
            _, port = running.get(f"{each['TargetPort']}/tcp", ("", each.get("PublishedPort", 0)))
            found.append({"PublishMode": "ingress", **each, "PublishedPort": port})
        return found

    def inspected(self) -> dict[str, Any]:
        """``GET /services/{id}``."""
        return {
            "ID": self.id,
            "Version": {"Index": 1},
            "CreatedAt": NOW,
            "UpdatedAt": NOW,
            "Spec": copy.deepcopy(self.spec),
            "Endpoint": {"Spec": self.spec.get("EndpointSpec") or {}, "Ports": self.ports},
        }

    def task_inspected(self) -> dict[str, Any]:
        """One entry of ``GET /tasks``."""
        task = self.task
        status: dict[str, Any] = {
            "Timestamp": NOW,
            "State": task.state,
            "Message": "started" if task.state == "running" else task.state,
            "PortStatus": {},
        }
        if task.error:
            status["Err"] = task.error
        if task.container is not None:
            code = task.container.exit_code
            status["ContainerStatus"] = {"ContainerID": task.container.id, "ExitCode": code}
        return {
            "ID": task.id,
            "Version": {"Index": 1},
            "CreatedAt": NOW,
            "Spec": copy.deepcopy(self.spec.get("TaskTemplate") or {}),
            "Labels": {},
            "ServiceID": self.id,
            "Slot": 1,
            "NodeID": _NODE,
            "Status": status,
            "DesiredState": task.desired,
        }


class SwarmEngine(Engine):
    """A manager, which is its swarm's only worker, too."""

    swarm: Mapping[str, Any] = MappingProxyType(
        {
            "LocalNodeState": "active",
            "ControlAvailable": True,
            "NodeID": _NODE,
            "NodeAddr": "127.0.0.1",
            "Nodes": 1,
            "Managers": 1,
        }
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.services: dict[str, Service] = {}
        self._made = 0
        self._preparing: set[asyncio.Task[None]] = set()

    def service(self, reference: str) -> Service:
        """A service by name or id."""
        for each in self.services.values():
            if reference in {each.id, each.name}:
                return each
        raise EngineError(404, f"service {reference} not found")

    def create_service(self, body: Mapping[str, Any]) -> Service:
        """Make a service. Its task is there at once, and runs as soon as it has its image."""
        name = str(body.get("Name") or "")
        if not name:
            raise EngineError(
                400, "rpc error: code = InvalidArgument desc = meta: name must be provided"
            )
        if any(each.name == name for each in self.services.values()):
            raise EngineError(
                409,
                "rpc error: code = AlreadyExists desc = name conflicts with an existing object:"
                f" service {name} already exists",
            )
        template = body.get("TaskTemplate") or {}
        for network in template.get("Networks") or body.get("Networks") or []:
            self.network(network["Target"])
        self._made += 1
        service = Service(self._id("service"), copy.deepcopy(dict(body)), Task(self._id("task")))
        self.services[service.id] = service
        self._begin(service)
        return service

    def remove_service(self, reference: str) -> None:
        """Forget a service, and end what ran for it."""
        service = self.service(reference)
        del self.services[service.id]
        if service.task.container is not None:
            self.remove(service.task.container, force=True)

    def listed_services(self, filters: Mapping[str, Sequence[str]]) -> list[Service]:
        """Services that the filters let through. A name is the beginning of one."""
        return [
            each
            for each in self.services.values()
            if matches(each.spec.get("Labels") or {}, filters.get("label", ()))
            and _any(filters, "id", each.id)
            and _any(filters, "name", each.name)
        ]

    def listed_tasks(self, filters: Mapping[str, Sequence[str]]) -> list[Service]:
        """The services whose task the filters let through."""
        services, states = filters.get("service", ()), filters.get("desired-state", ())
        return [
            each
            for each in self.services.values()
            if (not services or each.name in services or each.id in services)
            and (not states or each.task.desired in states)
            and _any(filters, "id", each.task.id)
            and _any(filters, "name", f"{each.name}.1.{each.task.id}")
        ]

    def _id(self, kind: str) -> str:
        return f"{kind}{self._made}".ljust(_ID_LENGTH, "0")

    def _begin(self, service: Service) -> None:
        spec = service.spec["TaskTemplate"]["ContainerSpec"]
        for mount in spec.get("Mounts") or []:
            source = str(mount.get("Source") or "")
            if mount.get("Type") == "bind" and not source.startswith("/"):
                service.task.state = "rejected"
                service.task.error = (
                    f"invalid bind mount source, must be an absolute path: {source}"
                )
                return
        try:
            self.image(spec["Image"])
        except EngineError as error:
            self._fetch(service, error)
            return
        self._run(service)

    def _fetch(self, service: Service, missing: EngineError) -> None:
        """Pull the image first, as a node does by itself."""
        name = service.spec["TaskTemplate"]["ContainerSpec"]["Image"]
        image = self.registry.get(name)
        if image is None:
            service.task.state, service.task.error = "rejected", missing.message
            return
        service.task.state = "preparing"

        async def prepare() -> None:
            async for _ in streams.pull(self, image):
                pass
            if service.id in self.services:
                self._run(service)

        task = asyncio.get_running_loop().create_task(prepare())
        self._preparing.add(task)
        task.add_done_callback(self._preparing.discard)

    def _run(self, service: Service) -> None:
        spec = service.spec["TaskTemplate"]["ContainerSpec"]
        ports = (service.spec.get("EndpointSpec") or {}).get("Ports") or []
        bindings = {
            f"{each['TargetPort']}/tcp": [
                {"HostIp": "0.0.0.0", "HostPort": str(each.get("PublishedPort") or "")}  # noqa: S104 - all addresses, says the engine
            ]
            for each in ports
        }
        body = {
            "Image": spec["Image"],
            "Env": spec.get("Env"),
            "Cmd": spec.get("Args"),
            "Labels": {
                **(spec.get("Labels") or {}),
                "com.docker.swarm.service.id": service.id,
                "com.docker.swarm.service.name": service.name,
            },
            "HostConfig": {"PortBindings": bindings, "Mounts": spec.get("Mounts") or []},
        }
        task = service.task
        task.container = self.create(f"{service.name}.1.{task.id}", body)
        self.start(task.container)
        if task.container.running:
            task.state = "running"
        else:
            code = task.container.exit_code
            task.state = "failed" if code else "complete"
            task.error = f"task: non-zero exit ({code})" if code else ""


def _any(filters: Mapping[str, Sequence[str]], key: str, name: str) -> bool:
    wanted = filters.get(key, ())
    return not wanted or any(name.startswith(each) for each in wanted)
