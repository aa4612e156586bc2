"""What agents of Neutron do elsewhere: join taps to the bridge, be the routers, translate.

usage: wires.py BRIDGE DATABASE-PORT. Runs among the services, not among the tests.

Routers' addresses are put on the bridge, so that this machine is every router; a floating address
is put there, too, and translated to the guest's. All networks are on one bridge: nothing keeps
them apart, and nothing is filtered.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from typing import Any

import pymysql  # type: ignore[import-untyped]  # of the services' environment

CHAIN = "ANYWHERE-FLOAT"
ADDRESSES = """
    select ip.ip_address, substring_index(subnet.cidr, '/', -1)
    from ports port join ipallocations ip on ip.port_id = port.id
    join subnets subnet on subnet.id = ip.subnet_id
    where port.device_owner = 'network:router_interface'
"""
FLOATING = """
    select floating_ip_address, fixed_ip_address from floatingips
    where fixed_ip_address is not null
"""


def run(*words: str) -> None:
    """Run a program; a link or a rule that is gone meanwhile is no matter."""
    subprocess.run(words, check=False, capture_output=True)


def join_taps(bridge: str) -> None:
    """Join each tap that appears to the bridge."""
    with subprocess.Popen(
        ["ip", "monitor", "link"], stdout=subprocess.PIPE, text=True, bufsize=1
    ) as monitor:
        for line in monitor.stdout or ():
            found = re.search(r"tap[0-9a-f]{8}-[0-9a-f]{2}", line)
            if found and not line.startswith("Deleted") and f"master {bridge}" not in line:
                run("ip", "link", "set", found[0], "master", bridge, "up")


def begin() -> None:
    """Make the chain of translations."""
    run("iptables", "-t", "nat", "-N", CHAIN)
    for chain in ("PREROUTING", "OUTPUT"):
        run("iptables", "-t", "nat", "-I", chain, "-j", CHAIN)


def translate(pairs: set[tuple[str, str]]) -> None:
    """Write all translations anew."""
    run("iptables", "-t", "nat", "-F", CHAIN)
    for floating, fixed in sorted(pairs):
        words = ["-d", floating, "-j", "DNAT", "--to-destination", fixed]
        run("iptables", "-t", "nat", "-A", CHAIN, *words)


def main(bridge: str, port: int) -> None:
    """Follow the database of Neutron."""
    threading.Thread(target=join_taps, args=[bridge], daemon=True).start()
    begin()
    addresses: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    database: Any = None
    while True:
        time.sleep(1)
        try:
            database = database or pymysql.connect(
                host="127.0.0.1", port=port, user="root", database="neutron", autocommit=True
            )
            wanted, wanted_pairs = ask(database)
        except pymysql.MySQLError:
            # The tables are not there yet, or the database ends.
            database = None
            continue
        for gone in addresses - wanted:
            run("ip", "address", "delete", gone, "dev", bridge)
        for new in wanted - addresses:
            run("ip", "address", "add", new, "dev", bridge)
        if pairs != wanted_pairs:
            translate(wanted_pairs)
        addresses, pairs = wanted, wanted_pairs


def ask(database: Any) -> tuple[set[str], set[tuple[str, str]]]:
    """The addresses and translations that there should be."""
    with database.cursor() as cursor:
        cursor.execute(ADDRESSES)
        addresses = {f"{address}/{bits}" for address, bits in cursor.fetchall()}
        cursor.execute(FLOATING)
        pairs = set(cursor.fetchall())
    return addresses | {f"{floating}/32" for floating, _ in pairs}, pairs


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
