"""The named volumes of a server: made with our labels, and told apart from folders."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from docker.errors import NotFound

from jupyterhub_anywhere.targets.docker import labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyterhub_anywhere.targets.docker.spawner import AnywhereDockerSpawner

_USER: Final = re.compile(r"\{(raw_|safe_)?username\}")
_SERVER: Final = re.compile(r"\{(raw_)?servername\}")


def templates(spawner: AnywhereDockerSpawner) -> Iterator[str]:
    """The templates of a spawner's named volumes; folders of the host are none."""
    yield from (each for each in spawner.volumes if _is_name(each))
    yield from (each for each in spawner.read_only_volumes if _is_name(each))
    for mount in spawner.mounts:
        if mount.get("type", "volume") == "volume" and mount.get("source"):
            yield str(mount["source"])


def names_for(spawner: AnywhereDockerSpawner) -> dict[str, str]:
    """The names of a spawner's volumes that hold its user's name, each with its template."""
    return {
        str(spawner.format_volume_name(each, spawner)): each
        for each in templates(spawner)
        if _USER.search(each)
    }


def of_server(template: str) -> bool:
    """Whether a volume of this template belongs to one server, and not to all of a user."""
    return _SERVER.search(template) is not None


def _is_name(source: str) -> bool:
    """Whether the source of a bind is the name of a volume."""
    return bool(source) and source[0] not in "/.~" and "\\" not in source


async def label_volumes(spawner: AnywhereDockerSpawner, host: dict[str, Any]) -> None:
    """Make the volumes of a new container that are not there yet, with our labels.

    The engine makes them too, but without labels. Those that are there stay as they are: a
    volume's labels cannot be changed.

    Args:
        spawner: Whose container it is.
        host: Its ``HostConfig``.
    """
    personal = names_for(spawner)
    for mount in host.get("Mounts") or ():
        if mount.get("Type") == "volume" and mount.get("Source"):
            options = mount.setdefault("VolumeOptions", None) or {}
            ours = _labels(spawner, mount["Source"], personal)
            theirs = options.get("Labels")
            mount["VolumeOptions"] = {**options, "Labels": labels.with_labels(theirs, ours)}
    for bind in host.get("Binds") or ():
        name = str(bind).partition(":")[0]
        if not _is_name(name):
            continue
        try:
            await spawner.docker("inspect_volume", name)
        except NotFound:
            await spawner.docker(
                "create_volume",
                name,
                driver=host.get("VolumeDriver") or None,
                labels=_labels(spawner, name, personal),
            )


def _labels(spawner: AnywhereDockerSpawner, name: str, personal: dict[str, str]) -> dict[str, str]:
    owner = spawner.owner.labels()
    if name not in personal:
        # One for all: it belongs to nobody.
        del owner[labels.USER]
    if name not in personal or not of_server(personal[name]):
        del owner[labels.SERVER]
    return owner
