"""Logging in: by clouds.yaml, also the one that the web console gives, or by the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.core.names import did_you_mean
from jupyterhub_anywhere.prepare.things import PrepareError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openstack.config.cloud_region import CloudRegion

_PASSWORD = "OS_PASSWORD"  # noqa: S105 - the name of a variable


def _sdk() -> Any:
    try:
        import openstack.config
    except ImportError as error:
        raise SurroundingsError(
            "The Python package openstacksdk is missing.",
            hint="Install it: pip install 'jupyterhub-anywhere[openstack]'",
        ) from error
    return openstack


def cloud_region(
    name: str | None, clouds: Path | None, ask: Callable[[str], str] | None
) -> CloudRegion:
    """What is needed to log in.

    Args:
        name: The cloud in clouds.yaml; None for `$OS_CLOUD`, the only one, or the environment.
        clouds: The file; None for the usual places.
        ask: Asks a person for a secret; None where there is nobody to ask.

    Raises:
        PrepareError: There is no such cloud, or its password is missing.
    """
    sdk = _sdk()
    from openstack.exceptions import ConfigException

    if clouds is not None and not clouds.is_file():
        raise PrepareError(f"There is no file {clouds}.", hint="Name another with --clouds FILE.")
    files = [str(clouds)] if clouds is not None else None
    try:
        found = sdk.config.OpenStackConfig(config_files=files, pw_func=_asker(ask))
        chosen = name or os.environ.get("OS_CLOUD") or _only(found)
        _known(chosen, found)
        overrides = _password(found, chosen)
        region: CloudRegion = found.get_one(cloud=chosen, **overrides)
    except (ConfigException, ValueError) as error:
        raise PrepareError(
            f"clouds.yaml cannot be used: {error}", hint="Download it anew from the web console."
        ) from error
    except Exception as error:
        # keystoneauth's own, for a login that lacks something; it is imported by then.
        from keystoneauth1.exceptions import ClientException

        if isinstance(error, ClientException):
            raise PrepareError(
                f"The login lacks something: {error}",
                hint=f"Write it into clouds.yaml, or set it in the environment ({_PASSWORD} for the"
                " password).",
            ) from error
        raise
    return region


def _asker(ask: Callable[[str], str] | None) -> Callable[[str], str] | None:
    return None if ask is None else lambda prompt: ask(prompt.rstrip(": "))


def _only(found: Any) -> str | None:
    """The cloud that is meant where none is named."""
    names = sorted(found.get_cloud_names())
    if len(names) == 1:
        return str(names[0])
    if not names or "envvars" in names or os.environ.get("OS_AUTH_URL"):
        if not os.environ.get("OS_AUTH_URL"):
            raise PrepareError(
                "There is no clouds.yaml, and no OS_AUTH_URL in the environment.",
                hint="Download clouds.yaml in the web console (API Access), and name it with"
                " --clouds FILE.",
            )
        return None
    raise PrepareError(
        f"clouds.yaml has several clouds: {', '.join(names)}.", hint="Name one with --cloud NAME."
    )


def _known(name: str | None, found: Any) -> None:
    names = found.get_cloud_names()
    if name and name not in names:
        raise PrepareError(
            f"There is no cloud {name} in clouds.yaml ({found.config_filename or 'none found'}).",
            hint=did_you_mean(name, names),
        )


def _password(found: Any, name: str | None) -> dict[str, Any]:
    """The password of the environment, for a cloud whose entry has none.

    The file that the web console gives has everything else.
    """
    word = os.environ.get(_PASSWORD)
    entry = found.cloud_config.get("clouds", {}).get(name or "", {})
    auth = entry.get("auth", {}) if isinstance(entry, dict) else {}
    if word and "password" not in auth and "username" in auth:
        return {"auth": {"password": word}}
    return {}


def credential_of(path: Path) -> tuple[str, str]:
    """Id and secret of an application credential, out of the clouds.yaml that came with it.

    Raises:
        PrepareError: There is none in it.
    """
    region = cloud_region(None, path, None)
    auth = region.config.get("auth", {})
    found = auth.get("application_credential_id"), auth.get("application_credential_secret")
    if not all(found):
        raise PrepareError(
            f"{path} has no application credential.",
            hint="Download the clouds.yaml that the web console offers right after making one.",
        )
    return str(found[0]), str(found[1])
