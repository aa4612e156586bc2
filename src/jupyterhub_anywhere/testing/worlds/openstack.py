"""A small OpenStack for tests: Keystone, Nova, Glance, Neutron and Cinder, as their clients see it.

It keeps what it was asked for, in the shapes of the real services, with pages, tokens that end, and
troubles on order. Nothing runs in its machines. `openstack_http` lets it answer over HTTP and TLS.
"""

from __future__ import annotations

import itertools
import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT: Final = "0123456789abcdef0123456789abcdef"
USER: Final = "fedcba9876543210fedcba9876543210"


class Trouble(Exception):  # noqa: N818 - what the real service answers, no failure of the world
    """An answer that is an error.

    Args:
        status: Of HTTP.
        message: The service's words.
        kind: The service's name of the error; chosen by the status where empty.
    """

    def __init__(self, status: int, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.kind = kind or {
            400: "badRequest",
            403: "forbidden",
            404: "itemNotFound",
            409: "conflictingRequest",
            413: "overLimit",
            429: "overLimit",
        }.get(status, "computeFault")


@dataclass
class Order:
    """A trouble on order.

    Attributes:
        method: Of the calls that it happens to.
        path: A regular expression that is found in their paths.
        how: ``status``, ``cut`` (nothing is done and nothing answered), ``lost`` (done, but the
            answer never comes), ``html`` (a proxy answers), ``keyless`` (the list is missing) or
            ``hold`` (it waits until `let` is set).
        times: How often.
        status: For ``status`` and ``html``.
        message: The service's words, for ``status``.
        let: For ``hold``.
    """

    method: str
    path: str
    how: str
    times: int = 1
    status: int = 500
    message: str = "it has a fault of its own"
    let: threading.Event = field(default_factory=threading.Event)


@dataclass
class Cloud:
    """What is there.

    Attributes:
        page: The most entries of one answer.
        build_looks: How often a new server is looked at before it is ACTIVE.
        delete_looks: How often a deleted one before it is gone.
        port_looks: How often its ports before it has one.
        quota: Servers that the project may have.
        volume_quota: GiB of volumes that it may have.
        token_life: Seconds.
        broken: The fault of every new server; empty for none.
        secret: What opens it.
        regions: Of its catalogue.
        services: Types in its catalogue, with the names that they have there.
        delay: Seconds before each answer.
    """

    page: int = 1000
    build_looks: int = 1
    delete_looks: int = 1
    port_looks: int = 0
    quota: int = 1000
    volume_quota: int = 1000
    token_life: float = 3600.0
    broken: str = ""
    secret: str = "open sesame"  # noqa: S105 - of a world for tests
    regions: tuple[str, ...] = ("RegionOne",)
    services: dict[str, str] = field(
        default_factory=lambda: {
            "compute": "nova",
            "image": "glance",
            "network": "neutron",
            "volumev3": "cinderv3",
            "identity": "keystone",
        }
    )
    delay: float = 0.0
    skew: timedelta = timedelta()
    expires: datetime | None = None
    images: list[dict[str, Any]] = field(default_factory=list)
    flavors: list[dict[str, Any]] = field(default_factory=list)
    networks: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    servers: dict[str, dict[str, Any]] = field(default_factory=dict)
    ports: dict[str, dict[str, Any]] = field(default_factory=dict)
    addresses: dict[str, dict[str, Any]] = field(default_factory=dict)
    volumes: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, datetime] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        """Begin with one of everything."""
        self.add_image("debian")
        self.add_flavor("small")
        self.add_flavor("large", ram=8192)
        self.add_network("inside")
        self.add_network("outside", external=True)
        self.groups.append({"id": new_id(), "name": "default", "project_id": PROJECT})
        self.keys.append("admin")

    # --- what tests lay out --------------------------------------------------------------------

    def add_image(self, name: str, **more: Any) -> str:
        """An image; the later, the newer."""
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=next(self._count))
        image = {
            "id": new_id(),
            "name": name,
            "status": "active",
            "visibility": "public",
            "created_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "updated_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "min_disk": 0,
            "min_ram": 0,
            **more,
        }
        self.images.append(image)
        return str(image["id"])

    def add_flavor(self, name: str, *, ram: int = 1024) -> str:
        """A flavor."""
        made = {
            "id": str(next(self._count)),
            "name": name,
            "ram": ram,
            "vcpus": 1,
            "disk": 10,
            "swap": "",
            "OS-FLV-EXT-DATA:ephemeral": 0,
            "links": [],
        }
        self.flavors.append(made)
        return str(made["id"])

    def add_network(self, name: str, *, external: bool = False) -> str:
        """A network."""
        made = {"id": new_id(), "name": name, "router:external": external, "subnets": [new_id()]}
        self.networks.append(made)
        return str(made["id"])

    def order(self, method: str, path: str, how: str, **more: Any) -> Order:
        """Order a trouble."""
        made = Order(method, path, how, **more)
        with self.lock:
            self.orders.append(made)
        return made

    def ordered(self, method: str, path: str) -> Order | None:
        """The trouble of a call, if it has one."""
        with self.lock:
            for each in self.orders:
                if each.times > 0 and each.method == method and re.search(each.path, path):
                    each.times -= 1
                    return each
        return None

    def end_tokens(self) -> None:
        """No token opens anything any more."""
        with self.lock:
            self.tokens.clear()

    def asked(self, method: str, path: str) -> int:
        """How many calls there were."""
        with self.lock:
            return sum(each[0] == method and bool(re.search(path, each[1])) for each in self.calls)

    def now(self) -> datetime:
        """The time by its clock."""
        return datetime.now(UTC) + self.skew

    # --- servers -------------------------------------------------------------------------------

    def make_server(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """What Nova makes of a request.

        Raises:
            Trouble: It does not.
        """
        self._check(wanted)
        self._take_disks(wanted)
        server_id, now = new_id(), self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        server = {
            "id": server_id,
            "name": wanted["name"],
            "status": "BUILD",
            "OS-EXT-STS:task_state": "scheduling",
            "metadata": dict(wanted.get("metadata") or {}),
            "created": now,
            "updated": now,
            "addresses": {},
            "hostId": "",
            "tenant_id": PROJECT,
            "user_id": USER,
            "image": {"id": wanted["imageRef"]} if wanted.get("imageRef") else "",
            "flavor": {"id": wanted["flavorRef"]},
            "links": [{"rel": "self", "href": f"http://cloud/servers/{server_id}"}],
            "key_name": wanted.get("key_name"),
            "security_groups": wanted.get("security_groups", [{"name": "default"}]),
            "config_drive": wanted.get("config_drive", ""),
            "OS-EXT-AZ:availability_zone": wanted.get("availability_zone", "nova"),
            "_wanted": wanted,
            "_looks": self.build_looks,
        }
        self.servers[server_id] = server
        return server

    def _check(self, wanted: dict[str, Any]) -> None:
        if len(self.servers) >= self.quota:
            raise Trouble(403, f"Quota exceeded for instances: Requested 1, but already used"
                          f" {len(self.servers)} of {self.quota} instances")  # fmt: skip
        image = wanted.get("imageRef")
        if image and image not in {each["id"] for each in self.images}:
            raise Trouble(400, f"Can not find requested image {image}")
        if wanted["flavorRef"] not in {each["id"] for each in self.flavors}:
            raise Trouble(400, f"Flavor {wanted['flavorRef']} could not be found.")
        if wanted.get("key_name") and wanted["key_name"] not in self.keys:
            raise Trouble(400, "Invalid key_name provided.")
        if len(wanted.get("user_data") or "") > 65535:  # noqa: PLR2004 - Nova's own limit
            raise Trouble(400, "Invalid input for field/attribute user_data. Value is too long.")
        known = {each["id"] for each in self.networks}
        if any(each["uuid"] not in known for each in wanted.get("networks") or ()):
            raise Trouble(400, "Network could not be found.")

    def _take_disks(self, wanted: dict[str, Any]) -> None:
        disks = wanted.get("block_device_mapping_v2") or ()
        used = [each["uuid"] for each in disks if each["source_type"] == "volume"]
        if any(self.volumes[each]["status"] != "available" for each in used):
            raise Trouble(400, "Invalid volume: it is not available")
        for each in used:
            self.volumes[each]["status"] = "in-use"

    def look_at(self, server: dict[str, Any]) -> None:
        """Let a server go on by one step: nothing happens here but when somebody looks."""
        server["_looks"] -= 1
        if server["_looks"] > 0:
            return
        if server["OS-EXT-STS:task_state"] == "deleting":
            self.remove(server["id"])
        elif server["status"] == "BUILD":
            server["OS-EXT-STS:task_state"] = None
            if self.broken:
                server["status"] = "ERROR"
                server["fault"] = {
                    "code": 500,
                    "message": self.broken,
                    "created": server["created"],
                }
                return
            server["status"] = "ACTIVE"
            self.connect(server)

    def connect(self, server: dict[str, Any]) -> None:
        """Give a server that is ACTIVE its ports, with an address each."""
        inside = [each["id"] for each in self.networks if not each["router:external"]][:1]
        wanted = [each["uuid"] for each in server["_wanted"].get("networks") or ()] or inside
        for network in wanted:
            name = next(each["name"] for each in self.networks if each["id"] == network)
            address = f"10.9.0.{len(self.ports) + 2}"
            port = {
                "id": new_id(),
                "device_id": server["id"],
                "network_id": network,
                "fixed_ips": [{"ip_address": address, "subnet_id": new_id()}],
            }
            self.ports[port["id"]] = port
            entry = {"addr": address, "version": 4, "OS-EXT-IPS:type": "fixed"}
            server["addresses"].setdefault(name, []).append(entry)

    def remove(self, server_id: str) -> None:
        """A server is gone, with its ports."""
        server = self.servers.pop(server_id, None)
        for port in [key for key, each in self.ports.items() if each["device_id"] == server_id]:
            del self.ports[port]
        for address in self.addresses.values():
            if address["port_id"] not in self.ports:
                address["port_id"] = None
        disks = server["_wanted"].get("block_device_mapping_v2") if server else None
        for each in disks or ():
            if each["source_type"] == "volume" and each["uuid"] in self.volumes:
                self.volumes[each["uuid"]]["status"] = "available"


def new_id() -> str:
    """An id."""
    return str(uuid.uuid4())
