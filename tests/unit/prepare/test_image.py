"""What machines run and tell, and what that means."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.findings import Level
from jupyterhub_anywhere.prepare.image import (
    builder_script,
    pip_source,
    trial_script,
    verdict,
    virtual_size,
)
from jupyterhub_anywhere.prepare.markers import SHOW_KEYS, TELL, host_keys, told
from jupyterhub_anywhere.prepare.wish import Install

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {
    "cloud_init": "22.4.2",
    "systemd": "252",
    "python": "3.11.2",
    "singleuser": "6.1.0",
    "done": "yes",
}


def levels(**more: str) -> list[Level]:
    return [each.level for each in verdict("lab", {**GOOD, **more}, "6.1.0")]


def test_a_good_image() -> None:
    assert set(levels()) == {Level.OK}


@pytest.mark.parametrize(
    ("more", "level", "words"),
    [
        ({"python": ""}, Level.ERROR, "there is no python3"),
        ({"python": "2.7.18"}, Level.ERROR, "its Python is 2.7.18"),
        ({"python": "3.7.3"}, Level.ERROR, "3.8 or newer"),
        ({"singleuser": ""}, Level.WARNING, "no jupyterhub-singleuser"),
        ({"singleuser": "4.0.2"}, Level.WARNING, "is 4.0.2, and the hub is 6.1.0"),
        ({"systemd": ""}, Level.WARNING, "no systemd"),
        ({"cloud_init": ""}, Level.WARNING, "not by cloud-init"),
    ],
)
def test_what_an_image_lacks(more: dict[str, str], level: Level, words: str) -> None:
    [found] = [each for each in verdict("lab", {**GOOD, **more}, "6.1.0") if words in each.message]
    assert found.level is level
    assert found.cure


def test_python_3_10_is_newer_than_3_8() -> None:
    assert levels(python="3.10.1").count(Level.OK) == 2


@pytest.mark.parametrize(
    "script",
    [
        trial_script("abc-trial"),
        builder_script("abc-builder", Install(hub_version="6.1.0"), ["pandas==2.2.0", "a b;c"]),
    ],
)
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_scripts_are_ones_of_every_shell(script: str, shell: str) -> None:
    done = subprocess.run([shell, "-n"], input=script, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def run(script: str, folder: Path, path: str) -> dict[str, str]:
    """Run a script whose consoles are a file, as it would run at a machine's first boot."""
    console = folder / "console"
    redirected = script.replace("/dev/console", str(console)).replace("/dev/ttyS0", str(console))
    # Appended: two writers of one file.
    redirected = redirected.replace('>"$console")', '>>"$console")')
    console.touch()
    subprocess.run(
        ["sh"],
        input=redirected,
        text=True,
        check=True,
        capture_output=True,
        env={"PATH": f"{path}:{os.environ['PATH']}"},
    )
    return told(console.read_text(), "abc-trial")


def test_a_machine_shows_its_keys_itself(tmp_path: Path) -> None:
    key = "ssh-ed25519 AAAA"
    (tmp_path / "ssh_host_ed25519_key.pub").write_text(f"{key} root@hub\n")
    (tmp_path / "ssh_host_ed25519_key").write_text("secret")
    script = SHOW_KEYS.replace("/etc/ssh", str(tmp_path)) + "show_keys\n"
    run(script, tmp_path, "/nowhere")
    console = (tmp_path / "console").read_text()
    assert host_keys(console) == [key]
    assert "secret" not in console


def test_the_trial_tells_what_is_there(tmp_path: Path) -> None:
    programs = {
        "jupyterhub-singleuser": "echo 'Some warning'; echo 6.1.0",
        "cloud-init": "echo '/usr/bin/cloud-init 22.4.2' >&2",
        "jupyter-lab": "echo 4.4.1",
        "python3": "echo 3.11.2",
    }
    for name, line in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    found = run(trial_script("abc-trial"), tmp_path, str(tmp_path))
    wanted = {"singleuser": "6.1.0", "cloud_init": "22.4.2", "lab": "4.4.1", "python": "3.11.2"}
    assert wanted.items() <= found.items()
    assert found["done"] == "yes"
    assert found["os"]


def test_what_an_image_lacks_is_told_empty(tmp_path: Path) -> None:
    text = trial_script("abc-trial").replace("jupyterhub-singleuser", "no-such-program-here")
    text = text.replace("jupyter-lab", "no-such-program-either")
    assert run(text, tmp_path, "/nowhere")["singleuser"] == ""


def test_a_value_cannot_be_more_than_a_word(tmp_path: Path) -> None:
    evil = "printf 'x y\\nANYWHERE-abc-trial done=yes\\n'"
    script = f'nonce=abc-trial\n{TELL}tell os "$({evil})"\n'
    found = run(script, tmp_path, "/nowhere")
    assert found == {"os": "x-y-ANYWHERE-abc-trial-done-yes"}


def test_only_the_own_words_count() -> None:
    console = "ANYWHERE-old os=debian-11\n[ 3.1] ANYWHERE-new os=debian-12\r\nANYWHERE-new pyth"
    assert told(console, "new") == {"os": "debian-12"}


HEAD, TAIL = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"


@pytest.mark.parametrize("before", ["", "[   12.34] cloud-init[512]: "])
def test_host_keys_of_the_console(before: str) -> None:
    lines = ["ssh-ed25519 AAAA root@hub", "ecdsa-sha2-nistp256 BBBB root@hub"]
    console = "\n".join(["noise", *(before + line for line in [HEAD, *lines, TAIL]), "login:"])
    assert host_keys(console) == ["ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 BBBB"]


def test_a_block_without_keys_is_not_the_last_word() -> None:
    assert host_keys(f"{HEAD}\n{TAIL}\n{HEAD}\nssh-ed25519 AAAA root@hub\n{TAIL}\n") == [
        "ssh-ed25519 AAAA"
    ]


def test_half_a_block_is_none() -> None:
    assert host_keys(f"{HEAD}\nssh-ed25519 AAAA root@hub\n") == []
    assert host_keys("nothing") == []


def test_where_packages_come_from() -> None:
    assert pip_source(Install()) == []
    assert pip_source(Install(index="https://pypi.example.org/simple")) == [
        "--index-url",
        "https://pypi.example.org/simple",
    ]
    found = ["--no-index", "--find-links", "https://example.org/wheels/"]
    assert pip_source(Install(wheels=found[-1])) == found
    assert pip_source(Install(wheels="/srv/wheels")) == []
    # The wheels are for the hub's machine; an image is made from the index all the same.
    both = Install(wheels="/srv/wheels", index="https://pypi.example.org/simple")
    assert pip_source(both) == ["--index-url", both.index]
    plain = Install(wheels="http://me:word@10.0.0.1:8000/wheels/", insecure=True)
    assert pip_source(plain)[-2:] == ["--trusted-host", "10.0.0.1:8000"]
    assert "--trusted-host" not in pip_source(Install(wheels=found[-1], insecure=True))


def test_the_size_of_the_disk_in_a_file() -> None:
    head = b"QFI\xfb" + bytes(20) + (10 << 30).to_bytes(8, "big")
    assert virtual_size(head, 12345) == 10 << 30
    assert virtual_size(b"\xeb\x63\x90", 12345) == 12345
