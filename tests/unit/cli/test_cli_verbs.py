"""Each verb that needs no running hub, as a person would type it."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from jupyterhub_anywhere.cli.main import main
from jupyterhub_anywhere.hub.passwords import PasswordFile
from jupyterhub_anywhere.hub.service_unit import NAME
from jupyterhub_anywhere.hub.statefolder import StateLock, open_state

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.state import StatePaths

RIGHT = """
targets:
  here: {kind: process}
profiles:
  small: {targets: [here]}
  large: {targets: [here], options: {memory: {type: memory, default: 2G, max: 4G}}}
"""
WRONG = """
hub: {ur: x}
profiles:
  small: {targets: [her]}
"""


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANYWHERE_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("ANYWHERE_FILE", raising=False)
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    """A state folder as a first start makes it."""
    made = open_state(tmp_path / "state")
    made.hub_id.write_text("hub-abc\n")
    return made


class Run:
    """What a command said and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command in this process."""

    def call(*arguments: str) -> Run:
        code = main(arguments)
        said = capsys.readouterr()
        return Run(code, said.out, said.err)

    return call


# --- check, explain, schema ----------------------------------------------------------------------


def test_a_file_that_is_right(run: Any) -> None:
    Path("anywhere.yaml").write_text(RIGHT)
    done = run("check")
    assert (done.code, done.out) == (0, "anywhere.yaml is right: 2 profiles, 1 target\n"), done.err
    assert not Path("state").exists(), "a check makes nothing"


def test_no_file(run: Any) -> None:
    done = run("check")
    assert (done.code, done.out) == (0, "the built-in default is right: 1 profile, 1 target\n")


def test_a_file_that_is_wrong(run: Any) -> None:
    Path("x.yaml").write_text(WRONG)
    done = run("check", "-f", "x.yaml")
    assert (done.code, done.out) == (2, "")
    lines = done.err.splitlines()
    assert lines[0].startswith("x.yaml:2:7: hub.ur: ")
    assert "Did you mean url?" in lines[0]
    assert lines[1].startswith("x.yaml:4:")
    assert "Did you mean here?" in lines[1]
    assert lines[2:] == ["2 problems found."]


def test_problems_for_programs(run: Any) -> None:
    Path("x.yaml").write_text(WRONG)
    done = run("check", "-f", "x.yaml", "--json")
    assert done.code == 2
    problems = json.loads(done.out)["problems"]
    assert [(problem["line"], problem["path"]) for problem in problems] == [
        (2, "hub.ur"),
        (4, "profiles.small.targets[0]"),
    ]


def test_a_file_that_is_not_there(run: Any) -> None:
    done = run("check", "-f", "nowhere.yaml")
    assert done.code == 2
    assert "nowhere.yaml" in done.err
    assert "Traceback" not in done.err


def test_the_file_of_the_environment(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYWHERE_FILE", "nowhere.yaml")
    assert run("check").code == 2


def test_explain(run: Any) -> None:
    Path("anywhere.yaml").write_text(RIGHT)
    done = run("explain", "profiles.large.options.memory.max")
    assert done.code == 0, done.err
    assert "4G" in done.out
    assert "anywhere.yaml:6" in done.out
    done = run("explain", "hub.url", "--json")
    assert json.loads(done.out)["origin"] == "default"


def test_explain_an_unknown_key(run: Any) -> None:
    done = run("explain", "hub.ulr")
    assert (done.code, done.out) == (2, "")
    assert "Did you mean" in done.err


def test_explain_what_the_own_configuration_sets(run: Any) -> None:
    Path("anywhere.yaml").write_text("hub: {jupyterhub_config: extra.py}\nusers: {admins: [ann]}\n")
    Path("extra.py").write_text(
        "c.Authenticator.admin_users = {'bob'}\nc.JupyterHub.db_url = 'mysql://a:s3cret@b/c'\n"
    )
    done = run("explain", "users.admins")
    assert "bob" in done.out
    assert "jupyterhub_config" in done.out
    done = run("explain", "hub.database")
    assert "jupyterhub_config" in done.out
    assert "s3cret" not in done.out


def test_schema(run: Any) -> None:
    done = run("schema")
    assert done.code == 0, done.err
    assert "hub" in json.loads(done.out)["properties"]


# --- password ------------------------------------------------------------------------------------


def test_a_new_password_counts(run: Any, paths: StatePaths) -> None:
    done = run("password")
    made = done.out.strip()
    assert PasswordFile(paths.passwords).check("users", made)
    assert not PasswordFile(paths.passwords).check("admins", made)
    admin = run("password", "--admin").out.strip()
    assert PasswordFile(paths.passwords).check("admins", admin)
    assert PasswordFile(paths.passwords).check("users", made), "the users' stays"
    assert len(admin) > len(made)


def typed(text: str, *arguments: str) -> Result:
    from jupyterhub_anywhere.cli.main import cli

    return CliRunner().invoke(cli, ["password", *arguments], input=text)


def test_a_password_of_ones_own_is_read_and_not_shown(paths: StatePaths) -> None:
    result = typed("gr\u00fc\u00dfe aus \u4e2d\n", "--set")
    assert result.exit_code == 0, result.output
    assert "gr\u00fc\u00df" not in result.output
    assert PasswordFile(paths.passwords).check("users", "gr\u00fc\u00dfe aus \u4e2d")


def test_a_password_that_is_too_short(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, b"x\n")
    os.close(write)
    with os.fdopen(read) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        done = run("password", "--set")
    assert done.code == 1
    assert "has 8 to 1024 characters" in done.err


# --- service -------------------------------------------------------------------------------------


def test_install_a_unit(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    done = run("service", "--install")
    assert done.code == 0, done.err
    unit = tmp_path / "config" / "systemd" / "user" / NAME
    assert f"--state {tmp_path / 'state'} " in unit.read_text()
    assert "systemctl --user" in done.err
    assert "enable-linger" in done.err
    assert "is there already" in run("service", "--install").out
    done = run("service", "--install", "--end-servers")
    assert done.code == 3
    assert "differs" in done.err
    assert run("service", "--install", "--end-servers", "--force").code == 0
    assert "KillMode=mixed" in unit.read_text()


def test_a_unit_for_a_file(run: Any, tmp_path: Path) -> None:
    Path("x.yaml").write_text(RIGHT)
    done = run("service", "-f", "x.yaml", "--port", "9000", "--share-account", "--insecure-http")
    assert f"--file {tmp_path}/x.yaml --keep-servers --port 9000" in done.out
    assert "--share-account --insecure-http" in done.out


def test_no_unit_for_a_file_that_is_wrong(run: Any) -> None:
    Path("x.yaml").write_text("hub: {ur: x}")
    done = run("service", "-f", "x.yaml")
    assert (done.code, done.out) == (2, "")


# --- backup, restore -----------------------------------------------------------------------------


def test_there_and_back(run: Any, paths: StatePaths, tmp_path: Path) -> None:
    (paths.homes / "ann").mkdir(parents=True)
    done = run("backup", "b.tar.gz")
    assert done.code == 0, done.err
    assert "b.tar.gz is written: 2 files" in done.out
    assert "The 1 home in" in done.err
    assert "--homes takes" in done.err
    assert "database is not in the state folder" in done.err
    done = run("restore", "b.tar.gz", "--into", "new")
    assert done.code == 0, done.err
    assert "new is restored: 2 files" in done.out
    assert "never run both" in done.err
    assert (tmp_path / "new" / "hub" / "hub.id").read_text() == "hub-abc\n"


def test_a_backup_with_homes(run: Any, paths: StatePaths) -> None:
    (paths.homes / "ann").mkdir(parents=True)
    os.mkfifo(paths.homes / "ann" / "pipe")
    done = run("backup", "b.tar.gz", "--homes")
    assert "Could not be read or kept: homes/ann/pipe." in done.err
    with tarfile.open("b.tar.gz") as archive:
        assert "homes/ann" in archive.getnames()


def test_no_restore_under_a_running_hub(run: Any, paths: StatePaths) -> None:
    run("backup", "b.tar.gz")
    with StateLock(paths):
        done = run("restore", "b.tar.gz", "--force")
    assert done.code == 3
    assert f"process {os.getpid()}" in done.err
    assert paths.hub_id.read_text() == "hub-abc\n"


def test_restore_over_a_state(run: Any, paths: StatePaths) -> None:
    run("backup", "b.tar.gz")
    paths.hub_id.write_text("changed\n")
    assert run("restore", "b.tar.gz").code == 3
    done = run("restore", "b.tar.gz", "--force")
    assert done.code == 0, done.err
    assert "before-restore-" in done.err
    assert paths.hub_id.read_text() == "hub-abc\n"


# --- doctor --------------------------------------------------------------------------------------


def test_the_doctor_speaks_to_people(run: Any) -> None:
    Path("anywhere.yaml").write_text("hub: {ur: x}")
    done = run("doctor")
    assert done.code == 1
    assert "\nerror    configuration: anywhere.yaml:1:7: hub.ur: " in done.out
    assert "\n         cure: " in done.out
    assert done.out.startswith("ok       Python: ")
    assert not Path("state").exists(), "the doctor makes nothing"


def test_the_doctor_speaks_to_programs(run: Any) -> None:
    done = run("doctor", "--json")
    findings = json.loads(done.out)
    assert {"level", "subject", "message", "cure"} == set(findings[0])
    errors = [finding for finding in findings if finding["level"] == "error"]
    assert done.code == (1 if errors else 0)
    assert any(finding["subject"].startswith("target here") for finding in findings)
