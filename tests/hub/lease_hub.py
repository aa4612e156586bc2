"""A hub with pages and API, and a ledger of which the tests say what is in it.

The hub reads what the reconciler would say from a file of the tests, so that each page and answer
can be looked at in every state of the world.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tests.hub.page_hub import SITE, page_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hub.harness import Hub

_CONFIG: Final = """
import told_seat
c.JupyterHub.authenticate_prometheus = False
told_seat.provide(folder / "told.json", folder / "wishes.json")
"""


@contextmanager
def lease_hub() -> Iterator[Hub]:
    """A running hub."""
    with page_hub(SITE, _CONFIG) as hub:
        yield hub


def tell(hub: Hub, *leases: dict[str, Any], **more: Any) -> None:
    """Say what there is: leases, ``resources`` without one, ``hold``, ``broken``."""
    (hub.folder / "wishes.json").unlink(missing_ok=True)
    (hub.folder / "told.json").write_text(json.dumps({"leases": leases, **more}), "utf-8")


def wishes(hub: Hub) -> list[Any]:
    """What was asked for since."""
    file = hub.folder / "wishes.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else []
