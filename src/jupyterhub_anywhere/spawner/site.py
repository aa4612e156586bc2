"""A site: one checked ``anywhere.yaml`` with its targets and its catalog, ready to be used.

A site never changes. A reload publishes another one; what runs keeps the definition of the
target that it was started with.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from jupyterhub_anywhere.catalog.profiles import Catalog
from jupyterhub_anywhere.config.crosscheck import secret_problems
from jupyterhub_anywhere.core.errors import AnywhereError, ConfigError
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.spawner.check import build_targets, profile_problems
from jupyterhub_anywhere.spawner.child import ChildFactory
from jupyterhub_anywhere.spawner.definitions import Definitions
from jupyterhub_anywhere.spawner.places import UNSAVED_HUB, Places, load_file, site_info

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping, MutableMapping
    from pathlib import Path

    from jupyterhub_anywhere.config.load import Loaded
    from jupyterhub_anywhere.targets.base import SiteInfo, Target


@dataclass(frozen=True)
class Site(Places):
    """What a hub offers.

    Attributes:
        factories: Target name to what builds its children.
        catalog: What users may choose.
        definitions: Earlier definitions of targets, for servers that were started with them.
    """

    factories: Mapping[str, ChildFactory]
    catalog: Catalog
    definitions: Definitions

    def factory(self, name: str, fingerprint: str = "") -> ChildFactory | None:
        """What builds the children of a target.

        Args:
            name: The target's name.
            fingerprint: The definition that a running server was started with; empty for
                the present one.

        Returns:
            That definition's factory, else the present one of that name, else None.
        """
        present = self.factories.get(name)
        if not fingerprint or (present is not None and present.fingerprint == fingerprint):
            return present
        return self.definitions.factory(name, fingerprint, self.info) or present


def fingerprint(target: Target) -> str:
    """Which definition of a target this is."""
    # How many may be there changes nothing of those that are.
    how_many = {"starts", "servers"}
    data = target.declared.model_dump(mode="json", by_alias=True, exclude=how_many)
    text = json.dumps([target.name, data], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def build_site(loaded: Loaded, info: SiteInfo) -> Site:
    """Check a loaded file against targets and classes, and make it a site.

    Raises:
        ConfigError: With every problem found.
    """
    targets, values, problems = build_targets(loaded, info)
    problems = [
        *loaded.problems,
        *secret_problems(loaded.config, loaded.marks, loaded.base),
        *problems,
        *profile_problems(loaded, targets),
    ]
    if problems:
        raise ConfigError(problems)
    factories = {
        name: ChildFactory(target, values[name], fingerprint(target))
        for name, target in targets.items()
    }
    notes = {name: tuple(target.notes()) for name, target in targets.items()}
    definitions = Definitions(info.state)
    return Site(loaded, info, targets, factories, Catalog(loaded.config, notes), definitions)


def load_site(  # noqa: PLR0913 - a hub, a check and a reload each know some of these
    path: Path | None,
    *,
    state_root: Path,
    share_account: bool = False,
    hub_id: str = "",
    fallback_id: str = UNSAVED_HUB,
    open_door: Callable[[str], Awaitable[str]] | None = None,
    lasting: MutableMapping[Hashable, Any] | None = None,
) -> Site:
    """Load, check and build in one step.

    Args:
        path: The file; None for the built-in default.
        state_root: The state folder; need not exist.
        share_account: Whether several names run under the account of the hub.
        hub_id: The hub's id; default: the file's, else the state folder's.
        fallback_id: The id of a hub that has none of these.
        open_door: See `SiteInfo`.
        lasting: Of the site before, see `SiteInfo`; default: nothing has lasted yet.

    Raises:
        ConfigError: With every problem found.
    """
    loaded = load_file(path)
    info = site_info(
        loaded,
        StatePaths(state_root),
        share_account=share_account,
        hub_id=hub_id,
        fallback_id=fallback_id,
        open_door=open_door,
        lasting=lasting,
    )
    return build_site(loaded, info)


class NoSiteError(AnywhereError):
    """No configuration has been loaded in this process."""


class _Holder:
    """The one site that new servers of this process are started from."""

    site: Site | None = None
    listeners: ClassVar[list[Callable[[], None]]] = []


def on_publish(listener: Callable[[], None]) -> None:
    """Have a function called whenever a site was published; once, however often it is given."""
    if listener not in _Holder.listeners:
        _Holder.listeners.append(listener)


def no_more_on_publish(listener: Callable[[], None]) -> None:
    """Have a function called no more, see `on_publish`; one that never was is no error."""
    if listener in _Holder.listeners:
        _Holder.listeners.remove(listener)


def publish(site: Site) -> None:
    """Make a site the one that new servers are started from, and write down its targets."""
    site.definitions.remember(site.factories.values())
    for target in site.targets.values():
        target.published()
    _Holder.site = site
    for listener in _Holder.listeners:
        listener()


def current() -> Site:
    """The site that new servers are started from.

    Raises:
        NoSiteError: None was published.
    """
    if _Holder.site is None:
        raise NoSiteError(
            "No anywhere.yaml has been loaded.",
            hint='Call setup(c, "anywhere.yaml"), or set c.AnywhereSpawner.config_file.',
        )
    return _Holder.site


def published() -> bool:
    """Whether a site was published in this process."""
    return _Holder.site is not None
