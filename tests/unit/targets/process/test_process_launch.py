"""The supervisor: nothing before "go", nothing left afterwards. Real processes throughout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.targets.process.identity import Identity
from jupyterhub_anywhere.targets.process.labels import kill_server, labels_of, scan
from jupyterhub_anywhere.targets.process.launch import (
    BOOT,
    SUPERVISOR,
    Job,
    Plan,
    Supervisor,
    launch,
    read_status,
)
from jupyterhub_anywhere.targets.process.limits import Limits, NoLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAY = NoLimits("a test")


@dataclass
class Stage:
    """One server's files and names."""

    folder: Path
    hub: str

    def plan(self) -> Plan:
        me = Identity("me", os.getuid(), os.getgid(), (), self.folder)
        return Plan(
            resource="ann",
            labels=labels_of(self.hub, "ann", "ann", ""),
            identity=me,
            python=Path(sys.executable),
            limits=Limits(),
            log=self.folder / "logs" / "ann.log",
            status=self.folder / "logs" / "ann.status",
        )

    def job(self, program: str, *, grace: float = 5.0) -> Job:
        argv = [sys.executable, "-c", textwrap.dedent(program)]
        env = {"PATH": os.defpath, "SECRET": "tøken", **self.plan().labels}
        return Job(argv, env, self.folder, grace)

    def start(self, program: str, *, grace: float = 5.0) -> Supervisor:
        supervisor = launch(self.plan(), WAY)
        supervisor.go(self.job(program, grace=grace))
        return supervisor

    def log(self) -> str:
        return self.plan().log.read_text()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, self.log()
            time.sleep(0.02)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, f"test-{os.getpid()}-{tmp_path.name}")
    yield made
    assert kill_server(made.hub, "ann")


def test_nothing_is_started_when_the_pipe_ends_before_go(stage: Stage) -> None:
    supervisor = launch(stage.plan(), WAY)
    supervisor.abandon()
    assert supervisor.process.wait(timeout=20) == 0
    assert stage.log() == ""
    assert read_status(stage.plan().status) is None


def test_half_a_job_is_no_job(stage: Stage) -> None:
    supervisor = launch(stage.plan(), WAY)
    assert supervisor.process.stdin is not None
    supervisor.process.stdin.write(b'{"argv": ["/bin/touch", "begun"]')
    supervisor.abandon()
    assert supervisor.process.wait(timeout=20) == 0
    assert not (stage.folder / "begun").exists()


def test_half_a_program_is_no_program() -> None:
    half = json.dumps(SUPERVISOR.read_text()).encode()[:500]
    command = [sys.executable, "-I", "-S", "-c", BOOT]
    done = subprocess.run(command, input=half, capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_going_after_the_supervisor_has_ended_is_an_error(stage: Stage) -> None:
    supervisor = launch(stage.plan(), WAY)
    supervisor.process.kill()
    supervisor.process.wait()
    with pytest.raises(TargetError, match="ended before it was told to go"):
        supervisor.go(stage.job("pass"))


def test_the_supervisor_survives_its_hub_and_writes_down_how_it_ended(stage: Stage) -> None:
    # The hub's part is played by a process that is killed as soon as it has said go.
    program = f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from test_process_launch import Stage
        stage = Stage(Path({str(stage.folder)!r}), {stage.hub!r})
        stage.start("import time, sys; print('up', flush=True); time.sleep(1); sys.exit(7)")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    hub = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False, timeout=60)
    assert hub.returncode == -signal.SIGKILL
    stage.wait_for(lambda: read_status(stage.plan().status) == 7)
    assert stage.log() == "up\n"


def test_its_exit_status_is_the_servers(stage: Stage) -> None:
    assert stage.start("import sys; sys.exit(3)").process.wait(timeout=20) == 3
    assert read_status(stage.plan().status) == 3


def test_a_server_that_dies_of_a_signal_counts_128_and_more(stage: Stage) -> None:
    supervisor = stage.start("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert supervisor.process.wait(timeout=20) == 128 + signal.SIGSEGV


def test_the_server_has_its_environment_and_nothing_else(stage: Stage) -> None:
    supervisor = stage.start("""
        import json, os, sys
        print(json.dumps([dict(os.environ), os.getcwd(), os.getsid(0) == os.getpid(),
                          sys.stdin.read(), sorted(os.listdir("/proc/self/fd")),
                          os.umask(0)]))
    """)
    supervisor.process.wait(timeout=20)
    env, cwd, leads, stdin, descriptors, umask = json.loads(stage.log())
    env.pop("LC_CTYPE", None)
    assert env == stage.job("").env
    assert (cwd, leads, stdin, umask) == (str(stage.folder), True, "", 0o077)
    # The fourth one is the listing's own.
    assert descriptors == ["0", "1", "2", "3"]


def test_no_secret_is_in_the_command_line_or_environment_of_the_supervisor(stage: Stage) -> None:
    supervisor = stage.start("import time; print('up', flush=True); time.sleep(60)")
    stage.wait_for(lambda: "up" in stage.log())
    shown = b"".join(
        Path(f"/proc/{supervisor.process.pid}/{name}").read_bytes()
        for name in ("cmdline", "environ")
    )
    assert "tøken".encode() not in shown
    assert stage.hub.encode() in shown
    supervisor.process.terminate()
    supervisor.process.wait(timeout=20)


def test_a_program_that_is_missing_is_told_in_the_log(stage: Stage) -> None:
    supervisor = launch(stage.plan(), WAY)
    supervisor.go(replace(stage.job(""), argv=["/nowhere/jupyterhub-singleuser"]))
    assert supervisor.process.wait(timeout=20) == 127
    assert "/nowhere/jupyterhub-singleuser: No such file or directory" in stage.log()


def test_a_program_that_may_not_be_executed_is_told_in_the_log(stage: Stage) -> None:
    (stage.folder / "text").write_text("")
    supervisor = launch(stage.plan(), WAY)
    supervisor.go(replace(stage.job(""), argv=[str(stage.folder / "text")]))
    assert supervisor.process.wait(timeout=20) == 126
    assert "text: Permission denied" in stage.log()


def test_an_interpreter_that_is_missing_is_an_error(stage: Stage) -> None:
    plan = replace(stage.plan(), python=Path("/nowhere/python"))
    with pytest.raises(TargetError, match="/nowhere/python cannot be executed by uid"):
        launch(plan, WAY)


def test_a_log_that_cannot_be_written_is_an_error(stage: Stage) -> None:
    (stage.folder / "file").write_text("")
    plan = replace(stage.plan(), log=stage.folder / "file" / "ann.log")
    with pytest.raises(TargetError, match=r"ann.log cannot be written.*free space"):
        launch(plan, WAY)


# A server with a kernel that ignores TERM, in a session of its own; one that cleared its
# environment and was orphaned twice; and an ordinary child.
FAMILY = """
    import os, signal, subprocess, sys, time
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('k', flush=True);" \\
        "time.sleep(60)"
    subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve(sys.executable, [sys.executable, "-c",
                "print('o', flush=True); import time; time.sleep(60)"], {})
        os._exit(0)
    subprocess.Popen([sys.executable, "-c", "print('c', flush=True); import time; time.sleep(60)"])
    signal.signal(signal.SIGTERM, signal.SIG_IGN if STUBBORN else lambda *_: sys.exit(5))
    print("s", flush=True)
    time.sleep(60)
"""


def below(pid: int) -> list[ProcessId]:
    """All descendants of a process."""
    found = []
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listing.splitlines()]
    queue = [pid]
    while queue:
        parent = queue.pop()
        children = [child for child, its in pairs if its == parent]
        found += [ProcessId.of(child) for child in children]
        queue += children
    # The middle one of the orphan's line is a zombie.
    return [each for each in found if each is not None and each.alive()]


@pytest.mark.parametrize(("stubborn", "status"), [(False, 5), (True, 128 + signal.SIGKILL)])
def test_term_ends_the_whole_tree(stage: Stage, stubborn: bool, status: int) -> None:  # noqa: FBT001 - a parameter of the test
    program = FAMILY.replace("STUBBORN", str(stubborn))
    supervisor = stage.start(program, grace=0.3 if stubborn else 5)
    stage.wait_for(lambda: sorted(stage.log().split()) == ["c", "k", "o", "s"])
    family = below(supervisor.process.pid)
    assert len(family) == 4
    begun = time.monotonic()
    supervisor.process.terminate()
    assert supervisor.process.wait(timeout=30) == status
    assert time.monotonic() - begun < 10
    assert [each for each in family if each.alive()] == []


def test_a_server_that_ends_by_itself_takes_its_kernels_along(stage: Stage) -> None:
    supervisor = stage.start(
        FAMILY.replace("STUBBORN", "False").replace(
            's", flush=True)\n    time.sleep(60)', 's", flush=True)\n    time.sleep(1.5)'
        )
    )
    stage.wait_for(lambda: sorted(stage.log().split()) == ["c", "k", "o", "s"])
    family = below(supervisor.process.pid)
    assert supervisor.process.wait(timeout=30) == 0
    assert [each for each in family if each.alive()] == []


def test_the_label_finds_what_a_killed_supervisor_left(stage: Stage) -> None:
    supervisor = stage.start("import time; print('up', flush=True); time.sleep(60)")
    stage.wait_for(lambda: "up" in stage.log())
    supervisor.process.kill()
    supervisor.process.wait()
    left = scan(stage.hub)
    assert [(each.server, each.user, each.server_name) for each in left] == [("ann", "ann", "")]
    assert kill_server(stage.hub, "ann")
    assert scan(stage.hub) == []


@pytest.mark.parametrize("text", ["", "7", "7x\n", "-1\n", "9" * 5000])
def test_a_status_file_with_nonsense_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "status"
    path.write_text(text)
    assert read_status(path) is None


def test_without_a_status_file_nothing_is_known(tmp_path: Path) -> None:
    assert read_status(tmp_path / "status") is None


@pytest.mark.root
@pytest.mark.parametrize("groups", [(), (70001, 70044)])
def test_a_server_runs_as_its_user_with_no_group_of_the_hubs(
    stage: Stage, groups: tuple[int, ...]
) -> None:
    python = Path("/usr/bin/python3")
    home = Path("/")
    plan = replace(
        stage.plan(),
        python=python,
        identity=Identity("ann", 70001, 70001, groups, home, switch=True),
    )
    supervisor = launch(plan, WAY)
    program = "import os; print(os.getresuid(), os.getresgid(), os.getgroups())"
    argv = [str(python), "-c", program]
    supervisor.go(replace(stage.job(""), argv=argv, cwd=home))
    assert supervisor.process.wait(timeout=20) == 0
    assert stage.log() == f"(70001, 70001, 70001) (70001, 70001, 70001) {list(groups)}\n"
    assert read_status(plan.status) == 0


@pytest.mark.root
def test_an_interpreter_in_anothers_private_folder_is_an_error_with_its_path(stage: Stage) -> None:
    hidden = stage.folder / "private" / "python"
    hidden.parent.mkdir(mode=0o700)
    hidden.symlink_to("/usr/bin/python3")
    identity = Identity("ann", 70001, 70001, (), Path("/"), switch=True)
    plan = replace(stage.plan(), python=hidden, identity=identity)
    with pytest.raises(TargetError, match=r"private/python cannot be executed by uid 70001.*root"):
        launch(plan, WAY)
