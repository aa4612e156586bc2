"""``anywhere leaks --ancestors``: at a small OpenStack, by the real libcloud."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.cli.main import main
from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyterhub_anywhere.testing.worlds.openstack import Cloud

FILE = """
targets:
  here: {{kind: process}}
  cloud:
    kind: cloud
    user: credential
    key: open sesame
    auth_url: {url}
    internal_url: https://10.0.0.1:8081
    options: {{ex_force_auth_version: 3.x_appcred}}
profiles:
  python: {{targets: [cloud], sets: {{image: debian, size: small}}}}
"""


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANYWHERE_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("ANYWHERE_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with OpenStackWorld() as world:
        (tmp_path / "anywhere.yaml").write_text(FILE.format(url=world.url))
        yield world.cloud


def add(cloud: Cloud, name: str, **marks: str) -> None:
    server = cloud.make_server(
        {"name": name, "flavorRef": cloud.flavors[0]["id"], "metadata": marks}
    )
    cloud.look_at(server)


def test_it_lists_what_is_unmarked_and_named_so(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    add(cloud, "jhub-alice-ABCDEF")
    add(cloud, "jhub-b.o-b@x-ZZZZZZ")
    add(cloud, "jhub-carol-ABCDEF", **{"anywhere-hub": "h"})
    for name in ("jhub-alice-ABCDE", "jhub-alice-abcdef", "xjhub-alice-ABCDEF", "jhub--ABCDEF"):
        add(cloud, name)
    assert main(["leaks", "--ancestors", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [(each["target"], each["name"], each["user"]) for each in told["machines"]] == [
        ("cloud", "jhub-alice-ABCDEF", "alice"),
        ("cloud", "jhub-b.o-b@x-ZZZZZZ", "b.o-b@x"),
    ]
    assert told["machines"][0]["state"] == "ACTIVE"
    assert told["machines"][0]["id"] in cloud.servers
    assert told["unknown"] == {}
    assert main(["leaks", "--ancestors"]) == 1
    said = capsys.readouterr()
    assert "jhub-alice-ABCDEF\talice\tACTIVE" in said.out
    assert "only you can tell" in said.err
    # It looks, and does nothing else.
    assert {method for method, path in cloud.calls if "/auth/" not in path} == {"GET"}
    assert len(cloud.servers) == 7


def test_none_is_there(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    add(cloud, "something-else")
    assert main(["leaks", "--ancestors", "-f", "anywhere.yaml"]) == 0
    assert "No cloud of this file" in capsys.readouterr().out


def test_a_cloud_that_cannot_be_asked_is_told_and_is_not_none(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.secret = "another"
    assert main(["leaks", "--ancestors"]) == 1
    said = capsys.readouterr()
    assert "Target cloud could not be asked" in said.err
    assert "credentials" in said.err
    assert "No cloud" not in said.out


@pytest.mark.parametrize("text", ["", "targets: {here: {kind: process}}\n"])
def test_where_no_cloud_is_asked_nobody_is_told_that_none_is_left(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text:
        (tmp_path / "anywhere.yaml").write_text(text)
    assert main(["leaks", "--ancestors"]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert ("anywhere.yaml names none" if text else "there is no anywhere.yaml") in said.err
    assert "anywhere import jupyterhub_config.py" in said.err


@pytest.mark.parametrize("option", ["--clean", "--lift"])
def test_it_removes_nothing(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaks", "--ancestors", option]) == 2
    assert "only lists" in capsys.readouterr().err


def test_a_file_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "anywhere.yaml").write_text("targets: 5\n")
    assert main(["leaks", "--ancestors"]) == 2
    assert "targets" in capsys.readouterr().err
