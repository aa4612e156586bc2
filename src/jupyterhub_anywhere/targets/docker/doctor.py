"""What ``anywhere doctor`` looks at for a Docker engine; each finding with its cure."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.quantities import format_memory
from jupyterhub_anywhere.targets.base import Finding, Level
from jupyterhub_anywhere.targets.docker import network
from jupyterhub_anywhere.targets.docker.doctor_images import image_findings, own_image
from jupyterhub_anywhere.targets.docker.doctor_ways import network_findings
from jupyterhub_anywhere.targets.docker.doctor_words import subject_of, unreachable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from jupyterhub_anywhere.targets.docker.kind import DockerTarget

    Ask = Callable[..., Awaitable[Any]]

# The oldest API that all of this was tried with: Docker Engine 20.10.
TESTED_API: Final = (1, 41)
# An image of a server takes 0.5 to 8 GB.
_LEAST_DISK: Final = 10 << 30
_FULL_DISK: Final = 1 << 30
# Engines with many images count for minutes.
_COUNT_SECONDS: Final = 15.0


async def findings(target: DockerTarget, ask: Ask) -> list[Finding]:
    """The engine, its disk, image, GPUs and network.

    Args:
        target: The target.
        ask: Calls a method of `docker.APIClient` at the engine.
    """
    try:
        version, info = await ask("version"), await ask("info")
    except Exception as error:  # noqa: BLE001 - what an engine may answer has no list
        return [unreachable(subject_of(target, "engine"), target.engine.url, error)]
    found = engine_findings(subject_of(target, "engine"), target.engine.url, version, info)
    found += limit_findings(subject_of(target, "limits"), info)
    found += await _disk(target, ask, info)
    if _asks_for_gpus(target.declared.spawner) or target.own.gpu_devices:
        found += gpu_findings(subject_of(target, "GPUs"), info)
    found += await network_findings(target, ask, network.network_of(target))
    found += await own_image(target, ask)
    return found


def engine_findings(
    subject: str, url: str, version: Mapping[str, Any], info: Mapping[str, Any]
) -> list[Finding]:
    """Version and manner of an engine.

    Args:
        subject: For the findings.
        url: Its address.
        version: Its answer to ``/version``.
        info: Its answer to ``/info``.
    """
    api = str(version.get("ApiVersion", ""))
    text = f"{url}: version {version.get('Version', '?')}, API {api}"
    found = [Finding(Level.OK, subject, text)]
    numbers = tuple(int(part) for part in re.findall(r"\d+", api)[:2])
    if numbers < TESTED_API:
        wanted = ".".join(map(str, TESTED_API))
        text += f"; older than what is tried, API {wanted}."
        found = [Finding(Level.WARNING, subject, text, "Upgrade it to Docker 20.10 or later.")]
    if info.get("OSType") not in {None, "linux"}:
        text = f"It runs containers of {info['OSType']}; servers need Linux."
        found.append(Finding(Level.ERROR, subject, text, "Switch it to Linux containers."))
    options = {str(option) for option in info.get("SecurityOptions") or ()}
    if "name=rootless" in options:
        found.append(
            Finding(
                Level.WARNING,
                subject,
                "It runs without root: its networks do not end on this machine, so the hub cannot"
                " listen there.",
                "Set hub.internal_url to an address of this machine that its containers reach.",
            )
        )
    elif "name=userns" in options:
        text = (
            "It shifts user ids (userns-remap): folders mounted from the machine belong to others."
        )
        cure = "Use volumes for homes, or give the folders to the shifted uid."
        found.append(Finding(Level.OK, subject, text, cure))
    if not info.get("LiveRestoreEnabled"):
        text = "Its restart ends all servers (live-restore is off)."
        cure = 'Set "live-restore": true in daemon.json, and reload it.'
        found.append(Finding(Level.OK, subject, text, cure))
    return found


def limit_findings(subject: str, info: Mapping[str, Any]) -> list[Finding]:
    """Whether the engine's machine enforces limits."""
    missing = [
        word
        for key, word in (("MemoryLimit", "memory limits"), ("CpuCfsQuota", "CPU limits"))
        if info.get(key) is False
    ]
    if missing:
        text = f"Not enforced by that machine's kernel: {', '.join(missing)}."
        cure = "Boot it with cgroup_enable=memory, or a kernel that has these control groups."
        return [Finding(Level.WARNING, subject, text, cure)]
    if info.get("SwapLimit") is False:
        text = "Memory and CPU limits are enforced, swap is not counted in."
        cure = "Boot that machine with swapaccount=1, or without swap."
        return [Finding(Level.OK, subject, text, cure)]
    return [Finding(Level.OK, subject, "Memory, swap and CPU limits are enforced.")]


def gpu_findings(subject: str, info: Mapping[str, Any]) -> list[Finding]:
    """Whether containers can be given GPUs."""
    ways = [name for name in info.get("Runtimes") or {} if "nvidia" in name]
    ways += [str(each.get("ID")) for each in info.get("DiscoveredDevices") or ()]
    if ways:
        return [Finding(Level.OK, subject, f"Given to containers by {', '.join(ways[:4])}.")]
    return [
        Finding(
            Level.ERROR,
            subject,
            "Servers ask for GPUs, and the engine knows no way to give them.",
            "Install the NVIDIA container toolkit on that machine, then `nvidia-ctk runtime"
            " configure --runtime=docker` and restart Docker.",
        )
    ]


def _asks_for_gpus(values: Mapping[str, Any]) -> bool:
    return bool(values.get("gpus"))


async def _disk(target: DockerTarget, ask: Ask, info: Mapping[str, Any]) -> list[Finding]:
    root = str(info.get("DockerRootDir", ""))
    free = await asyncio.to_thread(_free, root) if target.engine.local and root else None
    try:
        async with asyncio.timeout(_COUNT_SECONDS):
            unused = reclaimable(await ask("df"))
    except Exception:  # noqa: BLE001 - it is a help only, and slow engines give it up
        unused = 0
    return disk_findings(subject_of(target, "disk"), root, free, unused)


def _free(folder: str) -> int | None:
    # A hub in a container with the engine's socket does not see the folder.
    return shutil.disk_usage(folder).free if Path(folder).is_dir() else None


def reclaimable(usage: Mapping[str, Any]) -> int:
    """Bytes of images and build caches that no container uses, by the engine's ``/system/df``."""
    images = sum(
        max(int(each.get("Size", 0)) - max(int(each.get("SharedSize", 0)), 0), 0)
        for each in usage.get("Images") or ()
        if not each.get("Containers")
    )
    caches = sum(
        int(each.get("Size", 0)) for each in usage.get("BuildCache") or () if not each.get("InUse")
    )
    return images + caches


def disk_findings(subject: str, root: str, free: int | None, unused: int) -> list[Finding]:
    """Whether there is room for images and containers.

    Args:
        subject: For the findings.
        root: The engine's folder.
        free: Bytes that are free there; None where it cannot be seen from here.
        unused: Bytes of what no container uses.
    """
    also = f" {_size(unused)} of images and caches is not in use." if unused >= _FULL_DISK else ""
    if free is None:
        return [Finding(Level.OK, subject, f"{root} is not seen from here.{also}")]
    text = f"{_size(free)} free in {root}.{also}"
    if free >= _LEAST_DISK:
        return [Finding(Level.OK, subject, text)]
    level = Level.ERROR if free < _FULL_DISK else Level.WARNING
    cure = "Make room: `docker system df` shows what takes it, `docker image prune -a` removes"
    return [Finding(level, subject, text, f"{cure} images that no container uses.")]


def _size(count: int) -> str:
    unit = 30 if count >= _FULL_DISK else 20
    return format_memory(count >> unit << unit)


async def choice_findings(
    target: DockerTarget, ask: Ask, trait: str, value: Any
) -> Sequence[Finding]:
    """What is to be said of a value that a profile sets: an image, a network, GPUs."""
    if trait == "image" and value:
        return await image_findings(target, ask, str(value))
    if trait == "network_name" and value:
        return await network_findings(target, ask, str(value))
    if trait == "gpus" and value:
        return gpu_findings(subject_of(target, "GPUs"), await ask("info"))
    return ()
