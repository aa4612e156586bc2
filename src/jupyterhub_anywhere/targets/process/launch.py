"""Starting a supervisor, and telling it to go.

Between the two lies the safety of the worst moment: the hub saves which process it is before it
says go. A hub that dies in between closes the pipe, and the supervisor leaves with nothing begun.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.targets.process import serverlog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.targets.process.identity import Identity
    from jupyterhub_anywhere.targets.process.limits import Limiter, Limits

SUPERVISOR: Final = Path(__file__).with_name("supervisor.py")
# Reads the program's text from the pipe and runs it. A pipe that ends first ends it in peace.
BOOT: Final = (
    "import json, sys\n"
    "line = sys.stdin.buffer.readline()\n"
    'line.endswith(b"\\n") or sys.exit(0)\n'
    'exec(compile(json.loads(line), "<anywhere supervisor>", "exec"))\n'
)
UMASK: Final = 0o077


@dataclass(frozen=True, slots=True)
class Job:
    """What a supervisor is to run.

    Attributes:
        argv: The command; its first word is a path.
        env: The server's whole environment.
        cwd: The working folder.
        grace: Seconds between TERM and KILL when the server is to end.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    grace: float


@dataclass(frozen=True, slots=True)
class Supervisor:
    """A supervisor that was started by this process.

    Attributes:
        process: Its handle.
        identity: Which process it is.
        status: The number of its status descriptor, as it knows it.
    """

    process: subprocess.Popen[bytes]
    identity: ProcessId
    status: int

    def go(self, job: Job) -> None:
        """Send the job. From here on a server may run.

        Raises:
            TargetError: The supervisor has ended before.
        """
        message: dict[str, Any] = {
            "argv": list(job.argv),
            "env": dict(job.env),
            "cwd": str(job.cwd),
            "grace": job.grace,
            "status": self.status,
        }
        pipe = self.process.stdin
        assert pipe is not None  # noqa: S101 - `launch` asks for a pipe
        try:
            with pipe:
                pipe.write(json.dumps(message).encode() + b"\n")
        except BrokenPipeError as error:
            raise TargetError("The server's supervisor ended before it was told to go.") from error

    def abandon(self) -> None:
        """Close the pipe: the supervisor ends, having started nothing."""
        if self.process.stdin is not None:
            self.process.stdin.close()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a supervisor is started with, before its job.

    Attributes:
        resource: The server's resource name; also what ``ps`` shows at the end of the line.
        labels: The environment of the supervisor itself; no secrets.
        identity: Whom it runs as.
        python: The interpreter that runs it.
        limits: What the server may use.
        log: The log file of server and supervisor.
        status: The file that the exit status is written to.
    """

    resource: str
    labels: Mapping[str, str]
    identity: Identity
    python: Path
    limits: Limits
    log: Path
    status: Path


def launch(plan: Plan, way: Limiter) -> Supervisor:
    """Start a supervisor that waits for its job, held to the server's limits already.

    Raises:
        TargetError: A file or a limit cannot be set up, or the interpreter cannot be executed by
            that user.
    """
    way.prepare(plan.resource, plan.limits)
    try:
        log = serverlog.open_log(plan.log)
    except OSError as error:
        raise _unwritable(plan.log, error) from error
    try:
        try:
            status = open_status(plan.status)
        except OSError as error:
            raise _unwritable(plan.status, error) from error
        try:
            process = _popen(plan, way, log, status)
        finally:
            os.close(status)
    finally:
        os.close(log)
    found = ProcessId.of(process.pid)
    # A process that has ended by now is nobody's: no start time is negative.
    supervisor = Supervisor(process, found or ProcessId(process.pid, -1, ""), status)
    try:
        way.add(plan.resource, process.pid)
        _send_program(process)
    except BaseException:
        supervisor.abandon()
        raise
    return supervisor


def _popen(plan: Plan, way: Limiter, log: int, status: int) -> subprocess.Popen[bytes]:
    identity = plan.identity
    wrapper, wrapper_env = way.wrapper(plan.resource, plan.limits)
    switched: dict[str, Any] = (
        {"user": identity.uid, "group": identity.gid, "extra_groups": list(identity.groups)}
        if identity.switch
        else {}
    )
    env = {**plan.labels, **wrapper_env}
    try:
        # The child goes on after us, on purpose: see the module's text.
        return subprocess.Popen(  # noqa: S603 - argument list, no shell
            [*wrapper, str(plan.python), "-I", "-S", "-c", BOOT, plan.resource],
            env={_bytes(name): _bytes(value) for name, value in env.items()},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[status],
            start_new_session=True,
            umask=UMASK,
            **switched,
        )
    except OSError as error:
        raise TargetError(
            f"{error.filename or plan.python} cannot be executed by uid {identity.uid}:"
            f" {error.strerror or error}.",
            hint="Put the environment where that user may read it, not under root's home.",
        ) from error


def _unwritable(path: Path, error: OSError) -> TargetError:
    return TargetError(
        f"The server's file {path} cannot be written: {error.strerror or error}.",
        hint="Look at the folder's owner and free space.",
    )


def _send_program(process: subprocess.Popen[bytes]) -> None:
    pipe = process.stdin
    assert pipe is not None  # noqa: S101 - asked for above
    try:
        pipe.write(json.dumps(SUPERVISOR.read_text("utf-8")).encode() + b"\n")
        pipe.flush()
    except BrokenPipeError:
        # It has ended already; whoever says go is told.
        return


def _bytes(text: str) -> bytes:
    # The file system encoding of a hub in an odd locale would not take every user's name.
    return text.encode("utf-8", "surrogateescape")


def read_status(path: Path) -> int | None:
    """The exit status that a supervisor has written, or None.

    The file's content comes from the user's side: it is read as one short number or not at all.
    """
    try:
        with path.open("rb") as file:
            text = file.read(16)
    except OSError:
        return None
    number = text.strip()
    return int(number) if number.isdigit() and text.endswith(b"\n") else None


def open_status(path: Path) -> int:
    """Open a new, empty status file for the hub's account alone; the caller closes it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(path, flags, 0o600)
