"""How a target reaches its cloud: which driver, and what it is made with. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.names import did_you_mean
from jupyterhub_anywhere.core.scrubbing import SHORTEST
from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.provider import ProviderError
from jupyterhub_anywhere.targets.machines.providers.libcloud.urls import identity_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.targets.machines.provider import Access

OPENSTACK: Final = "openstack"
# libcloud's own default asks Nova for images and networks by its deprecated proxies, without
# paging, and Novas of today have none; this one asks Glance and Neutron.
API_VERSION: Final = "2.2"
# libcloud's own default for older API versions is one that no Keystone has had since 2014.
AUTH_VERSION: Final = "3.x_password"
# Nova takes 65,535 characters of base64, EC2 16 KiB before it; others are seldom stricter.
_USERDATA: Final = {"openstack": 49_150, "ec2": 16_384}
# Seconds without a byte of an answer.
TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a target's file says of its cloud, as libcloud wants it.

    Attributes:
        driver: libcloud's name of the driver.
        user: The driver's first argument.
        key: Its second.
        auth_url: OpenStack: the identity service, in any form in use; empty for none.
        region: The region; empty for the driver's own.
        options: Further parameters of the driver, as they are.
        verify: True, a file of authorities, or False.
    """

    driver: str
    user: str
    key: str = field(repr=False)
    auth_url: str
    region: str
    options: Mapping[str, Any] = field(repr=False)
    verify: bool | Path

    @classmethod
    def of(cls, access: Access) -> Account:
        """What a provider is constructed with, as this one uses it."""
        verify = access.verify
        return cls(
            driver=access.driver or OPENSTACK,
            user=access.user,
            key=access.key,
            auth_url=access.auth_url,
            region=access.region,
            options=dict(access.options),
            verify=Path(verify) if isinstance(verify, str) else verify,
        )

    @property
    def openstack(self) -> bool:
        """Whether it is OpenStack's driver."""
        return self.driver.lower() == OPENSTACK

    @property
    def place(self) -> str:
        """The cloud, for people."""
        at = self.options.get("ex_force_auth_url") or self.options.get("host") or ""
        where = self.auth_url or (at if isinstance(at, str) else "")
        # Of an address only what is no secret: who writes a password into it is told elsewhere.
        where = where.rpartition("@")[2].partition("?")[0]
        where = where.removeprefix("https://").removeprefix("http://")
        return " ".join(filter(None, [self.driver, where, self.region]))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that nobody may see."""
        named = [
            value
            for name, value in self.options.items()
            if isinstance(value, str) and any(word in name for word in ("token", "key", "passw"))
        ]
        return tuple(each for each in (self.key, *named) if len(each) >= SHORTEST)


def arguments(account: Account) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The arguments of the driver's constructor, without OpenStack's `api_version`.

    Raises:
        ProviderError: They cannot be right.
    """
    words = {"timeout": TIMEOUT, **account.options}
    if account.openstack:
        words = _openstack(account, words)
    elif account.region:
        words.setdefault("region", account.region)
    given = (account.user, account.key) if account.key else (account.user,) if account.user else ()
    return given, words


def _openstack(account: Account, words: dict[str, Any]) -> dict[str, Any]:
    url = account.auth_url or words.get("ex_force_auth_url")
    if not url:
        raise ProviderError(
            "The cloud's identity service is not named, so nobody can be asked for a machine.",
            cause=FailureCause.CONFIG,
            hint="Set `auth_url` of the target, as in https://cloud.example.org:5000.",
        )
    try:
        words["ex_force_auth_url"] = identity_url(str(url))
    except ValueError as error:
        raise ProviderError(
            f"`auth_url` of the target cannot be used: {error}.",
            cause=FailureCause.CONFIG,
            hint="Write it as https://cloud.example.org:5000.",
        ) from error
    words.setdefault("ex_force_auth_version", AUTH_VERSION)
    if account.region:
        words.setdefault("ex_force_service_region", account.region)
    words.pop("api_version", None)
    return words


def driver_class(account: Account) -> type[Any]:
    """Libcloud's class of the driver; OpenStack's by its `api_version`.

    Raises:
        ProviderError: libcloud has no such driver, or cannot import it.
    """
    try:
        from libcloud.compute.providers import DRIVERS, get_driver
    except ImportError as error:
        raise ProviderError(
            "Machines of a cloud need apache-libcloud, which is not installed here.",
            cause=FailureCause.CONFIG,
            hint="Run `pip install 'jupyterhub-anywhere[cloud]'`.",
        ) from error
    name = account.driver.lower()
    if name not in DRIVERS:
        raise ProviderError(
            f"libcloud has no driver {account.driver}.",
            cause=FailureCause.CONFIG,
            hint=did_you_mean(name, map(str, DRIVERS)),
        )
    if name == OPENSTACK:
        return _openstack_class(str(account.options.get("api_version", API_VERSION)))
    try:
        found: type[Any] = get_driver(name)
    except Exception as error:
        # Some import libraries of their cloud, some are gone and say so by an error of their own.
        raise ProviderError(
            f"libcloud's driver {account.driver} cannot be used: {error}.",
            cause=FailureCause.CONFIG,
            hint="Install what it names.",
        ) from error
    return found


def _openstack_class(version: str) -> type[Any]:
    from libcloud.compute.drivers import openstack

    # libcloud's own choice is bound to the very class that is called, and a subclass gets none.
    classes = {
        "1.1": openstack.OpenStack_1_1_NodeDriver,
        **dict.fromkeys(("2.0", "2.1", "2.2"), openstack.OpenStack_2_NodeDriver),
    }
    if version not in classes:
        raise ProviderError(
            f"libcloud's OpenStack driver has no API version {version} that still works.",
            cause=FailureCause.CONFIG,
            hint=f"Leave `api_version` out; it is {API_VERSION} then.",
        )
    found: type[Any] = classes[version]
    return found


def userdata_limit(driver: str) -> int:
    """Bytes of user-data that a driver's clouds take."""
    return _USERDATA.get(driver.lower(), 16_384)
