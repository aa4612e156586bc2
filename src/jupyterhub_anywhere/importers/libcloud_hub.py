"""Where machines reach a hub, by what its ``jupyterhub_config.py`` says; as JupyterHub reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

# JupyterHub's own defaults.
_IP: Final = "127.0.0.1"
_PORT: Final = 8081
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104 - read, not bound
# What is read of the section JupyterHub.
NAMES: Final = (
    "hub_connect_url",
    "hub_connect_ip",
    "hub_connect_port",
    "hub_bind_url",
    "hub_ip",
    "hub_port",
    "internal_ssl",
)


def hub_address(hub: Mapping[str, Any], hostname: str) -> tuple[str, str]:
    """The address of the hub's API as machines see it, and the option that says so.

    Args:
        hub: The section ``JupyterHub``.
        hostname: The name of the hub's machine, which counts where the hub listens everywhere.

    Returns:
        ``https://10.0.0.1:8081`` without a path, and a name; the address is empty where it is one
        that only the hub's own machine can reach.
    """
    source = next((name for name in NAMES[:-1] if hub.get(name)), "hub_ip")
    parts = urlsplit(_text(hub, "hub_connect_url") or _text(hub, "hub_bind_url"))
    port: Any
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", source
    if not parts.netloc:
        host, port = _text(hub, "hub_ip") or _IP, hub.get("hub_port")
    if not hub.get("hub_connect_url"):
        host = _text(hub, "hub_connect_ip") or host
        port = hub.get("hub_connect_port") or port
    if host in _EVERYWHERE:
        host = hostname
    if not host or is_loopback(host):
        return "", source
    scheme = "https" if hub.get("internal_ssl") or parts.scheme == "https" else "http"
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port or _PORT}", source


def _text(section: Mapping[str, Any], name: str) -> str:
    value = section.get(name)
    return value if isinstance(value, str) else ""
