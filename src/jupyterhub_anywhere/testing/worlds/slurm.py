"""A recording Slurm: ``sbatch``, ``squeue`` and ``scancel``, with a queue behind them."""

from __future__ import annotations

import itertools
import re
import shlex
from typing import TYPE_CHECKING, Any, ClassVar

from jupyterhub_anywhere.testing.world import Call, Fault, World
from jupyterhub_anywhere.testing.worlds.commands import Command, Commands, Executable, Outcome
from jupyterhub_anywhere.testing.worlds.docker_calls import Faults, Words
from jupyterhub_anywhere.testing.worlds.slurm_job import Job, State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

JOB = "job"
"""The step in which a job starts: it can fail, or wait in the queue."""
# What the commands say (Slurm 23.11), where they fail.
_ERRORS = {
    "sbatch": "sbatch: error: Batch job submission failed: Unspecified error\n",
    "squeue": "slurm_load_jobs error: Access/permission denied\n",
    "scancel": "scancel: error: Kill job error on job id {job}: Access/permission denied\n",
}
_DIRECTIVE = re.compile(r"#SBATCH --([a-z-]+)=(.*)")
_FIRST_JOB = 1001


class SlurmWorld(World):
    """A cluster of one node, which is this machine.

    A job waits until it has been looked at once. Then it runs as a stub in this process, with the
    variables that its script exports and no others, and tells the hub its port as
    ``batchspawner-singleuser`` does. ``server`` of a fault is the user's name, for a named server
    ``USER/SERVER``.
    """

    steps: ClassVar[tuple[str, ...]] = ("sbatch", "squeue", "scancel")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._words = Words(folder)
        self._calls: list[Call] = []
        self._jobs: dict[str, Job] = {}
        self._numbers = itertools.count(_FIRST_JOB)
        self._faults = Faults()
        self._job_faults: dict[str, Fault | None] = {}
        programs = {
            "sbatch": Executable(reads=True),
            "squeue": Executable(),
            "scancel": Executable(),
        }
        self._commands = Commands(folder, programs, self._serve)

    async def open(self) -> None:
        """Put the commands into the folder."""
        await self._commands.open()

    async def close(self) -> None:
        """End every job and every command that hangs."""
        await self._commands.close()
        for job in self._jobs.values():
            job.end(State.CANCELLED)
            await job.ended()

    @property
    def calls(self) -> Sequence[Call]:
        """Every command so far, in order of arrival."""
        return tuple(self._calls)

    def fault(self, step: str, kind: Fault | None, *, server: str = "") -> None:
        """Let a command fail or hang; see `JOB` for what is no command."""
        if step == JOB:
            self._job_faults[server] = kind
        else:
            self._faults.set(step, kind, server)

    def settings(self) -> Mapping[str, Any]:
        """Whole paths of the commands, which run as the hub's own account.

        batchspawner gives ``sbatch`` the server's variables alone, and ``PATH`` is none of them
        unless it is configured.
        """
        tools = {name: shlex.quote(str(self._commands.bin / name)) for name in self.steps}
        return {
            "exec_prefix": "",
            "startup_poll_interval": 0.05,
            "batch_submit_cmd": f"{tools['sbatch']} --parsable",
            "batch_query_cmd": f"{tools['squeue']} -h -j {{job_id}} -o '%T %B'",
            "batch_cancel_cmd": f"{tools['scancel']} {{job_id}}",
        }

    def environment(self) -> Mapping[str, str]:
        """The commands are found first."""
        return {"PATH": self._commands.path()}

    def alive(self) -> Collection[str]:
        """The servers whose jobs wait or run."""
        return [job.owner for job in self._jobs.values() if job.state.lives]

    async def _serve(self, command: Command) -> Outcome:
        number = self._number_in(command)
        job = self._jobs.get(number)
        submitted = _script(command.text) if command.name == "sbatch" else None
        owner = _owner(command.environment) if submitted else job.owner if job else ""
        self._calls.append(self._record(command, owner, number))
        if await self._faults.meet(command.name, owner):
            return Outcome(1, "", _ERRORS[command.name].format(job=number))
        if submitted is not None:
            return self._submit(command, owner)
        if command.name == "squeue":
            return self._look(job)
        return self._cancel(job, number)

    def _record(self, command: Command, owner: str, number: str) -> Call:
        arguments = ["JOB" if each == number else each for each in command.arguments]
        facts: dict[str, Any] = {"server": owner, "arguments": arguments}
        if command.name == "sbatch":
            options, lines = _script(command.text)
            facts |= {"options": options, "script": lines}
            facts["environment"] = self._words.environment(
                [f"{name}={value}" for name, value in command.environment.items()]
            )
        return Call(command.name, {**self._words.plain(facts), "arguments": arguments})

    @staticmethod
    def _number_in(command: Command) -> str:
        return next((each for each in command.arguments if each.isdecimal()), "")

    def _submit(self, command: Command, owner: str) -> Outcome:
        options, lines = _script(command.text)
        exported = set(options.get("export", "").split(","))
        names = exported if exported != {"ALL"} else set(command.environment)
        environment = {name: command.environment[name] for name in names & set(command.environment)}
        number = str(next(self._numbers))
        self._jobs[number] = Job(owner, environment, lines)
        return Outcome(output=f"{number}\n")

    def _look(self, job: Job | None) -> Outcome:
        if job is None:
            return Outcome(1, "", "slurm_load_jobs error: Invalid job id specified\n")
        seen = job.state
        fault = self._job_faults.get(job.owner) or self._job_faults.get("")
        if seen is State.PENDING and fault != "hang":
            job.start(fails=fault == "error")
        return Outcome(output=seen.line())

    @staticmethod
    def _cancel(job: Job | None, number: str) -> Outcome:
        if job is None:
            return Outcome(
                1,
                "",
                f"scancel: error: Kill job error on job id {number}: Invalid job id specified\n",
            )
        job.end(State.CANCELLED)
        return Outcome()


def _owner(environment: Mapping[str, str]) -> str:
    """The server's name, from the variables that the hub gives to each."""
    names = (environment.get("JUPYTERHUB_USER", ""), environment.get("JUPYTERHUB_SERVER_NAME", ""))
    return "/".join(filter(None, names))


def _script(text: str) -> tuple[dict[str, str], list[str]]:
    """A batch script's options, and its lines without them.

    The order of the exported variables means nothing, so they are sorted.
    """
    options: dict[str, str] = {}
    lines: list[str] = []
    for line in text.splitlines():
        found = _DIRECTIVE.fullmatch(line.strip())
        if found is None:
            lines += [line] if line.strip() else []
        else:
            options[found[1]] = found[2]
    if "export" in options:
        options["export"] = ",".join(sorted(options["export"].split(",")))
    return options, lines
