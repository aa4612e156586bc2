"""API tokens of servers that outlived a hub.

The hub keeps only a hash of a server's token, and deletes it at the server's end by the token
itself, which a hub that was restarted does not know any more: each such server leaves a token
that is valid for ever (``User.stop`` in JupyterHub's ``user.py``).
"""

from __future__ import annotations

from typing import Any, Final

from jupyterhub import orm
from jupyterhub.utils import compare_token, url_escape_path, url_path_join
from sqlalchemy import bindparam, inspect, select

from jupyterhub_anywhere.core.scrubbing import secrets_of

# Two columns: the hub's own way loads the token with its user and all that belongs to them.
_TOKENS: Final = select(orm.APIToken.id, orm.APIToken.hashed).where(
    orm.APIToken.prefix == bindparam("begins")
)


def token_id(orm_spawner: Any, token: str) -> int | None:
    """The id of a token in the hub's database; None where it is not there.

    Args:
        orm_spawner: A row of that database.
        token: The token itself; may be empty.
    """
    session = inspect(orm_spawner).session
    if session is None or not token:
        return None
    prefix = token[: orm.APIToken.prefix_length]
    for number, hashed in session.execute(_TOKENS, {"begins": prefix}):
        if compare_token(hashed, token):
            return int(number)
    return None


def secrets_of_child(child: Any) -> list[str]:
    """What a child was given that must stand in no text: its token, and its environment's secrets.

    Args:
        child: A spawner; None has nothing.
    """
    if child is None:
        return []
    environment = getattr(child, "environment", None)
    plain = environment if isinstance(environment, dict) else {}
    return [child.api_token, *secrets_of(plain)]


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
