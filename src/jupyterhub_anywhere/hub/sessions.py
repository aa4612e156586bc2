"""Ending what somebody opened under a name, before that name becomes an admin's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub import orm
from sqlalchemy import inspect

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# JupyterHub's own words: how it calls a token that it made for a server (`User.spawn`), who it is
# as a client of itself (`orm.APIToken`), and the scope that follows the rights of the owner.
_SERVER_NOTE = "Server at "
_HUB_CLIENT = "jupyterhub"
_ALL_OF_THE_OWNER = "inherit"


def end_sessions(user: orm.User) -> None:
    """Log a user out everywhere, and withdraw the user's tokens; the caller commits.

    Servers go on: the hub's own token for a server names its few rights, and gains none by the
    owner's. Browsers that have a server open log in again.

    Args:
        user: The user, of an open session.
    """
    db: Session = inspect(user).session
    # Login cookies hold this id, and nothing else says who somebody is.
    user.cookie_id = orm.new_token()
    for token in list(user.api_tokens):
        if not _is_of_a_server(token):
            db.delete(token)
    for code in list(user.oauth_codes):
        db.delete(code)


def _is_of_a_server(token: Any) -> bool:
    named = str(token.note or "").startswith(_SERVER_NOTE)
    return named and token.client_id == _HUB_CLIENT and _ALL_OF_THE_OWNER not in token.scopes
