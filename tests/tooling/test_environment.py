"""Where the environment lives, when it is renewed, and what `make clean` removes."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool() -> Any:
    """The module tools/environment.py."""
    spec = importlib.util.spec_from_file_location("environment_tool", ROOT / "tools/environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def clone(open_folder: Path) -> Path:
    """A clone as far as the tool looks at it."""
    clone = open_folder / "clone"
    (clone / "requirements").mkdir(parents=True)
    clone.chmod(0o755)  # whatever the umask
    (clone / "requirements/run.txt").write_text("a==1\n")
    (clone / "requirements/dev.txt").write_text("a==1\nb==1\n")
    (clone / "pyproject.toml").write_text("[project]\n")
    core = clone / "src/jupyterhub_anywhere/core"
    core.mkdir(parents=True)
    shutil.copy(ROOT / "src/jupyterhub_anywhere/core/state.py", core)
    return clone


def test_it_is_in_the_clone_where_everybody_can_enter(tool: Any, clone: Path) -> None:
    env = tool.choose(clone, as_root=True)

    assert env.folder == clone / ".venv"
    assert env.linked


def test_as_root_it_is_elsewhere_where_the_clone_is_private(tool: Any, clone: Path) -> None:
    clone.parent.chmod(0o700)
    env = tool.choose(clone, as_root=True, elsewhere=Path("/elsewhere"))

    assert env.folder.parent == Path("/elsewhere")
    assert not env.linked
    assert env.folder == tool.choose(clone, as_root=True, elsewhere=Path("/elsewhere")).folder
    other = tool.choose(clone / "other", as_root=True, elsewhere=Path("/elsewhere"))
    assert env.folder != other.folder


def test_an_ordinary_user_has_it_in_a_private_clone_too(tool: Any, clone: Path) -> None:
    clone.chmod(0o700)

    assert tool.choose(clone, as_root=False).folder == clone / ".venv"


def test_the_private_folder_is_named(tool: Any, clone: Path) -> None:
    assert tool.private_folder(clone) is None
    clone.parent.chmod(0o750)
    assert tool.private_folder(clone) == clone.parent


def test_a_changed_lock_is_noticed(tool: Any, clone: Path) -> None:
    env = tool.choose(clone, as_root=False)
    before = tool.wanted(env, "run")
    (clone / "requirements/run.txt").write_text("a==2\n")

    after = tool.wanted(env, "run")

    assert before["locks"] != after["locks"]
    assert before["package"] == after["package"]


def test_a_changed_source_matters_only_to_a_copied_package(tool: Any, clone: Path) -> None:
    linked = tool.choose(clone, as_root=False)
    copied = tool.Environment(clone, Path("/elsewhere"), linked=False)
    before = tool.wanted(linked, "run"), tool.wanted(copied, "run")
    (clone / "src/jupyterhub_anywhere/new.py").write_text("")

    assert tool.wanted(linked, "run") == before[0]
    assert tool.wanted(copied, "run") != before[1]


@pytest.mark.parametrize(("have", "want"), [("run", "run"), ("dev", "run"), ("dev", "dev")])
def test_where_the_stamp_fits_nothing_is_run(tool: Any, clone: Path, have: str, want: str) -> None:
    env = tool.choose(clone, as_root=False)
    env.folder.mkdir()
    env.stamp.write_text(json.dumps(tool.wanted(env, have)))

    # There is no interpreter in it: anything but a look at the stamp would fail.
    tool.prepare(env, want)

    assert tool.installed(env)["level"] == have


@pytest.mark.parametrize("text", ["", "[]", "{", "\0"])
def test_a_broken_stamp_counts_as_none(tool: Any, clone: Path, text: str) -> None:
    env = tool.choose(clone, as_root=False)
    env.folder.mkdir()
    env.stamp.write_text(text)

    assert tool.installed(env) == {}


def test_a_failing_pip_is_told_and_leaves_no_stamp(tool: Any, clone: Path) -> None:
    env = tool.choose(clone, as_root=False)
    (env.folder / "bin").mkdir(parents=True)
    # Answers `pip --version`, fails at `pip install`.
    env.python.write_text('#!/bin/sh\ntest "$4" = --version\n')
    env.python.chmod(0o755)
    env.stamp.write_text("{}")

    with pytest.raises(tool.SetupError, match="HTTPS_PROXY"):
        tool.prepare(env, "run")

    assert not env.stamp.exists()


def test_an_interrupted_attempt_is_made_again(tool: Any, clone: Path) -> None:
    env = tool.choose(clone, as_root=False)
    (env.folder / "bin").mkdir(parents=True)
    (env.folder / "rubbish").write_text("")

    tool.make(env, moved=False)

    assert tool.usable(env)
    assert not (env.folder / "rubbish").exists()


def test_the_link_into_the_clone_is_readable_in_every_locale(tool: Any, clone: Path) -> None:
    strange = clone.rename(clone.with_name("my clöne"))
    env = tool.choose(strange, as_root=False)
    tool.make(env, moved=False)
    (site,) = env.folder.glob("lib/python*/site-packages")
    link = site / "_jupyterhub_anywhere.pth"
    link.write_text(f"{strange}/src\n")
    tool.make_link_relative(env)

    answer = subprocess.run(
        [env.python, "-c", "import jupyterhub_anywhere.core as core; print(ascii(core.__path__))"],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C"},
        text=True,
    )

    assert link.read_text().isascii()
    assert "my cl\\xf6ne/src" in answer.stdout


def test_clean_removes_what_make_made_and_names_the_state(
    tool: Any, clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = clone.parent / "state"
    (state / "jupyterhub-anywhere").mkdir(parents=True)
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    monkeypatch.setenv("XDG_CACHE_HOME", str(clone.parent / "cache"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    kept = {path for path in clone.rglob("*") if path.is_file()}
    for name in (".venv/bin", ".mypy_cache", "docs/_build", "src/x/__pycache__", "dist"):
        (clone / name).mkdir(parents=True)
        (clone / name / "file").write_text("")
    proxy = clone.parent / "cache/jupyterhub-anywhere/proxy-1"
    proxy.mkdir(parents=True)

    tool.clean(tool.choose(clone, as_root=False))

    assert {path for path in clone.rglob("*") if path.is_file()} == kept
    assert not proxy.exists()
    assert str(state / "jupyterhub-anywhere") in capsys.readouterr().err
    assert (state / "jupyterhub-anywhere").is_dir()


def test_clean_removes_an_environment_elsewhere_and_no_neighbour(
    tool: Any, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(clone.parent / "cache"))
    elsewhere = clone.parent / "opt"
    env = tool.Environment(clone, elsewhere / "env-1", linked=False)
    env.folder.mkdir(parents=True)
    neighbour = elsewhere / "env-2"
    neighbour.mkdir()

    tool.clean(env)
    assert not env.folder.exists()
    assert neighbour.is_dir()

    neighbour.rmdir()
    tool.clean(env)
    assert not elsewhere.exists()


def test_clean_refuses_while_something_runs_from_it(tool: Any, clone: Path) -> None:
    env = tool.choose(clone, as_root=False)
    program = env.folder / "bin" / "server"
    program.parent.mkdir(parents=True)
    shutil.copy("/bin/sh", program)
    command = [program, "-c", "echo ready; read line"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with pytest.raises(tool.SetupError, match=f"{process.pid}.*anywhere down"):
            tool.clean(env)
        process.communicate()

    assert env.folder.is_dir()


def test_a_clone_of_somebody_else_is_a_message(
    tool: Any, clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied", str(clone / ".venv"))

    monkeypatch.setattr(tool, "CLONE", clone)
    monkeypatch.setattr(tool, "prepare", refuse)

    assert tool.main(["run"]) == 4
    assert f"{clone}/.venv cannot be written" in capsys.readouterr().err


def test_a_wrong_command_is_a_message(tool: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["nonsense"]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_locks_pin_every_package_by_hash_and_name_no_host() -> None:
    pins: dict[str, set[str]] = {}
    for name in ("build", "run", "dev"):
        text = (ROOT / f"requirements/{name}.txt").read_text()
        assert "://" not in text
        assert "index-url" not in text
        entries = [entry for entry in text.replace("\\\n", " ").splitlines() if entry[:1] != "#"]
        assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
        pins[name] = {entry.split(" ")[0] for entry in entries}
    # `make test` runs in an environment that also runs the hub.
    assert pins["build"] <= pins["run"] <= pins["dev"]


def test_make_up_has_what_the_kinds_need_and_tests_have_the_same() -> None:
    """A file with ``kind: docker`` needs nothing more than ``make up``."""
    run, dev = (
        set(re.findall(r"^([a-z0-9-]+==[^ ;]+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements/run.txt", "requirements/dev.txt")
    )
    assert {"jupyterhub", "jupyterlab", "dockerspawner"} <= {pin.partition("==")[0] for pin in run}
    assert run <= dev
