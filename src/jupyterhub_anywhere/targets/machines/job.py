"""What a machine is told to run: the job that its agent gets for a ticket. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.names import slug
from jupyterhub_anywhere.targets.machines import versions
from jupyterhub_anywhere.targets.machines.waiting import JobRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Stands in JUPYTERHUB_SERVICE_URL until the agent has found a free port.
PORT: Final = "{port}"


def unit_name(server: str, user: str) -> str:
    """What the unit of a server is called on its machine, as a slug.

    Args:
        server: The server's name, empty for the default one.
        user: Whose.
    """
    return slug(f"{user}/{server}" if server else user)


def with_port(environment: Mapping[str, str], address: str, prefix: str) -> dict[str, str]:
    """An environment whose server listens where its agent says.

    Args:
        environment: As JupyterHub makes it.
        address: Where it listens: all addresses, or loopback where the agent dials out.
        prefix: The path of the server, as ``/user/ann/``.
    """
    scheme = (
        "https" if environment.get("JUPYTERHUB_SERVICE_URL", "").startswith("https") else "http"
    )
    return {**environment, "JUPYTERHUB_SERVICE_URL": f"{scheme}://{address}:{PORT}{prefix}"}


def install_plan(
    declared: Mapping[str, Any], machine: Mapping[str, Any], version: str
) -> dict[str, Any] | None:
    """What the agent is to install; None where Jupyter is there.

    Args:
        declared: The trait ``install``.
        machine: What the machine says of itself.
        version: The hub's.

    Raises:
        JobRefusedError: Jupyter is missing, and nothing may be installed.
    """
    old = versions.too_old(machine, version)
    if machine.get("singleuser") and not old:
        return None
    if declared.get("enabled", True) is not True:
        if old:
            raise JobRefusedError(old)
        raise JobRefusedError(
            "The machine has no jupyterhub-singleuser on its PATH. Please tell the administrator:"
            f" the image needs `pip install jupyterhub=={version} jupyterlab`, or the target"
            " `install: {enabled: true}`."
        )
    packages: Sequence[str] = declared.get("packages") or ["jupyterlab"]
    return {
        "version": version,
        # One that is too old would be found where it is looked for.
        "always": bool(old),
        "packages": [str(each) for each in packages],
        "environment": pip_environment(declared),
    }


def pip_environment(declared: Mapping[str, Any]) -> dict[str, str]:
    """From where pip installs on a machine, and that nobody is there to be asked.

    Wheels alone are all that there is: a machine without a way to an index does not look for one.

    Args:
        declared: The trait ``install``.
    """
    index, wheels = (str(declared.get(name) or "") for name in ("index", "wheels"))
    found = {"PIP_NO_INPUT": "1", "PIP_INDEX_URL": index, "PIP_FIND_LINKS": wheels}
    found["PIP_NO_INDEX"] = "1" if wheels and not index else ""
    if declared.get("insecure") is True:
        plain = (urlsplit(each) for each in (index, wheels) if each.startswith("http:"))
        found["PIP_TRUSTED_HOST"] = " ".join(each.hostname or "" for each in plain)
    return {name: value for name, value in found.items() if value}
