"""500 starts at once: how many are refused or fail, and how many servers a second come up.

The stock hub as it comes, the same with its limit of simultaneous starts lifted, and ours, in turn
and each alone on the machine, with the same proxy and the same kind of database. The server is a
stub in the hub, so all of the time is the hub's. Who is refused comes again when the answer says
(``Retry-After``), as a person who is told so does, until the server runs.

Goals: ours refuses none, none fails, and its rate is at least the stock hub's. The rate with the
limit lifted is shown beside it: what the hub's own work alone would allow.

``--short`` starts 40 at once, to see that it works.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.hub.harness import SOURCES, Hub

MANY, SHORT = 500, 40
ROUNDS = 3
# Users that one answer of the hub lists.
PAGE = 200
# Seconds for all of them.
PATIENCE = 600.0
# Seconds without another start after which the hub is asked whether any is still to come.
QUIET = 5.0
# Of the rate: what two runs of one and the same hub differ in.
NOISE = 0.05
HERE = Path(__file__).parent

COMMON = """
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
c.StubSpawner.record = RECORD
"""
# JupyterHub loads every spawner class that is installed, and with ours our handlers.
BARE = """
import jupyterhub.apihandlers, jupyterhub.handlers
for routes in (jupyterhub.apihandlers.default_handlers, jupyterhub.handlers.default_handlers):
    routes[:] = [x for x in routes if not x[1].__module__.startswith("jupyterhub_anywhere")]
from stub import StubSpawner
c.JupyterHub.spawner_class = StubSpawner
"""
UNLIMITED = "c.JupyterHub.concurrent_spawn_limit = 0\n"
OURS = """
from jupyterhub_anywhere import setup
setup(c, FILE, state=STATE)
"""
SITE = {"targets": {"lab": {"kind": "custom", "class": "stub.StubSpawner"}}}
KINDS = {"stock": BARE, "lifted": BARE + UNLIMITED, "ours": OURS}
TITLES = {"stock": "stock, as it comes", "lifted": "its limit lifted", "ours": "through Anywhere"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of the starts.

    Attributes:
        refused: Answers with 4xx.
        failed: Answered with 5xx, or accepted and never ready.
        ready: Servers that came up.
        seconds: From the first request until all were ready.
        processor: Seconds of the processor that the hub's process took meanwhile.
    """

    refused: int
    failed: int
    ready: int
    seconds: float
    processor: float

    @property
    def rate(self) -> float:
        """Servers a second."""
        return self.ready / self.seconds if self.seconds else 0.0

    @property
    def each(self) -> float:
        """Seconds of the processor for one server: what a busy machine changes least."""
        return self.processor / self.ready if self.ready else 0.0


def processor(pid: int) -> float:
    """Seconds of the processor that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(config: str, number: int) -> Figures:
    """Start so many servers at once in a new hub, and end it."""
    hub = Hub(mode="plain", site=SITE, environment={"PYTHONPATH": f"{SOURCES}:{HERE}"})
    try:
        record = hub.folder / "record"
        record.touch()
        head = f"FILE = {str(hub.file)!r}\nSTATE = {str(hub.state.root)!r}\n"
        hub.write_config(f"{head}RECORD = {str(record)!r}\n" + config + COMMON)
        hub.start()
        users = [f"user{each}" for each in range(number)]
        hub.api("POST", "users", json={"usernames": users}, timeout=PATIENCE).raise_for_status()
        return asyncio.run(_start_all(hub, users, record))
    finally:
        hub.close()


async def _start_all(hub: Hub, users: list[str], record: Path) -> Figures:
    assert hub.process is not None
    pid, limits = hub.process.pid, httpx.Limits(max_connections=100)
    headers = {"Authorization": f"token {hub.token}"}
    async with httpx.AsyncClient(
        base_url=f"{hub.url}hub/api/", headers=headers, timeout=PATIENCE, limits=limits
    ) as client:
        before, begin = processor(pid), time.perf_counter()
        answers = await asyncio.gather(*(_start(client, user) for user in users))
        accepted = sum(code in {201, 202} for code, _ in answers)
        ready = await _wait(client, accepted, record)
        seconds, spent = time.perf_counter() - begin, processor(pid) - before
    refused = sum(times for _, times in answers)
    given_up = sum(400 <= code < 500 for code, _ in answers)
    return Figures(refused, len(users) - given_up - ready, ready, seconds, spent)


async def _start(client: httpx.AsyncClient, user: str) -> tuple[int, int]:
    """Ask for a server until it is not refused any more; the last answer, and how many were."""
    refused, end = 0, time.monotonic() + PATIENCE
    while True:
        answer = await client.post(f"users/{user}/server")
        again = answer.headers.get("Retry-After")
        if not 400 <= answer.status_code < 500:
            return answer.status_code, refused
        refused += 1
        if again is None or time.monotonic() > end:
            return answer.status_code, refused
        await asyncio.sleep(float(again))


async def _wait(client: httpx.AsyncClient, accepted: int, record: Path) -> int:
    """Wait until all that were accepted are ready; returns how many are.

    The hub is asked only at the end: its list of all users takes it longer than a start does.
    """
    end, ready, pending = time.monotonic() + PATIENCE, 0, True
    begun, since = 0, time.monotonic()
    while ready < accepted and pending and time.monotonic() < end:
        await asyncio.sleep(0.2)
        if (now := _begun(record)) > begun:
            begun, since = now, time.monotonic()
        if begun >= accepted or time.monotonic() > since + QUIET:
            servers = await _servers(client)
            ready = sum(bool(server["ready"]) for server in servers)
            pending = any(server["pending"] for server in servers)
    return ready


def _begun(record: Path) -> int:
    """How many servers listen, as the spawner has noted."""
    return record.read_text("utf-8").count('"ready"')


async def _servers(client: httpx.AsyncClient) -> list[dict[str, object]]:
    """All servers that the hub tells of, page by page."""
    found: list[dict[str, object]] = []
    offset, more = 0, True
    while more:
        words = {"state": "active", "limit": str(PAGE), "offset": str(offset)}
        answer = await client.get("users", params=words)
        answer.raise_for_status()
        page = answer.json()
        found += [server for user in page for server in user["servers"].values()]
        offset, more = offset + len(page), len(page) == PAGE
    return found


def main(arguments: list[str]) -> int:
    """Run the rounds, print the figures, and say whether the goals are met."""
    short = "--short" in arguments
    number, rounds = (SHORT, 1) if short else (MANY, ROUNDS)
    found: dict[str, list[Figures]] = {kind: [] for kind in KINDS}
    for each in range(rounds):
        for kind in list(KINDS) if each % 2 else list(reversed(KINDS)):
            found[kind].append(measure(KINDS[kind], number))
    print(f"{number} starts at once, median of {rounds}")
    rates = {kind: statistics.median(each.rate for each in found[kind]) for kind in KINDS}
    for kind, title in TITLES.items():
        refused = statistics.median(each.refused for each in found[kind])
        failed = sum(each.failed for each in found[kind])
        cost = statistics.median(each.each for each in found[kind]) * 1000
        print(
            f"  {title:<20} {rates[kind]:6.1f} a second, {refused:g} refused, {failed} failed;"
            f" {cost:.1f} ms of the processor for each"
        )
    ratio = rates["ours"] / rates["stock"]
    whole = all(not each.refused and not each.failed for each in found["ours"])
    print(f"  none refused, none failed: {'met' if whole else 'MISSED'}")
    print(
        f"  rate at least the stock hub's: {ratio:.2f} {'met' if ratio >= 1 - NOISE else 'MISSED'}"
    )
    print(f"  of the rate with its limit lifted: {rates['ours'] / rates['lifted']:.2f}")
    return 0 if whole and (short or ratio >= 1 - NOISE) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
