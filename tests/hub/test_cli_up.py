"""The verbs around a hub that runs: up, status, reload, password, backup, doctor, down."""

from __future__ import annotations

import json
import re
import signal
import socket
from typing import TYPE_CHECKING, Any

from tests.hub.harness import END_SECONDS, read_json, wait_for

from jupyterhub_anywhere.core.state import StatePaths

if TYPE_CHECKING:
    from tests.hub.conftest import MakeHub
    from tests.hub.harness import Hub

PROFILES: dict[str, Any] = {
    "targets": {"here": {"kind": "process"}},
    "profiles": {"small": {"targets": ["here"]}},
}


def test_a_day_of_an_administrator(make_hub: MakeHub) -> None:
    """One hub for all of it: a start takes seconds, and each step begins where one ended."""
    # The file by its name alone: a reload has to find it from wherever the hub is then.
    arguments = ["--share-account", "-f", "anywhere.yaml"]
    hub = make_hub(site=PROFILES, arguments=arguments).start()
    users = said_at_start(hub)
    new_password(hub, users)
    status_while_it_runs(hub)
    a_second_hub_is_refused(hub)
    reload_what_changed(hub)
    the_doctor_reaches_it(hub)
    the_end(hub)


def test_a_move_to_another_machine(make_hub: MakeHub) -> None:
    hub = make_hub(site=PROFILES, arguments=["--share-account"]).start()
    password = hub.run("password").stdout.strip()
    hub.login("ann", password)
    backup_while_it_runs(hub)
    hub.stop()
    on_another_machine(hub, password)


def said_at_start(hub: Hub) -> str:
    said = hub.output()
    assert said.startswith(
        f"Starting JupyterHub with {hub.file.name}; its state is in {hub.state.root}\n"
    )
    (line,) = re.findall(r"JupyterHub is at .*", said)
    assert hub.url in line
    assert f"anywhere --state {hub.state.root} down" in line
    assert "[I " not in said, "the log belongs into its file"
    users, admins = re.findall(r"for (?:users|admins): +(\S+)", said)
    hub.login("ann", users)
    hub.login("boss", admins)
    return str(users)


def new_password(hub: Hub, old: str) -> None:
    new = hub.run("password").stdout.strip()
    assert new != old
    hub.login("ann", new)


def status_while_it_runs(hub: Hub) -> None:
    status = hub.run("status")
    assert status.returncode == 0, status.stderr
    assert hub.url in status.stdout
    assert str(hub.state.logs) in status.stdout
    assert json.loads(hub.run("status", "--json").stdout)["url"] == hub.url


def a_second_hub_is_refused(hub: Hub) -> None:
    second = hub.run("up", "-f", str(hub.file))
    assert second.returncode == 3
    assert "Another hub uses the state folder" in second.stderr
    assert hub.url in second.stderr


def reload_what_changed(hub: Hub) -> None:
    done = hub.run("reload")
    assert (done.returncode, done.stdout) == (0, "Nothing has changed.\n"), done.stderr
    more = {"small": {"targets": ["here"]}, "large": {"targets": ["here"]}}
    hub.write_site({**PROFILES, "profiles": more})
    done = hub.run("reload")
    assert done.returncode == 0, done.stderr
    assert "large" in done.stdout
    hub.write_site({**PROFILES, "profiles": {"small": {"targets": ["her"]}}})
    done = hub.run("reload")
    assert (done.returncode, done.stdout) == (2, "")
    assert "goes on with what it had" in done.stderr
    assert "Did you mean here?" in done.stderr
    assert hub.answers()
    hub.write_site(PROFILES)


def the_doctor_reaches_it(hub: Hub) -> None:
    findings = json.loads(hub.run("doctor", "--json").stdout)
    found = {finding["subject"]: finding for finding in findings}
    assert found["hub"]["level"] == "ok", found["hub"]
    assert found["hub from inside a server"]["level"] == "ok", found["hub from inside a server"]


def backup_while_it_runs(hub: Hub) -> None:
    file = str(hub.folder / "b.tar.gz")
    done = hub.run("backup", file)
    assert done.returncode == 0, done.stderr
    done = hub.run("restore", file, "--force")
    assert done.returncode == 3, "a hub runs on it"


def the_end(hub: Hub) -> None:
    done = hub.run("down")
    assert done.returncode == 0, done.stderr
    assert hub.process is not None
    assert hub.process.wait(timeout=END_SECONDS) == 0
    assert "Ending" in hub.output()
    assert hub.run("down").stdout == "Nothing was running.\n"
    assert hub.run("status").returncode == 1
    done = hub.run("reload")
    assert done.returncode == 4
    assert "No hub runs" in done.stderr


def on_another_machine(hub: Hub, password: str) -> None:
    """The backup is all there is there; the same people come in with the same password."""
    state = StatePaths(hub.folder / "other")
    done = hub.run("restore", str(hub.folder / "b.tar.gz"), "--into", str(state.root))
    assert done.returncode == 0, done.stderr
    hub.state = state
    hub.start()
    assert hub.api("GET", "users/ann").status_code == 200
    hub.login("ann", password)
    assert hub.output().count("for users:") == 1, "passwords are shown once"
    assert hub.signal(signal.SIGINT) == 0


def test_a_wrong_file_starts_nothing(make_hub: MakeHub) -> None:
    hub = make_hub(site={"profiles": {"small": {"targets": ["her"]}}})
    done = hub.run("up", "-f", str(hub.file))
    assert done.returncode == 2
    assert "profiles.small.targets[0]" in done.stderr
    assert "Traceback" not in done.stderr
    assert hub.leftovers() == []


def test_a_port_that_is_taken(make_hub: MakeHub) -> None:
    hub = make_hub(site=PROFILES)
    with socket.create_server(("127.0.0.1", hub.port)):
        done = hub.run("up", "-f", str(hub.file))
    assert done.returncode == 4
    assert f"Port {hub.port} is taken by process" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_password_in_a_journal(make_hub: MakeHub) -> None:
    hub = make_hub(site=PROFILES, environment={"JOURNAL_STREAM": "8:1"}).start()
    assert "for users:" not in hub.output()
    assert f"anywhere --state {hub.state.root} password" in hub.output()


def test_what_a_crash_leaves(make_hub: MakeHub) -> None:
    hub = make_hub(site=PROFILES, arguments=["--share-account"]).start()
    hub.start_server("ann")
    status = hub.run("status")
    assert "\nann\t\there\tsmall\trunning\t" in status.stdout, status.stdout + status.stderr
    assert hub.run("backup", str(hub.folder / "b.tar.gz")).returncode == 0

    hub.kill()
    status = hub.run("status")
    assert status.returncode == 1
    assert "does not run" in status.stdout
    assert "\nann\t\there\tsmall\trunning\t" in status.stdout
    assert "`anywhere up` takes over what runs here" in status.stdout
    restore = hub.run("restore", str(hub.folder / "b.tar.gz"), "--force")
    assert restore.returncode == 3
    assert "still run" in restore.stderr

    down = hub.run("down")
    assert down.returncode == 0, down.stderr
    assert "Ended: proxy" in down.stdout
    assert "Ended: server ann at here" in down.stdout
    wait_for(lambda: not hub.leftovers(), what="the end of everything")
    restore = hub.run("restore", str(hub.folder / "b.tar.gz"), "--force")
    assert restore.returncode == 0, restore.stderr


def test_a_hub_nobody_listens_to(make_hub: MakeHub) -> None:
    """Its first line cannot be written, and it serves all the same."""
    hub = make_hub(site=PROFILES)
    output = hub.folder / "output.log"
    output.symlink_to("/dev/full")
    hub.launch()
    output.unlink()
    wait_for(hub.answers, what="the hub's answer")
    # Written down before the line that cannot be written.
    wait_for(lambda: read_json(hub.state.up)["url"], what="the record of where it is")
    assert hub.run("status").returncode == 0
    assert hub.run("down").returncode == 0
