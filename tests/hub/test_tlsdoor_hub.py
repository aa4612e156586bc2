"""A whole hub whose API machines elsewhere reach by https; its own servers go on by loopback."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.hub.harness import Hub, free_port

from jupyterhub_anywhere.prepare.certificates import certificates

if TYPE_CHECKING:
    from pathlib import Path


def test_the_api_is_reached_by_its_authority_while_servers_run(tmp_path: Path) -> None:
    authority, made, key = certificates(["127.0.0.1"], datetime.now(UTC))
    for name, text in (("crt", made), ("key", key)):
        (tmp_path / name).write_text(text)
    url = f"https://127.0.0.1:{free_port()}"
    tls = {"cert": str(tmp_path / "crt"), "key": str(tmp_path / "key")}
    hub = Hub(site={"hub": {"internal_url": url, "internal_tls": tls}})
    try:
        hub.start()
        hub.add_user("ann")
        hub.start_server("ann")
        verified = ssl.create_default_context(cadata=authority)
        answer = httpx.get(f"{url}/hub/api/", verify=verified)
        assert answer.json()["version"]
        assert httpx.get(f"{url}/hub/login", verify=verified).status_code == 404
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/hub/api/")
        hub.stop_server("ann")
    finally:
        hub.close()
