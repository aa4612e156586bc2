"""A recording Kubernetes, to which kubernetes_asyncio talks over HTTP."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, ClassVar, Final

import kubernetes_asyncio.config.kube_config
from kubespawner import clients
from kubespawner.spawner import KubeSpawner
from tornado.httpserver import HTTPServer

from jupyterhub_anywhere.testing.world import Call, Fault, World
from jupyterhub_anywhere.testing.worlds.docker_calls import Faults, Words
from jupyterhub_anywhere.testing.worlds.kube_api import Asked, application, listed
from jupyterhub_anywhere.testing.worlds.kube_pods import Pods
from jupyterhub_anywhere.testing.worlds.kube_store import ApiError, Place, Store, Thing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

POD: Final = "pod"
"""The step in which a pod runs: it can fail as its program does, or never find a node."""
_IMAGE: Final = "stub/server:1"


class KubeWorld(World):
    """A cluster of one node, which is this machine. Its namespaces need not be made.

    A pod has a loopback address of its own, at which a stub in this process serves. ``server`` of
    a fault is the object's name.

    A list is written down once, and watches are not: KubeSpawner renews both by the clock. Lists
    that follow each other are in order of their names, for it asks for them at the same time.
    """

    steps: ClassVar[tuple[str, ...]] = (
        "create persistentvolumeclaims",
        "create pods",
        "delete pods",
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.store: Store
        self.pods: Pods
        self._words = Words(folder)
        self._calls: list[Call] = []
        self._faults: Faults
        self._server: HTTPServer
        self._location = kubernetes_asyncio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION
        self._file = folder / "kubeconfig.json"

    async def open(self) -> None:
        """Listen, and be the cluster that this process knows."""
        self.store = Store()
        self.pods = Pods(self.store, self.folder)
        self._faults = Faults()
        bound = socket.create_server(("127.0.0.1", 0))
        bound.setblocking(False)  # noqa: FBT003 - the only argument
        self._server = HTTPServer(application(self))
        self._server.add_socket(bound)
        self._file.write_text(json.dumps(_configuration(bound.getsockname()[1])), "utf-8")
        # The variable KUBECONFIG is read once, when that module is imported.
        kubernetes_asyncio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION = str(self._file)
        forget()

    async def close(self) -> None:
        """End every pod and every watch."""
        kubernetes_asyncio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION = self._location
        forget()
        self._faults.heal()
        self._server.stop()
        await self._server.close_all_connections()
        await self.pods.close()

    @property
    def calls(self) -> Sequence[Call]:
        """Every request so far, in order of arrival, except as the class says."""
        return tuple(self._calls)

    def fault(self, step: str, kind: Fault | None, *, server: str = "") -> None:
        """Let a request fail with status 500 or hang; see `POD` for what is no request.

        Args:
            step: A verb and a resource, as ``create pods``.
            kind: None heals.
            server: Only for this object.
        """
        if step == POD:
            self.pods.faults[server] = kind
        else:
            self._faults.set(step, kind, server)

    def settings(self) -> Mapping[str, Any]:
        """An image that serves, and a volume of its own for each server."""
        return {"image": _IMAGE, "storage_pvc_ensure": True, "storage_capacity": "1Gi"}

    def environment(self) -> Mapping[str, str]:
        """For processes that the hub starts."""
        return {"KUBECONFIG": str(self._file)}

    def alive(self) -> Collection[str]:
        """Objects that exist, as ``pods/jupyter-ann``; events are gone after an hour anyway."""
        kinds = ("pods", "persistentvolumeclaims", "secrets", "services")
        return [
            f"{kind}/{thing['metadata']['name']}"
            for kind in kinds
            for thing in self.store.find(Place(kind))
        ]

    async def answer(self, asked: Asked) -> Thing:
        """Write a request down, let it fail or hang where it shall, else do it.

        Raises:
            ApiError: Whatever the API refuses.
        """
        place = asked.place
        name = place.name or (asked.body.get("metadata") or {}).get("name", "")
        step = f"{asked.verb} {place.plural}"
        call = Call(step, self._words.plain(self._facts(asked, name)))
        self._note(call, asked.verb)
        if await self._faults.meet(step, name):
            raise ApiError(500, "InternalError", f"the recording cluster was told to fail: {step}")
        return self._do(asked)

    def _note(self, call: Call, verb: str) -> None:
        """Write a request down; see the class for lists and watches."""
        if verb == "watch" or (verb == "list" and call in self._calls):
            return
        position = len(self._calls)
        while verb == "list" and position and self._calls[position - 1].name > call.name:
            if not self._calls[position - 1].name.startswith("list "):
                break
            position -= 1
        self._calls.insert(position, call)

    def _facts(self, asked: Asked, name: str) -> dict[str, Any]:
        body = json.loads(json.dumps(asked.body))
        if asked.place.plural == "secrets":
            body |= {"data": sorted(body.get("data") or {})}
        for container in (body.get("spec") or {}).get("containers") or []:
            container["env"] = self._variables(container.get("env") or [])
        renewed = {"resourceVersion", "resourceVersionMatch", "timeoutSeconds", "watch"}
        query = {name: value for name, value in asked.query.items() if name not in renewed}
        return {
            "object": name,
            "namespace": asked.place.namespace,
            "query": query,
            "body": body,
        }

    def _variables(self, listed_: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Variables by name; their order means something only where one refers to another."""
        plain = [f"{each['name']}={each.get('value') or ''}" for each in listed_]
        return self._words.environment(plain)

    def _do(self, asked: Asked) -> Thing:
        work: dict[str, Callable[[Asked], Thing]] = {
            "create": self._create,
            "delete": self._delete,
            "get": lambda asked: self.store.get(asked.place),
            "list": lambda asked: listed(self.store, asked),
            "patch": lambda asked: self.store.merge(asked.place, asked.body),
            "watch": lambda _: {},
        }
        if asked.verb not in work:
            raise ApiError(405, "MethodNotAllowed", f"the recording cluster cannot {asked.verb}")
        return work[asked.verb](asked)

    def _create(self, asked: Asked) -> Thing:
        made = self.store.create(asked.place.plural, asked.place.namespace, asked.body)
        if asked.place.plural == "pods":
            self.pods.begin(made)
        return made

    def _delete(self, asked: Asked) -> Thing:
        if asked.place.plural == "pods":
            return self.pods.delete(asked.place, _grace(asked))
        return self.store.delete(asked.place)


def forget() -> None:
    """Let this process know of no cluster, as a process does that has just begun.

    KubeSpawner keeps its configuration, its clients and what it watches for all instances. A hub
    that is started again in the same process would be told by a watch that ended with the first.
    """
    clients.load_config.cache_clear()
    clients._client_cache.clear()  # noqa: SLF001 - there is no other way
    for cls in _classes(KubeSpawner):
        for reflector in cls.__dict__.get("reflectors", {}).values():
            if reflector.watch_task is not None and not reflector.watch_task.done():
                reflector.watch_task.cancel()
        if "reflectors" in cls.__dict__:
            cls.reflectors.clear()


def _classes(cls: Any) -> Iterator[Any]:
    yield cls
    for each in cls.__subclasses__():
        yield from _classes(each)


def _grace(asked: Asked) -> int:
    said = asked.query.get("gracePeriodSeconds", asked.body.get("gracePeriodSeconds"))
    return 30 if said is None else int(said)


def _configuration(port: int) -> dict[str, Any]:
    """A kubeconfig file; JSON is YAML."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "world", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "hub", "user": {}}],
        "contexts": [{"name": "world", "context": {"cluster": "world", "user": "hub"}}],
        "current-context": "world",
    }
