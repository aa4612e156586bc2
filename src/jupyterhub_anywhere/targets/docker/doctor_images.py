"""What ``anywhere doctor`` looks at in images: there, to be pulled, and of which JupyterHub."""

from __future__ import annotations

import asyncio
import re
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets.base import Finding, Level
from jupyterhub_anywhere.targets.docker.doctor_words import owner, subject_of, unreachable
from jupyterhub_anywhere.targets.docker.probing import LookError, look

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from jupyterhub_anywhere.targets.docker.kind import DockerTarget

    Ask = Callable[..., Awaitable[Any]]

# A registry that does not answer must not hold up the report.
_REGISTRY_SECONDS: Final = 20.0
_OUR_IMAGES: Final = "JupyterHub Anywhere"


async def image_findings(target: DockerTarget, ask: Ask, image: str) -> list[Finding]:
    """Whether an image is there or can be had, and which JupyterHub it has."""
    subject = subject_of(target, f"image {image}")
    try:
        there = await image_there(ask, [image])
        if there is None:
            return [await _to_be_pulled(target, ask, subject, image)]
        found = await _version_in(target, ask, image)
    except LookError as error:
        text = f"It is there; a container of it did not run: {error}."
        return [Finding(Level.WARNING, subject, text, "It needs a shell and the right processor.")]
    except Exception as error:  # noqa: BLE001 - what an engine may answer has no list
        return [unreachable(subject, target.engine.url, error)]
    return [version_finding(subject, found, installed("jupyterhub"))]


async def own_image(target: DockerTarget, ask: Ask) -> list[Finding]:
    """The image of servers that no profile sets one for."""
    image, declared = image_of(target)
    if declared or await image_there(ask, [image]):
        return await image_findings(target, ask, image)
    subject = subject_of(target, f"image {image}")
    text = "DockerSpawner's own; it is not there. It counts where no profile sets another one."
    return [Finding(Level.OK, subject, text)]


def image_of(target: DockerTarget) -> tuple[str, bool]:
    """The image of a target, and whether the file sets it."""
    declared = target.declared.spawner.get("image")
    if declared:
        return str(declared), True
    import dockerspawner

    return str(dockerspawner.DockerSpawner.image.default_value), False


async def image_there(ask: Ask, images: Iterable[Any]) -> str | None:
    """The first of the images that the engine has."""
    from docker.errors import ImageNotFound, NotFound

    for image in images:
        try:
            await ask("inspect_image", str(image))
        except (ImageNotFound, NotFound):
            continue
        return str(image)
    return None


async def _to_be_pulled(target: DockerTarget, ask: Ask, subject: str, image: str) -> Finding:
    policy = str(target.declared.spawner.get("pull_policy", "ifnotpresent")).lower()
    if policy in {"never", "skip"}:
        text = f"It is not there, and pull_policy is {policy}."
        cure = f"`docker pull {image}` or `docker build -t {image} …` at that engine."
        return Finding(Level.ERROR, subject, text, cure)
    try:
        async with asyncio.timeout(_REGISTRY_SECONDS):
            await ask("inspect_distribution", image)
    except Exception as error:  # noqa: BLE001 - what an engine may answer has no list
        reason = " ".join(str(getattr(error, "explanation", "") or error or "no answer").split())
        text = f"It is not there and cannot be pulled: {reason[:300]}"
        cure = (
            "Correct its name; let that engine reach the registry, and `docker login` there if it"
            f" asks for that; or load the image (`docker load`) or build it (-t {image})."
        )
        return Finding(Level.ERROR, subject, text, cure)
    return Finding(Level.OK, subject, "It will be pulled at the first start.")


async def _version_in(target: DockerTarget, ask: Ask, image: str) -> str:
    """The version of jupyterhub in an image: by our own label, else by running it."""
    config = (await ask("inspect_image", image)).get("Config") or {}
    marks = config.get("Labels") or {}
    if str(marks.get("org.opencontainers.image.title", "")).startswith(_OUR_IMAGES):
        return str(marks.get("org.opencontainers.image.version", ""))
    return (await look(ask, owner(target), image, network="none")).version


def version_finding(subject: str, found: str, hub: str) -> Finding:
    """Whether a server of one JupyterHub fits a hub of another.

    Args:
        subject: For the finding.
        found: The server's version; empty for none.
        hub: The hub's version.
    """
    if not found:
        text = "It has no jupyterhub-singleuser on its PATH."
        cure = f"Install jupyterhub=={hub} in it, or set `cmd` to what starts its server."
        return Finding(Level.WARNING, subject, text, cure)
    theirs, ours = _numbers(found), _numbers(hub)
    text = f"It has JupyterHub {found}; the hub is {hub}."
    if theirs[:2] == ours[:2]:
        return Finding(Level.OK, subject, text)
    level = Level.WARNING if theirs[:1] == ours[:1] else Level.ERROR
    cure = f"Build it with jupyterhub=={hub}"
    return Finding(level, subject, text, f"{cure}{', or upgrade the hub' * (theirs > ours)}.")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
