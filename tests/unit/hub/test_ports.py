"""Ports that are free, taken, foreign or forbidden."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.hub.ports import check_free, free_port, who_holds


def test_a_taken_port_names_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        holder = who_holds(port)
        assert holder is not None
        assert holder.pid == os.getpid()
        with pytest.raises(
            SurroundingsError, match=rf"Port {port} is taken by process {os.getpid()}"
        ) as refused:
            check_free("127.0.0.1", port, "Use --port.")
        assert refused.value.hint == "Use --port."
    check_free("127.0.0.1", port, "")
    assert who_holds(port) is None


def test_free_ports_differ_from_those_to_avoid() -> None:
    first = free_port()
    assert free_port({first}) != first


def test_an_address_of_another_machine() -> None:
    with pytest.raises(SurroundingsError, match=r"192\.0\.2\.1 is no address of this machine"):
        check_free("192.0.2.1", 0, "")


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(SurroundingsError, match="cannot be found"):
        check_free("no-such-host.invalid", 0, "")


@pytest.mark.root
def test_as_root_the_hub_listens_where_no_other_account_can() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if first < 1024:
        # Nothing is reserved on such a machine; any free port will do.
        assert free_port() > 0
        return
    found = free_port()
    assert 700 <= found < first
    listen = f"import socket; socket.create_server(('127.0.0.1', {found}))"
    other = subprocess.run(
        ["/usr/bin/python3", "-c", listen], user=65534, capture_output=True, check=False
    )
    assert b"Permission" in other.stderr
