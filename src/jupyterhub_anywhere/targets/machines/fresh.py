"""A token for a server that its machine starts again, in a hub that was restarted since.

The hub keeps hashes of tokens only. A machine that is booted again asks for its server's
environment, and a restarted hub has no token to put into it: so the server's token is renewed.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from jupyterhub import orm
from jupyterhub.utils import url_escape_path, url_path_join

from jupyterhub_anywhere.targets.machines.waiting import JobRefusedError

if TYPE_CHECKING:
    from jupyterhub_anywhere.targets.machines.core import MachineCore

_BYTES: Final = 16


async def give_token(spawner: MachineCore) -> None:
    """Give a running server's spawner a token where it has none.

    The row in the hub's database stays, with its id and its rights: the ledger and the machine's
    marks name it. What the server had before opens nothing any more. The server's OAuth client has
    its token as secret, so both change together.

    Args:
        spawner: Whose server is started again.

    Raises:
        JobRefusedError: The hub has taken it away: the server was stopped.
    """
    if spawner.api_token:
        return
    user: Any = spawner.user
    name = url_escape_path(spawner.name or "")
    note = f"Server at {url_path_join(user.base_url, name, '/')}"
    rows = user.db.query(orm.APIToken).filter_by(user_id=user.id, note=note)
    row = rows.order_by(orm.APIToken.id.desc()).first()
    if row is None:
        raise JobRefusedError("This server was stopped. Start it again.")
    token = secrets.token_hex(_BYTES)
    row.token = token
    provider = user.settings.get("oauth_provider")
    if provider is not None and spawner.oauth_client_id:
        spawner.orm_spawner.oauth_client = provider.add_client(
            spawner.oauth_client_id,
            token,
            url_path_join(user.url, name, "oauth_callback"),
            allowed_scopes=await spawner._get_oauth_client_allowed_scopes(),  # noqa: SLF001 - the hub's own, of each spawner
            description=f"Server at {url_path_join(user.base_url, name, '/')}",
        )
    user.db.commit()
    spawner.api_token = token
