"""A stage: one engine, and the hubs that come and go before it."""

from __future__ import annotations

import json
import secrets
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyterhub.httpclient import JupyterHubHTTPClient

from jupyterhub_anywhere.catalog.profiles import Catalog
from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.spawner import site as sites
from jupyterhub_anywhere.spawner.child import ChildFactory
from jupyterhub_anywhere.spawner.definitions import Definitions
from jupyterhub_anywhere.targets.base import SiteInfo
from jupyterhub_anywhere.testing.contract.clock import AdvancedClock
from jupyterhub_anywhere.testing.contract.hub import PROFILE, HubProcess
from jupyterhub_anywhere.testing.contract.subject import BAD, CRASHING, ONE, TWO, Can

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from jupyterhub_anywhere.targets.base import Target
    from jupyterhub_anywhere.testing.contract.subject import Subject


class Stage:
    """One engine, with at most one hub at a time.

    Args:
        subject: The kind, at its engine.
        can: What it can do.
        folder: Private.

    Attributes:
        sets: What the profile sets, from the next hub on.
    """

    def __init__(self, subject: Subject, can: Can, folder: Path) -> None:
        self.subject, self.can, self.folder = subject, can, folder
        name = f"contract-{secrets.token_hex(4)}"
        # Two hubs of the same engine.
        self.ours, self.theirs = f"{name}-ours", f"{name}-theirs"
        subject.hubs = (self.ours, self.theirs)
        self.sets: Mapping[str, Any] = {}
        self.clock = AdvancedClock()
        self.before: frozenset[str] = frozenset()
        self._hub: HubProcess | None = None
        # What has begun a program has to outlive it, though its hub is no more.
        self._past: list[HubProcess] = []
        self._site: sites.Site | None = None

    async def open(self) -> None:
        """Reach the engine."""
        await self.subject.open()
        self.before = frozenset(await self.subject.names())

    async def close(self) -> None:
        """End the hub, and remove what is left at the engine."""
        await self.end()
        await self.subject.close()
        self._past.clear()

    async def names(self) -> list[str]:
        """What exists at the engine that did not before."""
        return sorted(set(await self.subject.names()) - self.before)

    # --- hubs ------------------------------------------------------------------------------------

    async def begin(self, hub_id: str = "", *, user: str = "") -> HubProcess:
        """Begin a hub; one that is there ends first, and leaves its servers as they are.

        Args:
            hub_id: Which; default: ours.
            user: Whose servers it starts; default: the subject's.
        """
        await self.end()
        hub_id = hub_id or self.ours
        home = self.folder / hub_id
        state = StatePaths(home / "state")
        state.hub.mkdir(parents=True, exist_ok=True)
        for each in (state.root, state.homes):
            each.mkdir(exist_ok=True)
            each.chmod(0o711)
        self._site = site = self._make_site(SiteInfo(hub_id, state, home, share_account=True))
        sites.publish(site)
        who = user or self.subject.user
        self._hub = await HubProcess.begin(site, state.hub / "hub.sqlite", self.clock, who)
        return self._hub

    async def end(self) -> None:
        """End the hub, which leaves its servers as they are."""
        hub, self._hub = self._hub, None
        if hub is None or self._site is None:
            return
        await hub.end()
        self._past.append(hub)
        for target in self._site.targets.values():
            await self.subject.let_go(target)

    def reload(self) -> None:
        """Have the hub load its file again."""
        assert self._site is not None
        self._site = self._make_site(replace(self._site.info))
        sites.publish(self._site)

    def lose(self, *, ledger: bool = False, database: bool = False, hub_id: str = "") -> None:
        """Lose files of a hub that has ended."""
        folder = StatePaths(self.folder / (hub_id or self.ours) / "state").hub
        wanted = [*(["ledger.sqlite*"] if ledger else []), *(["hub.sqlite*"] if database else [])]
        for pattern in wanted:
            for path in folder.glob(pattern):
                path.unlink()

    def _targets(self) -> dict[str, Mapping[str, Any]]:
        subject = self.subject
        found = {ONE: subject.keys(), TWO: subject.keys()}
        if Can.BAD in self.can:
            found[BAD] = subject.bad()[0]
        if Can.CRASHES in self.can:
            found[CRASHING] = subject.crashing()
        return found

    def _make_site(self, info: SiteInfo) -> sites.Site:
        """A site, also of a kind that is not installed."""
        kind, declared = self.subject.target, self._targets()
        text = {
            "targets": {name: {"kind": kind.kind, **keys} for name, keys in declared.items()},
            "profiles": {
                PROFILE: {"title": "Contract", "targets": list(declared), "sets": dict(self.sets)}
            },
        }
        loaded = load_text(json.dumps(text), name="contract.yaml")
        targets = {
            name: _target(kind, name, each, info) for name, each in loaded.config.targets.items()
        }
        factories = {
            name: ChildFactory(each, each.declared.spawner, sites.fingerprint(each))
            for name, each in targets.items()
        }
        catalog = Catalog(loaded.config, dict.fromkeys(targets, ()))
        return sites.Site(loaded, info, targets, factories, catalog, Definitions(info.state))


def _target(kind: type[Target], name: str, declared: Any, info: SiteInfo) -> Target:
    own = kind.settings_model.model_validate(declared.own)
    return kind(name, declared, own, info)


@asynccontextmanager
async def staged(subject: Subject, can: Can, folder: Path) -> AsyncIterator[Stage]:
    """A stage that leaves nothing behind.

    Args:
        subject: The kind, at its engine.
        can: What it can do.
        folder: Private; its path has to be open to servers' accounts where they are others.
    """
    published = sites._Holder.site
    stage = Stage(subject, can, folder)
    try:
        await stage.open()
        yield stage
    finally:
        try:
            await stage.close()
        finally:
            sites._Holder.site = published
            await _close_client()


async def _close_client() -> None:
    """Close the client of JupyterHub, of which a process has one, that waits for servers."""
    if JupyterHubHTTPClient.initialized():
        await JupyterHubHTTPClient.loop_instance().close()
        JupyterHubHTTPClient.clear_instance()
