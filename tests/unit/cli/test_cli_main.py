"""The entry point: help, versions, failures, odd surroundings."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from jupyterhub_anywhere.cli import failures, main
from jupyterhub_anywhere.core.errors import ConfigError, Problem, StateError

SOURCES = Path(__file__).parents[3] / "src"
COMMAND = [sys.executable, "-m", "jupyterhub_anywhere.cli"]


def run(
    *arguments: str, environment: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCES), **(environment or {})}
    settings: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 60, **options}
    return subprocess.run([*COMMAND, *arguments], env=variables, check=False, **settings)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a verb ``fail`` that raises what it is told to."""

    def make(error: BaseException) -> None:
        @click.command()
        def fail() -> None:
            raise error

        monkeypatch.setitem(main.cli.commands, "fail", fail)

    return make


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--help"]) == 0
    shown = capsys.readouterr().out
    verbs = (
        "up status reload down check explain schema doctor password service backup restore import"
    )
    for verb in verbs.split():
        assert f"\n  {verb} " in shown
    assert "...\n" not in shown.partition("Commands:")[2], (
        "the first sentence of a verb is too long for the list"
    )


def test_every_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in main.cli.list_commands(click.Context(main.cli)):
        assert main.main([name, "--help"]) == 0
        assert f"Usage: anywhere {name}" in capsys.readouterr().out


def test_help_does_not_wait_for_jupyterhub() -> None:
    code = (
        "import sys; from jupyterhub_anywhere.cli.main import main; main(['--help'])\n"
        "heavy = {'jupyterhub', 'pydantic', 'ruamel', 'sqlalchemy', 'rich', 'tornado'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--version"]) == 0
    assert "JupyterHub 6" in capsys.readouterr().out


def test_an_unknown_verb_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["stauts"]) == 2
    assert "Did you mean status?" in capsys.readouterr().err


def test_a_failure_is_told_with_its_next_step(
    failing: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(StateError("/x is in use.", hint="Stop the other hub."))
    assert main.main(["fail"]) == 3
    assert capsys.readouterr().err == "anywhere: /x is in use.\n  Stop the other hub.\n"


def test_problems_are_one_line_each(failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    problems = [
        Problem("a.yaml", 2, 3, "hub.ur", "unknown key.\nhere", "Did you mean url?"),
        Problem("a.yaml", 1, 1, "x", "a \x1b[31m name"),
    ]
    failing(ConfigError(problems))
    assert main.main(["fail"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "a.yaml:1:1: x: a \\x1b[31m name",
        "a.yaml:2:3: hub.ur: unknown key. here Did you mean url?",
        "2 problems found.",
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/s/db"), "/s/db: no space left"),
        (PermissionError(errno.EACCES, "Permission denied", b"/s/\xff"), "/s/"),
        (OSError(errno.EROFS, "Read-only file system", "/s"), "/s: read-only"),
        (sqlite3.OperationalError("database or disk is full"), "the disk is full"),
    ],
)
def test_what_the_machine_does_is_no_fault_of_ours(
    failing: Any, capsys: pytest.CaptureFixture[str], error: Exception, said: str
) -> None:
    failing(error)
    assert main.main(["fail"]) == 4
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert len(told.splitlines()) == 2, "the cure is missing"


def test_a_fault_leaves_its_traceback_in_a_private_file(
    failing: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    logs = tmp_path / "hub" / "logs"
    logs.mkdir(parents=True)
    failing(RuntimeError("a token: s3cret"))
    assert main.main(["--state", str(tmp_path), "fail"]) == failures.INTERNAL
    told = capsys.readouterr().err
    (file,) = logs.iterdir()
    assert str(file) in told
    assert "RuntimeError" in told
    assert "s3cret" not in told
    assert "Traceback" not in told
    assert "raise error" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_fault_without_a_state_folder_is_written_elsewhere(
    failing: Any,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failing(RuntimeError("x"))
    assert main.main(["--state", str(tmp_path / "none"), "fail"]) == failures.INTERNAL
    (file,) = tmp_path.glob("fault-*.log")
    assert str(file) in capsys.readouterr().err


def test_verbose_shows_the_traceback(failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    failing(RuntimeError("x"))
    assert main.main(["--verbose", "fail"]) == failures.INTERNAL
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c(failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    failing(KeyboardInterrupt())
    assert main.main(["fail"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_nobody_reads_on(failing: Any) -> None:
    read, write = os.pipe()
    os.close(read)
    done = run("service", stdout=write, stderr=subprocess.PIPE, capture_output=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (failures.OUTPUT_CLOSED, "")


def test_standard_output_is_full() -> None:
    with Path("/dev/full").open("w") as full:
        done = run("service", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 4
    assert "no space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_standard_streams_are_closed() -> None:
    line = " ".join(COMMAND) + " service <&- >&- 2>&-"
    done = subprocess.run(
        ["/bin/sh", "-c", line], env={"PYTHONPATH": str(SOURCES)}, timeout=60, check=False
    )
    assert done.returncode == 0


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1", "none"])
def test_odd_locales_and_names(tmp_path: Path, locale: str) -> None:
    state = tmp_path / "Zustand-\u00e4\u4e2d"
    done = run("--state", str(state), "service", environment={"LC_ALL": locale})
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    done = run("--state", str(state), "backup", "x.tar.gz", environment={"LC_ALL": locale})
    assert done.returncode == 3
    assert "There is no state of a hub" in done.stderr


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    state = os.fsdecode(bytes(tmp_path) + b"/\xff")
    done = run("--state", state, "backup", "x.tar.gz", errors="surrogateescape")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_no_colour_away_from_a_terminal() -> None:
    done = run("backup", "--state", "/nowhere", "x.tar.gz", environment={"TERM": "xterm"})
    assert done.returncode == 3
    assert "\x1b" not in done.stderr


def on_a_terminal(error: ConfigError, failing: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run ``fail`` with a standard error that says it is a terminal, without colours."""
    failing(error)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    return main.main(["fail"])


@pytest.mark.parametrize(
    "row",
    [
        ("  ur: 1", 3, "  ur: 1", 2),
        ("\tx: 1", 1, " x: 1", 0),
        ("a\x1b: 1", 3, "a\\x1b: 1", 5),
        ("\u4e2d\u4e2d: 1", 3, "\u4e2d\u4e2d: 1", 4),
        ("x" * 200 + "!" + "y" * 200, 201, "x" * 45 + "!" + "y" * 44, 45),
    ],
)
def test_a_terminal_sees_the_line_itself(
    failing: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    row: tuple[str, int, str, int],
) -> None:
    text, column, shown, caret = row
    file = tmp_path / "a.yaml"
    file.write_text(f"# a comment\n{text}\n", "utf-8")
    error = ConfigError([Problem(str(file), 2, column, "x", "wrong.")])
    assert on_a_terminal(error, failing, monkeypatch) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:3] == [f"  2 | {shown}", "    | " + " " * caret + "^"]
    assert lines[3] == "1 problem found."


def test_a_line_that_has_gone(
    failing: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ConfigError([Problem("/nowhere/a.yaml", 2, 1, "x", "wrong.")])
    assert on_a_terminal(error, failing, monkeypatch) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_standard_error_is_full() -> None:
    """What cannot be told changes neither the answer nor the exit code."""
    with Path("/dev/full").open("w") as full:
        done = run("backup", "--state", "/nowhere", "x", stderr=full, capture_output=False)
    assert done.returncode == 3


def test_a_package_that_is_missing(failing: Any, capsys: pytest.CaptureFixture[str]) -> None:
    failing(ModuleNotFoundError("No module named 'tornado'", name="tornado"))
    assert main.main(["fail"]) == 4
    told = capsys.readouterr().err
    assert "The Python package tornado is missing" in told
    assert "pip install" in told


def test_a_module_of_our_own_that_is_missing_is_a_fault(failing: Any) -> None:
    failing(ModuleNotFoundError("x", name="jupyterhub_anywhere.nonsense"))
    assert main.main(["fail"]) == failures.INTERNAL
