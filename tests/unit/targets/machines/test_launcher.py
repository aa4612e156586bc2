"""The script of a first boot: small, and with nothing of it left to chance."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_anywhere.targets.machines import launcher
from jupyterhub_anywhere.targets.machines.launcher import Boot, boot_script

if TYPE_CHECKING:
    from pathlib import Path

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
