"""The small parts: labels, ports, logs, passwd entries, tries of a Python, and findings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from jupyterhub_anywhere.config.environment import variables
from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.observation import Phase
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.targets.base import Level
from jupyterhub_anywhere.targets.process import doctor, inventory, nss, serverlog
from jupyterhub_anywhere.targets.process.identity import Identity
from jupyterhub_anywhere.targets.process.inventory import ProcessInventory, resources
from jupyterhub_anywhere.targets.process.labels import (
    Labelled,
    kill_all,
    labels_of,
    parse_environ,
    scan,
)
from jupyterhub_anywhere.targets.process.limits import Enforcement
from jupyterhub_anywhere.targets.process.listening import listeners, parse_listeners
from jupyterhub_anywhere.targets.process.probe import Probe, blocked_at, probe_server

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 70001        0 1 1 0
   1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 3 1 0
"""

# --- labels and inventory ------------------------------------------------------------------------


def process(pid: int) -> ProcessId:
    return ProcessId(pid, 1, "boot")


def test_an_environment_block_is_read_whatever_is_in_it() -> None:
    block = b"A=1\0B=x=y\0" + b"C=\xff\0garbage\0D=\xc3\xbc\0"
    assert parse_environ(block) == {"A": "1", "B": "x=y", "C": "\udcff", "D": "ü"}


def test_the_label_has_to_match_whole() -> None:
    assert scan("no-such-hub") == []


def test_a_hub_that_is_started_inside_a_server_does_not_take_its_label_for_its_own_id() -> None:
    assert not set(labels_of("hub", "ann-hub", "ann", "")) & set(variables())


def test_servers_are_grouped_by_their_resource_name() -> None:
    found = [
        Labelled(process(9), "ann-hub", "ann", ""),
        Labelled(process(4), "ann-hub", "ann", ""),
        Labelled(process(5), "ben-lab-hub", "ben", "lab"),
        Labelled(process(6), "", "eve", ""),
    ]
    ann, ben = resources(found)
    assert (ann.name, ann.user, ann.server, ann.detail) == ("ann-hub", "ann", "", "2 processes")
    assert ann.handle == {"pids": [4, 9]}
    assert (ben.name, ben.server, ben.detail) == ("ben-lab-hub", "lab", "1 process")


async def test_what_has_no_process_is_gone() -> None:
    assert (await ProcessInventory("no-such-hub").observe(["ann"]))["ann"].phase is Phase.GONE


async def test_what_cannot_be_listed_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_hub: str) -> list[Labelled]:
        raise PermissionError(13, "no /proc here")

    monkeypatch.setattr(inventory, "scan", refuse)
    found = await ProcessInventory("hub").observe(["ann", "ben"])
    assert {each.phase for each in found.values()} == {Phase.UNKNOWN}
    assert "no /proc here" in found["ann"].detail


def test_killing_gives_up_on_what_no_signal_ends() -> None:
    assert not kill_all(lambda: [process(2**22 - 1)], seconds=0.05)


# --- ports ---------------------------------------------------------------------------------------


def test_only_listening_sockets_of_the_port_count() -> None:
    assert parse_listeners(TABLE, 8080) == {70001}
    assert parse_listeners(TABLE, 80) == {33}
    assert parse_listeners(TABLE, 81) == set()


def test_a_port_nobody_listens_on_has_no_listener() -> None:
    assert listeners(1) == set()


# --- logs ----------------------------------------------------------------------------------------


def test_a_log_is_private_appended_to_and_rotated_once_it_is_large(tmp_path: Path) -> None:
    path = tmp_path / "servers" / "ann.log"
    for text in (b"one\n", b"two\n"):
        descriptor = serverlog.open_log(path)
        os.write(descriptor, text)
        os.close(descriptor)
    assert path.read_text() == "one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("r+b") as file:
        file.truncate(serverlog.ROTATE_AT + 1)
    os.close(serverlog.open_log(path))
    assert path.read_text() == ""
    assert sorted(each.name for each in path.parent.iterdir()) == ["ann.log", "ann.log.1"]


def test_a_planted_link_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "ann.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        serverlog.open_log(tmp_path / "ann.log")


def test_the_tail_is_of_this_start_only(tmp_path: Path) -> None:
    path = tmp_path / "ann.log"
    path.write_bytes(b"old\n" + b"".join(b"line %d\n" % n for n in range(30)) + b"\n\xff\n")
    assert serverlog.tail(path, since=4, lines=2) == ["line 29", "�"]
    assert serverlog.tail(path, since=path.stat().st_size) == []
    assert serverlog.tail(tmp_path / "none") == []
    assert len(serverlog.tail(path)) == 10


def test_the_tail_has_no_secret_in_it_nor_half_of_one(tmp_path: Path) -> None:
    path = tmp_path / "ann.log"
    path.write_text(f"a token-1 b\n{'x' * 395}token-1\n")
    assert serverlog.tail(path, secrets=["token-1", "", "a"]) == ["a *** b", "x" * 395 + "***"]
    path.write_text("token-1" * 3000 + "\nthe end\n")
    assert serverlog.tail(path, secrets=["token-1"]) == ["the end"]


# --- passwd entries ------------------------------------------------------------------------------

ANN = Identity("ann", 70001, 70001, (), Path("/homes/ann"), reserved=True)


def test_a_passwd_entry_is_written_beside_the_systems_own(tmp_path: Path) -> None:
    made = nss.variables(ANN, tmp_path / ".nss", "/lib/libnss_wrapper.so")
    assert made["LD_PRELOAD"] == "/lib/libnss_wrapper.so"
    text = Path(made["NSS_WRAPPER_PASSWD"]).read_text()
    assert text.endswith("\nann:x:70001:70001::/homes/ann:/bin/bash\n")
    assert text.startswith(Path("/etc/passwd").read_text())
    assert Path(made["NSS_WRAPPER_GROUP"]).read_text().endswith("\nann:x:70001:\n")


def test_without_the_library_or_with_an_odd_name_nothing_is_written(tmp_path: Path) -> None:
    odd = Identity("a:b\nroot", 70001, 70001, (), Path("/homes/x"), reserved=True)
    assert nss.variables(ANN, tmp_path / ".nss", "") == {}
    assert nss.variables(odd, tmp_path / ".nss", "/lib/libnss_wrapper.so") == {}
    assert not (tmp_path / ".nss").exists()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="passwd entry of 'ann' cannot be written"):
        nss.variables(ANN, tmp_path / "none" / ".nss", "/lib/libnss_wrapper.so")


def test_the_library_is_found_where_systems_put_it(tmp_path: Path) -> None:
    assert nss.find_library([str(tmp_path)]) == ""
    library = tmp_path / "x86_64-linux-gnu" / "libnss_wrapper.so"
    library.parent.mkdir()
    library.write_text("")
    assert nss.find_library([str(tmp_path)]) == str(library)


# --- tries of a Python ---------------------------------------------------------------------------


def test_the_hubs_own_python_runs_and_tells_its_versions() -> None:
    probe = probe_server()
    assert probe.ok, probe.message
    assert probe.versions["python"] == sys.version.split()[0]
    assert {"jupyterhub", "jupyterlab", "jupyter_server"} <= set(probe.versions)


def test_a_python_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    missing = probe_server(tmp_path)
    assert not missing.ok
    assert f"{tmp_path}/bin/python cannot be executed by this account" in missing.message
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text("#!/bin/sh\necho it is broken >&2\nexit 1\n")
    (tmp_path / "bin" / "python").chmod(0o755)
    broken = probe_server(tmp_path)
    assert not broken.ok
    assert broken.message.endswith("it is broken.")
    assert broken.cure


@pytest.mark.root
def test_the_folder_that_bars_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("/usr/bin/python3")
    tmp_path.chmod(0o700)
    probe = probe_server(tmp_path, 70001)
    assert not probe.ok
    assert "by uid 70001, who cannot enter" in probe.message
    assert "under /opt" in probe.cure


def test_folders_that_can_be_entered_bar_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a" / "python"
    path.parent.mkdir(mode=0o700)
    assert blocked_at(path, os.geteuid()) is None or os.geteuid() == 0
    assert blocked_at(path, 70001) is not None


# --- findings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probe", "level", "text"),
    [
        (Probe(ok=False, message="no", cure="do"), Level.ERROR, "no"),
        (Probe(ok=True, message="m.", versions={}), Level.ERROR, "It has no JupyterHub"),
        (Probe(ok=True, message="m.", versions={"jupyterhub": "5.1"}), Level.ERROR, "The hub is"),
        (Probe(ok=True, message="m.", versions={"jupyterhub": "6.0"}), Level.WARNING, "JupyterLab"),
        (
            Probe(ok=True, message="m.", versions={"jupyterhub": "6.0", "jupyterlab": "4"}),
            Level.OK,
            "m.",
        ),
    ],
)
def test_what_is_found_of_a_python(probe: Probe, level: Level, text: str) -> None:
    (found,) = doctor.python_findings("python", probe, "6.1.1")
    assert found.level is level
    assert text in found.message
    assert bool(found.cure) == (level is not Level.OK)


@pytest.mark.parametrize(
    ("held", "text"),
    [
        (Enforcement(memory=True, cpu=True, how="by x"), ""),
        (Enforcement(memory=True, cpu=False, how="by x"), "CPU limits are not enforced"),
        (Enforcement(memory=False, cpu=False, how="x"), "memory and CPU limits are not enforced"),
    ],
)
def test_what_is_missing_of_limits_is_said(held: Enforcement, text: str) -> None:
    assert held.missing() == text
    (found,) = doctor.limit_findings("limits", held)
    assert found.level is (Level.WARNING if text else Level.OK)


def test_a_full_disk_and_a_locked_folder_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (found,) = doctor.folder_findings("folders", [tmp_path / "not" / "yet"])
    assert found.level in {Level.OK, Level.WARNING}
    monkeypatch.setattr("shutil.disk_usage", _full)
    (found,) = doctor.folder_findings("folders", [tmp_path])
    assert (found.level, found.cure) == (Level.WARNING, "Make room on that disk.")
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    (found,) = doctor.folder_findings("folders", [tmp_path])
    assert found.level is Level.ERROR


class _Usage:
    free = 1 << 20


def _full(_path: Path) -> _Usage:
    return _Usage()


def test_low_system_limits_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _which: (10, 100))
    found = doctor.rlimit_findings("system limits")
    assert [each.level for each in found] == [Level.WARNING, Level.WARNING]
    monkeypatch.setattr("resource.getrlimit", lambda _which: (10, -1))
    assert [each.level for each in doctor.rlimit_findings("system limits")] == [Level.OK]


def test_what_users_see_of_each_other_is_told() -> None:
    open_proc, hidden = "proc /proc proc rw 0 0\n", "proc /proc proc rw,hidepid=invisible 0 0\n"
    assert "hidepid" in doctor.privacy_findings("users", open_proc)[0].cure
    assert doctor.privacy_findings("users", hidden)[0].cure == ""
