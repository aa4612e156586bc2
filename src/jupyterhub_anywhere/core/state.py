"""Where everything lives: the layout of the state folder.

::

    ROOT/                 0711 as root, else 0700
    ├── VERSION           the layout's version, one number
    ├── hub/              0700: database, secrets, identity, logs
    │   ├── hub.id            random, never changes
    │   ├── jupyterhub.sqlite
    │   ├── ledger.sqlite     what is held for which server (see ledger/)
    │   ├── cookie_secret
    │   ├── passwords.json    scrypt hashes of the shared passwords
    │   ├── proxy.json        the proxy's token, ports and process
    │   ├── accounts.sqlite   reserved uids, one per user name for ever (root only)
    │   ├── doors.json        further addresses at which the hub's API listens
    │   ├── up.json           what `anywhere up` of now is: process, URL, ports, file
    │   ├── up.lock           held while a hub runs on this folder
    │   ├── control.sock      `anywhere reload`, `down`, `status` speak to the hub here
    │   └── logs/             hub.log, proxy.log, server logs; rotated
    └── homes/            0711: one folder a user, each 0700 (root only)
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STATE_VERSION: Final = 1
ROOT_STATE: Final = Path("/var/lib/jupyterhub-anywhere")


@dataclass(frozen=True, slots=True)
class StatePaths:
    """The paths of one state folder; knows names only and touches nothing.

    Attributes:
        root: The state folder, absolute.
    """

    root: Path

    @property
    def version(self) -> Path:
        """The layout's version, one decimal number."""
        return self.root / "VERSION"

    @property
    def hub(self) -> Path:
        """What only the hub may read, mode 0700."""
        return self.root / "hub"

    @property
    def homes(self) -> Path:
        """The users' homes, mode 0711."""
        return self.root / "homes"

    @property
    def hub_id(self) -> Path:
        """The hub's random id."""
        return self.hub / "hub.id"

    @property
    def database(self) -> Path:
        """JupyterHub's own SQLite database."""
        return self.hub / "jupyterhub.sqlite"

    @property
    def ledger(self) -> Path:
        """The leases, where they are not kept elsewhere; copies lie beside it."""
        return self.hub / "ledger.sqlite"

    @property
    def cookie_secret(self) -> Path:
        """JupyterHub's cookie secret, mode 0600."""
        return self.hub / "cookie_secret"

    @property
    def passwords(self) -> Path:
        """Hashes of the shared passwords."""
        return self.hub / "passwords.json"

    @property
    def proxy(self) -> Path:
        """Token, ports and process of the proxy."""
        return self.hub / "proxy.json"

    @property
    def accounts(self) -> Path:
        """Which uid belongs to which user name, for ever."""
        return self.hub / "accounts.sqlite"

    @property
    def up(self) -> Path:
        """Process, URL, ports and file of the running hub."""
        return self.hub / "up.json"

    @property
    def lock(self) -> Path:
        """Locked (flock) while a hub runs on this folder."""
        return self.hub / "up.lock"

    @property
    def control(self) -> Path:
        """Unix socket of the running hub."""
        return self.hub / "control.sock"

    @property
    def logs(self) -> Path:
        """Log files, rotated."""
        return self.hub / "logs"


def default_state_root() -> Path:
    """The state folder where none is named: ``/var/lib`` as root, else in XDG state home."""
    if os.geteuid() == 0:
        return ROOT_STATE
    base = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    state_home = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return state_home / "jupyterhub-anywhere"
