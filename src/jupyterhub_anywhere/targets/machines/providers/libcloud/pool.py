"""One driver for each thread of one bounded pool: libcloud's drivers are not made to be shared."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.provider import ProviderError
from jupyterhub_anywhere.targets.machines.providers.libcloud.account import (
    Account,
    arguments,
    driver_class,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import explain
from jupyterhub_anywhere.targets.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import Doing

log = logging.getLogger(__name__)
T = TypeVar("T")
# Calls to one cloud at a time.
THREADS: Final = 8


class Drivers:
    """The drivers of a target.

    Args:
        account: The cloud.
        clock: The time.
        threads: Calls at a time.
    """

    def __init__(self, account: Account, clock: Clock, *, threads: int = THREADS) -> None:
        self.account, self._clock = account, clock
        self._own = threading.local()
        self._lock = threading.Lock()
        self._class: type[Any] | None = None
        self._workers = Workers(threads, "anywhere-cloud", at_end=self._end)
        if account.verify is False:
            log.warning(
                "The certificates of the cloud %s are not verified: whoever is on the way may read"
                " and change what the hub asks of it (`verify: false`).",
                account.place,
            )

    async def run(self, call: Callable[..., T], /, *args: Any, doing: Doing) -> T:
        """Call something with the driver of a thread, in that thread.

        Args:
            call: Its first argument is the driver.
            args: The others.
            doing: What for, for the texts.

        Raises:
            ProviderError: It failed.
        """
        loop = asyncio.get_running_loop()
        try:
            called = loop.run_in_executor(self._workers, self._called, call, doing, *args)
        except RuntimeError as error:
            raise ProviderError(
                f"{doing.what} at {doing.place}: the hub has given this cloud up.",
                cause=FailureCause.UNREACHABLE,
                hint="Try again in a minute.",
            ) from error
        return await called

    def _called(self, call: Callable[..., T], doing: Doing, *args: Any) -> T:
        try:
            return call(self.driver(), *args)
        except Exception as error:
            found = explain(error, doing, self.account.secrets)
            if found is error:
                raise
            log.debug("%s", doing.what, exc_info=True)
            # The chain has what libcloud was asked with, and its log would have it too.
            raise found from None

    def driver(self) -> Any:
        """The driver of this thread, made at first use.

        Raises:
            ProviderError: It cannot be made.
            Exception: libcloud's own, whatever it refuses.
        """
        made = getattr(self._own, "driver", None)
        if made is None:
            given, words = arguments(self.account)
            made = self._own.driver = self._bound()(*given, **words)
        return made

    def _bound(self) -> type[Any]:
        with self._lock:
            if self._class is None:
                cls = driver_class(self.account)
                from jupyterhub_anywhere.targets.machines.providers.libcloud.connections import (
                    bound,
                )
                from jupyterhub_anywhere.targets.machines.providers.libcloud.identity import (
                    Identity,
                )
                from jupyterhub_anywhere.targets.machines.providers.libcloud.tls import (
                    connection_class,
                )

                identity = Identity(self._clock) if self.account.openstack else None
                self._class = bound(cls, connection_class(self.account.verify), identity)
            return self._class

    def _end(self) -> None:
        """Close what this thread has open."""
        driver = getattr(self._own, "driver", None)
        for value in list(vars(driver).values()) if driver is not None else ():
            session = getattr(getattr(value, "connection", None), "session", None)
            if session is not None:
                with contextlib.suppress(Exception):
                    session.close()

    def close(self) -> None:
        """Take no more calls; what is on its way is let go on."""
        self._workers.shutdown(wait=False, cancel_futures=True)
