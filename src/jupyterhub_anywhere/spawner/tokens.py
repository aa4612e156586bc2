"""API tokens of servers that outlived a hub.

The hub keeps only a hash of a server's token, and deletes it at the server's end by the token
itself, which a hub that was restarted does not know any more: each such server leaves a token
that is valid for ever (``User.stop`` in JupyterHub's ``user.py``).
"""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from jupyterhub.utils import url_escape_path, url_path_join
from sqlalchemy import inspect


def forget_tokens(user: Any, orm_spawner: Any) -> int:
    """Delete the tokens that the hub has made for a server, known by the note it gives them.

    Args:
        user: The hub's user.
        orm_spawner: The server's row.

    Returns:
        How many there were.
    """
    session = inspect(orm_spawner).session
    if session is None:
        return 0
    base_url = url_path_join(user.base_url, url_escape_path(orm_spawner.name), "/")
    tokens = session.query(orm.APIToken).filter_by(
        user_id=user.orm_user.id, note=f"Server at {base_url}"
    )
    found = list(tokens)
    for token in found:
        session.delete(token)
    session.commit()
    return len(found)
