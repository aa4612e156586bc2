"""The files of the hub: read by our own loader, told no secret, handed over by SSH."""

from __future__ import annotations

import contextlib
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from tests.unit.prepare.prepared import wished

from jupyterhub_anywhere.config.load import load
from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.prepare import output, site
from jupyterhub_anywhere.prepare.certificates import certificates
from jupyterhub_anywhere.prepare.limits import Flavor
from jupyterhub_anywhere.prepare.site import Place, hub_userdata
from jupyterhub_anywhere.prepare.wish import GroupsWish, HubWish, Install

NOW = datetime.now(UTC)
PLACE = Place(
    private="10.90.0.5",
    public="203.0.113.7",
    auth_url="https://cloud.example.org:5000/v3",
    region="R1",
    credential="abc",
    network="jupyterhub-net",
    flavors=[Flavor("1", "m1.small", 1, 2048, 10), Flavor("2", 'big "one": 4', 4, 8192, 20)],
)


def written(folder: Path) -> Path:
    output.write_files(folder, output.hub_files(wished(), PLACE, "the-secret", NOW, folder))
    return folder / "hub" / "anywhere.yaml"


def test_our_own_loader_reads_the_file(tmp_path: Path) -> None:
    config = load(written(tmp_path)).config
    target = config.targets["cloud"]
    assert config.hub.url == "https://203.0.113.7"
    assert config.hub.internal_url == target.own["internal_url"] == "https://10.90.0.5:8081"
    assert target.spawner["security_groups"] == ["userserver-secgroup"]
    assert target.spawner["image"] == "lab"
    option = config.profiles["jupyter"].options["size"]
    assert option.type == "choice"
    assert [each.sets for each in option.choices.values()] == [
        {"size": "m1.small"},
        {"size": 'big "one": 4'},
    ]


def test_check_accepts_it(tmp_path: Path) -> None:
    file = written(tmp_path)
    command = [sys.executable, "-m", "jupyterhub_anywhere.cli", "--state", str(tmp_path / "state")]
    done = subprocess.run(
        [*command, "check", "-f", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_one_group_is_the_servers_group_too() -> None:
    wish = wished(groups=GroupsWish(single=True))
    assert 'security_groups: ["jupyterhub-secgroup"]' in site.anywhere_yaml(wish, PLACE)


def test_the_secret_stands_in_its_own_file_only(tmp_path: Path) -> None:
    written(tmp_path)
    holders = [
        path.name
        for path in tmp_path.rglob("*")
        if path.is_file() and "the-secret" in path.read_text()
    ]
    assert holders == ["openstack-secret"]
    for path in tmp_path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_file_that_was_changed_by_hand_stays(tmp_path: Path) -> None:
    file = written(tmp_path)
    file.write_text("# mine\n")
    certificate = (tmp_path / "hub/tls/hub.crt").read_text()
    files = output.hub_files(wished(), PLACE, "s", NOW, tmp_path)
    assert output.write_files(tmp_path, files) == ["hub/anywhere.yaml"]
    assert file.read_text() == "# mine\n"
    assert "kind: cloud" in file.with_name("anywhere.yaml.new").read_text()
    # Browsers and machines know its authority by now.
    assert (tmp_path / "hub/tls/hub.crt").read_text() == certificate


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SurroundingsError, match="cannot be written"):
        output.write_files(tmp_path / "file", {"a": "b"})


def test_the_certificate_is_verified_for_each_name(tmp_path: Path) -> None:
    authority, made, key = certificates(["hub.example.org", "203.0.113.7", "10.90.0.5"], NOW)
    (tmp_path / "crt").write_text(made)
    (tmp_path / "key").write_text(key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    for name in ("hub.example.org", "203.0.113.7", "10.90.0.5"):
        assert handshake(authority, server, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority, server, "10.90.0.6")
    found = x509.load_pem_x509_certificate(made.encode())
    assert found.not_valid_after_utc > NOW


def handshake(authority: str, server: ssl.SSLContext, name: str) -> bool:
    client = ssl.create_default_context(cadata=authority)
    one, two, three, four = (ssl.MemoryBIO() for _ in range(4))
    left = client.wrap_bio(one, two, server_hostname=name)
    right = server.wrap_bio(three, four, server_side=True)
    for _ in range(6):
        for side in (left, right):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            three.write(two.read())
            one.write(four.read())
    return left.version() is not None


# --- the machine of the hub ----------------------------------------------------------------------

CONSOLES = ("/dev/console", "/dev/ttyS0")


def consoled(text: str, root: Path) -> str:
    """A script whose consoles are a file, to which several write."""
    for name in CONSOLES:
        text = text.replace(name, str(root / "console"))
    return text.replace('>"$console")', '>>"$console")')


def program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that is a folder; its programs write down how they are called."""
    root = tmp_path / "machine"
    for name in ("FOLDER", "PROGRAM", "UNITS", "COMMAND"):
        monkeypatch.setattr(site, name, f"{root}{getattr(site, name)}")
    monkeypatch.setattr(output, "FOLDER", site.FOLDER)
    for name in ("systemctl", "anywhere"):
        program(root / "bin" / name, f'echo "{name} $*" >>{root}/calls')
    program(root / "bin/python3", "exit 0")
    program(Path(site.PROGRAM) / "bin/pip", f'echo "pip $*" >>{root}/calls; exec {root}/pip')
    program(root / "pip", "exit 0")
    program(Path(site.PROGRAM) / "bin/anywhere", f'echo "anywhere $*" >>{root}/calls')
    Path(site.COMMAND).parent.mkdir(parents=True)
    return root


def run(root: Path, *command: str, text: str = "") -> None:
    done = subprocess.run(
        command,
        input=text,
        text=True,
        env={"PATH": f"{root}/bin:/usr/bin:/bin"},
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr


def boot(root: Path, install: Install) -> tuple[str, list[str]]:
    """Run the user-data; what the console shows, and what was called."""
    text = hub_userdata(wished(install=install), PLACE, "abc-hub")
    run(root, "sh", text=consoled(text, root))
    return (root / "console").read_text(), calls(root)


def calls(root: Path) -> list[str]:
    path = root / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_the_user_data_installs_and_waits_for_the_secrets(machine: Path) -> None:
    index = "https://pypi.example.org/simple"
    console, called = boot(machine, Install(version="0.1.0", index=index))
    keys, told, _ = console.partition("ANYWHERE-abc-hub done=yes")
    assert told
    assert "-----END SSH HOST KEY KEYS-----" in keys, "who hears that it is done looks for them"
    assert called == [
        f"pip install --quiet --no-input --index-url {index} jupyterhub-anywhere[hub,cloud]==0.1.0",
        "systemctl daemon-reload",
        "systemctl enable --now jupyterhub-anywhere-begin.path",
    ]
    assert Path(site.COMMAND).resolve() == Path(site.PROGRAM) / "bin/anywhere"
    made = Path(site.FOLDER) / "anywhere.yaml"
    assert made.read_text() == site.anywhere_yaml(wished(), PLACE)
    unit = (Path(site.UNITS) / "jupyterhub-anywhere-begin.path").read_text()
    assert f"PathExists={site.FOLDER}/openstack-secret" in unit


def test_what_starts_when_the_secrets_come(machine: Path) -> None:
    boot(machine, Install())
    before = len(calls(machine))
    run(machine, "sh", f"{site.FOLDER}/begin")
    assert calls(machine)[before:] == [
        f"anywhere check -f {site.FOLDER}/anywhere.yaml",
        f"anywhere service --install --force -f {site.FOLDER}/anywhere.yaml",
        "systemctl daemon-reload",
        "systemctl enable jupyterhub-anywhere.service",
        "systemctl restart jupyterhub-anywhere.service",
        "systemctl disable jupyterhub-anywhere-begin.path",
    ]


def test_an_installation_that_fails_says_why_on_the_console(machine: Path) -> None:
    program(machine / "pip", "echo no matching distribution >&2; exit 1")
    console, called = boot(machine, Install())
    assert "ANYWHERE-abc-hub failed=no-matching-distribution" in console
    assert "done=" not in console
    assert not any("enable" in call for call in called)


def test_a_python_that_is_too_old_is_said_on_the_console(machine: Path) -> None:
    program(machine / "bin/python3", "case $2 in *version_info*) exit 1;; esac")
    console, _ = boot(machine, Install())
    assert "failed=This-machine-s-python3-is-too-old" in console


def test_wheels_of_a_folder_are_installed_when_they_come(machine: Path) -> None:
    console, called = boot(machine, Install(wheels="/some/folder"))
    assert "done=yes" in console
    assert not any(call.startswith("pip") for call in called)
    run(machine, "sh", f"{site.FOLDER}/begin")
    source = f"--no-index --find-links {site.FOLDER}/wheels"
    assert f"pip install --quiet --no-input {source} jupyterhub-anywhere[hub,cloud]" in calls(
        machine
    )
    assert "systemctl restart jupyterhub-anywhere.service" in calls(machine)


def test_no_secret_is_in_the_user_data() -> None:
    text = hub_userdata(wished(given=("abc", "the-secret")), PLACE, "n")
    assert "the-secret" not in text
    assert len(text) < 48_000  # Nova takes 64 KiB after base64.


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_user_data_is_one_of_every_shell(shell: str) -> None:
    text = hub_userdata(wished(hub=HubWish(domain="hub.example.org")), PLACE, "n")
    done = subprocess.run([shell, "-n"], input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# --- handing over --------------------------------------------------------------------------------


def delivered(folder: Path, root: Path) -> None:
    """Run `deliver`; ssh is a shell on a machine that is a folder."""
    ssh = f'printf "%s\\n" "$@" >{root}/ssh\nfor last; do :; done\nexec sh -c "$last"'
    program(root / "bin/ssh", ssh)
    program(root / "bin/sudo", 'exec "$@"')
    run(root, str(folder / "deliver"))


def out(folder: Path, keys: list[str]) -> None:
    files = output.hub_files(wished(), PLACE, "the-secret", NOW, folder)
    files.update(output.delivery(wished(), PLACE, keys))
    output.write_files(folder, files, programs=["deliver"])


def test_the_secrets_are_handed_to_the_machine_whose_keys_are_known(
    tmp_path: Path, machine: Path
) -> None:
    boot(machine, Install())
    before = len(calls(machine))
    out(tmp_path, ["ssh-ed25519 AAAA"])
    delivered(tmp_path, machine)
    there = Path(site.FOLDER)
    assert (there / "openstack-secret").read_text() == "the-secret\n"
    assert (there / "openstack-id").read_text() == "abc\n"
    assert (there / "tls/hub.key").exists()
    for name in ("openstack-secret", "tls/hub.key"):
        assert stat.S_IMODE((there / name).stat().st_mode) == 0o600
    assert not (there / ".new").exists()
    assert calls(machine)[before:] == ["systemctl restart jupyterhub-anywhere-begin.service"]
    assert (tmp_path / "known_hosts").read_text() == "203.0.113.7 ssh-ed25519 AAAA\n"
    words = (machine / "ssh").read_text()
    assert "StrictHostKeyChecking=yes" in words
    assert "the-secret" not in words
    # Again, with a new secret.
    (tmp_path / "hub/openstack-secret").write_text("another\n")
    delivered(tmp_path, machine)
    assert (there / "openstack-secret").read_text() == "another\n"


def test_without_known_keys_ssh_asks(tmp_path: Path) -> None:
    out(tmp_path, [])
    assert "StrictHostKeyChecking=ask" in (tmp_path / "deliver").read_text()


def test_wheels_go_along(tmp_path: Path) -> None:
    source = tmp_path / "wheels"
    with pytest.raises(SurroundingsError, match="There are no wheels"):
        output.wheels_into(tmp_path, source)
    source.mkdir()
    (source / "a-1-py3-none-any.whl").write_text("x")
    assert output.wheels_into(tmp_path / "out", source) == 1
    assert (tmp_path / "out/hub/wheels/a-1-py3-none-any.whl").read_text() == "x"


def test_rules_as_a_table_and_as_commands() -> None:
    wish = wished()
    assert "| jupyterhub-secgroup | tcp 443 | 0.0.0.0/0 |" in output.rules_page(wish)
    script = output.rules_script(wish)
    assert "--dst-port 8000:8999 --remote-group jupyterhub-secgroup userserver-secgroup" in script
    done = subprocess.run(["sh", "-n"], input=script, text=True, check=False)
    assert done.returncode == 0
