"""Looking out of a container: a throw-away one tells its JupyterHub, and whether the hub answers.

It carries this hub's label, has no rights, and is removed whatever happens. What an earlier look
that was killed has left is removed by the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.targets.docker import labels

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Ask = Callable[..., Awaitable[Any]]

PURPOSE: Final = "doctor"
# Seconds that a container has to say all; Python and JupyterHub start in one to five of them.
SECONDS: Final = 40
_OLD_SECONDS: Final = 600.0
_MEMORY: Final = 512 << 20
_PROCESSES: Final = 64
# Asks with whatever the image has. ``$1`` is the hub's API, empty where it is not asked.
_SCRIPT: Final = """
version=$(jupyterhub-singleuser --version 2>/dev/null | tail -n 1)
echo "version=$version"
test -n "$1" || exit 0
ask='
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    opener.open(sys.argv[1], timeout=10).read()
except Exception as error:
    print("hub=failed", " ".join(str(error).split()))
else:
    print("hub=ok")
'
if command -v python3 >/dev/null 2>&1; then
    python3 -c "$ask" "$1"
elif command -v curl >/dev/null 2>&1; then
    said=$(curl -sS --noproxy '*' -m 10 -o /dev/null -f "$1" 2>&1)
    test $? = 0 && echo hub=ok || echo hub=failed $said
elif command -v wget >/dev/null 2>&1; then
    said=$(http_proxy= wget -T 10 -O /dev/null "$1" 2>&1)
    test $? = 0 && echo hub=ok || echo hub=failed $said
else
    echo hub=untried
fi
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a container saw.

    Attributes:
        version: The version of its jupyterhub; empty where it has none.
        reached: Whether the hub answered; None where it could not be tried.
        said: Why not.
    """

    version: str = ""
    reached: bool | None = None
    said: str = ""


class LookError(Exception):
    """The container told nothing; the text says why."""


def parse(output: str) -> Seen:
    """Read what the script has written."""
    version, reached, said = "", None, ""
    for line in output.splitlines():
        key, _, value = line.partition("=")
        if key == "version":
            version = value.strip()
        elif key == "hub":
            word, _, said = value.partition(" ")
            reached = {"ok": True, "failed": False}.get(word)
    return Seen(version, reached, said.strip())


async def look(ask: Ask, owner: labels.Owner, image: str, *, network: str, url: str = "") -> Seen:
    """Start a container, read what it says, and remove it.

    Args:
        ask: Calls a method of `docker.APIClient` at the engine.
        owner: Hub and target, for its labels.
        image: The image, which the engine has.
        network: The network that it joins; ``none`` for no network.
        url: The hub's API as it is reached from there; empty not to ask it.

    Raises:
        LookError: It could not be started, or said nothing in time.
        DockerException: The engine does not answer.
    """
    await _sweep(ask, owner)
    container = await _create(ask, owner, image, network, url)
    try:
        return parse(await _output(ask, container))
    finally:
        # Also when whoever waits has given up.
        removing = asyncio.ensure_future(ask("remove_container", container, v=True, force=True))
        with contextlib.suppress(Exception):
            await asyncio.shield(removing)


async def _create(ask: Ask, owner: labels.Owner, image: str, network: str, url: str) -> str:
    from docker.errors import APIError

    host = await ask(
        "create_host_config",
        network_mode=network,
        mem_limit=_MEMORY,
        pids_limit=_PROCESSES,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )
    try:
        made = await ask(
            "create_container",
            image,
            [url],
            entrypoint=["/bin/sh", "-c", _SCRIPT, "look"],
            labels={labels.HUB: owner.hub, labels.TARGET: owner.target, labels.PURPOSE: PURPOSE},
            host_config=host,
        )
    except APIError as error:
        raise LookError(_words(error)) from error
    return str(made["Id"])


async def _output(ask: Ask, container: str) -> str:
    import requests
    from docker.errors import APIError

    try:
        await ask("start", container)
        await ask("wait", container, timeout=SECONDS)
        # Warnings of libraries go to the other stream.
        written = await ask("logs", container, stdout=True, stderr=False)
    except APIError as error:
        raise LookError(_words(error)) from error
    except requests.exceptions.RequestException as error:
        raise LookError(f"it was not done within {SECONDS} seconds") from error
    return bytes(written).decode("utf-8", "replace")


async def _sweep(ask: Ask, owner: labels.Owner) -> None:
    wanted = labels.filters(owner.hub, purpose=PURPOSE)
    for found in await ask("containers", all=True, filters=wanted):
        if time.time() - float(found.get("Created", 0)) > _OLD_SECONDS:
            with contextlib.suppress(Exception):
                await ask("remove_container", found["Id"], v=True, force=True)


def _words(error: Any) -> str:
    return " ".join(str(getattr(error, "explanation", "") or error).split())
