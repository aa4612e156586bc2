"""Guests from within: root's shell on the machine of a server, for tests."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import httpx
from tests.engines.openstack_hub import PATIENCE, OpenStackHub, followed, running

if TYPE_CHECKING:
    from engines.openstack.cloud import OpenStack

# Seconds: a whole boot of systemd, and what is set up in it, each by an emulated processor.
LONGER: Final = 1800
STUB: Final = "/opt/stub/jupyterhub-singleuser"
# Lets root in by a key; where no systemd has started sshd, this does. Then what a test asks for.
_SCRIPT: Final = """\
#!/bin/sh
mkdir -p -m 700 /root/.ssh
echo {{ door_key | sh }} >/root/.ssh/authorized_keys
{{ first }}
[ -d /run/systemd/system ] || { mkdir -p /run/sshd; /usr/sbin/sshd; }
{{ last }}
"""
# The same by cloud-init's means; its commands take their time.
CLOUD_CONFIG: Final = """\
#cloud-config
write_files:
  - path: /root/.ssh/authorized_keys
    permissions: "0600"
    content: {{ door_key | yaml }}
runcmd:
  - sleep 3
  - [touch, /var/set-up]
"""


class GuestHub(OpenStackHub):
    """A hub to whose machines a test has a door.

    Args:
        cloud: Where they are made.
        template: What sets machines up; it has to let `door_key` in.
        first: Lines of shell that each machine runs at its first boot, before its server.
        last: Lines that end the script.
        spawner: What is set at the target.
    """

    def __init__(
        self,
        cloud: OpenStack,
        *,
        template: str = _SCRIPT,
        first: str = "",
        last: str = "",
        **spawner: Any,
    ) -> None:
        # Of this object, so that it goes with it, whatever fails.
        self._door = tempfile.TemporaryDirectory(prefix="anywhere-door-")
        self.keys = Path(self._door.name)
        key = self.keys / "key"
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", str(key)]
        subprocess.run(words, check=True)
        (self.keys / "door.j2").write_text(template)
        values = {"door_key": key.with_suffix(".pub").read_text().strip()}
        values |= {"first": first, "last": last}
        wanted: dict[str, Any] = {"configurer": "script", "userdata_folder": str(self.keys)}
        wanted |= {"userdata_name": "door.j2", "userdata_values": values}
        super().__init__(cloud, **(wanted | spawner))

    def guest(self, user: str = "ann") -> Guest:
        """The machine of a user's server."""
        model = self.server(user)
        assert model is not None, self.logs()
        return Guest(self.keys, model["state"])

    def close(self) -> None:
        """End the hub, its machines and the door."""
        super().close()
        self._door.cleanup()


class Guest:
    """Root's shell on one machine, whose host keys are those that its agent has told the hub.

    Args:
        keys: The folder with the key.
        state: Of the spawner.
    """

    def __init__(self, keys: Path, state: dict[str, Any]) -> None:
        self.address = str(state["address"])
        known = keys / f"known-{self.address}"
        told: list[str] = state["host_keys"]
        assert told, state
        known.write_text("".join(f"{self.address} {each}\n" for each in told))
        options = {
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(known),
            "GlobalKnownHostsFile": "/dev/null",
            "BatchMode": "yes",
            "ConnectTimeout": "60",
            # Less to reckon for an emulated processor, once for all calls.
            "ControlMaster": "auto",
            "ControlPath": str(keys / "%h"),
            "ControlPersist": "60",
        }
        self._words = ["ssh", "-F", "none", "-i", str(keys / "key"), "-l", "root"]
        self._words += [word for name in options for word in ("-o", f"{name}={options[name]}")]

    def run(self, command: str, given: str = "") -> str:
        """What a line of shell says there.

        Args:
            command: The line.
            given: Its standard input.

        Raises:
            AssertionError: It fails.
        """
        done = self.tried(command, given)
        assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
        return done.stdout.strip()

    def tried(self, command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """The same, for what may fail."""
        return subprocess.run(
            [*self._words, self.address, "--", command],
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )

    def leave(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            words = [*self._words, "-O", "exit", self.address]
            subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False)

    def units(self) -> dict[str, str]:
        """What systemd runs of ours: each unit's state by its name."""
        listing = "systemctl list-units --all --plain --no-legend 'jupyterhub-anywhere*'"
        lines = [each.split() for each in self.run(listing).splitlines()]
        return {words[0]: words[3] for words in lines}

    def server(self, account: str) -> int:
        """The oldest process of an account: its only server."""
        return int(self.run(f"pgrep -o -u {account}"))

    def processes(self, unit: str) -> list[int]:
        """What runs in a unit of the system's slice."""
        return [
            int(x) for x in self.run(f"cat /sys/fs/cgroup/system.slice/{unit}/cgroup.procs").split()
        ]

    def main(self, unit: str) -> int:
        """The main process of a service; 0 for none."""
        return int(self.run(f"systemctl show -P MainPID {unit}"))

    def environment(self, pid: int) -> dict[str, str]:
        """The environment of a process."""
        text = self.run(f"tr '\\0' '\\n' </proc/{pid}/environ")
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


def guest_hub(cloud: OpenStack, **more: Any) -> contextlib.AbstractContextManager[GuestHub]:
    """A `GuestHub` that runs, and is closed at the end."""
    return running(GuestHub(cloud, **more))


def messages(hub: OpenStackHub, user: str = "ann") -> list[str]:
    """What a user reads of a start that comes to a server.

    Raises:
        AssertionError: It does not.
    """
    told = [each for _, each in followed(hub, user)]
    assert told[-1].get("ready"), (told, hub.logs(20))
    return [str(each["message"]) for each in told if "message" in each]


def failed_start(hub: OpenStackHub, user: str = "ann") -> str:
    """What a user reads of a start that fails.

    Raises:
        AssertionError: It does not.
    """
    told = [each for _, each in followed(hub, user)]
    assert told[-1].get("failed"), (told, hub.logs(20))
    return str(told[-1]["message"])


def boot_of(hub: GuestHub) -> str:
    """Which boot of its machine a server's agent has told of last."""
    model = hub.server("ann")
    assert model is not None, hub.logs()
    return str(model["state"]["agent"]["boot"])


def answers(url: str) -> bool:
    """Whether somebody answers 200 there, through the hub's proxy."""
    try:
        return httpx.get(url, timeout=60, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
