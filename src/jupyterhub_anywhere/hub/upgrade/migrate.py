"""JupyterHub's own migrations, in a process of their own.

They change the logging of the process that they run in, and one that hangs or dies must take
nobody along. The URL comes on standard input: it may hold a password.

::

    echo URL | python -m jupyterhub_anywhere.hub.upgrade.migrate
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import StateError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

# The line of a traceback that says what it was about; what was in the rows is in others.
_RAISED: Final = re.compile(r"^[\w.]+(?:Error|Exception|Mismatch|Exit)\b.*$", re.MULTILINE)


def migrate(url: URL, place: str) -> dict[str, int]:
    """Bring a database to the layout of the installed JupyterHub, and read it by its classes.

    Args:
        url: The database.
        place: What it is called.

    Returns:
        How many users, groups and spawners JupyterHub finds.

    Raises:
        StateError: The migrations fail, or JupyterHub cannot read what they made.
    """
    secret = url.render_as_string(hide_password=False)
    # In an empty folder: nobody's configuration and nobody's modules are picked up.
    with tempfile.TemporaryDirectory(prefix="anywhere-upgrade-") as folder:
        done = subprocess.run(  # noqa: S603 - this very module
            [sys.executable, "-P", "-m", __name__],
            input=secret,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=folder,
            check=False,
        )
    if done.returncode == 0:
        counts: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
        return counts
    reason = _reason(done.stderr.replace(secret, "…")) or f"they ended with {done.returncode}"
    raise StateError(
        f"JupyterHub's own migrations fail on {place}: {reason}.",
        hint="Upgrade a copy step by step with `jupyterhub"
        " upgrade-db` of the JupyterHubs between, and name that copy here.",
    )


def _reason(text: str) -> str:
    raised = _RAISED.findall(text)
    return raised[-1].rstrip(".") if raised else ""


def _run(url: str) -> dict[str, int]:
    import alembic.command
    import alembic.config
    from jupyterhub import orm
    from jupyterhub.dbutil import write_alembic_ini

    with tempfile.TemporaryDirectory(prefix="anywhere-upgrade-") as folder:
        ini = str(Path(folder) / "alembic.ini")
        write_alembic_ini(ini, url)
        alembic.command.upgrade(alembic.config.Config(ini), "head")
    # As a hub does when it starts: makes the tables that its migrations leave to it.
    factory = orm.new_session_factory(url)
    with factory() as session:
        counts = {
            "users": _read(session, orm.User),
            "groups": _read(session, orm.Group),
            "spawners": _read(session, orm.Spawner),
            "tokens": _read(session, orm.APIToken),
        }
    factory.kw["bind"].dispose()
    return counts


def _read(session: Any, kind: Any) -> int:
    # Every row with all of its columns: a state that is no JSON raises here.
    return sum(1 for _ in session.query(kind))


if __name__ == "__main__":
    found = _run(sys.stdin.read().strip())
    sys.stdout.write(f"\n{json.dumps(found)}\n")
