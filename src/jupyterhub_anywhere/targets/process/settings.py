"""What can be set on a process spawner, and what it takes where nothing is set."""

from __future__ import annotations

from typing import Any

from traitlets import Bool, Float, HasTraits, Int, Tuple, Unicode, default

from jupyterhub_anywhere.core.state import StatePaths, default_state_root
from jupyterhub_anywhere.targets.hubid import id_from_database


class SiteTraits(HasTraits):
    """The traits of a process spawner.

    A target of ``anywhere.yaml`` sets those that say where things are. A spawner that is used alone
    takes the places of the default state folder.
    """

    orm_spawner: Any

    prefix = Unicode(
        "",
        help="The folder of the venv or conda environment that servers come from."
        " Default: the hub's own environment.",
    ).tag(config=True)
    base = Unicode("", help="Where a relative `prefix` starts from.").tag(config=True)
    stop_grace = Float(
        10.0, min=0, help="Seconds that a server gets to end by itself before it is killed."
    ).tag(config=True)
    delete_home = Bool(
        default_value=False,
        help="Remove a user's home in the state folder when the user is deleted. The home of an"
        " account of this machine is never removed. Default: homes are kept.",
    ).tag(config=True)
    hub_id = Unicode(
        help="Labels everything this hub starts. Default: made from the hub's database."
    ).tag(config=True)
    homes = Unicode(help="The folder of homes of users without an account here.").tag(config=True)
    accounts = Unicode(help="The file that keeps which uid belongs to which name.").tag(config=True)
    log_folder = Unicode(help="The folder of the servers' log files.").tag(config=True)
    uids = Tuple(
        Int(),
        Int(),
        default_value=(70000, 99999),
        help="As root: first and last uid for users without an account here.",
    ).tag(config=True)
    share_account = Bool(
        default_value=False,
        help="As an ordinary user: every name gets a home of its own in `homes`.",
    ).tag(config=True)

    @default("hub_id")
    def _default_hub_id(self) -> str:
        return id_from_database(self.orm_spawner)

    @default("homes")
    def _default_homes(self) -> str:
        return str(StatePaths(default_state_root()).homes)

    @default("accounts")
    def _default_accounts(self) -> str:
        return str(StatePaths(default_state_root()).accounts)

    @default("log_folder")
    def _default_log_folder(self) -> str:
        return str(StatePaths(default_state_root()).logs)
