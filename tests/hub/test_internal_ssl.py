"""Servers behind ``internal_ssl``: certificates are made, moved and used by the child."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.hub.harness import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub(mode="plain", environment={"ANYWHERE_HUB_URL": None})
    made.write_config(
        f"""
from jupyterhub_anywhere import setup
setup(c, None, state={str(made.state.root)!r})
c.JupyterHub.internal_ssl = True
c.JupyterHub.hub_bind_url = c.JupyterHub.hub_bind_url.replace("http:", "https:")
c.ConfigurableHTTPProxy.api_url = c.ConfigurableHTTPProxy.api_url.replace("http:", "https:")
c.JupyterHub.internal_certs_location = {str(made.folder / "certs")!r}
"""
    )
    yield made
    made.close()


def test_a_process_server_is_reached_by_tls_with_a_certificate_of_its_own(hub: Hub) -> None:
    hub.start()
    # The plain `setup` does not restrict names, as `anywhere up` does for ordinary users.
    model = hub.start_server("ann")
    state = model["state"]["child"]
    assert state["port"]
    token = hub.user_token("ann")
    client = hub.client(headers={"Authorization": f"token {token}"})
    answer = client.get("user/ann/api/status")
    assert answer.status_code == 200, answer.text
    routes = hub.api("GET", "proxy").json()
    target = routes["/user/ann/"]["target"]
    assert target.startswith("https://127.0.0.1")
    hub.stop_server("ann")
