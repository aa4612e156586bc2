"""The systemd unit: systemd itself reads it, and reads back the words that were meant."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from jupyterhub_anywhere.core.errors import StateError, SurroundingsError
from jupyterhub_anywhere.hub.service_unit import (
    NAME,
    ServiceUnit,
    command_line,
    install,
    program,
    unit_path,
)

AWKWARD = ["a b", 'say "so"', "100%", "$HOME", "${X}", "back\\slash", "\u00e4\u4e2d", "it's", ""]


def settings(unit: ServiceUnit) -> dict[str, str]:
    lines = [line for line in unit.text().splitlines() if "=" in line and line[0] != "#"]
    return dict(line.split("=", 1) for line in lines)


def unit(**changes: object) -> ServiceUnit:
    values: dict[str, object] = {"program": ["/usr/bin/env"], "state": Path("/var/lib/x")}
    return ServiceUnit(**{**values, **changes})  # type: ignore[arg-type] # each test names its own


def test_servers_survive_a_restart_of_the_hub() -> None:
    found = settings(unit(file=Path("/etc/anywhere.yaml"), arguments=["--port", "9"]))
    assert found["ExecStart"] == (
        "/usr/bin/env up --state /var/lib/x --file /etc/anywhere.yaml --keep-servers --port 9"
    )
    assert found["ExecReload"] == "/usr/bin/env reload --state /var/lib/x"
    assert found["KillMode"] == "process"
    assert found["Restart"] == "on-failure"
    assert found["OOMPolicy"] == "continue"
    assert found["WantedBy"] == "multi-user.target"


def test_servers_end_with_the_hub() -> None:
    found = settings(unit(keep_servers=False))
    assert "--keep-servers" not in found["ExecStart"]
    assert found["KillMode"] == "mixed"
    assert int(found["TimeoutStopSec"]) >= 30


def test_a_unit_of_ones_own() -> None:
    text = unit(system=False).text()
    assert "WantedBy=default.target" in text
    assert "network-online" not in text, "an account's systemd does not know that target"


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is missing. Cure: apt-get install systemd",
)
@pytest.mark.parametrize("keep_servers", [True, False])
@pytest.mark.parametrize("system", [True, False])
def test_systemd_finds_nothing_wrong(tmp_path: Path, *, system: bool, keep_servers: bool) -> None:
    file = tmp_path / NAME
    made = unit(
        state=Path("/var/lib/a b"), arguments=AWKWARD, system=system, keep_servers=keep_servers
    )
    file.write_text(made.text())
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *([] if system else ["--user"]), file],
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    ours = [line for line in done.stderr.splitlines() if NAME in line]
    assert ours == [], done.stderr


def split(line: str) -> list[str]:
    """Read a command line as systemd.service(5) says: quotes, backslashes, ``%%`` and ``$$``."""
    words: list[str] = []
    word, quoted, started, index = "", False, False, 0
    while index < len(line):
        char = line[index]
        if char == "\\":
            index += 1
            word += line[index]
        elif char == '"':
            quoted, started = not quoted, True
        elif char == " " and not quoted:
            words.append(word)
            word, started = "", False
        else:
            word += char
        index += 1
    assert word or started
    words.append(word)
    first, *rest = (word.replace("%%", "%") for word in words)
    return [first, *(word.replace("$$", "$") for word in rest)]


def test_words_come_back_as_they_were() -> None:
    words = ["/opt/it's $5/anywhere", *AWKWARD]
    assert split(command_line(words)) == words


@pytest.mark.parametrize("word", ["a\nb", "a\0b", "\x7f"])
def test_what_no_unit_can_carry(word: str) -> None:
    with pytest.raises(SurroundingsError, match="control character"):
        command_line(["/bin/true", word])


def test_a_different_unit_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "systemd" / NAME
    assert install("one\n", path, force=False)
    assert not install("one\n", path, force=False), "the same text is no change"
    with pytest.raises(StateError, match="differs"):
        install("two\n", path, force=False)
    assert path.read_text() == "one\n"
    assert install("two\n", path, force=True)
    assert path.read_text() == "two\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == [NAME]


def test_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unit_path(system=True) == Path("/etc/systemd/system") / NAME
    monkeypatch.setenv("XDG_CONFIG_HOME", "/c")
    assert unit_path(system=False) == Path("/c/systemd/user") / NAME
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/ann")
    assert unit_path(system=False) == Path("/home/ann/.config/systemd/user") / NAME


def test_the_program_can_be_run() -> None:
    first, *rest = program()
    assert os.access(first, os.X_OK)
    done = subprocess.run(
        [first, *rest, "--version"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("anywhere ")
