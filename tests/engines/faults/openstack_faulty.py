"""A hub whose servers are the guests of a real cloud, with a fault proxy before Nova."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import httpx
from tests.contract.stub import PROGRAM
from tests.engines.openstack_hub import OpenStackHub
from tests.hub.harness import wait_for

from jupyterhub_anywhere.testing.faults.run import BYSTANDER, Before, Outcome, Told, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from engines.openstack.cloud import OpenStack
    from jupyterhub_anywhere.testing.faults.control import Control
    from jupyterhub_anywhere.testing.faults.kills import Plan
    from jupyterhub_anywhere.testing.faults.run import Trouble

# Deadlines for machines that are emulated, on a machine that is busy.
PATIENCE: Final = 600.0
_CONFIG: Final = """
c.Spawner.start_timeout = 600
c.Spawner.http_timeout = 60
c.Spawner.poll_interval = 2
"""
_LEDGER: Final = {"every": "2s", "grace": "5s"}


class FaultyCloud:
    """One hub at one cloud, as `run.Subject`; its servers are the stub's.

    Args:
        cloud: The cloud.
        control: The proxy that the hub has in place of Nova.
    """

    def __init__(self, cloud: OpenStack, control: Control) -> None:
        self.cloud, self.control = cloud, control
        self.hub = OpenStackHub(
            cloud,
            compute_url=f"{control.url}/v2.1",
            ledger=_LEDGER,
            config=_CONFIG,
            cmd=["python3", "-c", PROGRAM],
            size="m1.tiny",
            report_every=2,
        )

    # --- the hub ---------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        return self.hub.folder

    def boot(self) -> None:
        self.hub.start()

    def launch(self) -> None:
        self.hub.launch()

    def kill(self) -> None:
        self.hub.kill()

    def ended(self) -> bool:
        return self.hub.process is None or self.hub.process.poll() is not None

    def up(self) -> bool:
        return not self.ended() and self.hub.answers()

    def close(self) -> None:
        """End the hub, and remove what it has at the cloud."""
        self.control.rules()
        self.hub.close()

    # --- users -----------------------------------------------------------------------------------

    def add(self, user: str) -> None:
        self.hub.add_user(user)

    def ask_start(self, user: str) -> None:
        with contextlib.suppress(httpx.TransportError):
            self.hub.api("POST", f"users/{user}/server", json={})

    def ask_stop(self, user: str) -> None:
        with contextlib.suppress(httpx.TransportError):
            self.hub.api("DELETE", f"users/{user}/server")

    def told(self, user: str) -> Told:
        model = self.hub.server(user)
        tokens = self.hub.api("GET", f"users/{user}/tokens")
        tokens.raise_for_status()
        notes = [each.get("note") or "" for each in tokens.json()["api_tokens"]]
        return Told(
            ready=bool(model and model["ready"]),
            pending=str((model or {}).get("pending") or ""),
            tokens=sum(note.startswith("Server at") for note in notes),
        )

    def serves(self, user: str) -> bool:
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(f"{self.hub.url}user/{user}/stub/about", timeout=30)
            return answer.status_code == httpx.codes.OK
        return False

    def files(self, user: str) -> str:
        return ""

    def clear(self, user: str) -> None:
        for each in self.running().get(user, ()):
            self.cloud.destroy_behind_our_back(each)

    def trouble(self, user: str, sort: Trouble, plan: Plan) -> None:
        raise NotImplementedError

    # --- the world -------------------------------------------------------------------------------

    def running(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for each in self.hub.machines():
            found.setdefault(each["metadata"]["anywhere-user"], set()).add(each["id"])
        return {user: frozenset(each) for user, each in found.items()}

    def machine(self, user: str) -> str:
        """The id of the only machine of a user."""
        [found] = self.running()[user]
        return found

    def disagree(self) -> list[str]:
        """What ledger and cloud do not both have: names, sorted."""
        leases = {each["name"] for each in self.hub.leases()}
        return sorted(leases ^ {each["name"] for each in self.hub.machines()})

    # --- cycles ----------------------------------------------------------------------------------

    def settled(self, user: str) -> frozenset[str]:
        """What runs for a user, started where nothing does."""
        self.add(user)
        if not self.told(user).ready:
            self.ask_start(user)
        until(lambda: self.told(user).ready, f"the server of {user}", self.hub)
        return self.running()[user]

    def bystander(self) -> Before:
        """Somebody whose server has to outlive everything that is done to others."""
        return Before({BYSTANDER: self.settled(BYSTANDER)})

    def judged(self, users: Iterable[str], before: Before) -> Outcome:
        """Look until all is well, and ledger and cloud agree; the last look counts."""
        who = sorted({*users, *before.healthy})
        last: list[Outcome] = []

        def well() -> bool:
            last[:] = [look(self, who, before, healthy=True)]
            if last[0].failures or any(self.told(user).pending for user in who):
                return False
            return not self.disagree()

        with contextlib.suppress(AssertionError):
            wait_for(well, seconds=PATIENCE)
        return last[0]


def until(condition: Callable[[], Any], what: str, hub: OpenStackHub) -> None:
    """Wait for something of a hub; where it does not come, its log is shown."""
    try:
        wait_for(condition, seconds=PATIENCE, what=what)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{hub.logs(120)}") from error
