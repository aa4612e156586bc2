"""What a provider is constructed with, from a target's keys or from a spawner's traits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.config.secrets import resolve_secrets
from jupyterhub_anywhere.targets.machines.provider import Access

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyterhub_anywhere.targets.machines.settings import CloudSettings

# Keys of `driver_params` that are none of the driver's own parameters.
_OURS: Final = ("user", "key", "auth_url", "region", "same_name", "verify")


def access_of(provider: str, driver: str, params: Mapping[str, Any]) -> Access:
    """Of a spawner that is used alone.

    Args:
        provider: The provider's name.
        driver: libcloud's driver.
        params: The trait ``driver_params``.

    Raises:
        SecretUnavailableError: A value that is a secret cannot be read.
    """
    given: dict[str, Any] = dict(resolve_secrets(params))
    own = {name: given.pop(name) for name in _OURS if name in given}
    verify = own.pop("verify", True)
    return Access(
        title=provider,
        driver=driver,
        options=given,
        verify=verify if isinstance(verify, bool) else str(verify),
        **{name: str(value) for name, value in own.items() if value is not None},
    )


def access_of_target(name: str, own: CloudSettings, base: Path) -> Access:
    """Of a target.

    Args:
        name: The target's name.
        own: Its keys.
        base: The folder that relative paths start from.

    Raises:
        SecretUnavailableError: A secret cannot be read.
    """
    return Access(
        title=f"target {name}",
        driver=own.driver,
        user=resolve_secrets(own.user, base),
        key=resolve_secrets(own.key, base),
        auth_url=own.auth_url or "",
        region=own.region or "",
        options=resolve_secrets(own.options, base),
        verify=str(base / own.verify) if isinstance(own.verify, Path) else own.verify,
        same_name=own.same_name,
    )
