"""What is asked of any cloud, by the part of libcloud that all drivers have.

Blocking: each method runs in a thread, with the driver of that thread. Drivers with more to them
have a class of their own beside this one.
"""

from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from libcloud.compute.base import NodeDriver
from libcloud.compute.types import NodeState

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.provider import Machine, Power, Rest
from jupyterhub_anywhere.targets.machines.providers.libcloud.failures import NoneOfOurs, Refused
from jupyterhub_anywhere.targets.machines.providers.libcloud.lookups import Lookups, Thing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from jupyterhub_anywhere.targets.machines.provider import Volume, Wanted
    from jupyterhub_anywhere.targets.machines.providers.libcloud.account import Account

_POWERS: Final[Mapping[str, Power]] = {
    NodeState.PENDING: Power.BUILDING,
    NodeState.STARTING: Power.BUILDING,
    NodeState.RUNNING: Power.RUNNING,
    NodeState.REBOOTING: Power.RUNNING,
    NodeState.MIGRATING: Power.RUNNING,
    NodeState.UPDATING: Power.RUNNING,
    NodeState.RECONFIGURING: Power.RUNNING,
    NodeState.NORMAL: Power.RUNNING,
    NodeState.STOPPED: Power.STOPPED,
    NodeState.STOPPING: Power.STOPPED,
    NodeState.SUSPENDED: Power.STOPPED,
    NodeState.PAUSED: Power.STOPPED,
    NodeState.ERROR: Power.BROKEN,
    NodeState.TERMINATED: Power.GOING,
}
# A field of `Wanted` to the arguments by which drivers take it, the usual one first.
_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "userdata": ("ex_userdata", "ex_user_data", "user_data", "ex_customdata"),
    "marks": ("ex_metadata", "ex_tags"),
    "key": ("ex_keyname", "ex_key_name", "ex_keypair"),
    "security_groups": ("ex_security_groups",),
    "networks": ("networks", "ex_networks"),
    "config_drive": ("ex_config_drive",),
}


def matches(machine: Machine, marks: Mapping[str, str]) -> bool:
    """Whether a machine has all of some marks."""
    return all(machine.marks.get(name) == value for name, value in marks.items())


class Backend:
    """Any driver.

    Args:
        account: The cloud.
        lookups: Its lists.
    """

    longest_mark = 255
    """Characters of the value of a mark."""
    longest_mark_name = 255

    def __init__(self, account: Account, lookups: Lookups) -> None:
        self.account, self.lookups = account, lookups

    # --- who answers ---------------------------------------------------------------------------

    def source(self, driver: Any) -> str:
        """What has the machines: driver, host, account and region."""
        host = getattr(driver.connection, "host", "")
        region = self.account.region or getattr(driver, "region_name", "") or ""
        return ":".join([self.account.driver, str(host), self.account.user, str(region)])

    # --- machines ------------------------------------------------------------------------------

    def listed(self, driver: Any) -> Sequence[Machine]:
        """All machines that the credential can see."""
        return [self.machine_of(each) for each in self.nodes(driver)]

    def nodes(self, driver: Any) -> Sequence[Any]:
        """Libcloud's objects of all machines but those that are gone."""
        # Some clouds list what they have ended for an hour.
        return [each for each in driver.list_nodes() if each.state != NodeState.TERMINATED]

    def marked(self, driver: Any, marks: Mapping[str, str]) -> Sequence[Machine]:
        """All that have some marks."""
        return [each for each in self.listed(driver) if matches(each, marks)]

    def by_name(self, driver: Any, name: str, marks: Mapping[str, str]) -> Sequence[Machine]:
        """All of a name that have some marks."""
        return [each for each in self.marked(driver, marks) if each.name == name]

    def machine(self, driver: Any, machine_id: str) -> Machine | None:
        """One, by the listing: libcloud has no call for one that all drivers know."""
        return next((each for each in self.listed(driver) if each.id == machine_id), None)

    def node(self, driver: Any, machine_id: str) -> Any:
        """Libcloud's object of a machine; None where there is none."""
        return next((each for each in self.nodes(driver) if str(each.id) == machine_id), None)

    def machine_of(self, node: Any) -> Machine:
        """A machine from libcloud's object."""
        state = str(node.state)
        return Machine(
            id=str(node.id),
            name=str(node.name),
            power=_POWERS.get(node.state, Power.UNKNOWN),
            private=in_order(node.private_ips),
            public=in_order(node.public_ips),
            marks=marks_in(node.extra or {}),
            created=with_zone(getattr(node, "created_at", None)),
            state=state,
        )

    def create(self, driver: Any, wanted: Wanted, volumes: Sequence[Thing]) -> Machine:
        """Ask for a machine.

        Raises:
            Missing: A name that the cloud does not know.
            Refused: The driver cannot do what is wanted.
        """
        _ = volumes
        self.check_marks(wanted)
        node = driver.create_node(**self.words(driver, wanted))
        return self.machine_of(node)

    def words(self, driver: Any, wanted: Wanted) -> dict[str, Any]:
        """The arguments of `create_node`."""
        words: dict[str, Any] = {
            "name": wanted.name,
            "size": self.find("size", wanted.size, driver).raw,
            "image": self.find("image", wanted.image, driver).raw,
        }
        fields: dict[str, Any] = {
            "userdata": wanted.userdata,
            "marks": {**wanted.metadata, **wanted.marks},
            "key": wanted.key,
            "security_groups": list(wanted.security_groups),
            "networks": [self.find("network", each, driver).raw for each in wanted.networks],
            "config_drive": wanted.config_drive,
        }
        known = inspect.signature(driver.create_node).parameters
        for name, value in fields.items():
            if not value:
                continue
            found = next((each for each in _ARGUMENTS[name] if each in known), None)
            if found is None:
                raise self._cannot(name)
            words[found] = value
        if wanted.zone:
            words["location"] = self.find("zone", wanted.zone, driver).raw
        if wanted.floating_ip:
            raise self._cannot("floating_ip")
        if wanted.boot_volume:
            raise self._cannot("boot_volume")
        words.update(wanted.more)
        return words

    def _cannot(self, name: str) -> Refused:
        return Refused(
            f"libcloud's driver {self.account.driver} takes no {name.replace('_', ' ')}",
            hint=f"Leave `{name}` out; `create_options` passes what this driver has instead.",
        )

    def check_marks(self, wanted: Wanted) -> None:
        """Refuse marks and metadata that the cloud would cut or refuse.

        Raises:
            Refused: One is too long.
        """
        for name, value in {**wanted.metadata, **wanted.marks}.items():
            if len(name) > self.longest_mark_name or len(value) > self.longest_mark:
                raise Refused(
                    f"the metadata {name} is longer than a machine can have: {len(name)} and"
                    f" {len(value)} characters; {self.longest_mark_name} and"
                    f" {self.longest_mark} are the most",
                    hint="Shorten it.",
                )

    def mark(self, driver: Any, machine_id: str, marks: Mapping[str, str]) -> None:
        """Write marks on a machine beside those that it has.

        Raises:
            Refused: The driver cannot.
        """
        _ = (driver, machine_id, marks)
        raise Refused(
            f"libcloud's driver {self.account.driver} cannot mark a machine that is there already"
        )

    def destroy(self, driver: Any, machine_id: str) -> bool:
        """Remove a machine; True once the listing has it no more."""
        node = self.node(driver, machine_id)
        if node is not None and self.machine_of(node).power is not Power.GOING:
            driver.destroy_node(node)
        return node is None

    def rest(self, driver: Any, machine_id: str, how: Rest) -> bool:
        """Put a machine to rest; True once it does.

        Raises:
            Refused: The driver cannot do that.
        """
        calls = {Rest.STOP: ("stop_node", "ex_stop_node"), Rest.SUSPEND: ("ex_suspend_node",)}
        call = self._method(driver, *calls.get(how, ()), what=how.value)
        node = self._there(driver, machine_id)
        if self.machine_of(node).power is Power.STOPPED:
            return not self.still_writes(node)
        call(node)
        return False

    def still_writes(self, node: Any) -> bool:
        """Whether a machine that stops is not yet off: what its system writes would be lost."""
        return bool(node.state == NodeState.STOPPING)

    def wake(self, driver: Any, machine_id: str) -> None:
        """Start a machine that rests."""
        node = self._there(driver, machine_id)
        if self.machine_of(node).power is Power.STOPPED:
            names = ("ex_resume_node", "start_node", "ex_start_node")
            suspended = node.state in {NodeState.SUSPENDED, NodeState.PAUSED}
            self._method(driver, *(names if suspended else names[1:]), what="start")(node)

    def _there(self, driver: Any, machine_id: str) -> Any:
        node = self.node(driver, machine_id)
        if node is None:
            raise Refused(f"there is no machine {machine_id} any more")
        return node

    def _method(self, driver: Any, *names: str, what: str) -> Callable[[Any], Any]:
        """The first of some methods that a driver really has."""
        for name in names:
            method = getattr(driver, name, None)
            # The base class has those that raise NotImplementedError.
            own = getattr(type(driver), name, None)
            if method is not None and own is not getattr(NodeDriver, name, None):
                found: Callable[[Any], Any] = method
                return found
        raise Refused(
            f"libcloud's driver {self.account.driver} cannot {what} a machine",
            hint="Choose another `on_stop` for this target.",
        )

    def console(self, driver: Any, machine_id: str, lines: int) -> str:
        """The last lines of a console; empty where the driver has none."""
        call = getattr(driver, "ex_get_console_output", None)
        node = self.node(driver, machine_id) if call is not None else None
        if call is None or node is None:
            return ""
        answer = call(node)
        text = answer.get("output") if isinstance(answer, dict) else answer
        return last_lines(str(text or ""), lines)

    # --- volumes and addresses -----------------------------------------------------------------

    def volume(self, driver: Any, wanted: Volume, marks: Mapping[str, str]) -> Thing | None:
        """A volume of ours by its name; None where there is none.

        Raises:
            NoneOfOurs: The driver has no volumes.
            Refused: There are several of that name.
        """
        _ = (driver, wanted, marks)
        raise self._no_volumes()

    def _no_volumes(self) -> NoneOfOurs:
        return NoneOfOurs(
            f"volumes are not kept with libcloud's driver {self.account.driver}",
            hint="Leave `home_volume` out, or use openstack or ec2.",
        )

    def make_volume(
        self, driver: Any, wanted: Volume, marks: Mapping[str, str], zone: str
    ) -> Thing:
        """Make one.

        Raises:
            NoneOfOurs: The driver has no volumes.
        """
        _ = (driver, wanted, marks, zone)
        raise self._no_volumes()

    def volume_marks(self, volume: Thing) -> Mapping[str, str]:
        """The marks of one that was just found."""
        raise NotImplementedError

    def mark_volume(self, driver: Any, volume_id: str, marks: Mapping[str, str]) -> None:
        """Write marks on one beside those that it has."""
        raise NotImplementedError

    def volume_state(self, driver: Any, volume_id: str) -> str:
        """``available``, ``in-use``, ``gone``, or whatever the cloud says."""
        raise NotImplementedError

    def remove_volume(self, driver: Any, volume_id: str) -> None:
        """Remove one."""
        raise NotImplementedError

    def volume_limits(self, driver: Any) -> Mapping[str, Any]:
        """What volumes the project may have and has, in Cinder's words; empty for no word.

        Raises:
            NoneOfOurs: The driver has no volumes.
        """
        _ = driver
        raise self._no_volumes()

    def attach(self, driver: Any, machine_id: str, volumes: Sequence[Thing]) -> bool:
        """Attach what `create` has not; False while the machine cannot take it yet."""
        _ = (driver, machine_id)
        return not volumes

    def give_address(
        self, driver: Any, machine_id: str, pool: str, marks: Mapping[str, str]
    ) -> bool:
        """Give a machine a floating IP; False while it cannot take one yet."""
        _ = (driver, machine_id, pool, marks)
        return True

    def leftovers(
        self, driver: Any, marks: Mapping[str, str], present: Collection[str]
    ) -> Sequence[Machine]:
        """What machines with some marks have left that are gone themselves, see `Provider`."""
        _ = (driver, marks, present)
        return ()

    def take_addresses(self, driver: Any, machine_id: str) -> None:
        """Give its floating IPs back."""

    # --- what there is to choose from ----------------------------------------------------------

    def find(self, kind: str, name: str, driver: Any) -> Thing:
        """One of the cloud's things by name or id.

        Raises:
            Missing: It has none.
            Refused: It has several of that name, or the driver has no such things.
        """
        return self.lookups.find(kind, name, lambda: self.things(kind, driver))

    def things(self, kind: str, driver: Any) -> Sequence[Thing]:
        """All things of a kind, from the cloud.

        Raises:
            Refused: The driver has no such things.
        """
        calls = {
            "image": "list_images",
            "size": "list_sizes",
            "zone": "list_locations",
            "key pair": "list_key_pairs",
            "network": "ex_list_networks",
            "security group": "ex_list_security_groups",
        }
        call = getattr(driver, calls[kind], None)
        if call is None:
            raise Refused(f"libcloud's driver {self.account.driver} has no list of {kind}s")
        return [thing_of(each) for each in call()]


def thing_of(raw: Any) -> Thing:
    """An image, size or network as libcloud gives it."""
    if isinstance(raw, str):
        return Thing(raw, raw, raw)
    extra = getattr(raw, "extra", None) or {}
    name = str(getattr(raw, "name", "") or "")
    created = str(extra.get("created") or extra.get("creation_date") or "")
    return Thing(str(getattr(raw, "id", name)), name, raw, created)


def marks_in(extra: Mapping[str, Any]) -> dict[str, str]:
    """A machine's metadata or tags, in whichever shape a driver gives them."""
    for name in ("metadata", "tags", "labels"):
        value = extra.get(name)
        if isinstance(value, dict) and isinstance(value.get("items"), list):
            value = {each.get("key"): each.get("value") for each in value["items"]}
        if isinstance(value, dict) and value:
            return {str(key): str(each) for key, each in value.items()}
    return {}


def in_order(addresses: Iterable[Any]) -> tuple[str, ...]:
    """Addresses without doubles, IPv4 first."""
    found = [str(each) for each in dict.fromkeys(addresses or ()) if each]
    return tuple(sorted(found, key=lambda each: ":" in each))


def with_zone(moment: Any) -> datetime | None:
    """A time of day of the cloud, which means UTC where it does not say."""
    if not isinstance(moment, datetime):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def last_lines(text: str, lines: int) -> str:
    """The end of a text."""
    return "\n".join(text.splitlines()[-lines:]) if lines > 0 else ""


def whole_names(machines: Iterable[Machine], pattern: str) -> list[Machine]:
    """Those whose name matches as a whole.

    Raises:
        Refused: It is no pattern.
    """
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise Refused(
            f"{pattern} is no regular expression: {error}", cause=FailureCause.CONFIG
        ) from error
    return [each for each in machines if wanted.fullmatch(each.name)]
