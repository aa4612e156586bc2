"""``setup``: what a hub needs to run an ``anywhere.yaml``, put into its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jupyterhub_anywhere.catalog.form import prepare
from jupyterhub_anywhere.config.load import Loaded
from jupyterhub_anywhere.config.marks import Marks
from jupyterhub_anywhere.config.models import Config as SiteConfig
from jupyterhub_anywhere.core.state import default_state_root
from jupyterhub_anywhere.hub import handlers, pages
from jupyterhub_anywhere.hub.guest import keep_in
from jupyterhub_anywhere.hub.statefolder import hub_id, open_state
from jupyterhub_anywhere.spawner import site as sites
from jupyterhub_anywhere.spawner.places import load_file
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner
from jupyterhub_anywhere.targets.base import SiteInfo

if TYPE_CHECKING:
    from traitlets.config import Config

    from jupyterhub_anywhere.spawner.site import Site


def setup(
    c: Config,
    source: str | Path | Loaded | SiteConfig | None,
    *,
    state: str | Path | None = None,
    ledger: bool = True,
) -> Site:
    """Let a hub run an ``anywhere.yaml``: to be called in a ``jupyterhub_config.py``.

    Reads and checks the file, imports the classes of its targets (so that their handlers are
    there), and adds spawner class, pages and handlers to the configuration. Nothing else of the
    hub is touched: where it listens and who logs in stays its own.

    Args:
        c: The hub's configuration.
        source: The file, or what was made of one; None for the built-in default.
        state: The state folder. Default: ``/var/lib/jupyterhub-anywhere`` as root, else in
            XDG state home.
        ledger: Keep a ledger of what is held where, and look after it. Without one, what a hub
            that dies has left is not found again.

    Returns:
        The site that servers are started from.

    Raises:
        ConfigError: The file is wrong; with every problem.
        StateError: The state folder cannot be used.
    """
    loaded = _loaded(source)
    paths = open_state(Path(state) if state is not None else default_state_root())
    first, _, last = loaded.config.users.uids.partition("-")
    info = SiteInfo(
        hub_id=hub_id(paths, loaded.config.hub.id),
        state=paths,
        base=loaded.base,
        uids=(int(first), int(last)),
    )
    site = sites.build_site(loaded, info)
    install(c, site)
    if ledger:
        keep_in(site)
    return site


def _loaded(source: str | Path | Loaded | SiteConfig | None) -> Loaded:
    if isinstance(source, Loaded):
        return source
    if isinstance(source, SiteConfig):
        return Loaded(source, Marks(), Path(), Path.cwd())
    return load_file(None if source is None else Path(source))


def install(c: Config, site: Site) -> None:
    """Publish a site and make a hub start servers from it."""
    sites.publish(site)
    prepare()
    handlers.install()
    pages.configure(c)
    c.JupyterHub.spawner_class = AnywhereSpawner
