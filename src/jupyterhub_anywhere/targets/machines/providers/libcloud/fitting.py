"""Whether a size has room for an image, by the rules of Nova's own refusal. Pure.

The rules: `nova/compute/api.py`, ``_validate_flavor_image_nostatus``, of OpenStack 2025.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_GIB: Final = 1 << 30


def lacking(image: Mapping[str, Any], flavor: Mapping[str, Any]) -> str:
    """What a size has too little of; empty where it fits, or nobody can tell.

    Args:
        image: As Glance tells it: ``min_ram`` in MiB, ``min_disk`` in GiB, ``size`` and
            ``virtual_size`` in bytes.
        flavor: As Nova tells it: ``ram`` in MiB, ``disk`` in GiB; a disk of 0 is as large as the
            image.
    """
    memory, needed = _number(flavor, "ram"), _number(image, "min_ram")
    if memory < needed:
        return f"{memory} of {needed} MiB memory"
    disk = _number(flavor, "disk")
    size = max(_number(image, "size"), _number(image, "virtual_size"))
    room = max(_number(image, "min_disk"), -(-size // _GIB))
    if 0 < disk < room:
        return f"{disk} of {room} GiB disk"
    return ""


def _number(thing: Mapping[str, Any], name: str) -> int:
    value = thing.get(name)
    return int(value) if isinstance(value, int | float) else 0
