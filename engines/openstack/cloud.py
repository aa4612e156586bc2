"""A real OpenStack of one's own: Keystone, Glance, Placement, Nova, Neutron, and guests that boot.

It runs in a room (``engines.room``) only, one in each room::

    with OpenStack(room.current() / "openstack") as cloud:
        cloud.auth_url, cloud.credential_id, cloud.credential_secret

Guests reach this room at ``layout.GATEWAY``, and are reached from it at their addresses.
"""

from __future__ import annotations

import shutil
import signal
import time
from typing import TYPE_CHECKING, Any, Self

from engines import room
from engines.docker.certificates import write_certificates
from engines.openstack import backing, config, filled, seed, stack, supplies, volumes
from engines.openstack import layout as at
from engines.openstack.client import Client
from engines.openstack.faults import Faults
from engines.openstack.layout import Layout
from engines.openstack.processes import CloudError, Processes

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from engines.openstack.seed import Seeded


class OpenStack(Faults):
    """One cloud. See README.md for what is real in it.

    Attributes:
        folder: All its files.
        layout: Where they are.
        processes: What runs, for tests that break it.
        auth_url: The identity service, ``http://…/v3``.
        gateway: This room's address for guests.
        tls: The folder whose ``ca.pem`` signed the identity service's certificate at ``tls_url``.
        admin: A client with all rights.
        seeded: What is in it from the start; after `start`.
    """

    def __init__(self, folder: Path) -> None:
        """Describe a cloud; nothing is made before `start`.

        Args:
            folder: A folder that is the cloud's alone; made by `start`.

        Raises:
            room.RoomError: Outside of a room.
            CloudError: The machine lacks something.
        """
        room.current()
        if missing := supplies.lacking():
            raise CloudError(missing)
        self.folder = folder
        self.layout = Layout(folder, supplies.services_path(), supplies.guests_path())
        self.processes = Processes(folder, self.layout.log)
        self.auth_url = at.AUTH_URL
        self.gateway = at.GATEWAY
        self.tls = folder / "tls"
        self.tls_url = f"https://127.0.0.1:{at.TLS[-1]}"
        self.admin = Client()
        self.times: dict[str, float] = {}
        self._seeded: Seeded | None = None

    @property
    def seeded(self) -> Seeded:
        """What is in it from the start.

        Raises:
            CloudError: It was not started.
        """
        if self._seeded is None:
            raise CloudError("The cloud was not started.")
        return self._seeded

    @property
    def credential_id(self) -> str:
        """The id of the application credential of the project ``hub``."""
        return self.seeded.credential_id

    @property
    def credential_secret(self) -> str:
        """Its secret."""
        return self.seeded.credential_secret

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start everything. Where it fails, `close` takes away what there is.

        Raises:
            CloudError: The cache lacks something; something ends, or does not answer.
        """
        if missing := supplies.not_made():
            raise CloudError(missing)
        self.folder.mkdir(mode=0o711, parents=True)
        config.write(self.layout)
        source = supplies.filled_path()
        self._seeded = filled.restore(self.layout, source)
        self._timed("backing", self._start_backing)
        filled.relocate(self.layout, self.processes, source)
        self._timed("services", self._start_services)
        self._timed("compute", self._start_compute)
        self._timed("hosts", lambda: seed.mark_fake_host(self.admin))
        self.processes.run([*stack.nova_manage(self.layout), "cell_v2", "discover_hosts"])

    def fill(self, target: Path) -> None:
        """Fill a cloud, from nothing, and keep its state in a folder; everything ends.

        Raises:
            CloudError: Something ends, or does not answer.
        """
        try:
            self.folder.mkdir(mode=0o711, parents=True)
            config.write(self.layout)
            self._start_backing()
            stack.lay_out(self.layout, self.processes)
            self._start_services()
            projects = seed.identity(self.admin)
            self._start_api_of_compute()
            seeded = seed.resources(self.admin, projects, self.layout.guests)
            for name in (*stack.APIS, "mariadb"):
                self.processes.stop(name, gently=name == "mariadb")
            filled.save(self.layout, seeded, target)
        finally:
            self.close()

    def close(self) -> None:
        """Take everything away: guests, services, network, files."""
        # Gently, and first: a broker that is killed leaves a process for a moment.
        for name in ("rabbit", "mariadb"):
            if self.processes.running(name):
                self.processes.signal(name, signal.SIGCONT)
        self.processes.kill_all()
        backing.stop_network()
        self.admin.__exit__(None, None, None)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _timed(self, name: str, work: Any) -> Any:
        begun = time.monotonic()
        try:
            return work()
        finally:
            self.times[name] = round(time.monotonic() - begun, 1)

    def _start_backing(self) -> None:
        backing.start_broker(self.layout, self.processes)
        backing.start_database(self.layout, self.processes)
        backing.start_hypervisor(self.layout, self.processes)
        write_certificates(self.tls)

    def _start_services(self) -> None:
        for name in stack.APIS:
            if name != "nova-api":
                stack.start_api(self.layout, self.processes, name)
        self.processes.start("tls", self._tls_front())
        backing.start_network(self.layout, self.processes)
        stack.wait_for_api(self.processes, "keystone")
        backing.wait_for_broker(self.processes)

    def _tls_front(self) -> list[str]:
        files = [str(self.tls / f"server-{each}.pem") for each in ("cert", "key")]
        script = str(supplies.INSIDE / "tls_front.py")
        return [self.layout.python, script, *files, str(at.KEYSTONE), *map(str, at.TLS)]

    def _start_compute(self) -> None:
        """Start Nova; its scheduler would end without the accounts."""
        for name in stack.WORKERS:
            stack.start_worker(self.layout, self.processes, name)
        self._start_api_of_compute()

    def _start_api_of_compute(self) -> None:
        stack.start_api(self.layout, self.processes, "nova-api")
        for name in stack.APIS:
            stack.wait_for_api(self.processes, name)

    def start_volumes(self) -> None:
        """Start the volume service beside the others; nothing where it runs.

        Clients that have logged in before do not know of it.

        Raises:
            CloudError: The cache lacks it; something ends, or does not answer.
        """
        self._timed("volumes", lambda: volumes.start(self.layout, self.processes, self.admin))

    def environment(self) -> dict[str, str]:
        """What OpenStack's own clients read, for the project ``hub``."""
        return {
            "OS_AUTH_URL": self.auth_url,
            "OS_AUTH_TYPE": "v3applicationcredential",
            "OS_APPLICATION_CREDENTIAL_ID": self.credential_id,
            "OS_APPLICATION_CREDENTIAL_SECRET": self.credential_secret,
            "OS_REGION_NAME": at.REGION,
            "OS_IDENTITY_API_VERSION": "3",
        }

    # What tests do to it.

    def client(self, project: str = "hub") -> Client:
        """A client of a project's account; the caller closes it."""
        return Client(project, project)

    def server(self, server_id: str) -> dict[str, Any]:
        """What the compute service says of a server."""
        told: dict[str, Any] = self.admin.get("compute", f"/servers/{server_id}")["server"]
        return told

    def servers(self) -> list[dict[str, Any]]:
        """All servers of all projects."""
        listed: list[dict[str, Any]] = self.admin.get(
            "compute", "/servers/detail?all_tenants=true"
        )["servers"]
        return listed

    def ports(self) -> list[dict[str, Any]]:
        """All ports of servers, in all networks."""
        listed = self.admin.get("network", "/ports")["ports"]
        return [each for each in listed if each["device_owner"].startswith("compute:")]
