"""Who may see or set something."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyterhub_anywhere.catalog.choice import Who
    from jupyterhub_anywhere.config.models import Access


def allowed(access: Access, who: Who) -> bool:
    """Whether this person may; an access that names nobody is open to everybody."""
    return access.open or who.name in access.users or not who.groups.isdisjoint(access.groups)
