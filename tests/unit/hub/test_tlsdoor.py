"""A door with a certificate: who has its authority reaches the API, and nothing else."""

from __future__ import annotations

import logging
import socket
import ssl
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.web import Application, RequestHandler

from jupyterhub_anywhere.config.models import HubConfig
from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.hub.doors import Front
from jupyterhub_anywhere.hub.tlsdoor import TlsDoor
from jupyterhub_anywhere.prepare.certificates import certificates

if TYPE_CHECKING:
    from pathlib import Path


class Said(RequestHandler):
    def get(self) -> None:
        self.write(str(self.request.remote_ip))


FRONT = Front(
    application=Application([("/.*", Said)]),
    tls=None,
    host="127.0.0.1",
    port=1,
    api="/hub/api/",
    log=logging.getLogger("test"),
)


def config(folder: Path, port: int) -> HubConfig:
    authority, made, key = certificates(["127.0.0.1"], datetime.now(UTC))
    for name, text in (("ca", authority), ("crt", made), ("key", key)):
        (folder / name).write_text(text)
    tls = {"cert": "crt", "key": "key"}
    return HubConfig.model_validate(
        {"internal_url": f"https://127.0.0.1:{port}", "internal_tls": tls}
    )


def free() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as made:
        return int(made.getsockname()[1])


async def test_the_api_is_served_and_verified(tmp_path: Path) -> None:
    port = free()
    door = TlsDoor.open(config(tmp_path, port), tmp_path, FRONT)
    assert door is not None
    client = AsyncHTTPClient(force_instance=True)
    try:
        url, ca = f"https://127.0.0.1:{port}/hub", str(tmp_path / "ca")
        forged = {"X-Forwarded-For": "203.0.113.9"}
        answer = await client.fetch(f"{url}/api/", ca_certs=ca, headers=forged)
        # A machine is no proxy: what it says of others does not count.
        assert answer.body == b"127.0.0.1"
        with pytest.raises(HTTPClientError, match="404"):
            await client.fetch(f"{url}/login", ca_certs=ca)
        with pytest.raises(ssl.SSLError):
            await client.fetch(f"{url}/api/")
    finally:
        client.close()
        await door.close()
    with pytest.raises(ConnectionRefusedError):
        await AsyncHTTPClient().fetch(f"{url}/api/", ca_certs=ca)


async def test_an_address_that_cannot_be_had(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = int(taken.getsockname()[1])
        with pytest.raises(SurroundingsError, match="cannot be listened at") as caught:
            TlsDoor.open(config(tmp_path, port), tmp_path, FRONT)
    assert caught.value.hint


def test_no_certificate_no_door(tmp_path: Path) -> None:
    assert TlsDoor.open(HubConfig(), tmp_path, FRONT) is None
