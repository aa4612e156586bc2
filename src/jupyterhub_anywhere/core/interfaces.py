"""This machine's network interfaces: which one an address belongs to, and whether it is a bridge.

Asked from the kernel and not from ``/sys``, which may show another network namespace's interfaces.
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Address = IPv4Address | IPv6Address

# linux/sockios.h and linux/ethtool.h
_SIOCETHTOOL: Final = 0x8946
_GDRVINFO: Final = 3
_DRVINFO_BYTES: Final = 196
# Where an address stands in its ``sockaddr``, and how long it is.
_PLACES: Final = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface, as it is now.

    Attributes:
        name: As ``docker0``.
        index: The kernel's number; one that is made anew has another.
        bridge: Whether it is a bridge, behind which containers or machines of this one are.
    """

    name: str
    index: int
    bridge: bool


class _Entry(ctypes.Structure):
    """``struct ifaddrs`` of getifaddrs(3), as far as it is read."""


_Entry._fields_ = [
    ("next", ctypes.POINTER(_Entry)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
]


def interface_of(address: Address) -> Interface | None:
    """The interface that an address belongs to; None where it is not this machine's."""
    for name, found in _addresses():
        # All of 127.0.0.0/8 is the loopback's, though one address is listed.
        if found == address or (found.is_loopback and found.version == 4 and _is_v4_loop(address)):  # noqa: PLR2004 - IPv4
            try:
                return Interface(name, socket.if_nametoindex(name), _is_bridge(name))
            except OSError:
                # It went between the two questions.
                return None
    return None


def _is_v4_loop(address: Address) -> bool:
    return isinstance(address, IPv4Address) and address.is_loopback


def _addresses() -> Iterator[tuple[str, Address]]:
    libc = ctypes.CDLL(None, use_errno=True)
    first = ctypes.POINTER(_Entry)()
    if libc.getifaddrs(ctypes.byref(first)) != 0:
        return
    try:
        entry = first
        while entry:
            found = _address(entry.contents.address)
            if found is not None:
                yield entry.contents.name.decode(), found
            entry = entry.contents.next
    finally:
        libc.freeifaddrs(first)


def _address(place: int | None) -> Address | None:
    if not place:
        return None
    (family,) = struct.unpack("=H", ctypes.string_at(place, 2))
    where = _PLACES.get(family)
    return ip_address(ctypes.string_at(place, where.stop)[where]) if where else None


def _is_bridge(name: str) -> bool:
    answer = ctypes.create_string_buffer(_DRVINFO_BYTES)
    struct.pack_into("=I", answer, 0, _GDRVINFO)
    request = struct.pack("16sP16x", name.encode(), ctypes.addressof(answer))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            fcntl.ioctl(asked, _SIOCETHTOOL, request)
        except OSError:
            # The loopback, for one, has no driver to name.
            return False
    return answer.raw[4:36].rstrip(b"\0") == b"bridge"
