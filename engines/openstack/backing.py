"""What the services stand on: a database, a message broker, a hypervisor, a network."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engines.openstack import layout as at
from engines.openstack import supplies

if TYPE_CHECKING:
    from engines.openstack.layout import Layout
    from engines.openstack.processes import Processes

_DATABASE: Final = (
    *("--max-connections=500", "--skip-name-resolve", "--performance-schema=off"),
    # Nothing has to outlive the room.
    *("--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync"),
    *("--innodb-doublewrite=0", "--innodb-buffer-pool-size=256M", "--innodb-log-file-size=64M"),
)
_QEMU: Final = """\
user = "root"
group = "root"
dynamic_ownership = 0
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
seccomp_sandbox = 0
stdio_handler = "file"
"""


def listens(port: int) -> bool:
    """Whether something listens on a port of the loopback interface."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def links() -> list[str]:
    """The room's network interfaces (``/sys`` shows the machine's)."""
    return [name for _, name in socket.if_nameindex()]


def start_database(layout: Layout, processes: Processes) -> None:
    """Start MariaDB, with the services' empty databases where they are not there yet."""
    data = layout.var / "mysql"
    new = not data.exists()
    if new:
        words = ["mariadb-install-db", "--no-defaults", "--user=root", "--skip-test-db"]
        processes.run([*words, "--auth-root-authentication-method=normal", f"--datadir={data}"])
    words = ["mariadbd", "--no-defaults", "--user=root", f"--datadir={data}"]
    words += [f"--socket={layout.mysql_socket}", f"--port={at.MARIADB}"]
    processes.start("mariadb", [*words, "--bind-address=127.0.0.1", *_DATABASE])
    processes.wait("mariadb", lambda: listens(at.MARIADB), "answer")
    if new:
        for name in at.DATABASES:
            query(layout, processes, f"create database {name} character set utf8mb4")


def query(layout: Layout, processes: Processes, statement: str) -> str:
    """What the database answers, a row a line."""
    words = ["mariadb", "--no-defaults", "-S", str(layout.mysql_socket), "-u", "root", "-N"]
    return processes.run([*words, "-e", statement])


def start_broker(layout: Layout, processes: Processes) -> None:
    """Start RabbitMQ, which need not answer yet. What it had is kept."""
    home = layout.var / "rabbit"
    if not processes.running("epmd"):
        # Its own broker would start one that outlives everything.
        words = ["epmd", "-address", "127.0.0.1", "-port", str(at.EPMD)]
        processes.start("epmd", words)
        processes.wait("epmd", lambda: listens(at.EPMD), "answer")
    plugins = layout.etc / "rabbit_plugins"
    plugins.write_text("[].\n")
    environment = {
        "RABBITMQ_NODENAME": "anywhere@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(at.RABBIT),
        "RABBITMQ_DIST_PORT": str(at.RABBIT_CLUSTER),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(at.EPMD),
        "RABBITMQ_MNESIA_BASE": str(home),
        "RABBITMQ_LOG_BASE": str(layout.log),
        "HOME": str(home),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}"
        ),
    }
    # Not the program of the PATH, which changes to another account.
    processes.start("rabbit", [str(supplies.RABBIT)], environment, home)


def wait_for_broker(processes: Processes) -> None:
    """Wait until RabbitMQ answers."""
    processes.wait("rabbit", lambda: listens(at.RABBIT), "answer")


def start_hypervisor(layout: Layout, processes: Processes) -> None:
    """Start libvirtd, in mounts of its own, and wait until it answers."""
    settings = layout.etc / "libvirt"
    settings.mkdir(parents=True, exist_ok=True)
    layout.libvirt_socket.parent.mkdir(exist_ok=True)
    (settings / "qemu.conf").write_text(_QEMU)
    (settings / "libvirtd.conf").write_text(
        f'unix_sock_dir = "{layout.libvirt_socket.parent}"\nauth_unix_rw = "none"\n'
        f'log_level = 3\nlog_outputs = "3:file:{layout.log}/libvirtd.log"\n'
    )
    script = supplies.INSIDE / "libvirtd"
    namespace = ["unshare", "--mount", "--propagation", "private", "--"]
    processes.start("libvirtd", [*namespace, str(script), str(layout.folder)])
    words = ["virsh", "-c", layout.libvirt_url, "version"]

    def answers() -> bool:
        if not layout.libvirt_socket.exists():
            return False
        return subprocess.run(words, check=False, capture_output=True).returncode == 0

    processes.wait("libvirtd", answers, "answer")


def start_network(layout: Layout, processes: Processes) -> None:
    """Make the bridge of all guests, with this machine's addresses, and start what wires them."""
    commands = [["ip", "link", "add", at.BRIDGE, "type", "bridge"]]
    commands += [["ip", "address", "add", each, "dev", at.BRIDGE] for each in at.ADDRESSES]
    commands += [["ip", "link", "set", at.BRIDGE, "up"]]
    # A Docker Engine beside us lets the kernel drop what is forwarded, bridged frames included.
    rules = [["-I", "FORWARD", way, at.BRIDGE, "-j", "ACCEPT"] for way in ("-i", "-o")]
    commands += [["iptables", *words] for words in rules]
    if at.BRIDGE not in links():
        for words in commands:
            processes.run(words)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    words = [at.BRIDGE, str(at.MARIADB)]
    processes.start("wires", [layout.python, str(supplies.INSIDE / "wires.py"), *words])
    script = str(supplies.INSIDE / "dhcp.py")
    processes.start("dhcp", [layout.python, script, *words, at.GATEWAY])


def stop_network() -> None:
    """Take away the bridge and what `start_network` and ``wires.py`` wrote."""
    names = [name for name in links() if name.startswith("tap")]
    rules = [["-D", "FORWARD", way, at.BRIDGE, "-j", "ACCEPT"] for way in ("-i", "-o")]
    nat = [["-D", chain, "-j", "ANYWHERE-FLOAT"] for chain in ("PREROUTING", "OUTPUT")]
    nat += [[way, "ANYWHERE-FLOAT"] for way in ("-F", "-X")]
    commands = [["ip", "link", "delete", name] for name in [*names, at.BRIDGE]]
    commands += [["iptables", *words] for words in rules]
    commands += [["iptables", "-t", "nat", *words] for words in nat]
    for words in commands:
        subprocess.run(words, check=False, capture_output=True)
