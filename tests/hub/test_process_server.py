"""Servers in processes, by a real hub: their start, their life without it, and their end."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.hub.harness import END_SECONDS, Hub, wait_for
from tests.hub.process_site import groups, home_of, install, mode, running, told

from jupyterhub_anywhere.core.processes import ProcessId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    MakeHub = Callable[..., Hub]


def supervisor(hub: Hub, user: str, server: str = "") -> ProcessId:
    model = hub.server(user, server)
    assert model is not None
    found = ProcessId.from_json(model["state"]["process"])
    assert found is not None
    return found


REFUSED = {
    "prefix": ("prefix", "/nowhere/env", "The environment /nowhere/env does not exist"),
    "cmd": ("cmd", ["no-such-program"], "program 'no-such-program' is not on its PATH"),
    "env": ("environment", {"A": "b\0c"}, "'A' cannot be in a server's environment"),
    "port": ("port", 1, "ended as soon as it was started"),
}
# What differs, differs by the user: `eve` has a family, `fay` and the server `port` fail.
SHARED = f"""
stubs = {{"eve": "family", "fay": "fail"}}
c.Spawner.environment = {{
    "OWN": "søren",
    "CALLED": lambda spawner: spawner.user.name,
    "STUB": lambda spawner: stubs.get(spawner.user.name, ""),
}}
c.Spawner.notebook_dir = "~/work"
c.Spawner.args = ["--an-argument"]
refused = {REFUSED!r}
def hook(spawner):
    if spawner.user.name != "gus":
        return
    name, value, _ = refused[spawner.name]
    setattr(spawner, name, value)
    if name == "prefix":
        spawner.cmd = ["jupyterhub-singleuser"]
    if name == "port":
        spawner.environment = {{"STUB": "fail"}}
c.Spawner.pre_spawn_hook = hook
"""


@pytest.fixture(scope="module")
def shared() -> Iterator[Hub]:
    """A hub for tests that each use a user of their own, and stop what they have started."""
    hub = Hub(mode="plain", environment={"HUB_SECRET": "of the hub", "LC_ALL": "C"})
    try:
        yield install(hub, SHARED).start()
    finally:
        hub.close()


def test_a_server_is_given_little_and_hides_its_token(shared: Hub) -> None:
    hub = shared
    hub.start_server("ann")
    about = told(hub)
    env = about["env"]
    assert "HUB_SECRET" not in env
    assert "ANYWHERE_TEST_FOLDER" not in env
    assert (env["OWN"], env["CALLED"], env["LANG"]) == ("søren", "ann", "C.UTF-8")
    assert env["JUPYTERHUB_ROOT_DIR"] == str(home_of(hub) / "work")
    assert env["HOME"] == about["cwd"] == str(home_of(hub))
    assert about["argv"][1:] == ["--an-argument"]
    assert env["JUPYTERHUB_API_TOKEN"]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert env["JUPYTERHUB_API_TOKEN"].encode() not in entry.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
    assert mode(home_of(hub)) == 0o700
    assert mode(hub.state.homes) == 0o711
    log = next((hub.state.logs / "servers").glob("ann-*.log"))
    assert mode(log) == 0o600
    assert httpx.get(f"{hub.url}user/ann/").status_code == httpx.codes.OK
    hub.stop_server("ann")
    assert running(hub) == []
    assert groups(hub) == []


@pytest.mark.root
def test_users_run_under_uids_of_their_own(shared: Hub) -> None:
    hub = shared
    hub.start_server("ann")
    hub.start_server("jürgen@example.org")
    ann, other = told(hub), next(hub.state.homes.glob("j*rgen-*"))
    other_told = told(hub, other.name)
    assert ann["uid"] != other_told["uid"]
    assert {ann["uid"], other_told["uid"]} <= set(range(70000, 99999))
    assert ann["groups"] == other_told["groups"] == []
    assert other_told["env"]["USER"] == "jürgen@example.org"
    assert other.name.isascii()
    assert other.stat().st_uid == other_told["uid"]
    for each in running(hub):
        assert Path(f"/proc/{each.process.pid}").stat().st_uid in {ann["uid"], other_told["uid"]}
    assert {each.user for each in running(hub)} == {"ann", "jürgen@example.org"}
    hub.stop_server("ann")
    hub.stop_server("jürgen@example.org")


@pytest.mark.root
def test_a_login_named_like_a_system_account_is_refused(shared: Hub) -> None:
    hub = shared
    hub.add_user("daemon")
    answer = hub.api("POST", "users/daemon/server")
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "'daemon' is a system account of this machine (uid 1)" in answer.text
    assert running(hub) == []


def test_a_server_survives_its_hub_and_is_taken_up(make_hub: MakeHub) -> None:
    hub = install(make_hub(mode="plain"), 'c.Spawner.environment = {"STUB": "family"}\n').start()
    hub.start_server("ann")
    hub.start_server("ann", "lab")
    before = {each.process for each in running(hub)}
    known = supervisor(hub, "ann")
    hub.kill()
    assert known.alive()
    hub.start()
    wait_for(lambda: (hub.server("ann") or {}).get("ready"), what="the server's return")
    assert supervisor(hub, "ann") == known
    assert {each.process for each in running(hub)} == before
    family = [ProcessId.of(pid) for pid in told(hub)["family"]]
    hub.stop_server("ann", "lab")
    hub.stop_server("ann")
    assert running(hub) == []
    assert [each for each in before if each.alive()] == []
    assert [each for each in family if each is not None and each.alive()] == []


# A hub that dies at one line of a start: what it was about to do is not done.
DIES = """
import signal
from jupyterhub_anywhere.targets.process import ProcessSpawner

class Dies(ProcessSpawner):
    {line}:
        {before}
        os.kill(os.getpid(), signal.SIGKILL)

c.JupyterHub.spawner_class = Dies
"""


def start_and_die(hub: Hub, line: str, before: str = "pass") -> None:
    install(hub, DIES.format(line=line, before=before)).start()
    hub.add_user("ann")
    # The connection breaks, or the proxy answers for a hub that is gone.
    with contextlib.suppress(httpx.TransportError):
        hub.api("POST", "users/ann/server")
    assert hub.process is not None
    assert hub.process.wait(timeout=END_SECONDS) == -signal.SIGKILL


def test_a_hub_that_dies_before_it_says_go_leaves_nothing(make_hub: MakeHub) -> None:
    hub = make_hub(mode="plain")
    start_and_die(hub, "def checkpoint(self)", "super().checkpoint()")
    wait_for(lambda: not running(hub), what="the supervisor's end")
    assert [*home_of(hub).iterdir()] == []
    install(hub).start()
    model = hub.server("ann")
    assert model is None or not model["ready"]
    hub.start_server("ann")
    assert len({each.server for each in running(hub)}) == 1


def test_a_start_that_the_hub_did_not_live_to_see_is_taken_up(make_hub: MakeHub) -> None:
    hub = make_hub(mode="plain")
    start_and_die(hub, "async def _wait_listening(self, *_)")
    before = {each.process for each in running(hub)}
    assert before
    install(hub).start()
    wait_for(lambda: (hub.server("ann") or {}).get("ready"), what="the server")
    assert before <= {each.process for each in running(hub)}
    assert httpx.get(f"{hub.url}user/ann/").status_code == httpx.codes.OK
    hub.stop_server("ann")
    assert running(hub) == []


def test_a_server_that_died_while_the_hub_was_away_is_found_dead(make_hub: MakeHub) -> None:
    hub = install(make_hub(mode="plain")).start()
    hub.start_server("ann")
    known = supervisor(hub, "ann")
    hub.kill()
    known.send(signal.SIGTERM)
    wait_for(lambda: not known.alive(), what="the server's end")
    hub.start()
    wait_for(lambda: not (hub.server("ann") or {}).get("ready"), what="the news")
    hub.start_server("ann")
    assert supervisor(hub, "ann") != known


def test_a_killed_supervisor_leaves_nothing_behind(shared: Hub) -> None:
    hub = shared
    hub.start_server("eve")
    family = [ProcessId.of(pid) for pid in told(hub, "eve")["family"]]
    grouped = bool(groups(hub))
    supervisor(hub, "eve").send(signal.SIGKILL)
    wait_for(lambda: not (hub.server("eve") or {}).get("ready"), what="the news")
    assert running(hub) == []
    assert groups(hub) == []
    if grouped:
        # The one that cleared its environment is found by its control group.
        assert [each for each in family if each is not None and each.alive()] == []
    for each in family:
        if each is not None:
            each.send(signal.SIGKILL)


def test_a_server_that_ends_at_once_says_why_and_not_its_token(shared: Hub) -> None:
    hub = shared
    hub.add_user("fay")
    answer = hub.api("POST", "users/fay/server")
    message = answer.json()["message"]
    assert answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR
    assert "ended as soon as it was started, with exit status 9" in message
    assert "bad luck with ***" in message
    assert running(hub) == []
    model = hub.server("fay")
    assert model is None or not model["ready"]


def test_what_cannot_be_started_is_refused_with_its_name(shared: Hub) -> None:
    hub = shared
    hub.add_user("gus")
    for server, (_, _, text) in REFUSED.items():
        answer = hub.api("POST", f"users/gus/servers/{server}")
        assert text in answer.json()["message"]
        assert answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR
    assert running(hub) == []
    assert groups(hub) == []


def test_a_home_outlives_its_user_unless_told_otherwise(make_hub: MakeHub) -> None:
    hub = install(make_hub(mode="plain")).start()
    hub.start_server("ann")
    hub.stop_server("ann")
    hub.api("DELETE", "users/ann").raise_for_status()
    assert home_of(hub).is_dir()
    assert list((hub.state.logs / "servers").iterdir()) == []
    assert f"The home of ann is kept: {home_of(hub)}" in hub.logs()
    hub.stop()
    install(hub, "c.ProcessSpawner.delete_home = True\n").start()
    hub.start_server("ann")
    hub.start_server("ann", "lab")
    hub.stop_server("ann", "lab")
    hub.api("DELETE", "users/ann/servers/lab", json={"remove": True}).raise_for_status()
    assert home_of(hub).is_dir()
    hub.stop_server("ann")
    hub.api("DELETE", "users/ann").raise_for_status()
    assert list(hub.state.homes.iterdir()) == []
    assert "The home of ann was removed" in hub.logs()


def test_kernels_and_terminals_of_a_real_server_end_with_it(make_hub: MakeHub) -> None:
    hub = install(make_hub(mode="plain"), stub=False).start()
    hub.start_server("ann")
    headers = {"Authorization": f"token {hub.user_token('ann')}"}
    for kind in ("kernels", "terminals"):
        answer = hub.client().post(f"user/ann/api/{kind}", headers=headers, json={})
        answer.raise_for_status()

    # A terminal runs the account's own shell; accounts of the range have bash.
    shell = "/bin/bash" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_shell

    def programs() -> set[str]:
        found = set()
        for each in running(hub):
            words: list[str] = [""]
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{each.process.pid}/cmdline").read_text().split("\0")
            if words[0] == shell:
                found.add("terminal")
            for name in ("ipykernel", "jupyterhub-singleuser"):
                if any(name in word for word in words):
                    found.add(name)
        return found

    wait_for(lambda: len(programs()) == 3, what="server, kernel and terminal")
    all_of_it = running(hub)
    sessions = {os.getsid(each.process.pid) for each in all_of_it}
    assert len(sessions) >= 4
    log = next((hub.state.logs / "servers").glob("*.log")).read_text()
    assert json.dumps(headers["Authorization"])[1:-1] not in log
    hub.stop_server("ann")
    assert running(hub) == []
    assert [each for each in all_of_it if each.process.alive()] == []
    assert groups(hub) == []
