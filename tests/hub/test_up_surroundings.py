"""Bad surroundings get a message and an exit code; odd but usable ones get a hub."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.hub.harness import START_SECONDS, wait_for
from tests.hub.test_up_end import STUB
from tests.hub.test_up_login import passwords

if TYPE_CHECKING:
    from tests.hub.conftest import MakeHub
    from tests.hub.harness import Hub

pytestmark = pytest.mark.timeout(240)


def refused(hub: Hub, code: int) -> str:
    """The message of a start that is refused; the process ends by itself with this code."""
    process = hub.launch()
    assert process.wait(timeout=START_SECONDS) == code, hub.logs()
    assert "Traceback" not in hub.output()
    assert [each for each in hub.leftovers() if each.pid != process.pid] == []
    return hub.output()


def test_a_taken_port_and_the_way_out(make_hub: MakeHub) -> None:
    hub = make_hub()
    with socket.create_server(("127.0.0.1", hub.port)):
        text = refused(hub, 4)
        assert f"Port {hub.port} is taken by process" in text
        assert "--port" in text


def test_two_hubs_on_one_state_folder(make_hub: MakeHub) -> None:
    hub = make_hub().start()
    assert hub.process is not None
    second = hub.run("up", "-f", str(hub.file), "--port", "1")
    assert second.returncode == 3
    assert f"process {hub.process.pid}" in second.stderr
    assert hub.url in second.stderr
    assert hub.answers()


def test_a_state_folder_of_a_newer_version(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.state.root.mkdir()
    hub.state.version.write_text("99\n")
    assert "newer version" in refused(hub, 3)


def test_a_broken_file_starts_nothing(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.file.write_text("targets: {here: {kind: proces}}\n")
    assert "Did you mean process?" in refused(hub, 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("c.JupyterHub.x = \n1 +", "jupyterhub_config"),
        ("raise ValueError('own reason')", "ValueError: own reason"),
        ("import sys; sys.exit(3)", "SystemExit"),
    ],
)
def test_an_own_configuration_that_fails(make_hub: MakeHub, text: str, told: str) -> None:
    hub = make_hub(config=text)
    output = refused(hub, 2)
    assert told in output
    assert "extra.py:" in output


def test_an_own_configuration_with_a_wrong_trait(make_hub: MakeHub) -> None:
    hub = make_hub(config="c.JupyterHub.concurrent_spawn_limit = 'many'\n")
    assert "concurrent_spawn_limit" in refused(hub, 2)


def test_an_own_configuration_wins(make_hub: MakeHub) -> None:
    hub = make_hub(
        config="c.JupyterHub.authenticator_class = 'dummy'\nc.Authenticator.allow_all = True\n",
        arguments=["--share-account"],
    ).start()
    assert hub.login("ann", "whatever").get("hub/home").status_code == 200


def test_other_machines_are_not_served_by_accident(make_hub: MakeHub) -> None:
    hub = make_hub()
    hub.write_site({"hub": {"url": f"http://0.0.0.0:{hub.port}"}})
    assert "--insecure-http" in refused(hub, 4)
    hub.arguments = ("--insecure-http",)
    assert "whoever has the password is anybody" in refused(hub, 4)


def test_a_login_that_does_not_exist(make_hub: MakeHub) -> None:
    hub = make_hub(site={"users": {"login": "githb"}})
    assert "Did you mean github?" in refused(hub, 2)


def test_certificate_and_key_that_do_not_fit(make_hub: MakeHub) -> None:
    hub = make_hub()
    (hub.folder / "c.pem").write_text("no certificate")
    (hub.folder / "k.pem").write_text("no key")
    tls = {"cert": "c.pem", "key": "k.pem"}
    hub.write_site({"hub": {"url": f"https://127.0.0.1:{hub.port}", "tls": tls}})
    assert "cannot be used together" in refused(hub, 4)


@pytest.mark.root
def test_ipv6_alone_is_told(make_hub: MakeHub) -> None:
    hub = make_hub()
    done = subprocess.run(
        ["unshare", "--net", *hub.command()],
        cwd=hub.folder,
        env=hub.variables(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
    )
    if "unshare" in done.stderr:
        pytest.skip("needs a network namespace. Cure: run it as root outside a container")
    assert done.returncode == 4, done.stderr
    assert "no kernel can run" in done.stderr


def test_c_locale_and_names_beyond_english(make_hub: MakeHub) -> None:
    hub = make_hub(
        arguments=["--share-account"],
        environment={"LC_ALL": "C", "LANG": None, "PYTHONUTF8": None, "PYTHONIOENCODING": None},
        site={
            "users": {"allowed": ["zoë"]},
            "profiles": {"p": {"title": "Öl", "targets": ["here"]}},
        },
    )
    odd = hub.folder / "größe"
    odd.mkdir(mode=0o711)
    hub.state = type(hub.state)(odd / "状態")
    hub.start()
    hub.start_server("zoë")
    assert hub.stop() == 0
    assert hub.leftovers() == []


def test_behind_a_path_and_with_a_base_url(make_hub: MakeHub) -> None:
    hub = make_hub(path="/lab/jupyter/").start()
    assert hub.client().get("hub/login").status_code == 200


@pytest.mark.root
def test_as_an_ordinary_user_only_the_account_may_log_in(make_hub: MakeHub) -> None:
    hub = make_hub(environment={"HOME": "/nonexistent", "USER": None, "LOGNAME": None})
    for path in (hub.folder, hub.file, hub.config_file):
        shutil.chown(path, "nobody")
    process = hub.launch(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"])
    wait_for(lambda: hub.ready() or process.poll() is not None, seconds=START_SECONDS)
    if process.poll() is not None and f"{sys.prefix}" in hub.output():
        pytest.skip(f"{sys.prefix} is not readable for others. Cure: make test with a public clone")
    users, admins = passwords(hub)
    assert hub.try_login(hub.client(), "ann", users).status_code == 403
    # One person has both passwords, and chooses with which rights to work.
    for password, admin in ((users, False), (admins, True), (users, False)):
        hub.login("nobody", password)
        assert hub.api("GET", "users/nobody").json()["admin"] is admin
    assert "--share-account" in hub.output()


@pytest.mark.root
def test_a_python_that_users_cannot_run_is_told_with_the_folder_in_the_way(
    make_hub: MakeHub,
) -> None:
    closed = make_hub().folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / "environment").symlink_to(sys.prefix)
    spawner = {"prefix": str(closed / "environment")}
    hub = make_hub(site={"targets": {"here": {"kind": "process", "spawner": spawner}}})
    text = refused(hub, 4)
    assert f"cannot enter {closed}" in text
    assert "Put the environment where every user may read it" in text


def test_a_start_that_fails_leaves_alone_what_an_earlier_hub_left(make_hub: MakeHub) -> None:
    hub = make_hub(config=STUB, arguments=["--share-account"]).start()
    hub.start_server("ann")
    hub.kill()
    before = set(hub.leftovers())
    hub.write_config(STUB + "c.JupyterHub.db_url = 'sqlite:////no/such/folder/x.sqlite'\n")
    process = hub.launch()

    assert process.wait(timeout=START_SECONDS) == 4, hub.logs()

    assert "Its log is" in hub.output()
    assert set(hub.leftovers()) == before
    hub.write_config(STUB)
    hub.start()
    model = hub.server("ann")
    assert model is not None
    assert model["ready"]
