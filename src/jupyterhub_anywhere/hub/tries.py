"""Slows wrong tries of a password, without locking anybody out.

An address that failed a few times waits before each further try, longer each time up to a few
seconds, whether the try is right or wrong. Only so many tries of one address, and of all, wait or
are checked at a time; further ones are turned away at once.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from contextlib import contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from ipaddress import IPv4Network, IPv6Network

FREE_TRIES: Final = 3
LONGEST_WAIT: Final = 8.0
FORGET_AFTER: Final = 900.0
PER_ADDRESS: Final = 8
ALTOGETHER: Final = 64
_REMEMBERED: Final = 4096


class TooManyTriesError(Exception):
    """So many tries are under way that this one is not even checked."""


class Tries:
    """The failures of late, by address; bounded in memory.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Address to number of failures and time of the last one, oldest first.
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._under_way: Counter[str] = Counter()

    def wait(self, address: str) -> float:
        """Seconds that the next try from an address has to wait."""
        count, last = self._failures.get(address, (0, 0.0))
        if self._clock() - last > FORGET_AFTER or count < FREE_TRIES:
            return 0.0
        # The exponent is bounded: nobody needs 2 ** 100000.
        doublings = min(count - FREE_TRIES, 10)
        return min(0.5 * 2.0**doublings, LONGEST_WAIT)

    @contextmanager
    def one(self, address: str) -> Iterator[None]:
        """Stand in for one try while it waits and is checked.

        Raises:
            TooManyTriesError: Too many are under way.
        """
        if self._under_way[address] >= PER_ADDRESS or self._under_way.total() >= ALTOGETHER:
            if not self._under_way[address]:
                del self._under_way[address]
            raise TooManyTriesError
        self._under_way[address] += 1
        try:
            yield
        finally:
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]

    def failed(self, address: str) -> None:
        """Count a wrong try."""
        count, last = self._failures.pop(address, (0, 0.0))
        now = self._clock()
        self._failures[address] = (1 if now - last > FORGET_AFTER else count + 1, now)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the failures of an address."""
        self._failures.pop(address, None)


def client_address(peer: str, forwarded: str, trusted: Iterable[IPv4Network | IPv6Network]) -> str:
    """Who really asks, when everything comes through proxies.

    Each proxy appends the address it was asked from. So the list is read from its end, past the
    trusted ones; what a client itself wrote stands further in front and counts for nothing.

    Args:
        peer: The address of the connection.
        forwarded: All ``X-Forwarded-For`` headers, joined by commas.
        trusted: The declared proxies. The hub's own, on loopback, is one too, and the only one
            there: what it was asked from may be a user's own program on this machine.
    """
    networks = tuple(trusted)
    address = peer
    hops = (peer, *(part.strip() for part in reversed(forwarded.split(","))))
    for hop, candidate in enumerate(hops):
        try:
            found = ip_address(candidate.removeprefix("::ffff:"))
        except ValueError:
            break
        address = str(found)
        own = hop == 0 and found.is_loopback
        if not own and not any(found in network for network in networks):
            break
    return address
