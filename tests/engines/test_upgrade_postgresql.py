"""`anywhere upgrade` of a database that JupyterHub 4.1.6 wrote into a real PostgreSQL."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.conftest import lacking
from tests.old_hubs import postgresql as written
from tests.old_hubs import recipe

from engines.postgresql import server as postgresql
from engines.postgresql.server import PostgresServer
from jupyterhub_anywhere.cli.main import main
from jupyterhub_anywhere.core.errors import StateError
from jupyterhub_anywhere.hub.upgrade import course
from jupyterhub_anywhere.hub.upgrade.revisions import installed_history
from jupyterhub_anywhere.hub.upgrade.source import find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NUMBERS = itertools.count()
SQL = (recipe.HERE / "jupyterhub-4.1.6-postgresql.sql").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    if reason := lacking("engine") or postgresql.lacking():
        pytest.skip(reason)
    with PostgresServer() as made:
        yield made


@pytest.fixture
def name(server: PostgresServer) -> str:
    made = f"hub {next(NUMBERS)}"
    server.database(made)
    server.execute(SQL, made)
    return made


@pytest.fixture
def url(server: PostgresServer, name: str) -> str:
    # As an old configuration has it: another driver.
    return server.url(name).replace("+psycopg:", "+psycopg2:")


def plan_of(url: str, *, backed_up: bool = False, into: Path | None = None) -> course.Plan:
    return course.plan(course.Wish(find(url), into, backed_up=backed_up))


def databases(server: PostgresServer, name: str) -> list[str]:
    with psycopg.connect(host=str(server.folder), user="anywhere", dbname="postgres") as connection:
        found = connection.execute("SELECT datname FROM pg_database ORDER BY datname").fetchall()
    return [each for (each,) in found if each.startswith(name)]


def test_all_comes_along_and_the_old_one_stays_under_another_name(
    server: PostgresServer, name: str, url: str
) -> None:
    before = written.dump(server, name)
    plan = plan_of(url)
    assert plan.facts["written by"].startswith("JupyterHub 4.x (")
    done = course.carry_out(plan)
    now = plan_of(url)
    assert now.found.revision == installed_history().head
    assert now.found.admins == ("bob", "erin")
    assert now.found.groups == {"students": 2, "teachers": 1}
    assert (now.found.tokens, now.found.secrets) == (6, 1)
    assert now.found.servers == plan.found.servers
    assert {each.spawner for each in now.found.running} == {
        "LibcloudSpawner 1.x",
        "LibcloudSpawner 2.x",
    }
    kept = next(each for each in databases(server, name) if each != name)
    assert kept.startswith(f"{name}_before_upgrade_")
    assert kept in done[1]
    assert written.dump(server, kept) == before
    assert len(databases(server, name)) == 2


def test_a_hub_that_is_connected_is_named_and_loses_nothing(
    server: PostgresServer, name: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of(url)
    with psycopg.connect(
        host=str(server.folder), user="anywhere", dbname=name, application_name="the hub"
    ):
        assert main(["upgrade", url, "--plan"]) == 0
        assert "In use by the hub (process" in capsys.readouterr().out
        assert main(["upgrade", url, "--yes"]) == 3
        assert "is in use by the hub (process" in capsys.readouterr().err
        # It came after the look: the server itself refuses the copy.
        with pytest.raises(StateError, match="being accessed by other users"):
            course.carry_out(plan)
    assert databases(server, name) == [name]
    assert plan_of(url).steps


def test_what_fails_leaves_the_old_one_alone(server: PostgresServer, name: str, url: str) -> None:
    server.execute("ALTER TABLE spawners ADD COLUMN display_name VARCHAR(255)", name)
    before = written.dump(server, name)
    with pytest.raises(StateError, match=r'column "display_name" .* already exists'):
        course.carry_out(plan_of(url))
    assert written.dump(server, name) == before
    assert databases(server, name) == [name]


def test_the_copy_of_one_that_was_killed_goes(server: PostgresServer, name: str, url: str) -> None:
    for left in (f"{name}_upgrading_20260101_000000", f"{name}_upgrading_of_somebody"):
        server.database(left)
    course.carry_out(plan_of(url))
    left_over = [each for each in databases(server, name) if "_upgrading_" in each]
    assert left_over == [f"{name}_upgrading_of_somebody"]


def test_a_role_that_may_make_no_database_needs_a_backup(
    server: PostgresServer, name: str, url: str
) -> None:
    server.execute(f'CREATE ROLE "small{name}" LOGIN')
    server.execute(f'ALTER DATABASE "{name}" OWNER TO "small{name}"')
    server.execute(
        f"""DO $$ DECLARE t text; BEGIN
        FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('ALTER TABLE public.%I OWNER TO "small{name}"', t);
        END LOOP; END $$;
        ALTER SCHEMA public OWNER TO "small{name}" """,
        name,
    )
    small = url.replace("//anywhere@", f"//small{name.replace(' ', '%20')}@")
    with pytest.raises(StateError, match="may not make databases") as refused:
        plan_of(small)
    assert "--backed-up" in refused.value.hint
    plan = plan_of(small, backed_up=True)
    assert "in place" in plan.steps[0]
    course.carry_out(plan)
    assert not plan_of(small, backed_up=True).steps
    assert databases(server, name) == [name]


def test_rights_and_settings_of_its_own_would_be_lost(
    server: PostgresServer, name: str, url: str
) -> None:
    server.execute(f'ALTER DATABASE "{name}" SET statement_timeout = 60000')
    with pytest.raises(StateError, match="rights or settings of its own"):
        plan_of(url)


def test_in_place_half_done_is_told(server: PostgresServer, name: str, url: str) -> None:
    server.execute(f'ALTER DATABASE "{name}" SET statement_timeout = 60000')
    server.execute("ALTER TABLE spawners ADD COLUMN display_name VARCHAR(255)", name)
    with pytest.raises(StateError, match="half upgraded") as failed:
        course.carry_out(plan_of(url, backed_up=True))
    assert "Bring back your backup" in failed.value.hint


def test_a_state_folder_takes_files_only(url: str, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be put into a state folder") as refused:
        plan_of(url, into=tmp_path / "state")
    assert "hub.database" in refused.value.hint


def test_no_way_to_the_server_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="hub:\\*\\*\\*@") as refused:
        plan_of(f"postgresql://hub:secret@/hub?host={tmp_path}")
    assert "secret" not in str(refused.value)
