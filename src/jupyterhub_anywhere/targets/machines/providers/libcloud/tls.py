"""Whose certificates a driver believes: its own setting, and nobody else's.

libcloud takes both from variables of its module `libcloud.security`, one for the whole process:
who switches verification off for one cloud switches it off for all. A connection reads them in two
methods when it is made; those are replaced here, in a class for each setting.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import libcloud.security
import requests
from libcloud.http import LibcloudConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

# Headers that carry what opens a cloud, beside Authorization, which requests itself takes care of.
_SECRET_HEADERS: Final = ("X-Auth-Token", "X-Auth-Key", "X-Subject-Token")


class _Session(requests.Session):
    """One that hands no token to another host where it is sent on to one."""

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        super().rebuild_auth(prepared_request, response)
        if _place(prepared_request.url) != _place(response.request.url):
            for header in _SECRET_HEADERS:
                prepared_request.headers.pop(header, None)


def _place(url: str | None) -> tuple[str, str]:
    parts = urlsplit(url or "")
    return parts.scheme, parts.netloc


def connection_class(verify: bool | Path) -> type[Any]:  # noqa: FBT001 - a setting, as it is
    """The class of a driver's connections.

    Args:
        verify: Against the authorities that libcloud ships with, those of a file, or not at all.
    """
    authorities: Mapping[str, Any] = {"verify": verify is not False, "file": None}
    if isinstance(verify, Path):
        authorities = {"verify": True, "file": str(verify)}

    class Connection(LibcloudConnection):
        def __init__(self, host: str, port: int, secure: Any = None, **kwargs: Any) -> None:
            super().__init__(host, port, secure=secure, **kwargs)
            made: Any = self.session
            session: Any = _Session()
            session.adapters.update(made.adapters)
            session.proxies, session.timeout = made.proxies, made.timeout
            self.session = session

        def _setup_verify(self) -> None:
            self.verify = authorities["verify"]

        def _setup_ca_cert(self, **_: Any) -> None:
            if self.verify:
                self.ca_cert = authorities["file"] or libcloud.security.CA_CERTS_PATH

    return Connection
