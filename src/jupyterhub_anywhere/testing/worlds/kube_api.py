"""The HTTP API of a recording Kubernetes: the core group, as far as spawners use it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from tornado import web
from tornado.iostream import StreamClosedError

from jupyterhub_anywhere.testing.worlds.kube_store import (
    KINDS,
    ApiError,
    Place,
    Selector,
    Store,
    Thing,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSION: Final = {"major": "1", "minor": "31", "gitVersion": "v1.31.0"}
_VERBS: Final = {
    "POST": "create",
    "GET": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        verb: In the API's own words: ``create get list watch update patch delete``.
        place: What it is about.
        selector: Which of many.
        query: Its parameters; the last one of a name counts.
        body: Its JSON, ``{}`` without.
    """

    verb: str
    place: Place
    selector: Selector
    query: Mapping[str, str]
    body: Thing


class Cluster(Protocol):
    """What the handler talks to."""

    @property
    def store(self) -> Store:
        """All objects."""

    async def answer(self, asked: Asked) -> Thing:
        """Write the request down and do what it asks; for a watch, nothing else."""


class ApiHandler(web.RequestHandler):
    """Every request."""

    def initialize(self, cluster: Cluster) -> None:
        """Take the cluster from the application."""
        self.cluster = cluster
        self.gone = False
        self.work: asyncio.Future[Thing] | None = None

    def on_connection_close(self) -> None:
        """A watch ends when its client goes, and what still waits is not done."""
        self.gone = True
        if self.work is not None:
            self.work.cancel()
        self.cluster.store.wake()

    async def _serve(self, path: str) -> None:
        self.set_header("Content-Type", "application/json")
        try:
            if path == "/version":
                self.finish(json.dumps(_VERSION))
                return
            asked = self._asked(path)
            self.work = asyncio.ensure_future(self.cluster.answer(asked))
            answer = await self.work
        except asyncio.CancelledError:
            if not self.gone:
                raise
            return
        except ApiError as error:
            self.set_status(error.status)
            self.finish(json.dumps(error.body()))
            return
        if asked.verb == "watch":
            await self._watch(asked)
            return
        self.set_status(201 if asked.verb == "create" else 200)
        self.finish(json.dumps(answer))

    get = post = put = patch = delete = _serve

    def _asked(self, path: str) -> Asked:
        place = parse(path)
        query = {name: values[-1].decode() for name, values in self.request.arguments.items()}
        verb = _VERBS[str(self.request.method)]
        if verb == "get" and not place.name:
            verb = "watch" if query.get("watch", "").lower() == "true" else "list"
        selector = Selector.parse(query.get("labelSelector", ""), query.get("fieldSelector", ""))
        body = json.loads(self.request.body) if self.request.body else {}
        return Asked(verb, place, selector, query, body)

    async def _watch(self, asked: Asked) -> None:
        """Stream changes until the client goes or its time is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + float(asked.query.get("timeoutSeconds") or 1800)
        version = int(asked.query.get("resourceVersion") or 0)
        try:
            await self.flush()
            while not self.gone and loop.time() < until:
                changes = list(self.cluster.store.since(version, asked.place, asked.selector))
                for change in changes:
                    line = {"type": change.verb, "object": change.thing}
                    self.write(json.dumps(line) + "\n")
                    version = change.version
                if changes:
                    await self.flush()
                    continue
                await self._change(until - loop.time())
            self.finish()
        except StreamClosedError:
            return

    async def _change(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.cluster.store.change(), max(seconds, 0))
        except TimeoutError:
            return


def parse(path: str) -> Place:
    """What an address is about.

    Raises:
        ApiError: 404, there is nothing like that.
    """
    parts = path.strip("/").split("/")
    missing = ApiError(404, "NotFound", f"the server could not find the requested resource {path}")
    if parts[:2] != ["api", "v1"]:
        raise missing
    match parts[2:]:
        case ["namespaces", namespace, plural, *name] if plural in KINDS and len(name) <= 1:
            return Place(plural, namespace, *name)
        case ["namespaces", name]:
            return Place("namespaces", "", name)
        case [plural] if plural in KINDS:
            return Place(plural)
        case _:
            raise missing


def listed(store: Store, asked: Asked) -> Thing:
    """A list, with the version from which a watch goes on."""
    return {
        "kind": f"{KINDS[asked.place.plural]}List",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": str(store.version)},
        "items": store.find(asked.place, asked.selector),
    }


def application(cluster: Cluster) -> web.Application:
    """The API of one cluster."""
    route: tuple[str, Any, dict[str, Any]] = (r"(/.*)", ApiHandler, {"cluster": cluster})
    return web.Application([route], log_function=lambda _: None)
