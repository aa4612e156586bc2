"""What `anywhere doctor` finds at a cloud, and of the way from its machines to the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.errors import AnywhereError
from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.core.loopback import is_loopback
from jupyterhub_anywhere.targets.machines import seen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.targets.machines.kind import CloudTarget

# Traits whose values are names at the cloud, and the one that needs a service of its own.
_HOME: Final = "home_volume"
NAMES: Final = (
    *("image", "size", "networks", "key", "security_groups", "zone", "floating_ip"),
    _HOME,
)


async def findings(target: CloudTarget) -> Sequence[Finding]:
    """The cloud, what the target's own `spawner` names there, and what its machines had of late."""
    declared = target.declared.spawner
    found = await _of_provider(target, {x: [declared[x]] for x in NAMES if declared.get(x)})
    return [*found, *seen.findings(target.site.state.hub, target.name)]


async def choice_findings(target: CloudTarget, trait: str, value: Any) -> Sequence[Finding]:
    """A value that profiles set; what the cloud itself tells is told by `findings`."""
    if trait not in NAMES or not value:
        return ()
    subject = f"target {target.name}: {trait} {value}"
    found = await _of_provider(target, {trait: [value]})
    own = [each for each in found if trait in each.subject]
    worse = [each for each in own if each.level is not Level.OK]
    if worse or trait == _HOME:
        return worse or own
    return [Finding(Level.OK, subject, "it is there")]


async def profile_findings(
    target: CloudTarget, chosen: Sequence[Mapping[str, Any]]
) -> Sequence[Finding]:
    """Sizes that are too small for an image that can be chosen with them."""
    found = [{**target.declared.spawner, **each} for each in chosen]
    pairs = {
        (str(each["image"]), str(each["size"]))
        for each in found
        # Else the size's own disk is not what it boots from.
        if each.get("image") and each.get("size") and not each.get("boot_volume")
    }
    if not pairs:
        return ()
    try:
        return await target.place.provider.misfits(pairs)
    except AnywhereError:
        return ()  # told by `findings`


async def _of_provider(
    target: CloudTarget, choices: Mapping[str, Sequence[Any]]
) -> Sequence[Finding]:
    try:
        return await target.place.provider.findings(choices)
    except AnywhereError as error:
        return [Finding(Level.ERROR, f"target {target.name}", error.message, error.hint)]


async def hub_findings(
    target: CloudTarget,
    url: str,
    choices: Mapping[str, Sequence[Any]],  # noqa: ARG001 - as of all kinds
) -> Sequence[Finding]:
    """Whether machines have an address of the hub that can be theirs.

    Args:
        target: The target.
        url: The hub's API on this machine.
        choices: Trait to the values that profiles set.
    """
    return [address_finding(target, target.own.internal_url or url)]


def address_finding(target: CloudTarget, url: str) -> Finding:
    """What can be said of an address without a machine to try it from."""
    subject = f"target {target.name}: hub"
    parts = urlsplit(url)
    if is_loopback(parts.hostname or ""):
        return Finding(
            Level.ERROR,
            subject,
            f"machines would ask for the hub at {url}, which is each machine itself",
            "Set internal_url of the target, or hub.internal_url, to an address of this machine"
            " that they reach.",
        )
    if parts.scheme != "https" and not target.own.insecure:
        return Finding(
            Level.ERROR,
            subject,
            f"machines would ask for the hub at {url}, plain http: everybody on the way may read"
            " the tokens of servers",
            "Serve it by https and name its authority in `ca`, or say insecure: true.",
        )
    if parts.scheme != "https":
        return Finding(
            Level.WARNING,
            subject,
            f"machines reach the hub at {url}, plain http",
            "Serve it by https where the network is not yours alone.",
        )
    return Finding(Level.OK, subject, f"machines are told {url}")
