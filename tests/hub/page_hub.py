"""A hub with our pages and stub servers, for the tests of pages and API."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.hub.harness import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE: Final = Path(__file__).parent
_SOURCES: Final = _HERE.parents[1] / "src"
XSS: Final = "<script>window.hacked=1</script>\"'>"

STUB: Final = {"kind": "custom", "class": "page_spawners.StubSpawner"}
PYTHON: Final = {
    "title": "Python",
    "description": "The usual one",
    "targets": ["here"],
    "options": {
        "memory": {
            "type": "memory",
            "default": "1G",
            "min": "512M",
            "max": "4G",
            "sets": {"mem_limit": "{value}"},
        },
        "gpu": {"type": "boolean", "sets": {"gpu": "{value}"}},
    },
}
SITE: Final[dict[str, Any]] = {
    "users": {"groups": {"special": ["sue"]}},
    "targets": {"here": {**STUB, "title": "This machine"}},
    "profiles": {
        "python": PYTHON,
        "slow": {"title": "Slow", "targets": ["here"], "sets": {"gated": True}},
        "broken": {"title": "Broken", "targets": ["here"], "sets": {"failure": "secret"}},
        "full": {"title": "Full", "targets": ["here"], "sets": {"failure": "told"}},
        "styled": {"title": "Styled", "targets": ["here"], "sets": {"failure": "html"}},
        "late": {
            "title": "Late",
            "targets": ["here"],
            "sets": {"gated": True, "failure": "secret"},
        },
        "hidden": {"title": "Hidden", "targets": ["here"], "access": {"groups": ["special"]}},
    },
}
SINGLE: Final[dict[str, Any]] = {"targets": {"here": {**STUB, "title": "This machine"}}}

_CONFIG: Final = """
from pathlib import Path
from jupyterhub_anywhere.hub import csp, entry, pages
from jupyterhub_anywhere.spawner import site
folder = Path({folder!r})
site.publish(site.load_site(folder / "anywhere.yaml", state_root=folder / "state"))
c.JupyterHub.spawner_class = entry.AnywhereSpawner
pages.configure(c)
csp.configure(c)
c.JupyterHub.allow_named_servers = True
c.Authenticator.admin_users = {{"root-of-all"}}
c.StubSpawner.gates = {folder!r}
c.StubSpawner.home_dir_template = {folder!r} + "/home-{{username}}"
"""


def open_gate(hub: Hub, user: str, server: str = "") -> None:
    """Let starts of the profiles ``slow`` and ``late`` go on, which wait for it."""
    _gate(hub, user, server).touch()


def close_gate(hub: Hub, user: str, server: str = "") -> None:
    """Let them wait again."""
    _gate(hub, user, server).unlink()


def _gate(hub: Hub, user: str, server: str) -> Path:
    return hub.folder / f"gate-{user}-{server}"


@contextmanager
def page_hub(site: dict[str, Any] = SITE, config: str = "") -> Iterator[Hub]:
    """A running hub with a site; users log in with any password, ``root-of-all`` is admin."""
    paths = os.pathsep.join([str(_SOURCES), str(_HERE)])
    hub = Hub(mode="plain", site=site, environment={"PYTHONPATH": paths})
    try:
        hub.write_config(_CONFIG.format(folder=str(hub.folder)) + config)
        yield hub.start()
    finally:
        hub.close()
