"""One login at OpenStack for all connections, threads and users of a target.

Each connection of a libcloud driver logs in for itself, and a driver has six of them; with one
driver for each thread that would be dozens of logins, and as many catalogues to keep. Here they
share one token: it is renewed before it ends, and once when a service refuses it.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from libcloud.common.openstack_identity import (
    OpenStackServiceCatalog,
    get_class_for_auth_version,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jupyterhub_anywhere.core.clock import Clock

# A token is renewed when this part of its life is over.
_USED: Final = 0.9


@dataclass(frozen=True, slots=True)
class Login:
    """A token and what came with it.

    Attributes:
        token: It.
        catalog: libcloud's catalogue of services.
        expires: When it ends, by the cloud's clock.
        user: The user that it is for.
        body: Keystone's words on it; empty for versions before 3.
        renew: When to renew it, by `Clock.elapsed`.
        skew: Seconds by which the cloud's clock is before ours; None where it does not say.
    """

    token: str = field(repr=False)
    catalog: Any
    expires: datetime | None
    user: Mapping[str, Any]
    body: Mapping[str, Any]
    renew: float
    skew: float | None

    @property
    def project(self) -> str:
        """The id of the project; empty where the token says none."""
        return str((self.body.get("project") or {}).get("id") or "")


class Identity:
    """The login that all connections of a target share.

    Args:
        clock: The time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._login: Login | None = None
        # How often somebody has tried, and what the last one got instead of a login.
        self._tries = 0
        self._failure: Exception | None = None

    def login(self, connection: Any) -> Login:
        """The login; made by one thread while the others wait for it.

        Args:
            connection: One of libcloud's, which has the credentials.

        Raises:
            LibcloudError, RequestException, BaseHTTPError, ValueError: Keystone refuses it, or
                cannot be asked.
        """
        tries = self._tries
        with self._lock:
            if self._login is not None and self._clock.elapsed() < self._login.renew:
                return self._login
            if self._failure is not None and self._tries != tries:
                # Somebody has tried while this thread waited. Were each to try again, the last
                # would wait as many times as there are threads for a Keystone that is silent.
                raise self._failure
            self._tries += 1
            try:
                self._login = _log_in(connection, self._clock)
            except Exception as error:
                self._failure = error
                raise
            self._failure = None
            return self._login

    def refused(self, token: str) -> None:
        """A service did not take a token: the next call logs in again, unless one has already."""
        with self._lock:
            if self._login is not None and self._login.token == token:
                self._login = None

    def clear_cached_auth_context(self) -> None:
        """Nothing: libcloud calls it for any token, also for one that was long renewed."""


def _log_in(connection: Any, clock: Clock) -> Login:
    cls: Any = get_class_for_auth_version(auth_version=connection._auth_version)  # noqa: SLF001 - libcloud has no other way
    told: dict[str, Any] = {}

    class Told(cls):
        """Keeps what libcloud throws away of the answer: the project, and both ends of its life."""

        def _parse_token_response(self, response: Any, *args: Any, **kwargs: Any) -> None:
            super()._parse_token_response(response, *args, **kwargs)
            told["body"] = json.loads(response.body).get("token") or {}
            told["date"] = response.headers.get("date")

    own = connection
    osa = Told(
        auth_url=own._get_auth_url(),  # noqa: SLF001
        user_id=own.user_id,
        key=own.key,
        tenant_name=own._ex_tenant_name,  # noqa: SLF001
        tenant_domain_id=own._ex_tenant_domain_id,  # noqa: SLF001
        domain_name=own._ex_domain_name,  # noqa: SLF001
        token_scope=own._ex_token_scope,  # noqa: SLF001
        timeout=own.timeout,
        proxy_url=own.proxy_url,
        parent_conn=own,
    )
    kinds = {"2.0_apikey": "api_key", "2.0_password": "password"}
    kind = kinds.get(own._auth_version)  # noqa: SLF001
    osa = osa.authenticate(**({"auth_type": kind} if kind else {}))
    osa.connection.session.close()
    catalog = OpenStackServiceCatalog(osa.urls or [], auth_version=own._auth_version)  # noqa: SLF001
    now = clock.now()
    body = told.get("body") or {}
    issued, expires = _moment(body.get("issued_at")), osa.auth_token_expires
    # Its life by the cloud's own clock: ours may be wrong by hours, and each call would log in.
    life = (expires - (issued or now)).total_seconds() if expires is not None else 0.0
    return Login(
        token=osa.auth_token,
        catalog=catalog,
        expires=expires,
        user=osa.auth_user_info or {},
        body=body,
        renew=clock.elapsed() + max(life, 0.0) * _USED,
        skew=_skew(told.get("date"), now),
    )


def _moment(text: Any) -> datetime | None:
    from datetime import datetime

    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _skew(date: Any, now: datetime) -> float | None:
    try:
        return (parsedate_to_datetime(str(date)) - now).total_seconds()
    except (TypeError, ValueError):
        return None
