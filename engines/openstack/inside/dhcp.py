"""What the DHCP agent of Neutron does elsewhere: tell guests the addresses that their ports have.

usage: dhcp.py BRIDGE DATABASE-PORT SERVER-ADDRESS. Runs among the services, not among the tests.

A guest is known by its port's hardware address; only addresses of subnets with DHCP are told. All
answers are broadcast, which every client takes. Leases are never given up: a port's address is
the port's, whoever asks for it.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from typing import Any, Final

import pymysql  # type: ignore[import-untyped]  # of the services' environment

OFFER_OF: Final = {1: 2, 3: 5}
"""DISCOVER is answered by OFFER, REQUEST by ACK."""
_COOKIE: Final = b"\x63\x82\x53\x63"
_HEAD: Final = struct.Struct("!BBBBIHH4s4s4s4s16s192x")
_SECONDS: Final = 86400
_MESSAGE: Final = 53
_PORT: Final = """
    select ip.ip_address, subnet.id, subnet.cidr, subnet.gateway_ip
    from ports port join ipallocations ip on ip.port_id = port.id
    join subnets subnet on subnet.id = ip.subnet_id
    where port.mac_address = %s and subnet.ip_version = 4 and subnet.enable_dhcp
"""
_RESOLVERS: Final = "select address from dnsnameservers where subnet_id = %s order by `order`"


def options(data: bytes) -> dict[int, bytes]:
    """The options of a message, by their number."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 1 < len(data) and data[at] != 255:  # noqa: PLR2004 - the end of them
        if data[at] == 0:
            at += 1
            continue
        length = data[at + 1]
        found[data[at]] = data[at + 2 : at + 2 + length]
        at += 2 + length
    return found


def packed(*addresses: str) -> bytes:
    """Addresses as options hold them."""
    return b"".join(ipaddress.IPv4Address(each).packed for each in addresses)


def answer(asked: bytes, given: dict[str, Any], server: str) -> bytes:
    """The answer to a message; empty where it wants none, or wants it of another server.

    Args:
        asked: The message.
        given: ``address``, ``network``, ``gateway`` and ``resolvers`` of the port that asks.
        server: Our own address.
    """
    told = options(asked[_HEAD.size + len(_COOKIE) :])
    kind = OFFER_OF.get((told.get(_MESSAGE) or b"\0")[0])
    if kind is None or told.get(54, packed(server)) != packed(server):
        return b""
    _, hardware, length, _, transaction, _, flags, _, _, _, relay, client = _HEAD.unpack_from(asked)
    address = packed(given["address"])
    wanted = told.get(50)
    says = {
        _MESSAGE: bytes([kind]),
        54: packed(server),
        51: struct.pack("!I", _SECONDS),
        1: ipaddress.IPv4Network(given["network"]).netmask.packed,
        3: packed(given["gateway"]) if given["gateway"] else b"",
        6: packed(*given["resolvers"]),
    }
    if kind == OFFER_OF[3] and wanted not in {None, address}:
        # What it had elsewhere: it has to ask anew.
        says, address = {_MESSAGE: b"\x06", 54: packed(server)}, bytes(4)
    head = (2, hardware, length, 0, transaction, 0, flags, bytes(4), address, packed(server))
    body = b"".join(bytes([each, len(text)]) + text for each, text in says.items() if text)
    return _HEAD.pack(*head, relay, client) + _COOKIE + body + b"\xff"


def look_up(database: Any, asked: bytes) -> dict[str, Any] | None:
    """What is told to the port that a message comes from."""
    mac = asked[28:34].hex(":")
    with database.cursor() as cursor:
        cursor.execute(_PORT, [mac])
        found = cursor.fetchone()
        if found is None:
            return None
        address, subnet, network, gateway = found
        cursor.execute(_RESOLVERS, [subnet])
        resolvers = [each for (each,) in cursor.fetchall()]
    return {"address": address, "network": network, "gateway": gateway, "resolvers": resolvers}


def main(bridge: str, port: int, server: str) -> None:
    """Answer, until the end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, bridge.encode())
        door.bind(("", 67))
        while True:
            asked = door.recv(4096)
            if len(asked) < _HEAD.size + len(_COOKIE) or asked[0] != 1:
                continue
            try:
                database = pymysql.connect(
                    host="127.0.0.1", port=port, user="root", database="neutron", autocommit=True
                )
                with database:
                    given = look_up(database, asked)
            except pymysql.MySQLError as error:
                # The guest asks again.
                print(f"{asked[28:34].hex(':')}: {error}", file=sys.stderr, flush=True)
                continue
            said = answer(asked, given, server) if given else b""
            print(asked[28:34].hex(":"), given, "answered" if said else "not answered", flush=True)
            if said:
                door.sendto(said, ("255.255.255.255", 68))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
