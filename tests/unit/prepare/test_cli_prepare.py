"""The command itself: logging in, the plan, doing it, the files, taking it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import requests
import yaml
from tests.unit.prepare.cloud_world import BASE, Adapter, World
from tests.unit.prepare.prepared import KEY

from jupyterhub_anywhere.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

AUTH = {"auth_url": f"{BASE}/identity/v3", "username": "ann", "project_name": "hub"}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(requests.Session, "get_adapter", lambda _self, url: Adapter(made))
    return made


@pytest.fixture
def clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As the web console gives it: without a password."""
    for name in ("OS_CLOUD", "OS_AUTH_URL", "OS_PASSWORD", "OS_CLIENT_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OS_PASSWORD", "word")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    auth = {**AUTH, "user_domain_name": "Default", "project_id": "p" * 32}
    entry = {"auth": auth, "region_name": "R1", "interface": "public", "identity_api_version": 3}
    file = tmp_path / "clouds.yaml"
    # The SDK looks into the folder in which it was imported.
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    file.write_text(yaml.safe_dump({"clouds": {"openstack": entry}}))
    (tmp_path / "key.pub").write_text(f"{KEY}\n")
    return file


def prepare(folder: Path, *arguments: str) -> int:
    common = ["--state", str(folder / "state"), "prepare", "openstack"]
    wanted = ["--image", "lab", "--public-key", str(folder / "key.pub")]
    return main([*common, *wanted, *arguments])


@pytest.mark.usefixtures("world")
def test_the_plan_is_lines_for_other_programs(
    clouds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare(clouds.parent) == 0
    out, err = capsys.readouterr()
    lines = [line.split("\t") for line in out.splitlines()]
    assert {len(line) for line in lines} == {5}
    assert lines[1][:3] == ["+", "network", "jupyterhub-net"]
    assert ["=", "image", "lab"] in [line[:3] for line in lines]
    assert "for 10 servers" in err
    assert "Closed: tcp 8001 from group userserver-secgroup" in err
    assert "16 to make, 2 to try, 1 there." in err


def test_it_is_made_written_and_taken_back(
    world: World, clouds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, before = clouds.parent, world.count()
    assert prepare(folder, "--apply", "--out", str(folder / "out")) == 0
    record = json.loads((folder / "state/prepare/openstack.json").read_text())
    assert (folder / "out/hub/openstack-secret").read_text() == f"{record['secret']}\n"
    assert "ssh-ed25519" in (folder / "out/known_hosts").read_text()
    assert main(["check", "-f", str(folder / "out/hub/anywhere.yaml")]) == 0
    capsys.readouterr()
    calls = len(world.calls)
    assert prepare(folder, "--apply") == 0
    assert "Nothing had to be done." in capsys.readouterr().err
    assert not [call for call in world.calls[calls:] if not call[1].endswith("/action")]
    # Later, without doing anything, from what is written down.
    assert prepare(folder, "--plan", "--out", str(folder / "again")) == 0
    assert (folder / "again/hub/openstack-secret").exists()
    assert main(["--state", str(folder / "state"), "prepare", "openstack", "--undo", "--yes"]) == 0
    assert "All of it is gone." in capsys.readouterr().out
    assert world.count() == before


def test_what_is_left_has_an_exit_code_of_its_own(
    world: World, clouds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(clouds.parent, "--apply")
    world.refuse["DELETE", "/networks/"] = (409, "There are one or more ports still in use")
    assert prepare(clouds.parent, "--undo", "--yes") == 1
    out, err = capsys.readouterr()
    assert "Left: network jupyterhub-net" in err
    assert "1 left" in out


def test_undoing_asks_first(world: World, clouds: Path) -> None:
    prepare(clouds.parent, "--apply")
    before = world.count()
    assert prepare(clouds.parent, "--undo") == 2  # nobody is there to be asked
    assert world.count() == before


@pytest.mark.usefixtures("world")
def test_nothing_to_undo(clouds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(clouds.parent, "--undo") == 0
    assert "Nothing was made" in capsys.readouterr().out


def test_what_is_in_the_way_is_shown_with_the_plan(
    world: World, clouds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("networks", name="jupyterhub-net")
    world.add("networks", name="jupyterhub-net")
    assert prepare(clouds.parent, "--apply") == 5
    out, err = capsys.readouterr()
    assert "+\tkey pair" in out
    assert "Name one by its id, with --network" in err
    assert world.calls == []


# --- logging in ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cloud", "openstak"], "Did you mean openstack?"),
        (["--clouds", "nowhere.yaml"], "There is no file nowhere.yaml"),
        (["--credential", "nowhere.yaml"], "There is no file nowhere.yaml"),
        (["--credential", "clouds.yaml"], "has no application credential"),
        (["--public-key", "nowhere.pub"], "nowhere.pub cannot be read: no such file"),
        (["--public-key", "clouds.yaml"], "is no public key of SSH"),
        (["--from", "campus"], "'campus' is no network"),
        (["--cidr", "10.0.0.0/99"], "is no network"),
        (["--upload", "x", "--make-from", "y"], "either uploaded or made"),
        (["--upload", "nowhere.img"], "nowhere.img cannot be read"),
        (["--image", ""], "Name it with --image NAME"),
        (["--wheels", "http://10.0.0.1/wheels/"], "or say --insecure"),
        (["--index", "http://10.0.0.1/simple"], "--index is an address of plain http"),
    ],
)
def test_what_was_said_wrong(
    clouds: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert prepare(clouds.parent, *arguments) in {4, 5}
    assert words in capsys.readouterr().err


@pytest.mark.usefixtures("world")
def test_a_password_that_nobody_can_be_asked_for(
    clouds: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OS_PASSWORD")
    assert prepare(clouds.parent) == 5
    assert "OS_PASSWORD" in capsys.readouterr().err


@pytest.mark.usefixtures("world")
def test_a_password_is_asked_for(clouds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyterhub_anywhere.cli import prepare as verb

    asked: list[str] = []

    def answer(what: str) -> str:
        asked.append(what)
        return "word"

    monkeypatch.delenv("OS_PASSWORD")
    monkeypatch.setattr(verb, "_somebody", lambda: True)
    monkeypatch.setattr(verb, "_ask", answer)
    assert prepare(clouds.parent) == 0
    assert len(asked) == 1
    assert "assword" in asked[0]


@pytest.mark.usefixtures("world")
def test_several_clouds(clouds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = yaml.safe_load(clouds.read_text())
    data["clouds"]["other"] = data["clouds"]["openstack"]
    clouds.write_text(yaml.safe_dump(data))
    assert prepare(clouds.parent) == 5
    assert "openstack, other. Name one with --cloud NAME." in " ".join(
        capsys.readouterr().err.split()
    )
    assert prepare(clouds.parent, "--cloud", "other") == 0


@pytest.mark.usefixtures("world")
def test_the_environment_alone(
    clouds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clouds.unlink()
    assert prepare(clouds.parent) == 5
    assert "--clouds FILE" in capsys.readouterr().err
    for name, value in {**AUTH, "user_domain_name": "Default", "region_name": "R1"}.items():
        monkeypatch.setenv(f"OS_{name.upper()}", value)
    assert prepare(clouds.parent) == 0


@pytest.mark.usefixtures("world")
def test_a_file_that_is_no_clouds_yaml(clouds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clouds.write_text("just: words\n")
    assert prepare(clouds.parent) == 5
    assert "clouds.yaml" in capsys.readouterr().err


def test_a_credential_made_by_hand(world: World, clouds: Path) -> None:
    auth = {
        "auth_url": AUTH["auth_url"],
        "application_credential_id": "id-1",
        "application_credential_secret": "by-hand",
    }
    entry = {"auth": auth, "auth_type": "v3applicationcredential", "region_name": "R1"}
    file = clouds.parent / "made.yaml"
    file.write_text(yaml.safe_dump({"clouds": {"openstack": entry}}))
    out = clouds.parent / "out"
    assert prepare(clouds.parent, "--apply", "--credential", str(file), "--out", str(out)) == 0
    assert (out / "hub/openstack-secret").read_text() == "by-hand\n"
    assert (out / "hub/openstack-id").read_text() == "id-1\n"
    assert "application_credentials" not in world.count()


def test_without_the_sdk_it_says_what_to_install(
    clouds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "openstack.config", None)
    assert prepare(clouds.parent) == 4
    assert "pip install 'jupyterhub-anywhere[openstack]'" in capsys.readouterr().err


# --- render --------------------------------------------------------------------------------------


def render(out: Path, *arguments: str) -> int:
    where = ["--auth-url", "https://cloud.example.org:5000", "--private-address", "10.90.0.5"]
    return main(["render", "cloud", "--image", "lab", *where, "--out", str(out), *arguments])


def test_the_same_as_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = [
        "--flavor",
        "m1.small",
        "--credential-id",
        "abc",
        "--public-address",
        "203.0.113.7",
    ]
    assert render(out, *arguments) == 0
    assert "openstack-secret" in capsys.readouterr().err
    for name in ("rules.md", "rules.sh", "hub-userdata.sh", "image-userdata.sh", "deliver"):
        assert (out / name).stat().st_size, name
    (out / "hub/openstack-secret").write_text("word\n")
    assert main(["check", "-f", str(out / "hub/anywhere.yaml")]) == 0
    assert 'title: "m1.small"' in (out / "hub/anywhere.yaml").read_text()


def test_sizes_have_to_be_named_there(tmp_path: Path) -> None:
    assert render(tmp_path / "out") == 2
