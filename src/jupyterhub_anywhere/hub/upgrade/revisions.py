"""Which JupyterHub a database was written by: its mark of Alembic, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

# In order. Seen in databases that these versions wrote: 0.8.1, 0.9.6, 1.5.1, 2.3.1, 3.1.1, 4.0.2,
# 4.1.6, 5.5.4. What has no name was never released by itself.
_RELEASES: Final = {
    "19c0846f6344": "JupyterHub 0.5",
    "eeb276e51423": "JupyterHub 0.6",
    "af4cbdb2d13c": "JupyterHub 0.7",
    "3ec6993fe20c": "JupyterHub 0.8",
    "896818069c98": "JupyterHub 0.9",
    "4dc2d5a8c53c": "JupyterHub 1.x",
    "833da8570507": "JupyterHub 2.x",
    "651f5419b74d": "JupyterHub 3.x",
    "0eee8c825d24": "JupyterHub 4.x",
    "4621fec11365": "JupyterHub 5.x",
    "f460b0348206": "JupyterHub 6.x",
}
HUB_2: Final = "833da8570507"
HUB_3: Final = "651f5419b74d"
HUB_5: Final = "4621fec11365"
_HUB_6: Final = "ff1860e38070"
# The migration to this one uses a method that no date has (seen in JupyterHub 5.5.4 and 6.1.1).
_STUMBLES: Final = "99a28a4418e1"


@dataclass(frozen=True, slots=True)
class History:
    """The revisions that the installed JupyterHub knows, the oldest first."""

    known: tuple[str, ...]

    @property
    def head(self) -> str:
        """What it writes itself."""
        return self.known[-1]

    def knows(self, revision: str) -> bool:
        """Whether it knows a revision."""
        return revision in self.known

    def before(self, revision: str, other: str) -> bool:
        """Whether one revision is older than another; both are known."""
        return self.known.index(revision) < self.known.index(other)

    def too_old(self, revision: str) -> bool:
        """Whether a migration on the way fails, whatever is in the database."""
        return self.before(revision, _STUMBLES)

    def drops_tokens(self, revision: str) -> bool:
        """Whether all API tokens, those of running servers too, are dropped on the way."""
        return self.before(revision, HUB_2)

    def rewrites_clients(self, revision: str) -> bool:
        """Whether roles of tokens and clients become scopes, which drops their tables."""
        return self.before(revision, HUB_3)

    def before_hub_5(self, revision: str) -> bool:
        """Whether a JupyterHub before 5 wrote it."""
        return self.before(revision, HUB_5)

    def before_hub_6(self, revision: str) -> bool:
        """Whether a JupyterHub before 6 wrote it."""
        return self.before(revision, _HUB_6)

    def writer(self, revision: str) -> str:
        """Which JupyterHub leaves a database like this, in words."""
        if not self.knows(revision):
            return "a JupyterHub that the installed one does not know"
        if revision in _RELEASES:
            return _RELEASES[revision]
        later = [each for each in self.known[self.known.index(revision) :] if each in _RELEASES]
        return (
            f"a JupyterHub on the way to {_RELEASES[later[0]]}" if later else "a newer JupyterHub"
        )


@cache
def installed_history() -> History:
    """The revisions of the installed JupyterHub."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from jupyterhub.dbutil import ALEMBIC_DIR

    config = Config()
    config.set_main_option("script_location", ALEMBIC_DIR.replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    return History(tuple(reversed([script.revision for script in scripts])))
