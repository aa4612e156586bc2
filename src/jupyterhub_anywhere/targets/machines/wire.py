"""What machines send, checked for its shape: an object of known fields, or it is refused.

Pure. Unknown fields are left out, so that an agent of a later version is understood.
"""

from __future__ import annotations

import json
from typing import Any, Final

MOST_BODY: Final = 256 * 1024
_TEXT: Final = 8192
_LINES: Final = 64
_PORTS: Final = 65535

_MACHINE_TEXTS: Final = (
    "hostname",
    "agent",
    "python",
    "singleuser",
    "singleuser_python",
    "boot",
    "csr",
    "failed",
)
STAGES: Final = frozenset(
    {
        "booted",
        "configured",
        "redeemed",
        "installing",
        "starting",
        "listening",
        "running",
        "idle",
        "failed",
        "ended",
        "leaving",
    }
)


class ShapeError(ValueError):
    """What came is not what an agent sends; its text names the field, and not what was in it."""


def parsed(body: bytes) -> dict[str, Any]:
    """The object in a body.

    Raises:
        ShapeError: It is too long, no JSON, or no object.
    """
    if len(body) > MOST_BODY:
        raise ShapeError(f"the body has more than {MOST_BODY} bytes")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ShapeError("the body is no JSON") from error
    if not isinstance(data, dict):
        raise ShapeError("the body is no object")
    return data


def machine_of(data: dict[str, Any]) -> dict[str, Any]:
    """What a machine says of itself.

    Raises:
        ShapeError: A field is not what it has to be.
    """
    machine = data.get("machine")
    if not isinstance(machine, dict):
        raise ShapeError("machine is no object")
    found: dict[str, Any] = {name: _text(machine, name) for name in _MACHINE_TEXTS}
    for name in ("addresses", "host_keys"):
        found[name] = _texts(machine, name)
    return found


def report_of(data: dict[str, Any]) -> dict[str, Any]:
    """How far a machine is.

    Raises:
        ShapeError: A field is not what it has to be.
    """
    stage = data.get("stage")
    if not isinstance(stage, str) or stage not in STAGES:
        raise ShapeError("stage is none that this hub knows")
    servers = _texts(data, "servers")
    return {
        "stage": stage,
        "detail": _text(data, "detail") or "",
        "cause": (_text(data, "cause") or "")[:40],
        "port": _number(data, "port", 1, _PORTS),
        "status": _number(data, "status", -64, 255),
        "log": _texts(data, "log"),
        "host_keys": _texts(data, "host_keys"),
        # Half a list says of nobody that it is not there.
        "servers": servers if 0 < len(servers) < _LINES else None,
    }


def _text(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ShapeError(f"{name} is no text")
    # Half a character of UTF-16 can be written in JSON, and in no database.
    return value[:_TEXT].encode("utf-8", "replace").decode().replace("\0", "")


def _texts(data: dict[str, Any], name: str) -> list[str]:
    value = data.get(name) or []
    if not isinstance(value, list):
        raise ShapeError(f"{name} is no list")
    return [_text({name: each}, name) or "" for each in value[-_LINES:]]


def _number(data: dict[str, Any], name: str, least: int, most: int) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ShapeError(f"{name} is no number from {least} to {most}")
    return value
