"""Volumes of OpenStack's Cinder that outlive machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from libcloud.common.exceptions import BaseHTTPError

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import marks_in
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import NoneOfOurs, Refused
from jupyterhub_anywhere.targets.machines.providers.libcloud.lookups import Thing
from jupyterhub_anywhere.targets.machines.providers.libcloud.openstack import (
    OpenStackBackend,
    own_404,
)
from jupyterhub_anywhere.targets.machines.providers.libcloud.paging import pages

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.targets.machines.provider import Volume

GONE = "gone"


class WithVolumes(OpenStackBackend):
    """OpenStack with Cinder."""

    def volume(self, driver: Any, wanted: Volume, marks: Mapping[str, str]) -> Thing | None:
        """A volume of ours by its name.

        Raises:
            NoneOfOurs: One of that name is somebody else's, or there are no volumes here.
            Refused: There are several.
        """
        found = self._named(driver, wanted.name)
        own = [each for each in found if _has(each, marks)]
        if found and not own:
            raise NoneOfOurs(
                f"the volume {wanted.name} is there, but is not of this hub and user",
                cause=FailureCause.NAME_CONFLICT,
                hint="Rename it, or give it the metadata of this hub: "
                + ", ".join(f"{name}={value}" for name, value in marks.items()),
            )
        if len(own) > 1:
            ids = ", ".join(sorted(str(each["id"]) for each in own))
            raise Refused(
                f"there are {len(own)} volumes {wanted.name} ({ids})",
                cause=FailureCause.NAME_CONFLICT,
                hint="Look which has the files, and rename the others.",
            )
        return Thing(str(own[0]["id"]), wanted.name, own[0]) if own else None

    def make_volume(
        self, driver: Any, wanted: Volume, marks: Mapping[str, str], zone: str
    ) -> Thing:
        """Make a volume."""
        body: dict[str, Any] = {
            "name": wanted.name,
            "size": wanted.size,
            # libcloud's own call writes a metadata of its own, and lets nobody write another.
            "metadata": dict(marks),
        }
        if wanted.kind:
            body["volume_type"] = wanted.kind
        if zone:
            body["availability_zone"] = zone
        connection = _connection(driver)
        answer = connection.request("/volumes", method="POST", data={"volume": body}).object
        return Thing(str(answer["volume"]["id"]), wanted.name, answer["volume"])

    def volume_marks(self, volume: Thing) -> Mapping[str, str]:
        """The metadata of one that was just found."""
        return marks_in(volume.raw)

    def mark_volume(self, driver: Any, volume_id: str, marks: Mapping[str, str]) -> None:
        """Write metadata of a volume; PUT would take all other away."""
        path = f"{_path(volume_id)}/metadata"
        _connection(driver).request(path, method="POST", data={"metadata": dict(marks)})

    def volume_state(self, driver: Any, volume_id: str) -> str:
        """Cinder's word for its state, or ``gone``."""
        try:
            answer = _connection(driver).request(_path(volume_id)).object
        except BaseHTTPError as error:
            if own_404(error):
                return GONE
            raise
        return str(answer["volume"]["status"])

    def remove_volume(self, driver: Any, volume_id: str) -> None:
        """Remove a volume; nothing where it is gone."""
        self._request(_connection(driver), _path(volume_id), "DELETE")

    def volume_limits(self, driver: Any) -> Mapping[str, Any]:
        """Cinder's limits."""
        found: dict[str, Any] = _connection(driver).request("/limits").object["limits"]["absolute"]
        return found

    def attach(self, driver: Any, machine_id: str, volumes: Sequence[Thing]) -> bool:
        """True: Nova attaches them while it builds the machine."""
        _ = (driver, machine_id, volumes)
        return True

    def _named(self, driver: Any, name: str) -> list[dict[str, Any]]:
        found = pages(_connection(driver), "/volumes/detail", "volumes", {"name": name})
        return [each for each in found if each.get("name") == name]


def _connection(driver: Any) -> Any:
    found = getattr(driver, "volumev3_connection", None)
    if found is None:
        raise NoneOfOurs(
            "volumes need OpenStack's own API for them",
            hint="Leave `api_version` of the target's options out.",
        )
    return found


def _path(volume_id: str) -> str:
    return f"/volumes/{quote(volume_id, safe='')}"


def _has(volume: Mapping[str, Any], marks: Mapping[str, str]) -> bool:
    own = volume.get("metadata") or {}
    return all(own.get(name) == value for name, value in marks.items())
