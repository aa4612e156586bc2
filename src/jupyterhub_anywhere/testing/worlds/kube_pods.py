"""Runs the pods of a recording Kubernetes: scheduler and kubelet in one."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import itertools
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.testing.worlds.kube_store import ApiError, Place, Store, Thing
from jupyterhub_anywhere.testing.worlds.program import Program
from jupyterhub_anywhere.testing.worlds.tls import KEY, server_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from jupyterhub_anywhere.testing.world import Fault

EXITS: Final = "stub/exits:1"
"""An image whose program ends at once, with exit code 3."""
ADDRESSES: Final = 32
"""How many addresses a cluster has for pods at one time."""
_STEP: Final = 0.02
"""Seconds from one state of a pod to the next."""
_EXIT_CODE: Final = 3
_EPOCH = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


class Pods:
    """Brings every pod from Pending to Running, and away. Lives in one event loop.

    Args:
        store: Where the pods are.
        folder: For certificates, for the time in which they are read.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        # One network per cluster, so that several of them can run on one machine.
        self._network = f"127.77.{random.randrange(1, 255)}"  # noqa: S311 - no secret
        self._programs: dict[str, tuple[str, Program]] = {}
        self._ended: list[Program] = []
        self._timers: list[asyncio.TimerHandle] = []
        self._seconds = itertools.count()
        self.faults: dict[str, Fault | None] = {}

    def addresses(self) -> list[str]:
        """All that a pod may get."""
        return [f"{self._network}.{host}" for host in range(1, ADDRESSES + 1)]

    def begin(self, pod: Thing) -> None:
        """A pod was created."""
        place = _place(pod)
        self._store.merge(place, {"status": {"phase": "Pending", "podIP": None}})
        if self._fault(place) == "hang":
            self._tell(place, "FailedScheduling", "0/1 nodes are available.", "Warning")
            return
        self._tell(place, "Scheduled", f"Successfully assigned {place.name} to node")
        self._later(self._run, place, pod["metadata"]["uid"])

    def delete(self, place: Place, grace: int) -> Thing:
        """A pod shall go: at once without grace, else when its program has ended.

        Raises:
            ApiError: 404.
        """
        self._store.get(place)
        self._stop(place)
        if grace == 0:
            return self._store.delete(place)
        marked = self._store.merge(place, {"metadata": {"deletionTimestamp": self._now()}})
        self._tell(place, "Killing", "Stopping container notebook")
        self._later(self._gone, place, marked["metadata"]["uid"])
        return marked

    async def close(self) -> None:
        """End every program, and begin no more."""
        for timer in self._timers:
            timer.cancel()
        for _, program in self._programs.values():
            await program.ended()
        for program in self._ended:
            await program.ended()
        self._programs.clear()

    def _later(self, what: Callable[[Place, str], None], place: Place, uid: str) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(_STEP, what, place, uid))

    def _gone(self, place: Place, uid: str) -> None:
        with suppress(ApiError):
            if self._store.get(place)["metadata"]["uid"] == uid:
                self._store.delete(place)

    def _run(self, place: Place, uid: str) -> None:
        with suppress(ApiError):
            pod = self._store.get(place)
            meta = pod["metadata"]
            if meta["uid"] != uid or "deletionTimestamp" in meta:
                return
            (container, *_) = pod["spec"]["containers"]
            if not self._mountable(pod):
                # KubeSpawner makes the secret after the pod, which owns it; a kubelet tries again.
                self._later(self._run, place, uid)
            elif self._fault(place) == "error" or container.get("image") == EXITS:
                self._fail(place, container)
            else:
                self._up(place, pod, container)

    def _up(self, place: Place, pod: Thing, container: Thing) -> None:
        address, program = self._listen(pod, container)
        self._programs[pod["metadata"]["uid"]] = (address, program)
        self._tell(place, "Started", f"Started container {container['name']}")
        status = _status(container, {"running": {}}, ready=True)
        running = {"phase": "Running", "podIP": address, "containerStatuses": [status]}
        self._store.merge(place, {"status": running})

    def _fail(self, place: Place, container: Thing) -> None:
        state = {"terminated": {"exitCode": _EXIT_CODE, "reason": "Error"}}
        self._tell(place, "Failed", f"Container {container['name']} exited", "Warning")
        status = _status(container, state, ready=False)
        failed = {"phase": "Failed", "podIP": None, "containerStatuses": [status]}
        self._store.merge(place, {"status": failed})

    def _listen(self, pod: Thing, container: Thing) -> tuple[str, Program]:
        """Run the program at an address that is free, at the port of its container."""
        port = container["ports"][0]["containerPort"]
        tls = self._tls(pod, container)
        used = {address for address, _ in self._programs.values()}
        for address in self.addresses():
            if address not in used:
                with suppress(OSError):
                    return address, Program(address, port, tls)
        raise ApiError(500, "InternalError", "no address is left")

    def _stop(self, place: Place) -> None:
        uid = self._store.get(place)["metadata"]["uid"]
        if uid in self._programs:
            _, program = self._programs.pop(uid)
            program.end()
            self._ended.append(program)

    def _fault(self, place: Place) -> Fault | None:
        return self.faults.get(place.name) or self.faults.get("")

    def _tell(self, place: Place, reason: str, message: str, kind: str = "Normal") -> None:
        """Make an event. Its time steps on, so that it is the same in every run."""
        second = next(self._seconds)
        thing = {
            "metadata": {"name": f"{place.name}.{second}"},
            "involvedObject": {"kind": "Pod", "namespace": place.namespace, "name": place.name},
            "reason": reason,
            "message": message,
            "type": kind,
            "lastTimestamp": (_EPOCH + dt.timedelta(seconds=second)).isoformat(),
            "eventTime": None,
        }
        self._store.create("events", place.namespace, thing)

    @staticmethod
    def _now() -> str:
        return _EPOCH.isoformat()

    def _tls(self, pod: Thing, container: Thing) -> ssl.SSLContext | None:
        """Encrypt as a server with internal_ssl does: from the secret that it mounts alone."""
        paths = {each["name"]: each.get("value") or "" for each in container.get("env") or []}
        if not paths.get(KEY):
            return None
        return server_context(
            paths,
            self._mounted(pod, container),
            self._folder / pod["metadata"]["uid"],
            lambda variable, _: ApiError(
                500, "InternalError", f"no such file in the pod: {variable}"
            ),
        )

    def _mountable(self, pod: Thing) -> bool:
        secrets = set(_volumes(pod).values())
        namespace = pod["metadata"]["namespace"]
        return all(self._store.find(Place("secrets", namespace, name)) for name in secrets)

    def _mounted(self, pod: Thing, container: Thing) -> dict[str, bytes]:
        """The files of the secrets that a container mounts, by path."""
        names = _volumes(pod)
        found: dict[str, bytes] = {}
        for mount in container.get("volumeMounts") or []:
            if mount["name"] in names:
                place = Place("secrets", pod["metadata"]["namespace"], names[mount["name"]])
                for file, content in self._store.get(place)["data"].items():
                    found[f"{mount['mountPath'].rstrip('/')}/{file}"] = base64.b64decode(content)
        return found


def _status(container: Thing, state: Thing, *, ready: bool) -> Thing:
    """What the kubelet says of a container; all members that the API demands."""
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "restartCount": 0,
        "ready": ready,
        "state": state,
    }


def _volumes(pod: Thing) -> dict[str, str]:
    """The names of the secrets that are a pod's volumes, by the volume's name."""
    return {
        volume["name"]: volume["secret"]["secretName"]
        for volume in pod["spec"].get("volumes") or []
        if volume.get("secret")
    }


def _place(pod: Thing) -> Place:
    return Place("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
