"""What is asked of OpenStack: Nova's servers, with the things of Glance and Neutron."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from libcloud.common.exceptions import BaseHTTPError

from jupyterhub_anywhere.targets.machines import marks as marking
from jupyterhub_anywhere.targets.machines.provider import Machine, Power
from jupyterhub_anywhere.targets.machines.providers.libcloud import nova
from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import (
    Backend,
    last_lines,
    matches,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import (
    CONFLICT,
    NOT_FOUND,
    Refused,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud.lookups import Thing
from jupyterhub_anywhere.targets.machines.providers.libcloud.paging import pages

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from jupyterhub_anywhere.targets.machines.provider import Rest, Wanted

# Kind to the attribute of the driver that asks for it, the path, the key, and the query.
_LISTS: Final[Mapping[str, tuple[str, str, str, Mapping[str, Any]]]] = {
    "image": ("image_connection", "/v2/images", "images", {"status": "active", "limit": 200}),
    "size": ("connection", "/flavors/detail", "flavors", {}),
    "network": ("network_connection", "/v2.0/networks", "networks", {}),
    "external network": (
        "network_connection",
        "/v2.0/networks",
        "networks",
        {"router:external": "True"},
    ),
    "security group": ("network_connection", "/v2.0/security-groups", "security_groups", {}),
    "key pair": ("connection", "/os-keypairs", "keypairs", {}),
}


# Characters of hub and target in a description, of which Neutron takes 255.
_LONGEST: Final = 180
# What the description of a floating IP says: for which machine, of which hub and target.
_ADDRESS: Final = re.compile(r"anywhere: address of ([^ ,]+)(?:, of (.*))?")


@dataclass(frozen=True, slots=True)
class _Address:
    """A floating IP that was made for a machine.

    Attributes:
        id: Neutron's.
        address: The address itself.
        machine: For which machine.
        whose: Hub and target; empty where that was not written down.
        used: Whether it leads anywhere.
    """

    id: str
    address: str
    machine: str
    whose: str
    used: bool


@dataclass(frozen=True, slots=True)
class _Ref:
    """What libcloud's `create_node` wants of an image, size, network or group."""

    id: str
    name: str


class OpenStackBackend(Backend):
    """OpenStack."""

    def source(self, driver: Any) -> str:
        """The identity service, the project and the region."""
        place = str(driver.connection._get_auth_url())  # noqa: SLF001 - libcloud has no other way
        region = self.account.region or self.account.options.get("ex_force_service_region") or ""
        return f"openstack:{place}:{self.project(driver)}:{region}"

    def project(self, driver: Any) -> str:
        """The id of the project; empty where the token is somebody else's."""
        connection = driver.connection
        if connection._ex_force_auth_token:  # noqa: SLF001
            return ""
        found: str = connection.login().project
        return found

    # --- machines ------------------------------------------------------------------------------

    def listed(self, driver: Any) -> Sequence[Machine]:
        """All servers of the project, by one list of all its pages."""
        # Nova lets only administrators filter by metadata, and ignores it of others without a word.
        found = pages(driver.connection, "/servers/detail", "servers")
        return [nova.machine_of(each) for each in found]

    def by_name(self, driver: Any, name: str, marks: Mapping[str, str]) -> Sequence[Machine]:
        """All servers of a name that have some marks; Nova filters by the name."""
        query = {"name": f"^{name}$"}
        found = pages(driver.connection, "/servers/detail", "servers", query)
        machines = [nova.machine_of(each) for each in found]
        return [each for each in machines if each.name == name and matches(each, marks)]

    def machine(self, driver: Any, machine_id: str) -> Machine | None:
        """One server; None where Nova itself says that there is none."""
        server = self.server(driver, machine_id)
        return None if server is None else nova.machine_of(server)

    def server(self, driver: Any, machine_id: str) -> dict[str, Any] | None:
        """Nova's words on a server; None for its own 404, an error for any other."""
        try:
            answer = driver.connection.request(_path(machine_id)).object
        except BaseHTTPError as error:
            if own_404(error):
                return None
            raise
        found: dict[str, Any] = answer["server"]
        return found

    def create(self, driver: Any, wanted: Wanted, volumes: Sequence[Thing]) -> Machine:
        """Ask Nova for a server.

        Raises:
            Missing: A name that the cloud does not know.
            Refused: It cannot be made as it is wanted.
        """
        self.check_marks(wanted)
        words = self.words(driver, wanted)
        if volumes or wanted.boot_volume:
            words.setdefault("ex_blockdevicemappings", [])
            disks = _disks(wanted, words["image"].id, volumes)
            words["ex_blockdevicemappings"] = [*disks, *words["ex_blockdevicemappings"]]
            if wanted.boot_volume:
                words["image"] = None
        # A kept connection that the other side has just closed would look like a lost answer.
        driver.connection.connection.session.close()
        node = driver.create_node(**words)
        made = self.machine(driver, str(node.id)) if node.extra.get("fault") else None
        return made or self.machine_of(node)

    def machine_of(self, node: Any) -> Machine:
        """A machine from libcloud's object."""
        extra = node.extra
        server = {
            "id": node.id,
            "name": node.name,
            "status": _STATUS.get(str(node.state), "UNKNOWN"),
            "addresses": extra.get("addresses"),
            "metadata": extra.get("metadata"),
            "fault": extra.get("fault"),
            "created": extra.get("created"),
            "OS-EXT-STS:task_state": extra.get("task_state"),
        }
        return nova.machine_of(server)

    def words(self, driver: Any, wanted: Wanted) -> dict[str, Any]:
        """The arguments of `create_node`."""
        groups = [self.find("security group", each, driver) for each in wanted.security_groups]
        networks = [self.find("network", each, driver) for each in wanted.networks]
        words: dict[str, Any] = {
            "name": wanted.name,
            "size": _ref(self.find("size", wanted.size, driver)),
            "image": _ref(self.find("image", wanted.image, driver)),
            "ex_metadata": {**wanted.metadata, **wanted.marks},
            "ex_userdata": wanted.userdata or None,
            "ex_keyname": wanted.key or None,
            "networks": [_ref(each) for each in networks],
            # By their ids: Nova refuses a name that several groups have.
            "ex_security_groups": [_Ref(each.id, each.id) for each in groups],
            "ex_availability_zone": wanted.zone or None,
            # libcloud cannot ask for none; that is Nova's default, unless the cloud forces one.
            "ex_config_drive": wanted.config_drive or None,
        }
        words.update(wanted.more)
        return {name: value for name, value in words.items() if value not in (None, [])}

    def mark(self, driver: Any, machine_id: str, marks: Mapping[str, str]) -> None:
        """Write metadata of a server; an empty value takes one away."""
        path = f"{_path(machine_id)}/metadata"
        kept = {name: value for name, value in marks.items() if value}
        if kept:
            driver.connection.request(path, method="POST", data={"metadata": kept})
        for name in marks.keys() - kept.keys():
            self._request(driver.connection, f"{path}/{quote(name, safe='')}", "DELETE")

    def destroy(self, driver: Any, machine_id: str) -> bool:
        """Delete a server, its floating IPs, and the ports that outlive it."""
        server = self.server(driver, machine_id)
        if server is None:
            self.take_addresses(driver, machine_id)
            self._take_ports(driver, machine_id)
            return True
        if server["status"] == nova.SOFT_DELETED:
            # A cloud that keeps what was deleted for a while keeps its quota and ports, too.
            self._act(driver, machine_id, "forceDelete")
            return False
        if not nova.going(server):
            self.take_addresses(driver, machine_id)
            self._request(driver.connection, _path(machine_id), "DELETE")
        return False

    def rest(self, driver: Any, machine_id: str, how: Rest) -> bool:
        """Stop, suspend or shelve a server; True once it rests."""
        server = self._server(driver, machine_id)
        if nova.rests(server):
            return True
        if not server.get("OS-EXT-STS:task_state"):
            self._act(driver, machine_id, nova.RESTS[how])
        return False

    def wake(self, driver: Any, machine_id: str) -> None:
        """Start, resume, unpause or unshelve a server."""
        server = self._server(driver, machine_id)
        action = nova.WAKES.get(str(server["status"]))
        if action is not None:
            self._act(driver, machine_id, action)

    def console(self, driver: Any, machine_id: str, lines: int) -> str:
        """The last lines of its console."""
        body = {"os-getConsoleOutput": {"length": lines}}
        path = f"{_path(machine_id)}/action"
        answer = driver.connection.request(path, method="POST", data=body).object
        return last_lines(str((answer or {}).get("output") or ""), lines)

    def _server(self, driver: Any, machine_id: str) -> dict[str, Any]:
        server = self.server(driver, machine_id)
        if server is None:
            raise Refused(f"there is no machine {machine_id} any more")
        return server

    def _act(self, driver: Any, machine_id: str, action: str) -> None:
        path = f"{_path(machine_id)}/action"
        try:
            driver.connection.request(path, method="POST", data={action: None})
        except BaseHTTPError as error:
            # It is busy with something: whoever asked asks again.
            if error.code != CONFLICT:
                raise

    @staticmethod
    def _request(connection: Any, path: str, method: str, data: Any = "") -> bool:
        """Ask for a change of something that may be gone by now; False where it is."""
        try:
            connection.request(path, method=method, data=data)
        except BaseHTTPError as error:
            if not own_404(error):
                raise
            return False
        return True

    # --- Neutron -------------------------------------------------------------------------------

    def give_address(
        self, driver: Any, machine_id: str, pool: str, marks: Mapping[str, str]
    ) -> bool:
        """Give a server a floating IP of a pool; False while it has no port yet."""
        ports = self._ports(driver, machine_id)
        if not ports:
            return False
        port = next((each for each in ports if _has_ipv4(each)), ports[0])
        own = [each for each in self._addresses(driver) if each.machine == machine_id]
        if any(each.used for each in own):
            return True
        if own:
            path, method = f"/v2.0/floatingips/{own[0].id}", "PUT"
            body: dict[str, Any] = {"port_id": port["id"]}
        else:
            network = self.find("external network", pool, driver)
            path, method = "/v2.0/floatingips", "POST"
            body = {
                "floating_network_id": network.id,
                "port_id": port["id"],
                "description": f"anywhere: address of {machine_id}, of {_whose(marks)}",
            }
        driver.network_connection.request(path, method=method, data={"floatingip": body})
        return True

    def take_addresses(self, driver: Any, machine_id: str) -> None:
        """Give back the floating IPs that were made for a server."""
        for each in self._addresses(driver):
            if each.machine == machine_id:
                path = f"/v2.0/floatingips/{each.id}"
                self._request(driver.network_connection, path, "DELETE")

    def leftovers(
        self, driver: Any, marks: Mapping[str, str], present: Collection[str]
    ) -> Sequence[Machine]:
        """Floating IPs of servers that are gone: somebody else has deleted them."""
        found: dict[str, list[str]] = {}
        for each in self._addresses(driver):
            if each.whose == _whose(marks) and not each.used and each.machine not in present:
                found.setdefault(each.machine, []).append(each.address)
        return [
            Machine(
                id=machine,
                name=f"address of {machine}",
                power=Power.GOING,
                public=tuple(addresses),
                marks=marks,
            )
            for machine, addresses in found.items()
            if self.server(driver, machine) is None
        ]

    def _addresses(self, driver: Any) -> list[_Address]:
        """The floating IPs that were made for servers, of whichever hub."""
        if not hasattr(driver, "network_connection"):
            return []
        found = []
        for each in pages(driver.network_connection, "/v2.0/floatingips", "floatingips"):
            said = _ADDRESS.fullmatch(str(each.get("description") or ""))
            if said is not None:
                address, used = str(each.get("floating_ip_address")), bool(each.get("port_id"))
                whose = said[2] or ""
                found.append(_Address(str(each["id"]), address, said[1], whose, used))
        return found

    def _ports(self, driver: Any, machine_id: str) -> list[dict[str, Any]]:
        if not hasattr(driver, "network_connection"):
            return []
        query = {"device_id": machine_id}
        found = pages(driver.network_connection, "/v2.0/ports", "ports", query)
        return [each for each in found if each.get("device_id") == machine_id]

    def _take_ports(self, driver: Any, machine_id: str) -> None:
        """Remove ports that a server has left behind: they hold an address and quota."""
        for port in self._ports(driver, machine_id):
            self._request(driver.network_connection, f"/v2.0/ports/{port['id']}", "DELETE")

    # --- what there is to choose from ----------------------------------------------------------

    def things(self, kind: str, driver: Any) -> Sequence[Thing]:
        """All things of a kind."""
        attribute, path, key, query = _LISTS.get(kind, ("", "", "", {}))
        connection = getattr(driver, attribute, None) if attribute else None
        if connection is None:
            # The driver of old API versions asks Nova for everything.
            return super().things(kind, driver)
        if kind == "key pair":
            # Nova wraps each of them once more.
            answer = connection.request(path).object
            names = [str(each["keypair"]["name"]) for each in answer[key]]
            return [Thing(name, name, None) for name in names]
        found = pages(connection, path, key, query)
        if kind == "security group":
            # Those who may administer the cloud see everybody's.
            own = self.project(driver)
            found = [each for each in found if own in ("", each.get("project_id", own))]
        return [
            Thing(str(each["id"]), str(each.get("name") or ""), each, str(each.get("created_at")))
            for each in found
        ]


# libcloud's states back to Nova's words, for the one answer that libcloud reads by itself.
_STATUS: Final = {
    "pending": "BUILD",
    "running": "ACTIVE",
    "rebooting": "REBOOT",
    "stopped": "SHUTOFF",
    "suspended": "SUSPENDED",
    "error": "ERROR",
    "terminated": "DELETED",
}


def own_404(error: BaseHTTPError) -> bool:
    """Whether a service itself says that something is not there; a proxy's 404 is no proof."""
    return error.code == NOT_FOUND and bool(getattr(error.message, "kind", ""))


def _path(machine_id: str) -> str:
    return f"/servers/{quote(machine_id, safe='')}"


def _whose(marks: Mapping[str, str]) -> str:
    """Hub and target, as far as a description goes."""
    return f"{marks.get(marking.HUB, '')}/{marks.get(marking.TARGET, '')}"[:_LONGEST]


def _has_ipv4(port: Mapping[str, Any]) -> bool:
    return any("." in str(each.get("ip_address")) for each in port.get("fixed_ips") or ())


def _ref(thing: Thing) -> _Ref:
    return _Ref(thing.id, thing.name)


def _disks(wanted: Wanted, image: str, volumes: Sequence[Thing]) -> list[dict[str, Any]]:
    """Nova's list of disks: the one to boot from, and those that outlive the machine."""
    first: dict[str, Any] = {
        "boot_index": 0,
        "uuid": image,
        "source_type": "image",
        "destination_type": "local",
        "delete_on_termination": True,
    }
    if wanted.boot_volume:
        first |= {"destination_type": "volume", "volume_size": wanted.boot_volume}
    others = [
        {
            "boot_index": -1,
            "uuid": each.id,
            "source_type": "volume",
            "destination_type": "volume",
            "delete_on_termination": False,
        }
        for each in volumes
    ]
    return [first, *others]
