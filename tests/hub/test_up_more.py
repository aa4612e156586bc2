"""`anywhere up` with a certificate, a culler, another login; and a hub of one's own."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.hub.harness import wait_for
from tests.hub.test_up_end import SHARED, STUB
from tests.hub.test_up_login import passwords

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hub.conftest import MakeHub
    from tests.hub.harness import Hub

pytestmark = pytest.mark.timeout(240)


def make_certificate(folder: Path) -> None:
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=hub"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", *words.split(), *names, *files], check=True, capture_output=True)


def test_https(make_hub: MakeHub) -> None:
    tls = {"tls": {"cert": "cert.pem", "key": "key.pem"}}
    hub = make_hub(site={"hub": tls}, scheme="https", config=STUB, arguments=SHARED)
    make_certificate(hub.folder)
    hub.start()
    client = hub.login("ann", passwords(hub)[0])
    secure = {cookie.name: cookie.secure for cookie in client.cookies.jar}
    assert secure["jupyterhub-hub-login"]
    hub.start_server("ann")


def test_idle_servers_are_stopped_by_a_service_with_few_rights(make_hub: MakeHub) -> None:
    cull = {"idle": "2s", "every": "1s"}
    hub = make_hub(site={"hub": {"cull": cull}}, config=STUB, arguments=SHARED).start()
    hub.start_server("ann")

    def stopped() -> bool:
        model = hub.server("ann")
        return model is None or not model["ready"]

    wait_for(stopped, seconds=60, what="the end of an idle server")


def test_accounts_with_sign_up(make_hub: MakeHub) -> None:
    users = {"login": "native", "admins": ["ann"], "login_options": {"open_signup": True}}
    hub = make_hub(site={"users": users}, arguments=SHARED).start()
    sign_up(hub, "ben", "long-enough-1")
    client = hub.client()
    client.get("hub/login").raise_for_status()
    assert hub.login("ben", "long-enough-1").get("hub/home").status_code == 200
    assert hub.try_login(hub.client(), "ben", "wrong").status_code == 403
    assert client.post("hub/login", data={"_xsrf": client.cookies["_xsrf"]}).status_code == 400


def sign_up(hub: Hub, name: str, password: str) -> None:
    client = hub.client(follow_redirects=True)
    client.get("hub/signup").raise_for_status()
    form = {
        "_xsrf": client.cookies["_xsrf"],
        "username": name,
        "signup_password": password,
        "signup_password_confirmation": password,
    }
    client.post("hub/signup", data=form).raise_for_status()


def test_accounts_are_admitted_and_removed_by_forms_alone(make_hub: MakeHub) -> None:
    site = {"users": {"login": "native", "admins": ["ann"]}}
    hub = make_hub(site=site, config=STUB, arguments=SHARED).start()
    for name in ("ann", "ben", "cyd"):
        sign_up(hub, name, "long-enough-1")
    assert hub.try_login(hub.client(), "ben", "long-enough-1").status_code == 403
    admin = hub.login("ann", "long-enough-1")

    # As an image of another site would ask.
    for path in ("authorize/ben", "discard/cyd"):
        assert admin.get(f"hub/{path}").url.path == "/hub/authorize"
        assert admin.post(f"hub/{path}").status_code == 403
    page = admin.get("hub/authorize").text
    assert page.count("Admit ") == 2, "nothing has changed"
    form = {"_xsrf": admin.cookies["_xsrf"]}
    for path in ("authorize/ben", "discard/cyd"):
        assert f'action="/hub/{path}"' in page
        assert admin.post(f"hub/{path}", data=form).url.path == "/hub/authorize"

    ben = hub.login("ben", "long-enough-1")
    assert "cyd" not in admin.get("hub/authorize").text
    assert admin.post("hub/discard/ben", data=form).status_code == 409
    assert admin.post("hub/discard/cyd", data=form).status_code == 404
    assert admin.post("hub/authorize/eve", data=form).status_code == 404
    own = {"_xsrf": ben.cookies["_xsrf"]}
    assert ben.post("hub/authorize/ann", data=own).status_code == 403
    admin.post("hub/authorize/ben", data=form).raise_for_status()
    hub.start_server("ben")
    assert admin.post("hub/discard/ben", data=form).status_code == 409
    hub.stop_server("ben")
    assert admin.post("hub/discard/ben", data=form).status_code == 200
    assert hub.api("GET", "users/ben").status_code == 404


def test_a_second_signal_ends_patience_and_the_servers_by_force(make_hub: MakeHub) -> None:
    # Patience has no end of its own here.
    hang = """
import asyncio
from jupyterhub_anywhere.hub import app
assert app._END_SECONDS
app._END_SECONDS = 3600.0
from jupyterhub_anywhere.spawner.spawner import AnywhereSpawner
async def hang(self, now=False):
    await asyncio.sleep(3600)
AnywhereSpawner.stop = hang
"""
    hub = make_hub(config=STUB + hang, arguments=SHARED).start()
    hub.start_server("ann")
    assert hub.process is not None
    hub.process.send_signal(signal.SIGINT)
    log = hub.state.logs / "hub.log"
    wait_for(lambda: "Cleaning up single-user" in log.read_text(), what="the end to begin")

    assert hub.signal(signal.SIGINT) == 0

    assert hub.leftovers() == []


def test_a_hub_of_ones_own_takes_the_file_by_setup(make_hub: MakeHub) -> None:
    hub = make_hub(mode="plain", site={"profiles": {"p": {"title": "Own", "targets": ["here"]}}})
    text = (
        "from jupyterhub_anywhere import setup\n"
        f"setup(c, {str(hub.file)!r}, state={str(hub.state.root)!r})\n"
    )
    hub.write_config(text + STUB)
    hub.start()
    hub.start_server("ann", options={"profile": "p"})
    refused = hub.api("POST", "users/ann/servers/x", json={"user_options": {"profile": "none"}})
    assert 400 <= refused.status_code < 500
    assert hub.api("GET", "anywhere/users/ann/catalog").status_code == 200


def test_setup_with_a_wrong_file_stops_the_hub(make_hub: MakeHub) -> None:
    hub = make_hub(mode="plain", site={"profiles": {"p": {"targets": ["nowhere"]}}})
    hub.write_config(f"from jupyterhub_anywhere import setup\nsetup(c, {str(hub.file)!r})\n")
    assert hub.launch().wait(timeout=60) != 0
    assert "nowhere" in hub.output()
