"""The script of a first boot, really run: in mounts and processes of its own, as root."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from tests.hub.harness import free_port
from tests.hub.machine_door import (
    STUB,
    TOKEN,
    Door,
    Start,
    eventually,
    expect,
    forget,
)
from tests.hub.machine_guest import Booting
from tests.pythons import python

from jupyterhub_anywhere.targets.machines import configure, launcher, tunnels
from jupyterhub_anywhere.targets.machines.launcher import Boot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.root


class Booted:
    """A machine, a door and a start."""

    def __init__(self, folder: Path) -> None:
        # pytest's folders are its user's alone.
        self.machine = Booting(folder, STUB)
        self.door = Door().open()
        port = free_port()
        self.start = Start(
            cmd=["jupyterhub-singleuser"],
            account={"name": "ann", "make": True},
            ports=[[port, port]],
        )
        expect([self.start])

    def boot(self, **more: Any) -> Boot:
        values = {"hub": self.door.url, "ticket": self.start.text, "insecure": True, **more}
        return Boot(**values)

    async def close(self) -> None:
        self.machine.close()
        await forget([self.start])
        await self.door.close()


@pytest.fixture
async def booted() -> AsyncIterator[Booted]:
    folder = Path(f"/var/tmp/anywhere-machine-{os.getpid()}-{free_port()}")
    made = Booted(folder)
    yield made
    await made.close()


async def ask(start: Start) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        found = await client.get(f"http://127.0.0.1:{start.reports[-1]['port']}/user/ann/")
    about: dict[str, Any] = found.json()
    return about


async def test_a_machine_without_systemd_boots_into_a_server(booted: Booted) -> None:
    start, machine = booted.start, booted.machine
    said = await machine.boot(launcher.boot_script(booted.boot()))
    await start.stage("listening")
    assert said == ""
    about = await ask(start)
    # The account was made: a home, no password, and it is not root.
    assert about["uid"] >= 1000
    assert about["cwd"] == "/home/ann"
    assert about["env"]["HOME"] == "/home/ann"
    shadow = (machine.folder / "etc/shadow").read_text("utf-8")
    assert "\nann:!:" in shadow
    assert start.callers[0].machine["singleuser"] == "6.1.1"
    # All that lies there is root's alone, the ticket among it; the log tells nothing of it.
    assert machine.agent.stat().st_mode & 0o777 == 0o700
    for path in machine.agent.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    secret = start.text.split(".")[2]
    assert secret not in machine.log
    assert TOKEN not in machine.log
    assert TOKEN not in await machine.run("grep -rl " + TOKEN + " /etc /home /opt /run /var/lib")


async def test_nobody_else_reads_the_servers_environment(booted: Booted) -> None:
    await booted.machine.boot(launcher.boot_script(booted.boot()))
    await booted.start.stage("listening")
    await booted.machine.run("useradd -m eve")
    hunt = (
        "setpriv --reuid eve --regid eve --clear-groups sh -c '"
        'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n";'
        " grep -rs . /var/lib/jupyterhub-anywhere /run/jupyterhub-anywhere'"
    )
    seen = await booted.machine.run(hunt)
    assert "agent.py" in seen
    assert TOKEN not in seen
    assert booted.start.text.split(".")[2] not in seen


async def test_run_twice_it_is_one_agent_and_one_server(booted: Booted) -> None:
    start, machine = booted.start, booted.machine
    script = launcher.boot_script(booted.boot())
    await machine.boot(script)
    await start.stage("listening")
    first = (await ask(start))["pid"]
    await machine.boot(script)
    await eventually(lambda: "another agent runs here" in machine.log, "the second agent")
    await start.stage("running", start.stages().count("running") + 2)
    assert (await ask(start))["pid"] == first
    assert len(start.callers) == 1


async def test_an_agent_that_dies_is_started_again(booted: Booted) -> None:
    start, machine = booted.start, booted.machine
    await machine.boot(launcher.boot_script(booted.boot()))
    await start.stage("listening")
    first = (await ask(start))["pid"]
    await machine.run("pkill -KILL -f 'agent.py$'")
    seen = start.stages().count("running")
    await start.stage("running", seen + 2)
    assert (await ask(start))["pid"] == first


# What an image without systemd has that runs things at each boot, how its next boot runs what is
# there, and in what environment. `cron` is looked for, not run.
BOOTS: Final = {
    "cloud-init": (
        "mkdir -p /var/lib/cloud/scripts/per-boot",
        'for each in /var/lib/cloud/scripts/per-boot/*; do [ -x "$each" ] && "$each"; done',
    ),
    "OpenRC": (
        "mkdir /etc/local.d; program rc-update 'echo \"$@\" >>/opt/asked; exit 1'",
        'for each in /etc/local.d/*.start; do /bin/sh "$each"; done',
    ),
    "cron": (
        "mkdir -p /etc/cron.d; program cron",
        (
            "env -i PATH=/usr/bin:/bin HOME=/root"
            " /bin/sh -c \"$(sed -n 's/^@reboot root //p' /etc/cron.d/jupyterhub-anywhere)\""
        ),
    ),
    "rc.local": (
        (
            "printf '#!/bin/sh -e\\n# The last line ends it.\\nexit 0\\n' >/etc/rc.local;"
            " chmod 755 /etc/rc.local"
        ),
        "env -i /etc/rc.local",
    ),
}
# A program that this machine need not have.
PROGRAM: Final = (
    "program() { mkdir -p /opt/bin; printf '#!/bin/sh\\n%s\\n' \"${2:-}\" >/opt/bin/$1;"
    " chmod 755 /opt/bin/$1; PATH=$PATH:/opt/bin; }"
)


KILLED: Final = (
    "pkill -KILL -f jupyterhub-anywhere; pkill -KILL -u ann;"
    " while pgrep -r R,S,D -u ann; do sleep 0.1; done"
)


@pytest.mark.parametrize("kind", BOOTS)
async def test_a_machine_that_is_booted_again_brings_its_server_back(
    booted: Booted, kind: str
) -> None:
    start, machine = booted.start, booted.machine
    there, again = BOOTS[kind]
    await machine.run(NOTHING_AT_BOOTS)
    assert await machine.run(f"{PROGRAM}; {there}") == ""
    script = launcher.boot_script(booted.boot())
    assert await machine.boot(script) == ""
    await start.stage("listening")
    first = (await ask(start))["pid"]
    # As at a reset: nobody is asked.
    await machine.run(KILLED)
    assert await machine.run(again) == ""
    await start.stage("listening", 2)
    assert (await ask(start))["pid"] != first
    assert [each.again for each in start.callers] == [False, True]
    # Once is enough, however often user-data runs.
    await machine.boot(script)
    assert await machine.run("grep -s anywhere /etc/rc.local | wc -l") in {"0\n", "1\n"}
    if kind == "OpenRC":
        assert await machine.run("sort -u /opt/asked") == "-q add local default\n"


# Whatever of it the machine has that runs the tests.
NOTHING_AT_BOOTS: Final = (
    "rm -rf /etc/local.d /etc/cron.d /etc/rc.local /var/lib/cloud/scripts/per-boot"
)


async def test_a_machine_that_runs_nothing_at_boots_says_so(booted: Booted) -> None:
    """A script of that name that is switched off stays so, with all that stands in it."""
    machine = booted.machine
    await machine.run(f"{NOTHING_AT_BOOTS}; echo reboot >/etc/rc.local")
    said = await machine.boot(launcher.boot_script(booted.boot()))
    assert said == "jupyterhub-anywhere: nothing here starts the agent after a reboot\n"
    assert await machine.run("cat /etc/rc.local") == "reboot\n"
    await booted.start.stage("listening")


NUMBER: Final = "03A1B2C3-D4E5-4f60-8a9b-00C0FFEE0001"


def numbered(number: str) -> str:
    """A command that gives the machine a number, as its firmware does."""
    return f"mkdir -p /sys/class/dmi/id; echo {number} >/sys/class/dmi/id/product_uuid"


async def test_a_copy_of_a_disk_runs_no_server_of_the_machine_it_is_of(booted: Booted) -> None:
    """An image that was made of a server's machine has its agent, and that one's credential."""
    start, machine = booted.start, booted.machine
    await machine.run(f"mount -t tmpfs none /sys/class; {numbered(NUMBER)}")
    await machine.boot(launcher.boot_script(booted.boot()))
    await start.stage("listening")
    again = "/var/lib/cloud/scripts/per-boot/jupyterhub-anywhere"
    # The number of the same machine, as another kernel writes it.
    await machine.run(f"{KILLED}; {numbered('c3b2a103-e5d4-604F-8A9B-00c0ffee0001')}; {again}")
    await start.stage("listening", 2)
    await machine.run(f"{KILLED}; {numbered('03A1B2C3-D4E5-4f60-8a9b-00C0FFEE0002')}; {again}")
    await eventually(lambda: "copy of another machine's" in machine.log, "a refusal")
    assert await machine.run("pgrep -f agent.py") == "status 1\n"
    # What its own user-data starts is its own server alone.
    port = free_port()
    other = Start(
        "lease2", cmd=start.job["cmd"], account=start.job["account"], ports=[[port, port]]
    )
    expect([other])
    await machine.boot(launcher.boot_script(booted.boot(ticket=other.text)))
    await other.stage("listening")
    assert len(start.callers) == 2
    assert [each.name for each in (machine.agent / "servers").glob("*.json")] == ["lease2.json"]
    await forget([other])


async def test_at_a_later_boot_the_agent_waits_for_the_volume_of_the_home(booted: Booted) -> None:
    machine = booted.machine
    values = {"home_mount": "/opt/ho me", "home_volume": 2, "account": "ann", "make_account": False}
    there = "program blkid 'echo /dev/vdb'; program mountpoint; mkdir -p /opt/bin"
    await machine.run(f"{PROGRAM}; {there}; PATH=/opt/bin:$PATH")
    script = configure.render("", "", "home.sh.j2", values)
    assert await machine.boot(script) == ""
    assert await machine.boot(script) == ""
    folder = "/etc/systemd/system/jupyterhub-anywhere.service.d"
    told = await machine.run(f"cat {folder}/*")
    assert told == '[Unit]\nRequiresMountsFor="/opt/ho me"\n'
    # So that others' units that come beside it are read by systemd, too.
    assert await machine.run(f"stat -c %a {folder}") == "755\n"


async def test_a_machine_that_dials_out_needs_nothing_else(booted: Booted) -> None:
    start, machine = booted.start, booted.machine
    start.job["reach"] = "dial"
    port = await tunnels.hub.listen(start.key)
    await machine.boot(launcher.boot_script(booted.boot(dial=True)))
    async with httpx.AsyncClient(timeout=60) as client:
        about = (await client.get(f"http://127.0.0.1:{port}/user/ann/")).json()
    assert about["env"]["JUPYTERHUB_SERVICE_URL"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("program", ["curl", "wget"])
async def test_an_old_python_is_told_to_the_hub_and_not_tried(
    booted: Booted, tmp_path: Path, program: str
) -> None:
    if not shutil.which(program):
        pytest.skip(f"no {program} is here")
    start, machine = booted.start, booted.machine
    start.refusal = "Please take another image."
    ca, context = authority(tmp_path, "own", "127.0.0.1")
    door = Door(context).open()
    boot = Boot(hub=door.url, ticket=start.text, ca=ca.read_text("ascii"))
    if program == "wget":
        # What nobody can execute is not there.
        await machine.run("mount --bind /dev/null $(command -v curl)")
    said = await machine.boot(too_young(launcher.boot_script(boot)))
    has = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"needs Python 3.8 or newer, and this image has {has}" in said
    assert "status 1" in said
    [caller] = start.callers
    assert caller.machine["python"] == has
    # Nothing that opens anything is left, and no agent was tried.
    assert {each.name for each in machine.agent.iterdir()} == {"config.json", "ca.pem"}
    await door.close()


def too_young(script: str) -> str:
    """A script to which whatever Python there is is too old."""
    assert "< (3, 8)" in script
    return script.replace("< (3, 8)", "< (9, 0)")


async def test_a_hub_that_is_not_verified_is_not_told(booted: Booted, tmp_path: Path) -> None:
    start, machine = booted.start, booted.machine
    _, context = authority(tmp_path, "own", "127.0.0.1")
    other, _ = authority(tmp_path, "other", "127.0.0.1")
    door = Door(context).open()
    boot = Boot(hub=door.url, ticket=start.text, ca=other.read_text("ascii"))
    said = await machine.boot(too_young(launcher.boot_script(boot)))
    assert "the hub was not told" in said
    assert not start.callers
    await door.close()


async def test_a_machine_with_nothing_to_ask_by_says_so_on_its_console(booted: Booted) -> None:
    machine = booted.machine
    for program in filter(shutil.which, ("curl", "wget")):
        await machine.run(f"mount --bind /dev/null $(command -v {program})")
    said = await machine.boot(too_young(launcher.boot_script(booted.boot())))
    assert "the hub was not told" in said
    assert "status 1" in said
    assert not booted.start.callers


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13"])
async def test_it_runs_under_every_python_that_is_here(booted: Booted, version: str) -> None:
    program = python(version)
    if not program:
        pytest.skip(f"no Python {version} is here")
    start, machine = booted.start, booted.machine
    start.job["reach"] = "dial"
    port = await tunnels.hub.listen(start.key)
    script = launcher.boot_script(booted.boot(dial=True)).replace("in python3", f"in {program}", 1)
    assert program in script
    await machine.boot(script)
    await start.stage("listening")
    assert start.callers[0].machine["python"].startswith(version + ".")
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(f"http://127.0.0.1:{port}/", content=bytes(3 << 20))
    assert answer.content == bytes(3 << 20)


async def test_a_user_that_cannot_be_made_is_told(booted: Booted) -> None:
    start, machine = booted.start, booted.machine
    await machine.run("chmod 000 /etc; mkdir /etc/passwd.lock")
    start.job["account"] = {"name": "ann.", "make": True}
    await machine.run("rm -f /etc/group; mkdir /etc/group")
    await machine.boot(launcher.boot_script(booted.boot()))
    told = await start.stage("failed")
    assert told["cause"] == "account"
    assert "no account ann." in told["detail"]


# --- TLS ------------------------------------------------------------------------------------------


def authority(folder: Path, name: str, host: str) -> tuple[Path, ssl.SSLContext]:
    """An authority, and a server's context with a certificate of it for a host."""
    ca, key, cert = folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}.crt"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    made += ["-nodes", "-days", "2"]
    own = ["-keyout", f"{folder / name}.ca.key", "-out", str(ca), "-subj", f"/CN={name}"]
    subprocess.run([*made, *own], check=True, capture_output=True)
    theirs = ["-CA", str(ca), "-CAkey", f"{folder / name}.ca.key", "-keyout", str(key)]
    theirs += ["-out", str(cert), "-subj", "/CN=hub", "-addext", f"subjectAltName=IP:{host}"]
    subprocess.run([*made, *theirs], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return ca, context


@pytest.mark.parametrize("how", ["right", "other", "host", "system"])
async def test_the_hub_is_verified_by_the_authority_that_was_given(
    booted: Booted, tmp_path: Path, how: str
) -> None:
    start, machine = booted.start, booted.machine
    host = "10.0.0.1" if how == "host" else "127.0.0.1"
    ca, context = authority(tmp_path, "own", host)
    if how == "other":
        ca, _ = authority(tmp_path, "other", host)
    door = Door(context).open()
    given = "" if how == "system" else ca.read_text("ascii")
    boot = Boot(hub=door.url, ticket=start.text, ca=given)
    await machine.boot(launcher.boot_script(boot))
    if how == "right":
        await start.stage("listening")
        about = await ask(start)
        # Its own questions to the hub trust the same, beside what the system trusts.
        bundle = machine.folder / about["env"]["SSL_CERT_FILE"][1:]
        assert bundle.read_text("ascii").endswith(given)
        assert bundle.stat().st_uid == about["uid"]
    else:
        await eventually(lambda: "certificate verify failed" in machine.log, "a refusal")
        assert not start.callers
    await door.close()
