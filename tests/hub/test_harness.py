"""The harness itself: what it starts is a real hub, and nothing stays behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.hub.harness import wait_for

if TYPE_CHECKING:
    from tests.hub.conftest import MakeHub

STUB = """
import sys
c.JupyterHub.spawner_class = "simple"
"""


def test_plain_hub_logs_in_and_leaves_nothing(make_hub: MakeHub) -> None:
    hub = make_hub(mode="plain", config=STUB)
    hub.start()

    home = hub.login("ann", "any").get("hub/home")

    assert home.status_code == 200
    assert "ann" in home.text
    assert hub.leftovers()
    hub.kill()
    hub.close()
    assert not wait_for(lambda: [hub.leftovers()])[0]
    assert not hub.folder.exists()
