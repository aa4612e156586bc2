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


# Says what it finds of a failure, as the agent does.
TELLS = Part("anywhere.sh", "#!/bin/sh\ncat agent/failed 2>/dev/null\necho boot\n")


def together(tmp_path: Path, *parts: Part) -> str:
    return composed(parts, str(tmp_path / "agent"))


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
    done = run(together(tmp_path, HELLO, BOOT), tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello $HOME\nboot\n", "")


def test_a_script_that_fails_is_told_and_the_launcher_runs_alone(tmp_path: Path) -> None:
    failing = Part("it's.sh", "#!/bin/sh\necho one\necho two >&2\nexit 3")
    done = run(together(tmp_path, failing, HELLO, TELLS), tmp_path)
    said = "one\ntwo\n"
    why = "it's.sh ended with exit status 3"
    assert (done.returncode, done.stdout) == (0, f"{said}{why}\n{said}boot\n")
    assert done.stderr == f"user-data: {why}\n"
    assert (tmp_path / "agent").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "agent/failed").stat().st_mode & 0o777 == 0o600
    # Another machine may be made of this one's disk.
    assert run(together(tmp_path, HELLO, TELLS), tmp_path).stdout == "hello $HOME\nboot\n"


def test_a_script_that_nothing_can_run_is_told(tmp_path: Path) -> None:
    done = run(together(tmp_path, Part("a", "#!/no/such/shell\n"), TELLS), tmp_path)
    assert "a ended with exit status 12" in done.stdout
    assert done.stdout.endswith("boot\n")


def test_only_the_end_of_what_it_said_is_told(tmp_path: Path) -> None:
    failing = Part("a.sh", "#!/bin/sh\nseq 100\nexit 1\n")
    run(together(tmp_path, failing, BOOT), tmp_path)
    lines = (tmp_path / "agent/failed").read_text().splitlines()
    assert lines == ["a.sh ended with exit status 1", *map(str, range(61, 101))]


def test_what_a_script_makes_can_be_read_by_all(tmp_path: Path) -> None:
    run(together(tmp_path, Part("a.sh", "#!/bin/sh\ntouch made\n"), BOOT), tmp_path)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o644


def test_what_a_script_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    lasting = Part("a.sh", "#!/bin/sh\nmkfifo pipe\ncat pipe &\necho $!\n")
    script = tmp_path / "userdata"
    script.write_text(together(tmp_path, lasting, BOOT))
    script.chmod(0o700)
    # Not by a pipe of the test's own, which it would hold.
    with (tmp_path / "said").open("w") as said:
        done = subprocess.run([script], stdout=said, check=False, cwd=tmp_path, timeout=60)
    assert done.returncode == 0
    (tmp_path / "pipe").write_text("end")
    assert (tmp_path / "said").read_text().endswith("boot\n")


def test_the_last_ones_status_is_the_wholes(tmp_path: Path) -> None:
    text = together(tmp_path, BOOT, Part("b.sh", "#!/bin/sh\nexit 4\n"))
    assert run(text, tmp_path).returncode == 4


def test_a_script_may_hold_what_ends_scripts(tmp_path: Path) -> None:
    tricky = Part("t.sh", "#!/bin/sh\ncat <<'END'\n$(id) `id` \\ \"\nEND\n")
    done = run(together(tmp_path, tricky, BOOT), tmp_path)
    assert done.stdout == '$(id) `id` \\ "\nboot\n'


def test_what_cloud_init_reads_travels_as_parts() -> None:
    """The scripts as one, after the commands of `runcmd`, which cloud-init sorts by name, too."""
    found = email.message_from_string(composed([HELLO, LAB, BOOT]))
    parts = [
        (x.get_content_type(), x.get_filename(), x.get_payload(decode=True)) for x in found.walk()
    ][1:]
    assert parts == [
        ("text/cloud-config", "lab.yaml", LAB.text.encode()),
        ("text/x-shellscript", "zz-anywhere.sh", composed([HELLO, BOOT]).encode()),
    ]
    assert max("zz-anywhere.sh", "runcmd", "part-001") == "zz-anywhere.sh"


def test_the_launcher_alone_comes_after_cloud_inits_commands() -> None:
    *_, last = email.message_from_string(composed([LAB, BOOT])).walk()
    assert (last.get_filename(), last.get_payload()) == ("zz-anywhere.sh", BOOT.text)


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
