"""Definitions of targets that servers were started with, kept in the state folder.

A running server keeps the definition it was started with, also when the file has changed and
the hub was restarted since. Declarations are kept as the file has them: secrets stay where they
are.
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.config.models import TargetConfig
from jupyterhub_anywhere.config.secrets import resolve_secrets
from jupyterhub_anywhere.spawner.child import ChildFactory
from jupyterhub_anywhere.targets import registry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.targets.base import SiteInfo

log = logging.getLogger(__name__)

# Far more changes than a site makes to its targets between two starts of one server.
MOST: Final = 500


class Definitions:
    """The file ``hub/targets.json``: fingerprint to declaration.

    Without a state folder (a foreign hub that has none) nothing is kept.
    """

    def __init__(self, state: StatePaths) -> None:
        self._folder = state.hub
        self._factories: dict[str, ChildFactory] = {}

    @property
    def _file(self) -> Path:
        return self._folder / "targets.json"

    def _read(self) -> dict[str, Any]:
        try:
            data = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read: %s", self._file, error)
            return {}
        return data if isinstance(data, dict) else {}

    def remember(self, factories: Iterable[ChildFactory]) -> None:
        """Write down the present definitions; a folder that cannot be written is logged."""
        if not self._folder.is_dir():
            return
        data = self._read()
        fresh = {
            factory.fingerprint: {
                "name": factory.name,
                "declared": factory.target.declared.model_dump(mode="json", by_alias=True),
            }
            for factory in factories
            if factory.fingerprint not in data
        }
        if not fresh:
            return
        kept = dict(list({**data, **fresh}.items())[-MOST:])
        draft = self._file.with_suffix(".new")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(kept, stream)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(self._file)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._file, error)

    def factory(self, name: str, fingerprint: str, info: SiteInfo) -> ChildFactory | None:
        """What builds children of an earlier definition; None when it is not known any more."""
        if fingerprint in self._factories:
            return self._factories[fingerprint]
        entry = self._read().get(fingerprint)
        if not isinstance(entry, dict) or entry.get("name") != name:
            return None
        try:
            declared = TargetConfig.model_validate(entry.get("declared"))
            kind = registry.kinds()[declared.kind]
            own = kind.settings_model.model_validate(declared.own)
            values = resolve_secrets(declared.spawner, info.base)
            made = ChildFactory(kind(name, declared, own, info), values, fingerprint)
        except Exception as error:  # noqa: BLE001 - whatever it is, the present definition serves
            log.warning("The earlier definition of target %s is of no use: %s", name, error)
            return None
        self._factories[fingerprint] = made
        return made
