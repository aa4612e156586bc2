"""What `anywhere doctor` finds: the machine, the file, the running hub, and every target."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import urllib.request
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.errors import AnywhereError, ConfigError
from jupyterhub_anywhere.hub.files import read_json
from jupyterhub_anywhere.hub.surroundings import surroundings
from jupyterhub_anywhere.hub.uprecord import read_up
from jupyterhub_anywhere.spawner import noticed
from jupyterhub_anywhere.spawner.check import combinations, values_of
from jupyterhub_anywhere.spawner.site import load_site
from jupyterhub_anywhere.targets import registry
from jupyterhub_anywhere.targets.base import Finding, Level

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Iterator, Sequence
    from pathlib import Path

    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.spawner.site import Site
    from jupyterhub_anywhere.targets.base import Target

# A target asks its back end; one that does not answer must not hold up the others.
TARGET_SECONDS: Final = 60.0
_PROBE_SECONDS: Final = 15.0
# Run by the server's Python with the server's account: what a server sees of the hub.
_PROBE: Final = """
import json, sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with opener.open(sys.argv[1], timeout=10) as answer:
    print(json.load(answer)["version"])
"""


async def examine(file: Path | None, paths: StatePaths) -> list[Finding]:
    """Everything there is to find; a check that fails is itself a finding.

    Args:
        file: The configuration; None for the built-in default.
        paths: The state folder; need not exist.
    """
    found = list(surroundings(paths))
    found += broken_kinds()
    try:
        site = load_site(file, state_root=paths.root)
    except ConfigError as error:
        found += [_of_problem(str(problem)) for problem in error.problems]
        return found + await _in_thread(paths, None)
    except AnywhereError as error:
        found.append(Finding(Level.ERROR, "configuration", error.message, error.hint))
        return found + await _in_thread(paths, None)
    found.append(Finding(Level.OK, "configuration", str(file or "the built-in default")))
    found += await _in_thread(paths, site)
    each = await asyncio.gather(
        *map(of_target, site.targets.values()), of_profiles(site), of_ways(site)
    )
    return found + [finding for findings in each for finding in findings]


def _of_problem(text: str) -> Finding:
    return Finding(Level.ERROR, "configuration", text, "Correct it; `anywhere check` says more.")


async def _in_thread(paths: StatePaths, site: Site | None) -> list[Finding]:
    """What is found of the hub, running or not, and of what has held its thread of late."""
    return await asyncio.to_thread(lambda: [*running_hub(paths, site), *noticed.findings(paths)])


def broken_kinds() -> Iterator[Finding]:
    """Kinds of target whose module cannot be imported."""
    for kind, reason in registry.broken().items():
        yield Finding(
            Level.WARNING,
            f"kind {kind}",
            f"cannot be used: {reason}",
            "Repair or uninstall the package that brings it; other kinds work without it.",
        )


async def of_target(target: Target, seconds: float = TARGET_SECONDS) -> list[Finding]:
    """What a target finds about itself, in bounded time."""
    found = await _bounded(target, target.findings(), seconds)
    subject = f"target {target.name}"
    return found or [Finding(Level.OK, subject, f"kind {target.kind}; no checks of its own")]


async def of_ways(site: Site, seconds: float = TARGET_SECONDS) -> list[Finding]:
    """What targets find of the way from a server to the hub, where it runs."""
    up = await asyncio.to_thread(read_up, site.info.state)
    if up is None or not up.alive or not up.url:
        return []
    url = internal_api(site.info.state, up.url, site)
    each = await asyncio.gather(
        *(
            _bounded(target, target.hub_findings(url, choices_at(site, name)), seconds)
            for name, target in site.targets.items()
        )
    )
    return [finding for findings in each for finding in findings]


async def _bounded(
    target: Target, asked: Awaitable[Sequence[Finding]], seconds: float
) -> list[Finding]:
    subject = f"target {target.name}"
    try:
        return list(await asyncio.wait_for(asked, seconds))
    except TimeoutError:
        return [
            Finding(
                Level.ERROR,
                subject,
                f"did not answer within {seconds:.0f} seconds",
                "Look whether its back end runs and is reached from this machine.",
            )
        ]
    except Exception as error:  # noqa: BLE001 - a foreign kind may raise anything
        text = f"its checks failed: {type(error).__name__}: {error}"
        return [Finding(Level.ERROR, subject, text, "Report it to whoever wrote this kind.")]


def _values(site: Site) -> list[tuple[str, str, Any]]:
    """Target, trait and value of everything that profiles set; each once."""
    values = {
        (name, trait, value)
        for profile in site.config.profiles.values()
        for name in profile.targets
        for trait, value in values_of(profile, name)
        if isinstance(value, Hashable)
    }
    return sorted(values, key=str)


def choices_at(site: Site, target: str) -> dict[str, list[Any]]:
    """Trait to the values that profiles set at a target."""
    found: dict[str, list[Any]] = {}
    for name, trait, value in _values(site):
        if name == target:
            found.setdefault(trait, []).append(value)
    return found


async def of_profiles(site: Site) -> list[Finding]:
    """What targets find of the values that profiles set: environments, images; each once."""
    found: list[Finding] = []
    for name, trait, value in _values(site):
        try:
            async with asyncio.timeout(TARGET_SECONDS):
                found += await site.targets[name].choice_findings(trait, value)
        except Exception as error:  # noqa: BLE001 - a foreign kind may raise anything
            text = f"its check of {trait} failed: {type(error).__name__}: {error}"
            found.append(Finding(Level.ERROR, f"target {name}", text))
    each = await asyncio.gather(
        *(
            _bounded(target, target.profile_findings(_chosen(site, target)), TARGET_SECONDS)
            for target in site.targets.values()
        )
    )
    return found + [finding for findings in each for finding in findings]


def _chosen(site: Site, target: Target) -> list[dict[str, Any]]:
    """Of each combination of choices at a target, the traits that matter together."""
    return [
        {trait: value for trait, (_, value) in each.items()}
        for profile in site.config.profiles.values()
        if target.name in profile.targets
        for each in combinations(profile, target.name, target.together)
    ]


# --- the running hub -----------------------------------------------------------------------------


def running_hub(
    paths: StatePaths, site: Site | None, python: str = sys.executable
) -> Iterator[Finding]:
    """Whether the hub is reached, from here and from inside a throw-away server.

    Args:
        paths: The state folder.
        site: The checked configuration; None where it is wrong.
        python: The interpreter of the throw-away server.
    """
    up = read_up(paths)
    if up is None or not up.alive:
        yield Finding(Level.OK, "hub", "does not run; some checks need a running one")
        return
    if not up.url:
        yield Finding(Level.WARNING, "hub", "is starting", "Ask again when it answers.")
        return
    yield _answers(up.url)
    yield reached_by_a_server(internal_api(paths, up.url, site), probe_uid(site), python)


def internal_api(paths: StatePaths, url: str, site: Site | None) -> str:
    """Where servers reach the hub's API.

    Args:
        paths: The state folder, which has the port that was chosen.
        url: The public URL, whose path the API shares.
        site: The checked configuration; None where it is wrong.
    """
    base = urlsplit(url).path.strip("/")
    configured = site.config.hub.internal_url if site is not None else None
    if configured and urlsplit(configured).scheme == "http":
        # The hub takes its path from the public URL alone.
        parts = urlsplit(configured)
        origin = f"{parts.scheme}://{parts.netloc}"
    else:
        origin = f"http://127.0.0.1:{read_json(paths.proxy).get('hub_port', 0)}"
    return "/".join(filter(None, [origin, base, "hub/api/"]))


def probe_uid(site: Site | None) -> int | None:
    """The account of the throw-away server: as root the last reserved uid; None for our own."""
    if os.geteuid() != 0:
        return None
    return site.info.uids[1] if site is not None else 65534


def _answers(url: str) -> Finding:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url.rstrip('/')}/hub/api/", timeout=10):
            return Finding(Level.OK, "hub", f"answers at {url}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Finding(
            Level.ERROR,
            "hub",
            f"does not answer at {url}: {reason}",
            "Look into its logs (`anywhere status` says where), and at what stands in front.",
        )


def reached_by_a_server(url: str, uid: int | None, python: str = sys.executable) -> Finding:
    """Start a small process as a server would be, and let it ask the hub.

    Args:
        url: The hub's API, as servers are given it.
        uid: The account of the process; None for our own.
        python: Its interpreter.
    """
    subject = "hub from inside a server"
    account: dict[str, Any] = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
    who = "this account" if uid is None else f"uid {uid}"
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and code
            [python, "-I", "-c", _PROBE, url],
            capture_output=True,
            check=False,
            cwd="/",
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_PROBE_SECONDS,
            umask=0o077,
            **account,
        )
    except subprocess.TimeoutExpired:
        message = f"{url} did not answer {who} within {_PROBE_SECONDS:.0f} seconds"
        return Finding(Level.ERROR, subject, message, _REACH_CURE)
    except OSError as error:
        return Finding(
            Level.ERROR,
            subject,
            f"{python} cannot be run by {who}: {error.strerror}",
            "Install the environment where every account can enter it, for example below /opt.",
        )
    if done.returncode == 0:
        return Finding(Level.OK, subject, f"{url} answered {who}: JupyterHub {done.stdout.strip()}")
    last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    return Finding(Level.ERROR, subject, f"{url} did not answer {who}: {last}", _REACH_CURE)


_REACH_CURE: Final = "Look at the firewall of this machine, and at hub.internal_url in the file."


def worst(findings: Iterable[Finding]) -> Level:
    """The worst level among findings."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.ERROR, Level.WARNING) if level in levels), Level.OK)
