"""Outcomes as they are kept, and the table of the documentation that is made of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jupyterhub_anywhere.testing.faults.run import Outcome

OURS: Final = "ours"
STOCK: Final = "stock"
_SIDES: Final = (OURS, STOCK)
# Worlds beside ``process`` and ``docker``, as their headings.
LEDGER_ELSEWHERE: Final = "process, ledger in PostgreSQL"
KEPT: Final = "docker, containers kept"
OPENSTACK: Final = "OpenStack"
# What stands for all places of one flow in the table.
KILLED: Final = "the hub is killed"
# The same, where a start is the second one of its server.
KILLED_AGAIN: Final = "the hub is killed, with a container that was kept,"
_WORDS: Final = {
    "leaked": "a server runs on that the hub does not know",
    "lost": "a healthy server is stopped or cut off",
    "ghosts": "the hub shows a server that is none",
    "tokens": "a token outlives its server",
    "files": "files are not what they were",
    "amiss": "the ledger, the hub and what runs disagree",
    "strangers": "a process of somebody else is ended",
    "stuck": "no server can be started afterwards",
    "hub_up": "the hub does not come back",
}
_DOINGS: Final = {
    "start": "during a start",
    "stop": "during a stop",
    "restart": "while the hub restarts",
    "run": "while the hub runs",
    "reconcile": "while the hub sets right what is wrong",
}
_HEAD: Final = """\
% Written by `python -m jupyterhub_anywhere.testing faults --write FILE`; do not edit.

# Faults

What comes of faults that are really made: the hub is killed, its engine misbehaves, its machine is
at fault. After each the hub runs again and gets a few seconds; then it is compared what the hub's
API says, what really runs, and which tokens are valid. *Ours* is `AnywhereSpawner`; *stock* is the
same JupyterHub with the bare spawner of the same back end, as the control: a harness that finds
nothing there does not bite.

A cell says how many of the cases went well, and what did not. Somebody whose server has nothing to
do with the fault is there in each case; that server counts as well. A hub is killed at each place
that it comes by: where a task is suspended or goes on, and before and after each call that leaves
the process.

Where containers are kept, a stop leaves them for the next start, with their users' files in them
and nowhere else; those files count. What a hub writes down is our ledger, in one case of a full
disk with the hub's database, and the stock hub's database. *It never comes to that*: the stock hub
makes no call that such a fault could meet.

OpenStack is a real one (`engines/openstack/README.md`), and servers run on its guests. The stock
hub has no spawner for them that it can import as it is; what becomes of LibcloudSpawner's faults,
with what it lacks laid beside it, stands in [Coming from
LibcloudSpawner](from-libcloudspawner.md#what-was-wrong-what-happens-now).

To renew it, with every fault in place of the few that are always made:

```sh
export ANYWHERE_KILLS=all ANYWHERE_OPENSTACK=full ANYWHERE_FAULTS_RECORD=/tmp/faults.jsonl
sudo -E make test ARGS="tests/hub/test_kills_process.py tests/hub/test_kills_servers.py \\
    tests/hub/test_machine_faults.py tests/hub/test_machine_faults_time.py"
sudo -E make test-engines ARGS=tests/engines/faults
python -m jupyterhub_anywhere.testing faults /tmp/faults.jsonl \\
    --records docs/faults.jsonl --write docs/faults.md
```
"""


@dataclass(frozen=True, slots=True)
class Record:
    """One outcome, of one side.

    Attributes:
        side: `OURS` or `STOCK`.
        world: Where servers are: ``process`` or ``docker``.
        row: The row of the table, for people.
        outcome: What came of it.
    """

    side: str
    world: str
    row: str
    outcome: Outcome

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "side": self.side,
            "world": self.world,
            "row": self.row,
            "doing": str(self.outcome.doing),
            "fault": self.outcome.fault,
            "failures": list(self.outcome.failures),
            "forgotten": self.outcome.forgotten,
            "reached": self.outcome.reached,
        }


@dataclass(frozen=True, slots=True)
class Case:
    """A record as it is read again; see `Record.to_json`."""

    side: str
    world: str
    row: str
    doing: str
    fault: str
    failures: tuple[str, ...]
    forgotten: bool = False
    reached: bool = True

    @classmethod
    def of(cls, given: dict[str, Any]) -> Case:
        """Out of plain data."""
        return cls(**{**given, "failures": tuple(given["failures"])})


def keep(path: Path, record: Record) -> None:
    """Add a record to a file, a line each."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record.to_json(), sort_keys=True) + "\n")


def kept(path: Path) -> list[Case]:
    """The cases of a file. One that was tried more than once keeps every failure.

    Tests that fail are run once more: what passes then has failed all the same.

    Raises:
        OSError: It cannot be read.
    """
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    found: dict[tuple[str, ...], Case] = {}
    for case in map(Case.of, lines):
        key = (case.side, case.world, case.row, case.doing, case.fault)
        before = found.get(key)
        failures = {*case.failures, *(before.failures if before else ())}
        reached = case.reached or (before is not None and before.reached)
        found[key] = replace(case, failures=tuple(sorted(failures)), reached=reached)
    return list(found.values())


def merged(old: Iterable[Case], new: Sequence[Case]) -> list[Case]:
    """Cases with newer ones, in order; a newer run of a row takes the place of all of it.

    Names of places have lines of source in them: those of an earlier version say nothing more.
    """
    rows = {(case.side, case.world, case.row, case.doing) for case in new}
    left = [each for each in old if (each.side, each.world, each.row, each.doing) not in rows]
    return sorted([*left, *new], key=lambda each: (each.world, each.row, each.doing, each.side))


def write(path: Path, cases: Iterable[Case]) -> None:
    """Write a file of cases, a line each."""
    lines = [json.dumps(asdict(each), sort_keys=True) for each in cases]
    path.write_text("".join(line + "\n" for line in lines), "utf-8")


def table(cases: Sequence[Case]) -> str:
    """The page as Markdown."""
    lines = [_HEAD]
    for world in sorted({case.world for case in cases}):
        mine = [case for case in cases if case.world == world]
        lines += [f"## {world[:1].upper()}{world[1:]}", ""]
        lines += ["| what is done | ours | stock |", "| --- | --- | --- |"]
        for doing in _DOINGS:
            for row in sorted({case.row for case in mine if case.doing == doing}):
                here = [case for case in mine if (case.doing, case.row) == (doing, row)]
                cells = [
                    _cell(each for each in here if each.side == side)
                    or _why_not(side, world, doing)
                    for side in _SIDES
                ]
                lines.append(f"| {row} {_DOINGS[doing]} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(cases: Iterable[Case]) -> str:
    """How many went well, and what did not; empty where nothing was tried."""
    found = list(cases)
    reached = [case for case in found if case.reached]
    if not reached:
        return "it never comes to that" if found else ""
    well = sum(not case.failures for case in reached)
    broken = Counter(name for case in reached for name in case.failures)
    words = [f"{_WORDS[name]} ({number})" for name, number in sorted(broken.items())]
    return "; ".join([f"{well} of {len(reached)} well", *words])


def _why_not(side: str, world: str, doing: str) -> str:
    """Why nothing was tried."""
    if side == STOCK and world == LEDGER_ELSEWHERE:
        return "it has no ledger"
    if side == STOCK and world == OPENSTACK:
        return "it has no spawner for them"
    return "it sets nothing right" if (side, doing) == (STOCK, "reconcile") else "not tried"
