"""What a statsd daemon is told, and that nobody waits for one."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.compat.statsd import Statsd

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def daemon() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        found.settimeout(10)
        yield found


def received(daemon: socket.socket, count: int) -> list[str]:
    return [daemon.recv(1024).decode() for _ in range(count)]


async def test_delays_failures_and_stops_are_sent_under_the_prefix(daemon: socket.socket) -> None:
    host, port = daemon.getsockname()
    found = Statsd({"host": host, "port": port, "prefix": "jhubdev"})
    await found.started(1.5)
    await found.failed("quota")
    await found.stopped()
    assert received(daemon, 5) == [
        "jhubdev.spawn.delay:1500.000000|ms",
        "jhubdev.spawn.started:1|c",
        "jhubdev.spawn.failed:1|c",
        "jhubdev.spawn.failed.quota:1|c",
        "jhubdev.stop:1|c",
    ]
    found.close()
    found.close()


async def test_without_parameters_nothing_is_sent() -> None:
    found = Statsd({})
    await found.started(1.0)
    await found.failed("quota")


@pytest.mark.parametrize("params", [{"host": "no.such.host.invalid"}, {"nothing": 1}])
async def test_a_daemon_that_cannot_be_used_is_told_once_and_stops_nobody(
    params: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    found = Statsd(params)
    with caplog.at_level(logging.WARNING):
        await found.started(1.0)
        await found.failed("quota")
    assert caplog.text.count("statsdparams cannot be used") == 1


async def test_a_client_that_fails_stops_nobody(daemon: socket.socket) -> None:
    host, port = daemon.getsockname()
    found = Statsd({"host": host, "port": port})
    await found.started(1.0)
    received(daemon, 2)
    client, found._client = found._client, _Broken()
    await found.stopped()
    await found.failed("x")
    client.close()


class _Broken:
    def incr(self, _: str) -> None:
        raise OSError("the network is away")
