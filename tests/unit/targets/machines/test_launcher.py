"""The script of a first boot: small, and with nothing of it left to chance."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.pythons import python

from jupyterhub_anywhere.agent import agent
from jupyterhub_anywhere.targets.machines import launcher
from jupyterhub_anywhere.targets.machines.launcher import Boot, boot_script

HUB = "https://10.0.0.1:8081/hub"
TICKET = f"awt1.{'a' * 20}.{'b' * 43}"


def config_in(script: str) -> dict[str, Any]:
    found = re.search(r"<<'END_OF_CONFIG'\n(.*)\nEND_OF_CONFIG\n", script)
    assert found is not None
    config: dict[str, Any] = json.loads(found[1])
    return config


def files_in(script: str) -> dict[str, str]:
    found = re.search(r"<<'END_OF_FILES'\n(.*)\nEND_OF_FILES\n", script, re.DOTALL)
    assert found is not None
    files: dict[str, str] = json.loads(zlib.decompress(base64.b85decode("".join(found[1].split()))))
    return files


def test_it_is_small() -> None:
    assert len(boot_script(Boot(hub=HUB, ticket=TICKET))) < 12.5 * 1024
    # With a tunnel and an authority it still fits where least is taken: EC2's 16 KiB.
    long = "-----BEGIN CERTIFICATE-----\n" + "x" * 1200 + "\n-----END CERTIFICATE-----\n"
    assert len(boot_script(Boot(hub=HUB, ticket=TICKET, ca=long, dial=True))) < 16 * 1024


def test_it_has_the_ticket_once_and_on_no_command_line() -> None:
    script = boot_script(Boot(hub=HUB, ticket=TICKET))
    [line] = [line for line in script.splitlines() if TICKET in line]
    assert json.loads(line) == {"hub": HUB, "ticket": TICKET}


def test_it_is_a_script_of_any_shell() -> None:
    script = boot_script(Boot(hub=HUB, ticket=TICKET, dial=True))
    assert script.startswith("#!/bin/sh\n")
    assert script.isascii()
    for text in (script, files_in(script)["launch.sh"]):
        subprocess.run(["sh", "-n"], input=text.encode(), check=True)
    rest = re.sub(r"<<'END_OF_FILES'\n.*", "", script, flags=re.DOTALL)
    assert re.findall("@[A-Z]+@", rest) == []


def test_only_the_comments_at_its_top_travel() -> None:
    script = boot_script(Boot(hub=HUB, ticket=TICKET))
    for text in (script, files_in(script)["launch.sh"]):
        lines = text.splitlines()
        found = [number for number, line in enumerate(lines) if line.lstrip().startswith("# ")]
        assert found == [1, 2]
    # What it writes are scripts of their own.
    assert [line for line in lines if line.startswith("#!")] == ["#!/bin/sh"] * 3


def test_the_tunnel_goes_where_it_is_needed() -> None:
    assert set(files_in(boot_script(Boot(hub=HUB, ticket=TICKET)))) == {"agent.py", "launch.sh"}
    both = files_in(boot_script(Boot(hub=HUB, ticket=TICKET, dial=True)))
    assert set(both) == {"agent.py", "tunnel.py", "launch.sh"}
    for name in ("agent.py", "tunnel.py"):
        compile(both[name], name, "exec")


@given(
    st.text(st.characters(codec="utf-8")),
    st.lists(st.text(st.characters(codec="utf-8")), max_size=3),
)
def test_whatever_is_told_stays_one_line_of_data(text: str, search: list[str]) -> None:
    boot = Boot(hub=HUB, ticket=TICKET, ca=text, search=tuple(search), command=text)
    config = config_in(boot_script(boot))
    assert config.get("ca", "") == text
    assert config.get("command", "") == text
    assert config.get("search", []) == search


def test_a_folder_with_quotes_is_a_folder(tmp_path: Path) -> None:
    boot = Boot(hub=HUB, ticket=TICKET, folder=f"{tmp_path}/it's $(here)")
    lines = boot_script(boot).splitlines()
    [line] = [line for line in lines if line.startswith("dir=")]
    said = subprocess.run(["sh", "-c", f'{line}; printf %s "$dir"'], stdout=-1, check=True).stdout
    assert said.decode() == boot.folder


@pytest.mark.parametrize("hub", ["", "10.0.0.1:8081", "ftp://x", "https://", "http://10.0.0.1"])
def test_an_address_that_is_none_or_not_safe_is_refused(hub: str) -> None:
    with pytest.raises(ValueError, match=r"no address of a hub|plain http"):
        boot_script(Boot(hub=hub, ticket=TICKET))


def test_plain_http_goes_where_somebody_said_so() -> None:
    boot = Boot(hub="http://10.0.0.1:8081/hub/", ticket=TICKET, insecure=True)
    assert config_in(boot_script(boot))["insecure"] is True
    assert config_in(boot_script(boot))["hub"] == "http://10.0.0.1:8081/hub"


def test_nothing_that_is_sent_is_kept_secret_from_the_reader() -> None:
    # What travels is what the package has: anybody can compare.
    sent = files_in(boot_script(Boot(hub=HUB, ticket=TICKET)))["agent.py"]
    assert sent == launcher.sent(launcher.source("agent.py"))


@pytest.mark.parametrize(
    "line", ["f\"{config['hub']} is away\"", "f\"{' '.join(words)}\"", "f\"{x:{'>9'}}\""]
)
def test_what_newer_pythons_write_as_older_ones_cannot_read_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="line 2: a text within the braces of an f-string"):
        launcher.sent(f"x = 1\ny = {line}\n")


@pytest.mark.parametrize("hub", ["3.11", "3.12", "3.13"])
def test_each_python_of_a_hub_sends_what_each_of_a_machine_reads(hub: str) -> None:
    if not (program := python(hub)):
        pytest.skip(f"no Python {hub} is here")
    readers = [found for each in ("3.8", "3.9", "3.10", "3.11") if (found := python(each))]
    path = Path(launcher.__file__)
    # By its own means alone: that Python has no libraries of ours.
    lines = f"""
import sys, types
sys.modules["jupyterhub_anywhere"] = types.ModuleType("jupyterhub_anywhere")
made = types.ModuleType("launcher")
made.__package__ = "jupyterhub_anywhere"
sys.modules["launcher"] = made
exec(compile(open({str(path)!r}).read(), "launcher", "exec"), vars(made))
sys.stdout.write(made.sent(sys.stdin.read()))
"""
    for name in ("agent.py", "tunnel.py"):
        given = launcher.source(name).encode()
        words = [program, "-I", "-c", lines]
        made = subprocess.run(words, input=given, check=True, stdout=subprocess.PIPE).stdout
        for reader in readers:
            check = "import sys; compile(sys.stdin.read(), 'agent', 'exec')"
            subprocess.run([reader, "-I", "-c", check], input=made, check=True)


def test_a_server_that_is_no_script_is_asked_itself() -> None:
    # Its first line is no text that names a Python.
    assert agent.version_of(str(Path(sys.executable).resolve())) == [None, None]


@pytest.mark.parametrize("first", ["python3", "../bin/python3", "/bin/sh"])
def test_only_a_python_by_its_path_is_asked_for_a_servers_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Another one would be found where the agent happens to be."""
    asked: list[str] = []

    def run(words: list[str], **_: Any) -> tuple[int, str]:
        asked.append(words[0])
        return 0, "5.2.1\n"

    monkeypatch.setattr(agent, "run", run)
    program = tmp_path / "jupyterhub-singleuser"
    program.write_text(f"#!{first}\n")
    assert agent.version_of(str(program)) == ["5.2.1", None]
    assert asked == [str(program)]


@pytest.mark.parametrize("home", [True, False])
def test_what_an_image_has_of_another_machines_home_goes_where_none_is_wanted(home: Any) -> None:
    script = boot_script(Boot(hub=HUB, ticket=TICKET, home=home))
    assert f"if [ {'yes' if home else 'no'} = no ]; then" in script
    assert "@HOME@" not in script
