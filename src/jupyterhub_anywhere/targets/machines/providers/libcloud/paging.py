"""Lists of OpenStack, all pages of them: half a list is none.

libcloud 3.9 follows no page of flavors, networks, security groups, key pairs or ports, takes an
answer without the list for an empty one, and goes on with a page that it already has a thousand
times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from libcloud.common.types import LibcloudError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Pages of one list; a thousand entries each.
_MOST: Final = 1000


def pages(
    connection: Any, path: str, key: str, params: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """All entries of a list.

    Args:
        connection: Of the right service.
        path: As ``/servers/detail``.
        key: Under which the answer has the list.
        params: The query of the first page.

    Raises:
        LibcloudError: An answer is no such list, or the pages never end.
        BaseHTTPError, RequestException: The service refuses, or cannot be asked.
    """
    found: dict[str, dict[str, Any]] = {}
    query = dict(params or {})
    seen: set[str] = set()
    for _ in range(_MOST):
        text = urlencode(sorted((name, str(value)) for name, value in query.items()))
        if text in seen:
            raise LibcloudError(f"the list of {key} leads back to a page that was there already")
        seen.add(text)
        answer = connection.request(path, params=query).object
        for entry in _entries(answer, key):
            # One that moved from page to page while they were read is one all the same.
            found[str(entry.get("id") or entry.get("name"))] = entry
        following = _next(answer, key)
        if following is None:
            return list(found.values())
        query = {**query, **following}
    raise LibcloudError(f"the list of {key} has more than {_MOST} pages")


def _entries(answer: Any, key: str) -> list[dict[str, Any]]:
    entries = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise LibcloudError(f"the answer has no list of {key}")
    return entries


def _next(answer: Mapping[str, Any], key: str) -> dict[str, str] | None:
    """The query of the next page, as Nova, Neutron and Cinder give it, or Glance."""
    links = answer.get(f"{key}_links") or []
    href = next((each.get("href") for each in links if each.get("rel") == "next"), None)
    href = href or answer.get("next")
    return dict(parse_qsl(urlsplit(str(href)).query)) if href else None
