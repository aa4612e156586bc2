"""Logging in to `anywhere up` with the shared passwords."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.hub.harness import Hub, wait_for
from tests.hub.test_up_end import STUB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.hub.conftest import MakeHub

BOX = {"box": {"type": "boolean"}}
START = 'type="submit" class="btn btn-jupyter'
# Some tests send many wrong passwords, and the machine may be busy.
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def shared() -> Iterator[Hub]:
    """A hub with nothing declared, for tests that each use names of their own."""
    hub = Hub(config=STUB, arguments=["--share-account"])
    try:
        yield hub.start()
    finally:
        hub.close()


def passwords(hub: Hub) -> tuple[str, str]:
    """What the first start showed: the users' password and the admins'."""
    return one(r"for users: +(\S+)", hub.output()), one(r"for admins: +(\S+)", hub.output())


def one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]


def up(make_hub: MakeHub, **site: Any) -> Hub:
    hub: Hub = make_hub(site=site, arguments=["--share-account"])
    return hub.start()


def is_admin(hub: Hub, name: str) -> bool:
    return bool(hub.api("GET", f"users/{name}").json()["admin"])


def test_the_password_decides_over_the_role(shared: Hub) -> None:
    hub = shared
    users, admins = passwords(hub)
    hub.login("ann", users)
    assert not is_admin(hub, "ann")
    hub.login("ann", admins)
    assert is_admin(hub, "ann")
    # Whoever knows the users' password alone is no admin, under whatever name.
    assert hub.try_login(hub.client(), "ann", users).status_code == 403
    assert is_admin(hub, "ann")
    hub.login("ben", users)
    assert not is_admin(hub, "ben")


def test_what_the_users_password_opened_ends_when_the_name_becomes_an_admins(shared: Hub) -> None:
    hub = shared
    users, admins = passwords(hub)
    early = hub.login("eve", users)
    token = {"Authorization": f"token {hub.user_token('eve')}"}
    hub.start_server("eve")
    assert hub.api("GET", "user", headers=token).json()["admin"] is False

    later = hub.login("eve", admins)

    assert later.get("hub/admin").status_code == 200
    assert "/hub/login" in early.get("hub/home").url.path
    assert hub.api("GET", "user", headers=token).status_code == 403
    assert (hub.server("eve") or {})["ready"]
    tokens = hub.api("GET", "users/eve/tokens").json()["api_tokens"]
    assert [each["note"] for each in tokens if each["note"]] == ["Server at /user/eve/"]
    again = hub.login("eve", admins)
    assert "/hub/login" not in later.get("hub/home").url.path, "an admin's own sessions stay"
    assert again.get("hub/admin").status_code == 200


def test_whom_the_file_makes_an_admin_logs_in_again(make_hub: MakeHub) -> None:
    hub = up(make_hub)
    users, admins = passwords(hub)
    early = hub.login("ann", users)
    ben = hub.login("ben", users)
    hub.write_site({"users": {"admins": ["ann"]}})

    done = hub.run("reload")

    assert done.returncode == 0, done.stderr
    assert is_admin(hub, "ann")
    assert "/hub/login" in early.get("hub/home").url.path
    assert "/hub/login" not in ben.get("hub/home").url.path
    hub.login("ann", admins)


def test_declared_admins_need_the_admins_password(make_hub: MakeHub) -> None:
    hub = up(make_hub, users={"admins": ["ann"]})
    users, admins = passwords(hub)
    hub.login("ann", admins)
    assert is_admin(hub, "ann")
    hub.login("ben", users)
    assert not is_admin(hub, "ben")
    client = hub.client()
    assert hub.try_login(client, "ann", users).status_code == 403
    assert hub.try_login(client, "ben", admins).status_code == 403


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "-rf", "a" * 65, "a b", " ", "a\nb"])
def test_a_name_that_may_not_exist_is_told_and_escaped(shared: Hub, name: str) -> None:
    answer = shared.try_login(shared.client(), name, passwords(shared)[0])
    assert answer.status_code == 400
    assert "No such name is possible" in answer.text
    assert "<script>alert" not in answer.text


def test_odd_input_is_refused_and_never_a_fault(make_hub: MakeHub) -> None:
    hub = up(make_hub, users={"allowed": ["ann", "zoë"]})
    users, _ = passwords(hub)
    client = hub.client()
    for name, password in (("ann", "pässwört"), ("ann", ""), ("ann", "x" * 5000), ("eve", users)):
        assert hub.try_login(client, name, password).status_code == 403, (name, password)
    form = {"_xsrf": client.cookies["_xsrf"]}
    assert client.post("hub/login", data=form).status_code == 400
    assert client.post("hub/login", data={**form, "username": "ann"}).status_code == 403
    # Two ways to type one name are one user, and a decomposed accent is no other name.
    hub.login("ANN", users)
    hub.login("zoe\u0308", users)
    assert {user["name"] for user in hub.api("GET", "users").json()} >= {"ann", "zoë"}


def test_new_passwords_count_at_once(make_hub: MakeHub) -> None:
    hub = up(make_hub)
    old, _ = passwords(hub)
    made = hub.run("password")
    assert made.returncode == 0, made.stderr
    hub.login("ann", made.stdout.strip())
    assert hub.try_login(hub.client(), "ann", old).status_code == 403


def test_wrong_tries_are_slowed_and_the_right_password_gets_in(shared: Hub) -> None:
    hub = shared
    users, _ = passwords(hub)
    # From here on nothing is held against this machine.
    hub.login("fay", users)
    client = hub.client()
    times = []
    for _ in range(6):
        answer = hub.try_login(client, "fay", "wrong")
        assert answer.status_code == 403
        times.append(answer.elapsed.total_seconds())
    # The waits before the fourth, fifth and sixth try.
    assert times[3] >= 0.5
    assert times[4] >= 1.0
    assert times[5] >= 2.0
    hub.login("fay", users)


def test_secrets_are_in_no_log_and_not_readable_by_others(shared: Hub) -> None:
    hub = shared
    users, admins = passwords(hub)
    hub.login("gus", users)
    hub.try_login(hub.client(), "gus", admins + "x")
    record = hub.state.proxy.read_text()
    token = one(r'"token": "(\w+)"', record)
    cookie = hub.state.cookie_secret.read_text().strip()
    logs = [path for path in hub.state.logs.rglob("*") if path.is_file()]
    assert len(logs) >= 2
    for path in logs:
        text = path.read_text(errors="replace")
        for secret in (users, admins, token, cookie, hub.token):
            assert secret not in text, path
    for path in hub.state.hub.rglob("*"):
        if path.is_file():
            assert not path.stat().st_mode & 0o077, path


def a_bad_file_changes_nothing(hub: Hub, users: str) -> None:
    hub.file.write_text("users: {allowd: [eve]}\n")
    done = hub.run("reload")
    assert done.returncode == 2
    assert "allowd" in done.stderr
    hub.login("ben", users)
    assert hub.try_login(hub.client(), "eve", users).status_code == 403


def test_users_groups_and_admins_of_the_file_come_and_go(make_hub: MakeHub) -> None:
    before = {
        "allowed": ["ann", "ben"],
        "admins": ["ann"],
        "groups": {"gpu": ["ben"], "old": ["ann"]},
    }
    hub = up(make_hub, users=before)
    users, admins = passwords(hub)
    ben = hub.login("ben", users)
    hub.login("ann", admins)
    assert hub.api("GET", "users/ben").json()["groups"] == ["gpu"]

    a_bad_file_changes_nothing(hub, users)
    profile = {"targets": ["here"], "access": {"groups": ["gpu"]}, "options": BOX}
    hub.write_site(
        {
            "users": {"allowed": ["ann", "cyd"], "groups": {"gpu": ["cyd"]}},
            "profiles": {"large": profile},
        }
    )
    done = hub.run("reload")

    assert done.returncode == 0, done.stderr
    assert "users.allowed" in done.stdout
    assert hub.api("GET", "users/ben").json()["groups"] == []
    assert hub.api("GET", "users/cyd").json()["groups"] == ["gpu"]
    assert hub.api("GET", "groups/old").status_code == 404
    assert not is_admin(hub, "ann")
    assert hub.try_login(hub.client(), "ben", users).status_code == 403
    menu = hub.login("cyd", users).get("hub/spawn").text
    assert START in menu
    nothing = hub.login("ann", users).get("hub/spawn").text
    assert "There is nothing to start" in nothing
    assert "Ask the administrator" in nothing
    assert START not in nothing
    assert ben.get("hub/home").status_code == 200, "looked at again within minutes"


def test_what_the_file_took_away_while_the_hub_was_away(make_hub: MakeHub) -> None:
    hub = up(make_hub, users={"admins": ["ann"], "groups": {"gpu": ["ben"]}})
    hub.api("POST", "groups/gpu/users", json={"users": ["dan"]})
    hub.add_user("dan")
    hub.api("POST", "groups/gpu/users", json={"users": ["dan"]}).raise_for_status()
    hub.stop()
    hub.write_site({"users": {}})

    hub.start()

    assert not is_admin(hub, "ann")
    members = hub.api("GET", "groups/gpu").json()["users"]
    assert members == ["dan"], "whom an admin put there stays"


def test_who_is_taken_off_the_list_is_logged_out(make_hub: MakeHub) -> None:
    hub: Hub = make_hub(
        site={"users": {"allowed": ["ann", "ben"]}},
        config="c.Authenticator.auth_refresh_age = 1",
        arguments=["--share-account"],
    )
    hub.start()
    ben = hub.login("ben", passwords(hub)[0])
    ben.follow_redirects = False
    hub.write_site({"users": {"allowed": ["ann"]}})
    assert hub.run("reload").returncode == 0

    wait_for(lambda: ben.get("hub/home").status_code == 302, what="the end of the login")
