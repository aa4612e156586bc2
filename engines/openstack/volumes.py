"""The volume service, Cinder: it is started on a cloud that runs, by those who want volumes.

Everybody else pays nothing for it: its packages lie beside those of the other services, its tables
are written when it starts, and the catalogue does not know it before. Volumes are files, see
``inside/file_volumes.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engines.openstack import backing, config, seed, stack, supplies
from engines.openstack.client import wait_until
from engines.openstack.processes import CloudError

if TYPE_CHECKING:
    from engines.openstack.client import Client
    from engines.openstack.layout import Layout
    from engines.openstack.processes import Processes

API: Final = "cinder-api"
# What listens to the broker.
WORKERS: Final = ("cinder-scheduler", "cinder-volume")


def start(layout: Layout, processes: Processes, admin: Client) -> None:
    """Start it; nothing where it runs.

    Args:
        layout: The cloud's files.
        processes: Its processes.
        admin: A client with all rights.

    Raises:
        CloudError: The cache lacks its packages; something ends, or does not answer.
    """
    beside = supplies.volumes_path()
    if not beside.exists():
        cure = "ANYWHERE_OPENSTACK=full python -m engines.openstack supplies"
        raise CloudError(f"Not made yet: {beside.name}. Cure: {cure}")
    if processes.running(API):
        return
    config.write_volumes(layout, beside)
    # The driver is ours, and the service is not where the others are.
    environment = {"PYTHONPATH": f"{beside}:{supplies.INSIDE}"}
    settings = f"{layout.etc}/cinder/cinder.conf"

    def program(name: str, *words: str) -> list[str]:
        script = str(beside / "bin" / name)
        return [layout.python, script, "--config-file", settings, *words]

    backing.query(layout, processes, "create database cinder character set utf8mb4")
    processes.run(program("cinder-manage", "db", "sync"), environment)
    seed.catalogued(admin, "volumev3", "cinder")
    stack.start_api(layout, processes, API)
    for name in WORKERS:
        processes.start(name, program(name), environment)
    stack.wait_for_api(processes, API)
    # What a token opens was written into it when it was made.
    admin.log_in()
    wait_until(lambda: _pools(admin, processes), "The word of the volumes' host")


def _pools(admin: Client, processes: Processes) -> bool:
    """Whether the scheduler knows what the host has: both work then, and hear each other."""
    for name in WORKERS:
        if not processes.running(name):
            raise CloudError(f"{name} has ended. {processes.tail(name)}")
    return bool(admin.get("volumev3", "/scheduler-stats/get_pools")["pools"])
