"""What a cloud has before anyone comes: accounts, catalogue, flavors, networks, images."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from engines.openstack import layout as at
from engines.openstack.client import SERVICES, Client, wait_until
from engines.openstack.processes import CloudError

if TYPE_CHECKING:
    from pathlib import Path

# The property by which flavors choose between the compute hosts.
_FAKE: Final = "CUSTOM_FAKE"
_REAL_ONLY: Final = {f"trait:{_FAKE}": "forbidden"}
# Name: virtual processors, MiB of memory, GiB of disk, what it says about hosts. A disk is enough
# for each image, and no larger: no server's may exceed the room's folder, which may be small.
FLAVORS: Final[dict[str, tuple[int, int, int, dict[str, str]]]] = {
    "m1.tiny": (1, 512, 3, _REAL_ONLY),
    "m1.small": (2, 1024, 3, _REAL_ONLY),
    "m1.medium": (2, 2048, 3, _REAL_ONLY),
    # No host has it: "No valid host was found".
    "m1.impossible": (1, 1_000_000, 3, _REAL_ONLY),
    # Never boots: for hundreds of servers.
    "fake.nano": (1, 64, 3, {f"trait:{_FAKE}": "required"}),
}
_KERNEL_LINE: Final = "console=ttyS0 net.ifnames=0 mitigations=off no_timer_check quiet"
# Name: disk, initrd, what the kernel is told.
IMAGES: Final = {
    "debian-fast": ("jupyter", "fast-initrd", _KERNEL_LINE),
    "debian-12": ("jupyter", "debian-initrd", f"root=/dev/vda rw {_KERNEL_LINE}"),
    "debian-stub": ("bare", "fast-initrd", f"{_KERNEL_LINE} anywhere.stub"),
    "debian-bare": ("bare", "fast-initrd", _KERNEL_LINE),
    "debian-bare-12": ("bare", "debian-initrd", f"root=/dev/vda rw {_KERNEL_LINE}"),
}
# Name: addresses, this machine's among them, the first and the last that servers get.
NETWORKS: Final = {
    "hubnet": ("10.77.0.0/16", at.GATEWAY, "10.77.1.0", "10.77.250.250"),
    "secondnet": ("10.78.0.0/16", at.SECOND_GATEWAY, "10.78.1.0", "10.78.250.250"),
}
EXTERNAL: Final = "public"
# The one project with limits, and these.
SMALL: Final = "small"
SMALL_LIMITS: Final = {"instances": 1, "cores": 4, "ram": 4096}
PROJECTS: Final = ("hub", SMALL)


@dataclass(frozen=True)
class Seeded:
    """What tests need to know.

    Attributes:
        credential_id: Of the application credential of the project ``hub``.
        credential_secret: Its secret.
        images: Ids by name.
        flavors: Ids by name.
        networks: Ids by name.
        projects: Ids by name.
    """

    credential_id: str
    credential_secret: str
    images: dict[str, str]
    flavors: dict[str, str]
    networks: dict[str, str]
    projects: dict[str, str]


def identity(admin: Client) -> dict[str, str]:
    """Make accounts, roles, the catalogue and projects; the projects' ids by name."""
    roles = {each["name"]: each["id"] for each in admin.get("identity", "/roles")["roles"]}
    if "service" not in roles:
        roles["service"] = _make(admin, "identity", "role", "/roles", name="service")
    service = _account(admin, "service", "svc", [roles["admin"], roles["service"]])
    names = {"image": "glance", "placement": "placement", "compute": "nova", "network": "neutron"}
    for kind, name in names.items():
        catalogued(admin, kind, name)
    # What people get: no more than a member's rights.
    members = [roles["member"]]
    return {"service": service} | {name: _account(admin, name, name, members) for name in PROJECTS}


def catalogued(admin: Client, kind: str, name: str) -> None:
    """Write a service into the catalogue.

    Args:
        admin: A client with all rights.
        kind: Of `SERVICES`.
        name: The service's own name.
    """
    # Without a version, but for two: so clients find out.
    whole = kind in {"compute", "volumev3"}
    url = SERVICES[kind] if whole else "/".join(SERVICES[kind].split("/")[:3])
    listed = _make(admin, "identity", "service", "/services", type=kind, name=name)
    for interface in ("public", "internal", "admin"):
        where = {"service_id": listed, "interface": interface, "url": url}
        _make(admin, "identity", "endpoint", "/endpoints", region_id=at.REGION, **where)


def _account(admin: Client, project: str, user: str, roles: list[str]) -> str:
    """Make a project with an account; the project's id."""
    project_id = _make(admin, "identity", "project", "/projects", name=project, domain_id="default")
    about = {"name": user, "password": at.PASSWORD, "domain_id": "default"}
    user_id = _make(admin, "identity", "user", "/users", default_project_id=project_id, **about)
    for role in roles:
        admin.ask("PUT", "identity", f"/projects/{project_id}/users/{user_id}/roles/{role}")
    return project_id


def _make(client: Client, service: str, kind: str, path: str, **about: Any) -> str:
    made: dict[str, Any] = client.post(service, path, {kind: about})[kind]
    return str(made["id"])


def resources(admin: Client, projects: dict[str, str], guests: Path) -> Seeded:
    """Make flavors, networks, images, limits and the application credential."""
    with ThreadPoolExecutor(1) as pool:
        images = pool.submit(_images, guests)
        flavors = {name: _flavor(admin, name) for name in FLAVORS}
        networks = {name: _network(admin, name) for name in (*NETWORKS, EXTERNAL)}
        admin.ask(
            "PUT", "compute", f"/os-quota-sets/{projects[SMALL]}", {"quota_set": SMALL_LIMITS}
        )
        with Client("hub", "hub") as hub:
            hub.log_in()
            path = f"/users/{hub.user_id}/application_credentials"
            body = {"application_credential": {"name": "jupyterhub"}}
            made = hub.post("identity", path, body)["application_credential"]
        return Seeded(made["id"], made["secret"], images.result(), flavors, networks, projects)


def mark_fake_host(admin: Client) -> None:
    """Wait until both compute hosts are counted, and mark the one that pretends."""

    def counted() -> dict[str, str] | None:
        listed = admin.get("placement", "/resource_providers")["resource_providers"]
        ids = {each["name"]: each["uuid"] for each in listed}
        for name in (at.FAKE_HOST, at.REAL_HOST):
            match = [ids[host] for host in ids if _is(host, name)]
            if (
                not match
                or not admin.get("placement", f"/resource_providers/{match[0]}/inventories")[
                    "inventories"
                ]
            ):
                return None
        return ids

    ids = wait_until(counted, "The compute hosts' inventories")
    admin.ask("PUT", "placement", f"/traits/{_FAKE}")
    path = (
        f"/resource_providers/{next(ids[host] for host in ids if _is(host, at.FAKE_HOST))}/traits"
    )

    def marked() -> bool:
        told = admin.get("placement", path)
        # The host itself writes here at its start: then ours is refused (409), or the database
        # ends it because each waits for the other (500); and it is tried again.
        body = {**told, "traits": sorted({*told["traits"], _FAKE})}
        try:
            admin.ask("PUT", "placement", path, body)
        except CloudError as error:
            if not str(error).startswith(("409 ", "500 ")):
                raise
            return False
        return True

    wait_until(marked, "The mark of the host that pretends")


def _is(provider: str, host: str) -> bool:
    """Whether a provider is a host; the hypervisor says the machine's name, not the host's."""
    return (provider == at.FAKE_HOST) == (host == at.FAKE_HOST)


def _flavor(admin: Client, name: str) -> str:
    processors, memory, disk, says = FLAVORS[name]
    about = {"name": name, "vcpus": processors, "ram": memory, "disk": disk}
    made = _make(admin, "compute", "flavor", "/flavors", **about)
    admin.post("compute", f"/flavors/{made}/os-extra_specs", {"extra_specs": says})
    return made


def _network(admin: Client, name: str) -> str:
    external = name == EXTERNAL
    about: dict[str, Any] = {
        "name": name,
        "shared": not external,
        "router:external": external,
        "provider:network_type": "flat",
        "provider:physical_network": name,
    }
    made = _make(admin, "network", "network", "/networks", **about)
    cidr, gateway, first, last = NETWORKS.get(
        name, ("10.79.0.0/24", at.FLOATING_GATEWAY, "10.79.0.10", "10.79.0.250")
    )
    about = {"network_id": made, "name": f"{name}-subnet", "ip_version": 4, "cidr": cidr}
    about |= {"gateway_ip": gateway, "allocation_pools": [{"start": first, "end": last}]}
    # Nobody answers DHCP: the config drive says the addresses.
    _make(admin, "network", "subnet", "/subnets", enable_dhcp=False, **about)
    return made


def _images(guests: Path) -> dict[str, str]:
    with Client() as admin:
        kernel = _image(admin, "debian-kernel", guests / "vmlinuz", "aki")
        initrds = {
            "fast-initrd": _image(admin, "fast-initrd", guests / "fast.img", "ari"),
            "debian-initrd": _image(admin, "debian-initrd", guests / "initrd.img", "ari"),
        }
        made = {}
        for name, (disk, initrd, line) in IMAGES.items():
            boots = {"kernel_id": kernel, "ramdisk_id": initrds[initrd], "os_command_line": line}
            boots |= {"hw_rng_model": "virtio", "hw_cdrom_bus": "scsi"}
            boots |= {"hw_scsi_model": "virtio-scsi", "os_shutdown_timeout": "5"}
            made[name] = _image(admin, name, guests / f"{disk}.qcow2", "qcow2", **boots)
        return made


def _image(admin: Client, name: str, file: Path, kind: str, **about: str) -> str:
    container = kind if kind in {"aki", "ari"} else "bare"
    formats = {"disk_format": kind, "container_format": container}
    body = {"name": name, "visibility": "public", **formats, **about}
    made = str(admin.post("image", "/images", body)["id"])
    kinds = {"Content-Type": "application/octet-stream"}
    admin.ask("PUT", "image", f"/images/{made}/file", headers=kinds, content=file.read_bytes())
    return made
