"""The small program that runs one server, ends all that came of it, and outlives the hub.

It runs as the server's own user, by the server's own Python (3.8 or newer), and knows the standard
library only. The hub sends its source through the pipe: nothing of the hub has to be readable.

The conversation, on standard input:

1. a JSON text with this source, which `BOOT` in ``launch.py`` runs;
2. a JSON object, the job. It is the word to go. The hub saves who this process is before it sends
   it. When the pipe ends first, the hub has died, and nothing is started.

A job has ``argv``, ``env``, ``cwd``, ``grace`` (seconds between TERM and KILL) and ``status``, the
descriptor that the exit status is written to. Kernels and terminals have sessions of their own, so
a process group is not enough: as a child subreaper this process inherits every orphan below it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
# What a shell answers for a program that cannot be run, and for one that is not there.
NOT_EXECUTABLE, NOT_FOUND = 126, 127
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Seconds that kernels and terminals get, once the server itself is gone.
REST_GRACE = 2.0
# Seconds after which a process that no KILL ends (waiting for a dead disk) is given up.
GIVE_UP = 10.0


def run(job: dict[str, Any]) -> int:
    """Run the server to its end.

    Returns:
        Its exit status, 128 and the number for a signal.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.set_inheritable(job["status"], False)  # noqa: FBT003 - takes no keyword
    signal.pthread_sigmask(signal.SIG_BLOCK, {*ENDING, signal.SIGCHLD})
    server = start(job)
    status = watch(server, job["grace"])
    end_rest()
    os.write(job["status"], f"{status}\n".encode())
    return status


def start(job: dict[str, Any]) -> int:
    """Start the server in a session of its own; its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        # Python ignores it, and what is ignored stays so in the server's shells.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.chdir(encoded(job["cwd"]))
        env = {encoded(name): encoded(value) for name, value in job["env"].items()}
        argv = [encoded(word) for word in job["argv"]]
        os.execve(argv[0], argv, env)  # noqa: S606 - to exec it is the task
    except OSError as error:
        name = os.fsdecode(error.filename or job["argv"][0])
        sys.stderr.write(f"{name}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE)
    finally:
        os._exit(NOT_EXECUTABLE)


def encoded(text: str) -> bytes:
    """A text as bytes, whatever the locale is."""
    return text.encode("utf-8", "surrogateescape")


def watch(server: int, grace: float) -> int:
    """Wait for the server; asked to end, pass that on, and insist after the grace."""
    deadline = None
    while True:
        status = reap(server)
        if status is not None:
            return status
        if deadline is None:
            number = signal.sigwaitinfo({*ENDING, signal.SIGCHLD}).si_signo
            if number in ENDING:
                deadline = time.monotonic() + grace
                send(server, signal.SIGTERM)
            continue
        left = deadline - time.monotonic()
        if left <= 0:
            send(server, signal.SIGKILL)
            left = 1.0
        signal.sigtimedwait({signal.SIGCHLD}, left)


def reap(server: int | None) -> int | None:
    """Take leave of every child that has ended; the server's status when it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        if pid == server:
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
            found = code


def end_rest() -> None:
    """End all that the server left: TERM, and KILL for what is still there after a while."""
    begun = time.monotonic()
    told: set[tuple[int, int]] = set()
    while True:
        reap(None)
        now = time.monotonic() - begun
        rest = descendants(os.getpid())
        if not rest or now > GIVE_UP:
            return
        for pid, started in rest:
            if now > REST_GRACE:
                send(pid, signal.SIGKILL, started)
            elif (pid, started) not in told:
                told.add((pid, started))
                send(pid, signal.SIGTERM, started)
        signal.sigtimedwait({signal.SIGCHLD}, 0.05)


def descendants(root: int) -> list[tuple[int, int]]:
    """All that live below a process, as process id and start time."""
    children: dict[int, list[tuple[int, int]]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - texts are wanted
        known = parent_and_start(int(name)) if name.isdigit() else None
        if known is not None:
            children.setdefault(known[0], []).append((int(name), known[1]))
    found: list[tuple[int, int]] = []
    queue = [root]
    while queue:
        below = children.get(queue.pop(), [])
        found.extend(below)
        queue.extend(pid for pid, _ in below)
    return found


def parent_and_start(pid: int) -> tuple[int, int] | None:
    """Parent and start time of a process; None for one that is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib would cost 5 ms to import
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in b"ZX" else (int(fields[1]), int(fields[19]))


def send(pid: int, number: int, started: int | None = None) -> None:
    """Signal a process; where its start time is known, that very process and no other."""
    if started is not None:
        known = parent_and_start(pid)
        if known is None or known[1] != started:
            return
    # It may be gone already, or belong to somebody else (a program that changes its user).
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def main() -> int:
    """Wait for the job and do it; without one, the hub is gone and nothing happens."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 0
    job = json.loads(line)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return run(job)


if __name__ == "__main__":
    sys.exit(main())
