"""What is asked of EC2: instances, with their tags as marks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from libcloud.common.exceptions import BaseHTTPError
from libcloud.compute.types import NodeState

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines import marks as marking
from jupyterhub_anywhere.targets.machines.provider import Machine, Power
from jupyterhub_anywhere.targets.machines.providers.libcloud.backend import Backend, marks_in
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import Refused
from jupyterhub_anywhere.targets.machines.providers.libcloud.lookups import Thing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.targets.machines.provider import Volume, Wanted

# libcloud takes the states between for unknown ones.
_POWERS: Final[Mapping[str, Power]] = {
    "stopping": Power.STOPPED,
    "shutting-down": Power.GOING,
}
_NAME: Final = "Name"
# Under these, instances see the first and the second volume; what the kernel makes of it differs.
_DEVICES: Final = tuple(f"/dev/sd{letter}" for letter in "fghijklmnop")
_GONE: Final = ("InvalidInstanceID.NotFound", "InvalidVolume.NotFound")


@dataclass(frozen=True, slots=True)
class _Ref:
    """What libcloud's `create_node` wants of an image or size."""

    id: str


class Ec2Backend(Backend):
    """EC2, and what answers as it does."""

    longest_mark = 256
    longest_mark_name = 127

    def marked(self, driver: Any, marks: Mapping[str, str]) -> Sequence[Machine]:
        """All that have some marks; EC2 itself looks for them."""
        # An empty value is one that the filter cannot ask for.
        asked = {f"tag:{name}": value for name, value in marks.items() if value}
        machines = [self.machine_of(each) for each in self._nodes(driver, asked)]
        wanted = marks.items()
        return [each for each in machines if wanted <= each.marks.items()]

    def by_name(self, driver: Any, name: str, marks: Mapping[str, str]) -> Sequence[Machine]:
        """All of a name that have some marks."""
        return self.marked(driver, {**marks, _NAME: name})

    def _nodes(self, driver: Any, filters: Mapping[str, str]) -> list[Any]:
        # EC2 goes on to list what it has ended for an hour.
        found = driver.list_nodes(ex_filters=dict(filters) or None)
        return [each for each in found if each.state != NodeState.TERMINATED]

    def node(self, driver: Any, machine_id: str) -> Any:
        """Libcloud's object of an instance; None where there is none."""
        try:
            found = driver.list_nodes(ex_node_ids=[machine_id])
        except BaseHTTPError as error:
            if any(each in str(error) for each in _GONE):
                return None
            raise
        return next((each for each in found if each.state != NodeState.TERMINATED), None)

    def machine(self, driver: Any, machine_id: str) -> Machine | None:
        """One instance; None where EC2 says that there is none, or that it is terminated."""
        node = self.node(driver, machine_id)
        return None if node is None else self.machine_of(node)

    def machine_of(self, node: Any) -> Machine:
        """A machine from libcloud's object."""
        made = super().machine_of(node)
        state = str(node.extra.get("status") or made.state)
        return replace(made, state=state, power=_POWERS.get(state, made.power))

    def still_writes(self, node: Any) -> bool:
        """Whether a machine that stops is not yet off; libcloud has no word of its own for it."""
        return bool(node.extra.get("status") == "stopping")

    def words(self, driver: Any, wanted: Wanted) -> dict[str, Any]:
        """The arguments of `create_node`."""
        start = sorted(marking.start_of(wanted.marks).items())
        token = hashlib.sha256(f"{wanted.name}\0{start}".encode()).hexdigest()
        words: dict[str, Any] = {
            "name": wanted.name,
            # Its list of types is a file of libcloud's, and older than they are.
            "size": _Ref(wanted.size),
            "image": self.find("image", wanted.image, driver).raw,
            "ex_userdata": wanted.userdata or None,
            "ex_metadata": {**wanted.metadata, **wanted.marks},
            "ex_keyname": wanted.key or None,
            "ex_security_groups": list(wanted.security_groups) or None,
            # EC2 makes one instance for one such token, however often it is asked.
            "ex_clienttoken": token if start else None,
        }
        self._place(driver, wanted, words)
        words.update(wanted.more)
        return {name: value for name, value in words.items() if value is not None}

    def _place(self, driver: Any, wanted: Wanted, words: dict[str, Any]) -> None:
        if len(wanted.networks) > 1:
            raise Refused(
                f"an instance of EC2 is in one subnet, and {len(wanted.networks)} are named",
                hint="Name one in `networks`.",
            )
        if wanted.floating_ip:
            raise self._cannot("floating_ip")
        if wanted.networks:
            words["ex_subnet"] = self.find("network", wanted.networks[0], driver).raw
            groups = [self.find("security group", x, driver) for x in wanted.security_groups]
            # In a subnet EC2 knows groups by their ids alone.
            words["ex_security_groups"] = None
            words["ex_security_group_ids"] = [each.id for each in groups] or None
        if wanted.zone:
            words["location"] = self.find("zone", wanted.zone, driver).raw
        if wanted.boot_volume:
            root = words["image"].extra.get("root_device_name") or "/dev/sda1"
            size = {"VolumeSize": wanted.boot_volume, "DeleteOnTermination": "true"}
            words["ex_blockdevicemappings"] = [{"DeviceName": root, "Ebs": size}]

    def mark(self, driver: Any, machine_id: str, marks: Mapping[str, str]) -> None:
        """Write tags of an instance; an empty value takes one away."""
        kept = {name: value for name, value in marks.items() if value}
        if kept:
            self._tag(driver, "CreateTags", machine_id, kept)
        dropped = dict.fromkeys(marks.keys() - kept.keys(), "")
        if dropped:
            self._tag(driver, "DeleteTags", machine_id, dropped)

    @staticmethod
    def _tag(driver: Any, action: str, thing: str, tags: Mapping[str, str]) -> None:
        # EC2 counts from 1; libcloud's own call counts from 0, and EC2 takes that from nobody else.
        params = {"Action": action, "ResourceId.1": thing, **_numbered("Tag", tags)}
        driver.connection.request(driver.path, params=params)

    # --- volumes -------------------------------------------------------------------------------

    def volume(self, driver: Any, wanted: Volume, marks: Mapping[str, str]) -> Thing | None:
        """A volume of ours by its name.

        Raises:
            Refused: There are several.
        """
        asked = {f"tag:{name}": value for name, value in marks.items() if value}
        found = driver.list_volumes(ex_filters={"tag:Name": wanted.name, **asked})
        own = [each for each in found if str(each.extra.get("state")) != "deleting"]
        if len(own) > 1:
            ids = ", ".join(sorted(each.id for each in own))
            raise Refused(
                f"there are {len(own)} volumes {wanted.name} ({ids})",
                cause=FailureCause.NAME_CONFLICT,
                hint="Look which has the files, and rename the others.",
            )
        return Thing(own[0].id, wanted.name, own[0]) if own else None

    def volume_limits(self, driver: Any) -> Mapping[str, Any]:
        """EC2 tells no limits where it tells volumes."""
        _ = driver
        return {}

    def make_volume(
        self, driver: Any, wanted: Volume, marks: Mapping[str, str], zone: str
    ) -> Thing:
        """Make a volume, with its tags by the same call: one without would be nobody's.

        Raises:
            Refused: Nobody said where.
        """
        if not zone:
            raise Refused(
                f"the volume {wanted.name} has to be in the zone of its machine, and none is named",
                hint="Set `zone`.",
            )
        tags = {_NAME: wanted.name, **{key: each for key, each in marks.items() if each}}
        params: dict[str, Any] = {
            "Action": "CreateVolume",
            "Size": str(wanted.size),
            "AvailabilityZone": zone,
            "VolumeType": wanted.kind or "gp3",
            "TagSpecification.1.ResourceType": "volume",
            **_numbered("TagSpecification.1.Tag", tags),
        }
        answer = driver.connection.request(driver.path, params=params).object
        made = driver._to_volume(answer, name=wanted.name)  # noqa: SLF001 - its create writes no tags
        return Thing(made.id, wanted.name, made)

    def volume_marks(self, volume: Thing) -> Mapping[str, str]:
        """The tags of one that was just found."""
        return marks_in(volume.raw.extra)

    def mark_volume(self, driver: Any, volume_id: str, marks: Mapping[str, str]) -> None:
        """Write tags of a volume."""
        self._tag(driver, "CreateTags", volume_id, marks)

    def volume_state(self, driver: Any, volume_id: str) -> str:
        """EC2's word for its state, or ``gone``."""
        found = driver.list_volumes(ex_filters={"volume-id": volume_id})
        return str(found[0].extra.get("state")) if found else "gone"

    def remove_volume(self, driver: Any, volume_id: str) -> None:
        """Remove a volume; nothing where it is gone."""
        try:
            driver.destroy_volume(_Ref(volume_id))
        except BaseHTTPError as error:
            if not any(each in str(error) for each in _GONE):
                raise

    def attach(self, driver: Any, machine_id: str, volumes: Sequence[Thing]) -> bool:
        """Attach volumes; False while the instance does not run yet."""
        machine = self.machine(driver, machine_id)
        if machine is None:
            raise Refused(f"the machine {machine_id} is gone before its volumes were attached")
        if machine.power is not Power.RUNNING:
            return False
        for device, each in zip(_DEVICES, volumes, strict=False):
            if self.volume_state(driver, each.id) != "in-use":
                driver.attach_volume(_Ref(machine_id), _Ref(each.id), device)
        return True

    # --- what there is to choose from ----------------------------------------------------------

    def find(self, kind: str, name: str, driver: Any) -> Thing:
        """One of the things by name or id; images are too many to list."""
        if kind != "image":
            return super().find(kind, name, driver)
        return self.lookups.find(kind, name, lambda: self._images(driver, name), of=name)

    def _images(self, driver: Any, name: str) -> list[Thing]:
        ids = name.startswith(("ami-", "emi-"))
        found = driver.list_images(
            ex_image_ids=[name] if ids else None, ex_filters=None if ids else {"name": name}
        )
        return [
            Thing(each.id, str(each.name), each, str(each.extra.get("creation_date") or ""))
            for each in found
        ]

    def things(self, kind: str, driver: Any) -> Sequence[Thing]:
        """All things of a kind."""
        if kind == "network":
            return [
                Thing(each.id, str(each.extra.get("tags", {}).get(_NAME) or each.name), each)
                for each in driver.ex_list_subnets()
            ]
        if kind == "security group":
            found = driver.ex_get_security_groups()
            return [Thing(each.id, each.name, each) for each in found]
        if kind == "zone":
            return [Thing(each.name, each.name, each) for each in driver.list_locations()]
        return super().things(kind, driver)


def _numbered(prefix: str, tags: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, (name, value) in enumerate(tags.items(), start=1):
        found[f"{prefix}.{number}.Key"] = name
        if value:
            found[f"{prefix}.{number}.Value"] = value
    return found
