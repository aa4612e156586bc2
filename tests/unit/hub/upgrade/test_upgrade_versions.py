"""Which versions can be upgraded: each by a database that it wrote."""

from __future__ import annotations

from contextlib import closing
from sqlite3 import connect
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.hub.upgrade import course, sqlite
from jupyterhub_anywhere.hub.upgrade.migrate import migrate
from jupyterhub_anywhere.hub.upgrade.revisions import installed_history
from jupyterhub_anywhere.hub.upgrade.source import find
from jupyterhub_anywhere.ledger.url import file_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Old = Callable[..., Path]

USERS = ("alice", "bob", "carol", "dave", "erin", "o'hara")
STATES = {
    "alice": {"userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e01", "userserver_port": 8001},
    "bob": {"machineid": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e02", "serverport": 8000},
    "carol/gpu": {
        "userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e03",
        "userserver_port": 8003,
    },
    "carol/Big_One": {
        "userserver_id": "6f1c0f6e-0a2c-4c3f-9d59-1a1f1c7d5e04",
        "userserver_port": 8004,
    },
}


def plan_of(file: Path) -> course.Plan:
    return course.plan(course.Wish(find(str(file))))


def secrets(file: Path) -> dict[str, bytes]:
    with closing(connect(file)) as database:
        asked = database.execute("SELECT name, encrypted_auth_state FROM users")
        return {name: value for name, value in asked if value}


@pytest.mark.parametrize(
    ("version", "writer", "tokens"),
    [
        ("0.9.6", "JupyterHub 0.9", 0),
        ("1.5.1", "JupyterHub 1.x", 0),
        ("3.1.1", "JupyterHub 3.x", 6),
        ("4.1.6", "JupyterHub 4.x", 6),
        ("5.5.4", "JupyterHub 5.x", 6),
    ],
)
def test_users_admins_groups_and_states_come_along(
    old: Old, version: str, writer: str, tokens: int
) -> None:
    file = old(version)
    before = secrets(file)
    assert set(before) == {"dave"}
    plan = plan_of(file)
    assert plan.facts["written by"].startswith(writer + " (")
    assert plan.found.tokens == 6

    done = course.carry_out(plan)

    now = plan_of(file)
    assert now.found.revision == installed_history().head
    assert not now.steps
    assert now.found.users == USERS
    assert now.found.admins == ("bob", "erin")
    assert now.found.groups == {"students": 2, "teachers": 1}
    assert {server.title: server.state for server in now.found.running} == STATES
    assert now.found.tokens == tokens
    assert secrets(file) == before
    assert done[0] == f"{file} is upgraded."


@pytest.mark.parametrize(
    ("version", "said"),
    [("0.8.1", "written by JupyterHub 0.8"), ("2.3.1", "JupyterHub 2.x and has servers that run")],
)
def test_what_is_said_to_fail_fails_and_is_refused_with_the_way_round(
    old: Old, version: str, said: str
) -> None:
    """Where the migrations are mended some day, the refusal has to go."""
    file = old(version)
    whole = file.read_bytes()
    with pytest.raises(StateError, match=r"jupyterhub==4\.1\.6") as refused:
        plan_of(file)
    assert said in str(refused.value)
    copy = file.with_name("copy.sqlite")
    copy.write_bytes(whole)
    with pytest.raises(StateError, match="migrations fail"):
        migrate(sqlite.url_of(copy), "a copy")
    assert file.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"no database"])
def test_a_hub_that_starts_leaves_what_it_does_not_know_to_jupyterhub(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "jupyterhub.sqlite"
    assert course.bring_along(file_url(file)) == []
    file.write_bytes(content)
    assert course.bring_along(file_url(file)) == []
    assert course.bring_along("postgresql://db/hub") == []
    assert file.read_bytes() == content


def test_a_hub_that_starts_brings_its_file_along_once(old: Old) -> None:
    url = file_url(old())
    assert len(course.bring_along(url)) == 2
    assert course.bring_along(url) == []


def test_a_hub_does_not_start_on_what_cannot_be_upgraded(old: Old) -> None:
    with pytest.raises(StateError, match=r"written by JupyterHub 0\.8"):
        course.bring_along(file_url(old("0.8.1")))


def test_one_of_2_with_no_server_that_runs_is_upgraded(old: Old) -> None:
    file = old("2.3.1")
    with closing(connect(file)) as database, database:
        # As the old hub leaves it when the servers are stopped.
        database.execute("UPDATE spawners SET server_id = NULL, oauth_client_id = NULL")
        database.execute("DELETE FROM oauth_clients WHERE identifier LIKE 'jupyterhub-user-%'")
    course.carry_out(plan_of(file))
    assert plan_of(file).found.users == USERS


def test_a_newer_one_is_refused(old: Old) -> None:
    file = old("5.5.4")
    with closing(connect(file)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.raises(StateError, match="does not know") as refused:
        plan_of(file)
    assert "no way back" in refused.value.hint


def test_a_state_that_nobody_can_read_is_named(old: Old) -> None:
    file = old()
    with closing(connect(file)) as database, database:
        database.execute("UPDATE spawners SET state = '[broken' WHERE name = 'gpu'")
    with pytest.raises(StateError, match="carol/gpu has kept cannot be read"):
        plan_of(file)


def test_one_before_0_8_has_no_mark(old: Old) -> None:
    file = old()
    with closing(connect(file)) as database, database:
        database.execute("DROP TABLE alembic_version")
    with pytest.raises(StateError, match="does not say which JupyterHub"):
        plan_of(file)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.sqlite"
    with closing(connect(file)) as database, database:
        database.execute("CREATE TABLE users (name TEXT)")
    with pytest.raises(StateError, match="no database of a JupyterHub"):
        plan_of(file)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "text.sqlite"
    file.write_text("users: all\n" * 100)
    with pytest.raises(StateError, match="damaged, or is no database"):
        plan_of(file)


def test_migrations_that_fail_change_nothing(old: Old) -> None:
    file = old()
    with closing(connect(file)) as database, database:
        # A column that a migration adds: as a half done upgrade by hand leaves it.
        database.execute("ALTER TABLE spawners ADD COLUMN display_name VARCHAR(255)")
    whole = file.read_bytes()
    with pytest.raises(StateError, match="duplicate column name: display_name") as failed:
        course.carry_out(plan_of(file))
    assert "step by step" in failed.value.hint
    assert file.read_bytes() == whole
    assert [each.name for each in file.parent.iterdir()] == [file.name]
