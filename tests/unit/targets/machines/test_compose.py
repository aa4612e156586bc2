"""Parts of a first boot, as one user-data."""

from __future__ import annotations

import email
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.machines.compose import Part, check_size, composed

if TYPE_CHECKING:
    from pathlib import Path

HELLO = Part("hello.sh", "#!/bin/sh\necho hello '$HOME'\n")
LAB = Part("lab.yaml", "#cloud-config\npackages: [jq]\n")
BOOT = Part("anywhere.sh", "#!/bin/sh\necho boot\n")


def run(text: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "userdata"
    script.write_text(text)
    script.chmod(0o700)
    return subprocess.run([script], capture_output=True, text=True, check=False, cwd=tmp_path)


def test_nothing_is_nothing() -> None:
    assert composed([]) == ""


def test_one_part_travels_as_it_is() -> None:
    assert composed([LAB]) == LAB.text


def test_scripts_become_one_that_runs_them_in_order(tmp_path: Path) -> None:
    done = run(composed([HELLO, BOOT]), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello $HOME\nboot\n", "")


def test_a_script_that_fails_is_told_and_is_no_end_of_the_rest(tmp_path: Path) -> None:
    failing = Part("a.sh", "#!/bin/sh\nexit 3")
    done = run(composed([failing, BOOT]), tmp_path)
    assert (done.returncode, done.stdout) == (0, "boot\n")
    assert "0 ended with status 3" in done.stderr


def test_the_last_ones_status_is_the_wholes(tmp_path: Path) -> None:
    assert run(composed([BOOT, Part("b.sh", "#!/bin/sh\nexit 4\n")]), tmp_path).returncode == 4


def test_a_script_may_hold_what_ends_scripts(tmp_path: Path) -> None:
    tricky = Part("t.sh", "#!/bin/sh\ncat <<'END'\n$(id) `id` \\ \"\nEND\n")
    done = run(composed([tricky, BOOT]), tmp_path)
    assert done.stdout == '$(id) `id` \\ "\nboot\n'


def test_what_cloud_init_reads_travels_as_parts() -> None:
    found = email.message_from_string(composed([LAB, HELLO, BOOT]))
    parts = [
        (x.get_content_type(), x.get_filename(), x.get_payload(decode=True)) for x in found.walk()
    ][1:]
    assert parts == [
        ("text/cloud-config", "lab.yaml", LAB.text.encode()),
        ("text/x-shellscript", "hello.sh", HELLO.text.encode()),
        ("text/x-shellscript", "anywhere.sh", BOOT.text.encode()),
    ]


def test_letters_of_any_script_arrive() -> None:
    text = "#cloud-config\nmotd: Grüße, 日本 😀\n"
    found = email.message_from_string(composed([Part("x", text), BOOT]))
    assert list(found.walk())[1].get_payload(decode=True) == text.encode()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("#include-once\nhttps://h/x\n", "text/x-include-once-url"),
        ("#include\nhttps://h/x\n", "text/x-include-url"),
        ("#cloud-boothook\n", "text/cloud-boothook"),
        ("## template: jinja\n#cloud-config\n", "text/jinja2"),
    ],
)
def test_what_a_part_is_tells_its_beginning(text: str, kind: Any) -> None:
    assert Part("x", text).kind == kind


def test_what_no_machine_runs_is_refused() -> None:
    with pytest.raises(TargetError, match=r"lab.txt begins with neither") as caught:
        composed([Part("lab.txt", "echo hello"), BOOT])
    assert "first line" in caught.value.hint


def test_what_a_cloud_does_not_take_is_refused_before_it_is_asked() -> None:
    check_size("ä" * 8, 16, "target cloud")
    check_size("ä" * 800, 0, "target cloud")
    with pytest.raises(TargetError, match="18 bytes, and target cloud takes 16"):
        check_size("ä" * 9, 16, "target cloud")
