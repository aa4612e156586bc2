"""The services of the cloud: how each is laid out once, and how it is started."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engines.openstack import layout as at
from engines.openstack import supplies
from engines.openstack.client import wait_for_answer

if TYPE_CHECKING:
    from engines.openstack.layout import Layout
    from engines.openstack.processes import Processes


@dataclass(frozen=True)
class Api:
    """A service that answers over HTTP.

    Attributes:
        service: Its kind, as the catalogue says.
        port: Where it listens.
        application: The module and name that gunicorn takes.
    """

    service: str
    port: int
    application: str


APIS: Final = {
    "keystone": Api("identity", at.KEYSTONE, "front:application"),
    "glance": Api("image", at.GLANCE, "glance.wsgi.api:application"),
    "placement": Api("placement", at.PLACEMENT, "placement.wsgi.api:application"),
    "neutron": Api("network", at.NEUTRON, "neutron.wsgi.api:application"),
    "nova-api": Api("compute", at.NOVA, "nova.wsgi.osapi_compute:application"),
}
# Those that start where somebody asks for them, see volumes.py.
LATER: Final = {"cinder-api": Api("volumev3", at.CINDER, "cinder_front:application")}
# The services of Nova that listen to the broker, and whose settings they have.
WORKERS: Final = {
    "nova-conductor": ("nova-conductor", at.FAKE_HOST),
    "nova-scheduler": ("nova-scheduler", at.FAKE_HOST),
    "nova-compute-fake": ("nova-compute", at.FAKE_HOST),
    "nova-compute": ("nova-compute", at.REAL_HOST),
}
# It looks for taps in /sys, which in a room shows the machine's: those of its guests would stay.
_OWN_SYS: Final = (
    *("unshare", "--mount", "--propagation", "private", "--", "sh", "-c"),
    *('mount -t sysfs sys /sys && exec "$@"', "sh"),
)
# Requests' lines are as long as Nova makes them for a hundred servers; connections stay open.
_GUNICORN: Final = """\
wsgi_app = "{application}"
bind = "127.0.0.1:{port}"
pythonpath = "{path}"
workers = 1
threads = 8
worker_class = "gthread"
timeout = 300
keepalive = 75
limit_request_line = 0
limit_request_field_size = 0
control_socket_disable = True
"""


def environment(layout: Layout) -> dict[str, str]:
    """Where each service looks for its settings."""
    return {
        "OS_KEYSTONE_CONFIG_DIR": f"{layout.etc}/keystone",
        "OS_KEYSTONE_CONFIG_FILES": f"{layout.etc}/keystone/keystone.conf",
        "OS_GLANCE_CONFIG_DIR": f"{layout.etc}/glance",
        "OS_PLACEMENT_CONFIG_DIR": f"{layout.etc}/placement",
        "OS_NOVA_CONFIG_DIR": f"{layout.etc}/{at.FAKE_HOST}",
        "OS_NEUTRON_CONFIG_DIR": f"{layout.etc}/neutron",
        "OS_NEUTRON_CONFIG_FILES": "neutron.conf",
        "CINDER_SETTINGS": f"{layout.etc}/cinder/cinder.conf",
    }


def lay_out(layout: Layout, processes: Processes) -> None:
    """Write the services' tables; three of them side by side."""
    with ThreadPoolExecutor(3) as pool:
        for each in [
            pool.submit(work, layout, processes)
            for work in (_lay_out_nova, _lay_out_identity, _lay_out_neutron)
        ]:
            each.result()


def _lay_out_identity(layout: Layout, processes: Processes) -> None:
    keystone = layout.program("keystone-manage", "--config-dir", f"{layout.etc}/keystone")
    root = ["--keystone-user", "root", "--keystone-group", "root"]
    processes.run([*keystone, "db_sync"])
    for kind in ("fernet_setup", "credential_setup"):
        processes.run([*keystone, kind, *root])
    words = ["--bootstrap-password", at.PASSWORD, "--bootstrap-region-id", at.REGION]
    for interface in ("public", "internal", "admin"):
        words += [f"--bootstrap-{interface}-url", at.AUTH_URL]
    processes.run([*keystone, "bootstrap", *words])
    for service, words in (("glance", ["db_sync"]), ("placement", ["db", "sync"])):
        program = layout.program(f"{service}-manage", "--config-dir", f"{layout.etc}/{service}")
        processes.run([*program, *words])


def _lay_out_nova(layout: Layout, processes: Processes) -> None:
    for words in (
        ["api_db", "sync"],
        ["cell_v2", "map_cell0", "--database_connection", layout.database("nova_cell0")],
        ["cell_v2", "create_cell", "--name", "cell1"],
        ["db", "sync"],
    ):
        processes.run([*nova_manage(layout), *words])


def _lay_out_neutron(layout: Layout, processes: Processes) -> None:
    file = f"{layout.etc}/neutron/neutron.conf"
    program = layout.program("neutron-db-manage", "--config-file", file)
    processes.run([*program, "upgrade", "heads"])


def nova_manage(layout: Layout) -> list[str]:
    """The command line of Nova's tool for administrators."""
    return layout.program("nova-manage", "--config-file", f"{layout.etc}/{at.FAKE_HOST}/nova.conf")


def start_api(layout: Layout, processes: Processes, name: str) -> None:
    """Start a service that answers over HTTP, of `APIS` or `LATER`, and do not wait for it."""
    # gunicorn takes no argument: what it serves reads the command line, too.
    folder = layout.etc / "gunicorn" / name
    folder.mkdir(parents=True, exist_ok=True)
    api = {**APIS, **LATER}[name]
    path = [str(supplies.INSIDE), *([str(supplies.volumes_path())] if name in LATER else [])]
    (folder / "gunicorn.conf.py").write_text(
        _GUNICORN.format(application=api.application, port=api.port, path=",".join(path))
    )
    processes.start(name, layout.program("gunicorn"), environment(layout), folder)


def wait_for_api(processes: Processes, name: str) -> None:
    """Wait until a service answers over HTTP."""
    service = {**APIS, **LATER}[name].service
    processes.wait(name, lambda: wait_for_answer(service), "answer")


def start_worker(layout: Layout, processes: Processes, name: str) -> None:
    """Start a service of Nova that listens to the broker, and do not wait for it."""
    program, host = WORKERS[name]
    identity = layout.var / host / "compute_id"
    if not identity.exists():
        # The host that pretends never writes one, and then refuses a second start.
        identity.write_text(str(uuid.uuid4()))
    words = layout.program(program, "--config-file", f"{layout.etc}/{host}/nova.conf")
    if name == "nova-compute":
        words = [*_OWN_SYS, *words]
    processes.start(name, words, environment(layout))
