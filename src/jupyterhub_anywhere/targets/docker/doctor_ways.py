"""What ``anywhere doctor`` looks at of the ways between containers and the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.base import Finding, Level
from jupyterhub_anywhere.targets.docker import network
from jupyterhub_anywhere.targets.docker.doctor_images import image_of, image_there
from jupyterhub_anywhere.targets.docker.doctor_words import owner, subject_of, unreachable
from jupyterhub_anywhere.targets.docker.probing import LookError, Seen, look

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from jupyterhub_anywhere.targets.docker.kind import DockerTarget

    Ask = Callable[..., Awaitable[Any]]


async def network_findings(target: DockerTarget, ask: Ask, name: str) -> list[Finding]:
    """Whether a network is there, and ends on this machine."""
    subject = subject_of(target, f"network {name}")
    if name == "host":
        text = "Containers share the machine's own network."
        return [Finding(Level.OK, subject, text)]
    try:
        address = await network.gateway(ask, name)
    except TargetError as error:
        told = network.told_url(target)
        level = (
            Level.WARNING if told and "There is no network" not in error.message else Level.ERROR
        )
        return [Finding(level, subject, error.message, error.hint)]
    except Exception as error:  # noqa: BLE001 - what an engine may answer has no list
        return [unreachable(subject, target.engine.url, error)]
    return [Finding(Level.OK, subject, f"Containers reach the engine's machine at {address}.")]


async def hub_findings(
    target: DockerTarget, ask: Ask, url: str, choices: Mapping[str, Sequence[Any]]
) -> list[Finding]:
    """Whether the hub that runs is reached from inside a container.

    Args:
        target: The target.
        ask: Calls a method of `docker.APIClient` at the engine.
        url: The hub's API on this machine.
        choices: Trait to the values that profiles set; `image` is looked at.
    """
    subject = subject_of(target, "hub from inside a container")
    try:
        name = network.network_of(target)
        reached = await _seen_from(target, ask, name, url)
        image = await image_there(ask, [image_of(target)[0], *choices.get("image", ())])
        if image is None:
            text = "Not tried: no image of this target is at its engine yet."
            cure = f"`docker pull {image_of(target)[0]}`"
            return [Finding(Level.WARNING, subject, text, cure)]
        seen = await look(ask, owner(target), image, network=name, url=reached)
    except TargetError as error:
        return [Finding(Level.ERROR, subject, error.message, error.hint)]
    except LookError as error:
        text = f"Not tried: a container did not run: {error}."
        return [Finding(Level.WARNING, subject, text, "Look at the other findings of this target.")]
    except Exception as error:  # noqa: BLE001 - what an engine may answer has no list
        return [unreachable(subject, target.engine.url, error)]
    return [way_finding(subject, image, reached, seen)]


def way_finding(subject: str, image: str, url: str, seen: Seen) -> Finding:
    """Whether a container reached the hub.

    Args:
        subject: For the finding.
        image: What the container was made of.
        url: What it asked.
        seen: What it saw.
    """
    if seen.reached is None:
        text = f"Not tried: the image {image} has neither Python nor curl nor wget."
        return Finding(Level.WARNING, subject, text)
    if seen.reached:
        return Finding(Level.OK, subject, f"{url} answered a container.")
    parts = urlsplit(url)
    return Finding(
        Level.ERROR,
        subject,
        f"{url} did not answer a container: {seen.said}",
        f"Let the firewall of the hub's machine pass port {parts.port} from this network, as in"
        f" `iptables -I INPUT -d {parts.hostname} -p tcp --dport {parts.port} -j ACCEPT`;"
        " hub.log says whether the hub could listen there.",
    )


async def _seen_from(target: DockerTarget, ask: Ask, name: str, url: str) -> str:
    """The hub's API as a container of a network is told it."""
    here, told = urlsplit(url), network.told_url(target)
    if told:
        return f"{told.rstrip('/')}{here.path}"
    if name == "host" or here.hostname not in {"127.0.0.1", "localhost", "::1"}:
        return url
    address = await network.gateway(ask, name)
    host = f"[{address}]" if ":" in address else address
    return f"{here.scheme}://{host}:{here.port}{here.path}"
