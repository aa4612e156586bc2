"""A project of a real OpenStack, made ready and taken back: what only a real one can show."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import subprocess
import threading
import time
import zipfile
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.engines.openstack_hub import PATIENCE

from engines.openstack import layout
from jupyterhub_anywhere.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engines.openstack.cloud import OpenStack

# openstacksdk warns of its own calls of its own functions.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::openstack.warnings.{name}")
    for name in ("OpenStackDeprecationWarning", "RemovedInSDK50Warning", "RemovedInSDK60Warning")
]
ANYWHERE = """\
import pathlib, sys


def main():
    with pathlib.Path("/var/log/anywhere-calls").open("a") as file:
        print(*sys.argv[1:], file=file)
    if sys.argv[1:3] == ["service", "--install"]:
        unit = "[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\n[Install]\\n"
        path = pathlib.Path("/etc/systemd/system/jupyterhub-anywhere.service")
        path.write_text(unit + "WantedBy=multi-user.target\\n")
"""


NAME = "prepared"


@pytest.fixture(scope="module", autouse=True)
def _project(openstack: OpenStack) -> Iterator[None]:
    """A project with one account of the same name: nothing of others comes or goes in it."""
    admin = openstack.admin
    about = {"name": NAME, "domain_id": "default"}
    project = admin.post("identity", "/projects", {"project": about})["project"]["id"]
    about |= {"password": layout.PASSWORD}
    user = admin.post("identity", "/users", {"user": about})["user"]["id"]
    [role] = admin.get("identity", "/roles?name=member")["roles"]
    admin.ask("PUT", "identity", f"/projects/{project}/users/{user}/roles/{role['id']}")
    yield
    admin.delete("identity", f"/users/{user}")
    admin.delete("identity", f"/projects/{project}")


def things(openstack: OpenStack) -> dict[str, set[str]]:
    """Everything of the project, by kind."""
    paths = {
        ("network", "/networks"): "networks",
        ("network", "/subnets"): "subnets",
        ("network", "/routers"): "routers",
        ("network", "/ports"): "ports",
        ("network", "/security-groups"): "security_groups",
        ("network", "/security-group-rules"): "security_group_rules",
        ("network", "/floatingips"): "floatingips",
        ("compute", "/servers"): "servers",
        ("image", "/images"): "images",
    }
    with openstack.client(NAME) as client:
        found = {name: {e["id"] for e in client.get(*path)[name]} for path, name in paths.items()}
        pairs = client.get("compute", "/os-keypairs")["keypairs"]
        found["keypairs"] = {each["keypair"]["name"] for each in pairs}
        return found


@pytest.fixture
def person(openstack: OpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Somebody with clouds.yaml as the web console gives it, and a key of SSH.

    What a test leaves where it fails is taken back: its repeat begins as it began.
    """
    auth = {
        "auth_url": openstack.auth_url,
        "username": NAME,
        "project_name": NAME,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    entry = {"auth": auth, "region_name": layout.REGION, "identity_api_version": 3}
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"openstack": entry}}))
    monkeypatch.setenv("OS_PASSWORD", layout.PASSWORD)
    monkeypatch.delenv("OS_CLOUD", raising=False)
    monkeypatch.chdir(tmp_path)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")]
    subprocess.run(command, check=True)
    yield tmp_path
    for record in (*tmp_path.glob("state/prepare/*.json"), *tmp_path.glob("*.json")):
        assert prepare(tmp_path, "--undo", "--yes", "--record", str(record)) == 0


def prepare(person: Path, *arguments: str) -> int:
    common = ["--state", str(person / "state"), "prepare", "openstack", "--clouds", "clouds.yaml"]
    return main([*common, "--public-key", str(person / "key.pub"), *arguments])


def wheel(folder: Path, name: str, version: str, program: str, text: str) -> None:
    """A distribution that has one program and no more."""
    folder.mkdir(exist_ok=True)
    module, dist = program.replace("-", "_") + "_program", name.replace("-", "_")
    info = f"{dist}-{version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{module}.py": text,
        f"{info}/METADATA": f"{about}Provides-Extra: hub\nProvides-Extra: cloud\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{program} = {module}:main\n",
    }
    lines = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).decode()
        lines.append(f"{path},sha256={digest.rstrip('=')},{len(content)}\n")
    files[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"])
    with zipfile.ZipFile(folder / f"{dist}-{version}-py3-none-any.whl", "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)


@pytest.fixture
def index(openstack: OpenStack, tmp_path: Path) -> Iterator[str]:
    """Where guests find wheels."""
    folder = tmp_path / "served"
    says = "def main():\n    print('{}')\n"
    hub = version("jupyterhub")
    wheel(folder, "jupyterhub", hub, "jupyterhub-singleuser", says.format(hub))
    wheel(folder, "jupyterlab", "4.4.0", "jupyter-lab", says.format("4.4.0"))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer((openstack.gateway, 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{openstack.gateway}:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


MADE = {
    "networks": 1,
    "subnets": 1,
    "routers": 1,
    # Of the hub, and of the router; that of its gateway is the administrators'.
    "ports": 2,
    "security_groups": 2,
    # Two that Neutron makes with each group, and ours.
    "security_group_rules": 9,
    "floatingips": 1,
    "servers": 1,
    "images": 0,
    "keypairs": 1,
}
# The image is looked into by booting it; JupyterLab's own version takes minutes to tell.
WANTED = ("--image", "debian-stub", "--flavor", "m1.small", "--servers", "3")


@pytest.mark.full
def test_all_but_machines_is_made_and_taken_back(openstack: OpenStack, person: Path) -> None:
    # Neutron makes a project's default group when somebody first looks.
    things(openstack)
    before = things(openstack)
    wanted = [*WANTED, "--untested", "--no-hub"]
    assert prepare(person, "--plan", *wanted) == 0
    assert things(openstack) == before
    assert prepare(person, "--apply", *wanted) == 0
    now = things(openstack)
    made = {kind: len(now[kind] - before[kind]) for kind in now}
    assert made == {**MADE, "ports": 1, "floatingips": 0, "servers": 0}
    assert prepare(person, "--apply", *wanted) == 0
    assert things(openstack) == now
    assert prepare(person, "--undo", "--yes") == 0
    assert things(openstack) == before


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_a_project_is_made_ready_and_taken_back(openstack: OpenStack, person: Path) -> None:
    # Neutron makes a project's default group when somebody first looks.
    things(openstack)
    before = things(openstack)
    assert prepare(person, "--plan", *WANTED) == 0
    assert things(openstack) == before
    wheel(person / "wheels", "jupyterhub-anywhere", "99", "anywhere", ANYWHERE)
    hub = ["--hub-image", "debian-12", "--hub-flavor", "m1.medium"]
    more = [*hub, "--wheels", str(person / "wheels"), "--version", "99"]
    assert prepare(person, "--apply", "--out", "out", *WANTED, *more) == 0
    made = {kind: len(now - before[kind]) for kind, now in things(openstack).items()}
    assert made == MADE
    now = things(openstack)
    assert prepare(person, "--apply", *WANTED, *more) == 0
    assert things(openstack) == now
    handed_over(person)
    assert prepare(person, "--undo", "--yes") == 0
    assert things(openstack) == before


def handed_over(person: Path) -> None:
    """The secrets get to the hub's machine, by SSH to the keys of its console; it starts."""
    agent = person / "ssh"
    agent.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -i {person}/key -o BatchMode=yes "$@"\n')
    agent.chmod(0o755)
    known = (person / "out/known_hosts").read_text()
    assert "ssh-ed25519" in known
    path = f"{person}:/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run(
        [str(person / "out/deliver")],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    address = known.split()[0]
    look = [
        *("ssh", "-i", str(person / "key"), "-o", "BatchMode=yes"),
        *("-o", f"UserKnownHostsFile={person}/out/known_hosts", f"debian@{address}"),
        (
            "sudo cat /etc/jupyterhub-anywhere/openstack-secret /var/log/anywhere-calls;"
            " sudo stat -c %a:%U /etc/jupyterhub-anywhere/openstack-secret;"
            " systemctl is-active jupyterhub-anywhere.service"
        ),
    ]
    end = time.monotonic() + PATIENCE
    while True:
        told = subprocess.run(look, capture_output=True, text=True, check=False).stdout.splitlines()
        if told and told[-1] == "active":
            break
        assert time.monotonic() < end, told
        time.sleep(1)
    assert told[0] == (person / "out/hub/openstack-secret").read_text().strip()
    assert "check -f /etc/jupyterhub-anywhere/anywhere.yaml" in told
    assert "600:root" in told


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_an_image_is_made_of_another_one(
    openstack: OpenStack, person: Path, index: str, capsys: pytest.CaptureFixture[str]
) -> None:
    things(openstack)
    before = things(openstack)
    sizes = ["--flavor", "m1.small", "--servers", "3", "--no-hub"]
    wanted = [
        "--image",
        "mine",
        "--make-from",
        "debian-bare",
        "--wheels",
        index,
        "--insecure",
        *sizes,
    ]
    assert prepare(person, "--apply", *wanted) == 0
    err = capsys.readouterr().err
    assert f"ok: image mine: jupyterhub-singleuser {version('jupyterhub')}" in err
    now = things(openstack)
    assert len(now["images"] - before["images"]) == 1
    assert now["servers"] == before["servers"]
    assert prepare(person, "--apply", *wanted) == 0
    assert things(openstack) == now
    # And others find it, as any other image.
    again = ["--image", "mine", "--record", "other.json", "--network", "hubnet", *sizes]
    alone = ["--no-router", "--key", "another", "--credential-name", "another"]
    groups = ["--hub-group", "a", "--user-group", "b"]
    assert prepare(person, "--apply", *again, *alone, *groups) == 0
    assert "ok: image mine" in capsys.readouterr().err
    assert prepare(person, "--undo", "--yes", "--record", "other.json") == 0
    assert prepare(person, "--undo", "--yes") == 0
    assert things(openstack) == before


@pytest.mark.full
def test_quotas_are_those_of_the_cloud(
    openstack: OpenStack, person: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = yaml.safe_load((person / "clouds.yaml").read_text())
    data["clouds"]["openstack"]["auth"] |= {"username": "small", "project_name": "small"}
    (person / "clouds.yaml").write_text(yaml.safe_dump(data))
    assert prepare(person, "--plan", *WANTED) == 5
    err = capsys.readouterr().err
    assert "The quota of instances is exhausted" in err
    assert "operators for at least" in err
