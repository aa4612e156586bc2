"""The page "Prepare a cloud": its table is the program's, and its examples run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import requests
import yaml
from tests.unit.prepare.cloud_world import BASE, Adapter, World
from tests.unit.prepare.prepared import KEY, wished

from jupyterhub_anywhere.cli.main import main
from jupyterhub_anywhere.prepare.limits import Flavor
from jupyterhub_anywhere.prepare.output import rules_page
from jupyterhub_anywhere.prepare.site import Place, anywhere_yaml
from jupyterhub_anywhere.prepare.wish import ImageWish

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[3] / "docs/prepare-a-cloud.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """Every call of `anywhere prepare` and `render`, and of `check`, in the page's order."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line)
            if words[:1] == ["anywhere"]:
                found.append(words[1:])
    return found


def test_the_table_of_rules_is_the_programs() -> None:
    table = PAGE.partition("<!-- rules -->\n")[2].partition("<!-- end of rules -->")[0]
    assert table == rules_page(wished())


def test_the_file_is_the_one_that_is_written() -> None:
    sample = PAGE.partition("```{code-block} yaml\n")[2].partition("```")[0]
    place = Place(
        private="10.90.0.5",
        public="203.0.113.7",
        auth_url="https://cloud.example.org:5000/v3",
        region="RegionOne",
        credential="6c2b…",
        network="jupyterhub-net",
        flavors=[Flavor("1", "m1.small", 1, 2048, 20)],
    )
    wish = wished(image=ImageWish(name="ubuntu-24.04-jupyterhub"))
    assert yaml.safe_load(sample) == yaml.safe_load(anywhere_yaml(wish, place))


def test_the_examples_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    world.image("ubuntu-24.04")
    monkeypatch.setattr(requests.Session, "get_adapter", lambda _self, url: Adapter(world))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    auth = {
        "auth_url": f"{BASE}/identity/v3",
        "username": "ann",
        "password": "word",
        "project_name": "hub",
        "user_domain_name": "Default",
    }
    data = {"clouds": {"openstack": {"auth": auth, "region_name": "R1"}}}
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(data))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519.pub").write_text(KEY)
    plan, apply, *others = commands()
    assert plan[:2] == ["prepare", "openstack"]
    assert apply[-1] == "…"
    rest = [word.replace("~", str(tmp_path)) for word in plan[2:]]
    state = ["--state", str(tmp_path / "state")]
    assert main([*state, *plan[:2], *rest]) == 0
    assert world.calls == []
    assert main([*state, *apply[:-1], *rest]) == 0
    assert [other[0] for other in others] == ["check", "render"]
    for other in others:
        assert main(other) == 0
    assert (tmp_path / "hub-files/deliver").exists()
    assert (tmp_path / "files/rules.sh").exists()
