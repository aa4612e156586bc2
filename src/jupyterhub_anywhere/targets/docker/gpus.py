"""Which GPUs a server gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

ALL: Final = "all"
# What a server may ask for: a number, `all`, or devices by index or id.
Wanted = int | str | list[str]


def choose(wanted: Wanted, devices: Sequence[str], held: Collection[str]) -> tuple[str, ...]:
    """Choose devices for one server.

    Args:
        wanted: What it asks for.
        devices: The devices that the target gives out.
        held: Those that other servers hold.

    Returns:
        Distinct devices; empty where none is asked for.

    Raises:
        StartError: Not so many are free, or a device is not given out here.
    """
    if isinstance(wanted, list):
        unknown = [each for each in wanted if each not in devices]
        if unknown:
            raise StartError(
                f"There is no GPU {', '.join(unknown)} here. Choose among {', '.join(devices)}.",
                reason="gpu",
            )
        taken = [each for each in wanted if each in held]
        if taken:
            raise StartError(_none_free(len(taken), taken), reason="gpu")
        return tuple(dict.fromkeys(wanted))
    count = len(devices) if wanted == ALL else int(wanted)
    free = [each for each in devices if each not in held]
    if count > len(devices):
        raise StartError(
            f"This place has {len(devices)} GPUs, and {count} are asked for. Choose fewer.",
            reason="gpu",
        )
    if count > len(free):
        raise StartError(_none_free(count - len(free), held), reason="gpu")
    return tuple(free[:count])


def _none_free(missing: int, held: Collection[str]) -> str:
    return (
        f"{missing} of the GPUs asked for {'is' if missing == 1 else 'are'} in use by other servers"
        f" ({len(held)} in use). Choose fewer, or try again when one has stopped."
    )


def device_request(wanted: Wanted, chosen: Sequence[str]) -> dict[str, Any] | None:
    """One entry of ``HostConfig.DeviceRequests``, as ``docker run --gpus`` makes it.

    Args:
        wanted: What the server asks for.
        chosen: The devices that were chosen for it; empty where the engine chooses.
    """
    devices = list(chosen) or (list(wanted) if isinstance(wanted, list) else [])
    if devices:
        return {"Driver": "", "Count": 0, "DeviceIDs": devices, "Capabilities": [["gpu"]]}
    if not wanted:
        return None
    count = -1 if wanted == ALL else int(str(wanted))
    return {"Driver": "", "Count": count, "DeviceIDs": None, "Capabilities": [["gpu"]]}
