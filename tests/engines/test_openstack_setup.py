"""What becomes of a machine before its server: set up, accounts, Jupyter installed; or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import jupyterhub
import pytest
from tests.engines.openstack_files import served
from tests.engines.openstack_guests import failed_start, guest_hub, messages
from tests.engines.openstack_hub import PATIENCE
from tests.hub.harness import wait_for
from tests.hub.kernels import Kernel

from engines.docker.supplies import wheels
from engines.openstack.supplies import directory

if TYPE_CHECKING:
    from pathlib import Path

    from engines.openstack.cloud import OpenStack

pytestmark = pytest.mark.root

# Accounts that are in no /etc/passwd: name, uid, home, whether that is there.
_ELSEWHERE: Final = (
    ("ann", 7001, "/srv/ann", True),
    ("zoe", 7002, "/srv/zoe", False),
)


_SLAPD: Final = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix dc=lab
directory /srv/ldap
"""
_SSSD: Final = """
[sssd]
services = nss
domains = lab
[domain/lab]
id_provider = ldap
auth_provider = none
ldap_uri = ldap://127.0.0.1
ldap_search_base = dc=lab
"""


def entries() -> str:
    """What is in the directory, as LDIF."""
    found = ["dn: dc=lab\nobjectClass: dcObject\nobjectClass: organization\no: lab\ndc: lab\n"]
    for name, uid, home, _ in _ELSEWHERE:
        found += [
            (
                f"dn: uid={name},dc=lab\nobjectClass: account\nobjectClass: posixAccount\n"
                f"uid: {name}\ncn: {name}\nuidNumber: {uid}\ngidNumber: {uid}\n"
                f"homeDirectory: {home}\nloginShell: /bin/sh\n"
            ),
            f"dn: cn={name},dc=lab\nobjectClass: posixGroup\ncn: {name}\ngidNumber: {uid}\n",
        ]
    found += [
        (
            "dn: cn=staff2,dc=lab\nobjectClass: posixGroup\ncn: staff2\ngidNumber: 7100\n"
            "memberUid: ann\n"
        )
    ]
    return "\n".join(found)


def directory_of(url: str, packages: list[str]) -> str:
    """Lines of shell that let a guest look accounts up in a directory, too.

    Args:
        url: Where its packages are.
        packages: Their files.
    """
    lines = ["mkdir /tmp/d", "cd /tmp/d", "export DEBIAN_FRONTEND=noninteractive"]
    lines += [f"for each in {' '.join(packages)}; do curl -fsSO {url}/$each; done"]
    lines += ["echo slapd slapd/no_configuration boolean true | debconf-set-selections"]
    lines += ["dpkg -i *.deb >/tmp/dpkg.log 2>&1 || { tail -n 20 /tmp/dpkg.log; exit 1; }"]
    lines += ["mkdir -p /srv/ldap", f"cat >/srv/slapd.conf <<'END'{_SLAPD}END"]
    lines += [f"slapadd -f /srv/slapd.conf <<'END'\n{entries()}END"]
    lines += ["slapd -f /srv/slapd.conf -h ldap://127.0.0.1"]
    lines += [f"(umask 077; cat >/etc/sssd/sssd.conf <<'END'{_SSSD}END\n)", "sssd -D"]
    lines += ["grep -q '^passwd:.* sss' /etc/nsswitch.conf"]
    lines += [
        f"install -d -o {uid} -g {uid} -m 700 {home}" for _, uid, home, there in _ELSEWHERE if there
    ]
    # This directory gives out no account of the system's.
    lines += ["echo 'toor:x:0:0::/root:/bin/sh' >>/etc/passwd"]
    return "\n".join(["set -e", *lines, "cd /", "set +e"])


def test_a_script_that_fails_ends_the_start(openstack: OpenStack) -> None:
    """Its user reads what it said, and nothing is left of the machine."""
    last = "echo no mirror today >&2; exit 7"
    with guest_hub(openstack, image="debian-stub", last=last) as hub:
        text = failed_start(hub)
        assert "What sets the machine up has failed: door ended with exit status 7." in text
        assert "administrator" in text
        assert text.endswith("The end of its log:\nno mirror today")
        assert hub.machines() == []


@pytest.mark.full
def test_a_machine_without_python_is_refused_at_once(openstack: OpenStack) -> None:
    """It runs no agent, and its user does not wait for one."""
    with guest_hub(openstack, image="debian-bare", first="rm -f /usr/bin/python3*") as hub:
        text = failed_start(hub)
        assert "no Python that runs" in text
        assert "apt-get install python3" in text
        assert hub.machines() == []


@pytest.mark.full
def test_an_old_jupyter_is_refused_at_once(openstack: OpenStack) -> None:
    old = "printf '#!/bin/sh\\necho 1.5.1\\n' >/usr/local/bin/jupyterhub-singleuser"
    first = f"{old}; chmod 755 /usr/local/bin/jupyterhub-singleuser"
    install = {"enabled": False}
    with guest_hub(openstack, image="debian-bare", first=first, install=install) as hub:
        text = failed_start(hub)
        assert "version 1.5.1" in text
        assert f"pip install jupyterhub=={jupyterhub.__version__}" in text
        assert hub.machines() == []


@pytest.mark.full
def test_an_account_is_made_with_a_home_and_no_password(openstack: OpenStack) -> None:
    with guest_hub(openstack, image="debian-stub") as hub:
        hub.start_server("ann", seconds=PATIENCE)
        with hub.guest() as guest:
            # L: locked.
            assert guest.run("passwd -S ann").split()[:2] == ["ann", "L"]
            assert guest.run("getent shadow ann").split(":")[1] in {"!", "*", "!!"}
            assert guest.run("stat -c %U:%F ~ann") == "ann:directory"
            pid = guest.server("ann")
            assert guest.run(f"stat -c %U /proc/{pid}") == "ann"
            assert guest.run(f"readlink /proc/{pid}/cwd") == "/home/ann"


@pytest.mark.full
def test_all_servers_may_have_one_account(openstack: OpenStack) -> None:
    """Its files are its own, whoever the user is, and nobody is made."""
    name = "jovyan"
    with guest_hub(openstack, image="debian-stub", account=name, make_account=False) as hub:
        hub.start_server("ann", seconds=PATIENCE)
        with hub.guest() as guest:
            assert guest.environment(guest.server(name))["HOME"] == f"/home/{name}"
            assert guest.tried("id ann").returncode == 1


@pytest.mark.full
def test_accounts_of_a_directory(openstack: OpenStack) -> None:
    """What the system looks up by SSSD and LDAP counts; nobody else is let in."""
    packages = sorted(each.name.replace("%", "%25") for each in directory().glob("*.deb"))
    assert any(each.startswith("sssd-ldap") for each in packages)
    with (
        served(directory(), openstack.gateway) as url,
        guest_hub(
            openstack,
            image="debian-stub",
            make_account=False,
            first=directory_of(url, packages),
            start_timeout=900,
        ) as hub,
    ):
        hub.start_server("ann", seconds=PATIENCE)
        with hub.guest() as guest:
            assert guest.tried("grep -q ann: /etc/passwd").returncode == 1
            pid = guest.server("ann")
            status = guest.run(f"cat /proc/{pid}/status").splitlines()
            told = {line.split()[0]: line.split()[1:] for line in status if line.split()}
            assert told["Uid:"] == ["7001"] * 4
            assert told["Groups:"] == ["7001", "7100"]
            assert guest.environment(pid)["HOME"] == "/srv/ann"
        refused = {user: failed_start(hub, user) for user in ("bob", "zoe", "toor")}
        assert "there is no account bob, and none was made" in refused["bob"]
        assert "the home of zoe is not there: /srv/zoe" in refused["zoe"]
        assert "no server runs as toor" in refused["toor"]
        # Of those who were refused, nothing is left.
        wait_for(lambda: len(hub.leases()) == 1, seconds=PATIENCE, what="one lease")
        assert [each["name"] for each in hub.leases()] == [hub.machine()["name"]]


@pytest.mark.full
def test_an_install_that_fails_is_told(openstack: OpenStack, tmp_path: Path) -> None:
    """Wheels are all that there is: no index is looked for, and pip's own words are told."""
    with served(tmp_path, openstack.gateway) as url:
        install = {"wheels": f"{url}/", "insecure": True}
        with guest_hub(openstack, image="debian-bare", install=install) as hub:
            text = failed_start(hub)
            assert "pip install failed" in text
            assert "No matching distribution found for jupyterhub" in text
            assert hub.machines() == []


@pytest.mark.full
def test_jupyter_is_installed_where_it_is_missing(
    openstack: OpenStack, capsys: pytest.CaptureFixture[str]
) -> None:
    """JupyterLab from wheels, as a stage that the user sees; then it runs a cell."""
    with served(wheels(), openstack.gateway) as url:
        more: dict[str, Any] = {"install": {"wheels": f"{url}/", "insecure": True}}
        # pip alone takes a quarter of an hour of an emulated processor.
        more |= {"size": "m1.medium", "start_timeout": 3000}
        with guest_hub(openstack, image="debian-bare", **more) as hub:
            told = messages(hub)
            [venv, pip] = [each for each in told if "being installed" in each]
            assert "venv" in venv
            assert "jupyterlab" in pip
            with capsys.disabled():
                print("\n", told)
            model = hub.server("ann")
            assert model is not None
            assert model["ready"]
            with Kernel(hub, "ann") as kernel:
                assert kernel.execute("print(6 * 7)") == "42"
                where = kernel.execute("import sys; print(sys.prefix)")
            assert where == "/opt/jupyterhub-anywhere/venv"
