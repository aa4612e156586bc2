"""A recording swarm: the Docker world's engine with services and tasks."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from jupyterhub_anywhere.testing.worlds.docker import LOCAL, REGISTRY, DockerWorld
from jupyterhub_anywhere.testing.worlds.docker_api import ROUTES, Answer, Asked, inspecting, route
from jupyterhub_anywhere.testing.worlds.docker_objects import EngineError, framed
from jupyterhub_anywhere.testing.worlds.swarm_engine import SwarmEngine

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from jupyterhub_anywhere.testing.worlds.docker_api import Route
    from jupyterhub_anywhere.testing.worlds.docker_ports import Ports


def _create(engine: SwarmEngine, asked: Asked) -> Answer:
    return Answer(201, {"ID": engine.create_service(asked.body).id, "Warnings": None})


def _remove(engine: SwarmEngine, asked: Asked) -> Answer:
    engine.remove_service(asked.reference)
    return Answer(200, b"")


def _services(engine: SwarmEngine, asked: Asked) -> Answer:
    return Answer(body=[each.inspected() for each in engine.listed_services(asked.filters())])


def _tasks(engine: SwarmEngine, asked: Asked) -> Answer:
    return Answer(body=[each.task_inspected() for each in engine.listed_tasks(asked.filters())])


def _task(engine: SwarmEngine, asked: Asked) -> Answer:
    for each in engine.services.values():
        if each.task.id == asked.reference:
            return Answer(body=each.task_inspected())
    raise EngineError(404, f"task {asked.reference} not found")


def _logs(engine: SwarmEngine, asked: Asked) -> Answer:
    container = engine.service(asked.reference).task.container
    return Answer(body=framed(container.log if container is not None else []))


_SWARM_ROUTES: tuple[Route, ...] = (
    route("create_service", "POST", "/services/create", _create),
    route("services", "GET", "/services", _services),
    route("service_logs", "GET", "/services/*/logs", _logs),
    inspecting("inspect_service", "/services/*", lambda e, name: e.service(name)),
    route("remove_service", "DELETE", "/services/*", _remove),
    route("tasks", "GET", "/tasks", _tasks),
    route("inspect_task", "GET", "/tasks/*", _task),
    *ROUTES,
)


class SwarmWorld(DockerWorld):
    """A swarm of one node. Services publish their ports on loopback."""

    steps: ClassVar[tuple[str, ...]] = (
        "inspect_service",
        "create_service",
        "tasks",
        "remove_service",
    )
    held: ClassVar[str] = "inspect_service"
    engine: SwarmEngine

    def make_engine(self, ports: Ports) -> SwarmEngine:
        """The engine with its images."""
        return SwarmEngine(ports, local=LOCAL, registry=REGISTRY)

    def settings(self) -> Mapping[str, Any]:
        """How SwarmSpawner reaches this swarm, and its services from outside of it."""
        return {**super().settings(), "use_internal_ip": False}

    def alive(self) -> Collection[str]:
        """Names of the services that exist."""
        return self.within(lambda: [each.name for each in self.engine.services.values()])

    @property
    def routes(self) -> Sequence[Route]:
        """The operations of the API, with those of a swarm."""
        return _SWARM_ROUTES

    def _name_of(self, route: Route, asked: Asked) -> str:
        if route.call == "create_service":
            return str(asked.body.get("Name") or "")
        if route.call == "tasks":
            return ",".join(asked.filters().get("service", []))
        if "services" in route.path.pattern and asked.reference:
            with suppress(EngineError):
                return self.engine.service(asked.reference).name
        return super()._name_of(route, asked)
