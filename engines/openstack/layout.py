"""Where everything of the cloud is: ports, addresses, names, files. All of it inside a room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

KEYSTONE: Final = 15000
GLANCE: Final = 19292
PLACEMENT: Final = 18778
NOVA: Final = 18774
NEUTRON: Final = 19696
CINDER: Final = 18776
MARIADB: Final = 13306
RABBIT: Final = 15673
RABBIT_CLUSTER: Final = 35673
EPMD: Final = 14369
# The identity service with TLS: where `https://HOST/keystone/…` without a port goes, and a port
# that no other server has.
TLS: Final = (443, 15443)

AUTH_URL: Final = f"http://127.0.0.1:{KEYSTONE}/v3"
BRIDGE: Final = "osbr0"
# This machine's addresses for guests, on their networks; the third is where floating addresses are.
GATEWAY: Final = "10.77.0.1"
SECOND_GATEWAY: Final = "10.78.0.1"
FLOATING_GATEWAY: Final = "10.79.0.1"
ADDRESSES: Final = (f"{GATEWAY}/16", f"{SECOND_GATEWAY}/16", f"{FLOATING_GATEWAY}/24")

REGION: Final = "RegionOne"
# Of every account of the cloud. It is reachable from inside its room only.
PASSWORD: Final = "engine-password"  # noqa: S105  (see above)
DATABASES: Final = ("keystone", "glance", "placement", "nova", "nova_api", "nova_cell0", "neutron")
# The compute hosts: the first pretends, the second runs guests.
FAKE_HOST: Final = "fake-host"
REAL_HOST: Final = "real-host"


@dataclass(frozen=True)
class Layout:
    """The files of one cloud.

    Attributes:
        folder: All of them, removed at its end.
        services: The environment with the services.
        guests: The folder with the guests' disks.
        token_seconds: How long a token of the identity service lives.
    """

    folder: Path
    services: Path
    guests: Path
    token_seconds: int = 86_400

    @property
    def etc(self) -> Path:
        """Settings, a folder for each service."""
        return self.folder / "etc"

    @property
    def var(self) -> Path:
        """State, a folder for each service."""
        return self.folder / "var"

    @property
    def log(self) -> Path:
        """Logs, a file for each process."""
        return self.folder / "log"

    @property
    def python(self) -> str:
        """The services' interpreter."""
        return str(self.services / "bin/python")

    @property
    def mysql_socket(self) -> Path:
        """The database's socket."""
        return self.folder / "mysql.sock"

    @property
    def libvirt_socket(self) -> Path:
        """The hypervisor's socket."""
        return self.folder / "libvirt/libvirt-sock"

    @property
    def libvirt_url(self) -> str:
        """The hypervisor's address for its clients."""
        return f"qemu+unix:///system?socket={self.libvirt_socket}"

    def program(self, name: str, *arguments: str) -> list[str]:
        """The command line of one of the services' programs."""
        return [self.python, str(self.services / "bin" / name), *arguments]

    def database(self, name: str) -> str:
        """SQLAlchemy's URL of a database."""
        return f"mysql+pymysql://root@127.0.0.1:{MARIADB}/{name}?charset=utf8mb4"
