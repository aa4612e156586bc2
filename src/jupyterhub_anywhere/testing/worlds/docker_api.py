"""The Engine API's routes: which request is which call, and what the engine answers.

Calls have the names of the methods of docker-py's ``APIClient``, for these are the words of
DockerSpawner's own code.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jupyterhub_anywhere.testing.worlds import docker_streams as streams
from jupyterhub_anywhere.testing.worlds.docker_objects import (
    API_VERSION,
    ENGINE_VERSION,
    MIN_API_VERSION,
    EngineError,
    framed,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from jupyterhub_anywhere.testing.worlds.docker_engine import Engine


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        reference: The name or id in its path; empty where it has none.
        query: Its parameters; the last one of a name counts.
        body: Its JSON, ``{}`` without.
        raw: Its body as it came.
    """

    reference: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes = b""

    def flag(self, name: str) -> bool:
        """A parameter as Go's ``strconv.ParseBool`` reads it."""
        return self.query.get(name, "").lower() in {"1", "t", "true"}

    def filters(self) -> dict[str, list[str]]:
        """The parameter ``filters``; newer clients send objects instead of lists."""
        found = json.loads(self.query.get("filters") or "{}")
        return {name: [str(each) for each in values] for name, values in found.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine says.

    Attributes:
        status: HTTP status.
        body: Written as JSON; ``bytes`` are written as they are.
        stream: Sent bit by bit instead.
        hijacked: The connection itself becomes this stream, as for ``docker exec``.
    """

    status: int = 200
    body: Any = None
    stream: AsyncIterator[bytes] | None = None
    hijacked: AsyncIterator[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API."""

    call: str
    method: str
    path: re.Pattern[str]
    handle: Callable[[Engine, Asked], Answer]


def route(call: str, method: str, path: str, handle: Callable[[Any, Asked], Answer]) -> Route:
    """An operation; ``*`` in its path is a name, in which slashes are allowed."""
    pattern = re.escape(path).replace(r"\*", "(.+?)")
    return Route(call, method, re.compile(rf"(?:/v(\d+\.\d+))?{pattern}"), handle)


def inspecting(call: str, path: str, get: Callable[[Any, str], Any]) -> Route:
    """The operation that shows one thing whole, by its name."""
    return route(call, "GET", path, lambda e, a: Answer(body=get(e, a.reference).inspected()))


def find(routes: Sequence[Route], method: str, path: str) -> tuple[Route, str]:
    """The operation that a request asks for, and the name in its path.

    Raises:
        EngineError: There is none, or the client speaks a version that is too new.
    """
    for each in routes:
        match = each.path.fullmatch(path)
        if match is None or each.method != method:
            continue
        version = match[1]
        if version and _number(version) > _number(API_VERSION):
            raise EngineError(
                400,
                f"client version {version} is too new. Maximum supported API version is"
                f" {API_VERSION}",
            )
        return each, unquote(match[2]) if each.path.groups > 1 else ""
    raise EngineError(404, "page not found")


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _version(engine: Engine, asked: Asked) -> Answer:
    del engine, asked
    return Answer(
        body={
            "Version": ENGINE_VERSION,
            "ApiVersion": API_VERSION,
            "MinAPIVersion": MIN_API_VERSION,
            "Os": "linux",
            "Arch": "amd64",
            "KernelVersion": "6.1.0",
            "Platform": {"Name": "Docker Engine - recording"},
            "Components": [{"Name": "Engine", "Version": ENGINE_VERSION}],
        }
    )


def _info(engine: Engine, asked: Asked) -> Answer:
    del asked
    containers = engine.containers.values()
    return Answer(
        body={
            "ID": "recording",
            "Name": "recording",
            "ServerVersion": ENGINE_VERSION,
            "Containers": len(containers),
            "ContainersRunning": sum(each.running for each in containers),
            "Images": len(engine.images),
            "Driver": "overlay2",
            "DockerRootDir": "/var/lib/docker",
            "NCPU": 2,
            "MemTotal": 8 << 30,
            "OSType": "linux",
            "Architecture": "x86_64",
            "Runtimes": {"runc": {"path": "runc"}},
            "DefaultRuntime": "runc",
            "Swarm": dict(engine.swarm),
            "Warnings": None,
        }
    )


def _pull(engine: Engine, asked: Asked) -> Answer:
    name = asked.query.get("fromImage", "")
    tag = asked.query.get("tag") or "latest"
    image = engine.find_to_pull(f"{name}:{tag}")
    return Answer(stream=streams.pull(engine, image))


def _create(engine: Engine, asked: Asked) -> Answer:
    made = engine.create(asked.query.get("name", ""), asked.body)
    return Answer(201, {"Id": made.id, "Warnings": []})


def _start(engine: Engine, asked: Asked) -> Answer:
    changed = engine.start(engine.container(asked.reference))
    return Answer(204 if changed else 304)


def _stop(engine: Engine, asked: Asked) -> Answer:
    changed = engine.stop(engine.container(asked.reference))
    return Answer(204 if changed else 304)


def _restart(engine: Engine, asked: Asked) -> Answer:
    container = engine.container(asked.reference)
    engine.stop(container)
    engine.start(container)
    return Answer(204)


def _kill(engine: Engine, asked: Asked) -> Answer:
    engine.kill(engine.container(asked.reference))
    return Answer(204)


def _remove(engine: Engine, asked: Asked) -> Answer:
    engine.remove(engine.container(asked.reference), force=asked.flag("force"))
    return Answer(204)


def _rename(engine: Engine, asked: Asked) -> Answer:
    engine.rename(engine.container(asked.reference), asked.query.get("name", ""))
    return Answer(204)


def _list(engine: Engine, asked: Asked) -> Answer:
    found = engine.listed(everything=asked.flag("all"), filters=asked.filters())
    return Answer(body=[each.listed() for each in found])


def _logs(engine: Engine, asked: Asked) -> Answer:
    container = engine.container(asked.reference)
    wanted = {1: asked.flag("stdout"), 2: asked.flag("stderr")}
    lines = [each for each in container.log if wanted[each[0]]]
    tail = asked.query.get("tail", "all")
    if tail.isdigit():
        lines = lines[len(lines) - min(int(tail), len(lines)) :]
    if container.config["Tty"]:
        return Answer(body=b"".join(text for _, text in lines))
    return Answer(body=framed(lines))


def _attach(engine: Engine, asked: Asked) -> Answer:
    container = engine.container(asked.reference)
    if asked.flag("stream"):
        found = streams.output(engine, container, earlier=asked.flag("logs"))
    else:
        found = streams.once(framed(container.log if asked.flag("logs") else []))
    return Answer(hijacked=found)


def _events(engine: Engine, asked: Asked) -> Answer:
    return Answer(stream=streams.events(engine, asked.query, asked.filters()))


def _put_archive(engine: Engine, asked: Asked) -> Answer:
    container = engine.container(asked.reference)
    engine.put_archive(container, asked.query.get("path", ""), asked.raw)
    return Answer(200, b"")


def _exec_create(engine: Engine, asked: Asked) -> Answer:
    command = asked.body.get("Cmd") or []
    made = engine.create_exec(engine.container(asked.reference), command)
    return Answer(201, {"Id": made})


def _exec_start(engine: Engine, asked: Asked) -> Answer:
    output = engine.run_exec(asked.reference)
    sent = output if asked.body.get("Tty") else framed([(1, output)])
    return Answer(hijacked=streams.once(sent))


def _exec_inspect(engine: Engine, asked: Asked) -> Answer:
    if asked.reference not in engine.execs:
        raise EngineError(404, f"No such exec instance: {asked.reference}")
    return Answer(body={"ID": asked.reference, "Running": False, "ExitCode": 0})


def _create_volume(engine: Engine, asked: Asked) -> Answer:
    made = engine.create_volume(asked.body.get("Name", ""), asked.body.get("Labels"))
    return Answer(201, made.inspected())


def _volumes(engine: Engine, asked: Asked) -> Answer:
    del asked
    return Answer(body={"Volumes": [v.inspected() for v in engine.volumes.values()]})


def _remove_volume(engine: Engine, asked: Asked) -> Answer:
    engine.remove_volume(asked.reference)
    return Answer(204)


def _networks(engine: Engine, asked: Asked) -> Answer:
    filters = asked.filters()
    names, ids = filters.get("name", []), filters.get("id", [])
    found = [
        each.inspected()
        for each in engine.networks.values()
        if (not names or any(name in each.name for name in names))
        and (not ids or any(each.id.startswith(identity) for identity in ids))
    ]
    return Answer(body=found)


def _create_network(engine: Engine, asked: Asked) -> Answer:
    return Answer(201, {"Id": engine.create_network(asked.body).id, "Warning": ""})


def _remove_network(engine: Engine, asked: Asked) -> Answer:
    engine.remove_network(asked.reference)
    return Answer(204)


# A fixed path stands before one with a name that would match it, too.
ROUTES: tuple[Route, ...] = (
    route("ping", "GET", "/_ping", lambda _, __: Answer(body=b"OK")),
    route("version", "GET", "/version", _version),
    route("info", "GET", "/info", _info),
    route(
        "images",
        "GET",
        "/images/json",
        lambda e, _: Answer(body=[each.inspected() for each in e.images.values()]),
    ),
    route("pull", "POST", "/images/create", _pull),
    inspecting("inspect_image", "/images/*/json", lambda e, name: e.image(name)),
    route("containers", "GET", "/containers/json", _list),
    route("create_container", "POST", "/containers/create", _create),
    inspecting("inspect_container", "/containers/*/json", lambda e, name: e.container(name)),
    route("start", "POST", "/containers/*/start", _start),
    route("stop", "POST", "/containers/*/stop", _stop),
    route("restart", "POST", "/containers/*/restart", _restart),
    route("kill", "POST", "/containers/*/kill", _kill),
    route("rename", "POST", "/containers/*/rename", _rename),
    route("logs", "GET", "/containers/*/logs", _logs),
    route("attach", "POST", "/containers/*/attach", _attach),
    route("events", "GET", "/events", _events),
    route("put_archive", "PUT", "/containers/*/archive", _put_archive),
    route("exec_create", "POST", "/containers/*/exec", _exec_create),
    route("exec_start", "POST", "/exec/*/start", _exec_start),
    route("exec_inspect", "GET", "/exec/*/json", _exec_inspect),
    route("remove_container", "DELETE", "/containers/*", _remove),
    route("volumes", "GET", "/volumes", _volumes),
    route("create_volume", "POST", "/volumes/create", _create_volume),
    inspecting("inspect_volume", "/volumes/*", lambda e, name: e.volume(name)),
    route("remove_volume", "DELETE", "/volumes/*", _remove_volume),
    route("networks", "GET", "/networks", _networks),
    route("create_network", "POST", "/networks/create", _create_network),
    inspecting("inspect_network", "/networks/*", lambda e, name: e.network(name)),
    route("remove_network", "DELETE", "/networks/*", _remove_network),
)
