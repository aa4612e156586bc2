"""What the doctor says of targets and of a hub that runs; a real process asks a real server."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import sys
import threading
from importlib.metadata import EntryPoint, EntryPoints
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from jupyterhub.spawner import Spawner

from jupyterhub_anywhere.config.models import TargetConfig
from jupyterhub_anywhere.core.processes import ProcessId
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub import doctor
from jupyterhub_anywhere.hub.files import write_json
from jupyterhub_anywhere.hub.statefolder import open_state
from jupyterhub_anywhere.spawner.site import load_site
from jupyterhub_anywhere.targets import registry
from jupyterhub_anywhere.targets.base import Finding, Level, NoSettings, SiteInfo, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


class Odd(Target):
    """A foreign kind; what it finds is given by each test."""

    kind: ClassVar[str] = "odd"
    answer: Any = ()

    def child_class(self) -> Any:
        raise NotImplementedError

    async def findings(self) -> Sequence[Finding]:
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer == "never":
            await asyncio.Event().wait()
        return self.answer  # type: ignore[no-any-return] # what a test gave


def odd(tmp_path: Path, answer: Any) -> Odd:
    info = SiteInfo("hub-1", StatePaths(tmp_path), tmp_path)
    target = Odd("there", TargetConfig(kind="odd"), NoSettings(), info)
    target.answer = answer
    return target


async def test_what_a_target_finds_is_told(tmp_path: Path) -> None:
    finding = Finding(Level.WARNING, "target there: images", "one is missing", "pull it")
    assert await doctor.of_target(odd(tmp_path, [finding])) == [finding]


async def test_a_target_without_checks(tmp_path: Path) -> None:
    (found,) = await doctor.of_target(odd(tmp_path, ()))
    assert found.level is Level.OK


async def test_a_target_whose_checks_fail(tmp_path: Path) -> None:
    (found,) = await doctor.of_target(odd(tmp_path, RuntimeError("no such socket")))
    assert found.level is Level.ERROR
    assert found.subject == "target there"
    assert "RuntimeError: no such socket" in found.message
    assert found.cure


async def test_a_target_that_never_answers(tmp_path: Path) -> None:
    (found,) = await doctor.of_target(odd(tmp_path, "never"), seconds=0.01)
    assert found.level is Level.ERROR
    assert "did not answer" in found.message


async def test_the_environments_of_profiles_are_tried(tmp_path: Path) -> None:
    file = tmp_path / "anywhere.yaml"
    file.write_text(
        f"""
targets: {{here: {{kind: process}}}}
profiles:
  python:
    targets: [here]
    options:
      environment:
        type: choice
        choices:
          ours: {{sets: {{prefix: {sys.prefix}}}}}
          none: {{sets: {{prefix: nowhere}}}}
"""
    )
    found = await doctor.of_profiles(load_site(file, state_root=tmp_path / "state"))
    levels = {each.subject.rpartition(" ")[2]: each.level for each in found}
    assert levels["nowhere"] is Level.ERROR
    assert set(levels) == {sys.prefix, "nowhere"}
    (missing,) = [each for each in found if each.subject.endswith("nowhere")]
    assert str(tmp_path / "nowhere") in missing.message


@pytest.fixture
def broken_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package whose kind of target cannot be imported."""
    point = EntryPoint("odd", "no_such_package.kinds:Odd", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda **_: EntryPoints([point]))
    looked_up = (registry._points, registry._discover, registry.find)
    for each in looked_up:
        each.cache_clear()
    yield
    for each in looked_up:
        each.cache_clear()


@pytest.mark.usefixtures("broken_package")
def test_a_kind_that_cannot_be_imported() -> None:
    (found,) = doctor.broken_kinds()
    assert found.level is Level.WARNING, "others go on to work"
    assert found.subject == "kind odd"
    assert "No module named 'no_such_package'" in found.message
    assert found.cure


def test_the_worst_counts() -> None:
    findings = [Finding(level, "x", "y") for level in (Level.OK, Level.WARNING)]
    assert doctor.worst(findings) is Level.WARNING
    assert doctor.worst([]) is Level.OK


# --- the hub from inside a server ----------------------------------------------------------------


class Api(http.server.BaseHTTPRequestHandler):
    """Answers as a hub's API does."""

    def do_GET(self) -> None:
        body = json.dumps({"version": "6.1.1"}).encode()
        self.send_response(200 if self.path.endswith("/hub/api/") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def api() -> Iterator[str]:
    """The URL of a stub of the hub."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_reached_from_inside_a_server(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A proxy for the world outside has no business here.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    found = doctor.reached_by_a_server(f"{api}hub/api/", None)
    assert found.level is Level.OK, found
    assert "6.1.1" in found.message


@pytest.mark.root
def test_reached_by_a_reserved_uid(api: str) -> None:
    found = doctor.reached_by_a_server(f"{api}hub/api/", 99_999, "/usr/bin/python3")
    assert found.level is Level.OK, found
    assert "uid 99999" in found.message


def test_not_reached(api: str) -> None:
    found = doctor.reached_by_a_server(f"{api}elsewhere/", None)
    assert found.level is Level.ERROR
    assert "404" in found.message
    assert "hub.internal_url" in found.cure


def test_a_python_that_cannot_be_run(tmp_path: Path) -> None:
    found = doctor.reached_by_a_server("http://127.0.0.1:9/", None, str(tmp_path / "python"))
    assert found.level is Level.ERROR
    assert "cannot be run" in found.message


def test_no_hub_runs(tmp_path: Path) -> None:
    (found,) = doctor.running_hub(StatePaths(tmp_path), None)
    assert found.level is Level.OK
    assert "does not run" in found.message


def running(tmp_path: Path, url: str) -> StatePaths:
    paths = open_state(tmp_path / "state")
    process = ProcessId.of(os.getpid())
    assert process is not None
    write_json(paths.up, {"url": url, "process": process.to_json()})
    write_json(paths.proxy, {"hub_port": int(url.rstrip("/").rpartition(":")[2])})
    return paths


def test_a_hub_runs(api: str, tmp_path: Path) -> None:
    found = list(doctor.running_hub(running(tmp_path, api), None, python="/usr/bin/python3"))
    assert [finding.level for finding in found] == [Level.OK, Level.OK], found


def test_a_hub_that_does_not_answer(tmp_path: Path) -> None:
    found = list(doctor.running_hub(running(tmp_path, "http://127.0.0.1:9"), None))
    assert [finding.level for finding in found] == [Level.ERROR, Level.ERROR]
    assert all(finding.cure for finding in found)


async def test_targets_try_their_way_to_a_hub_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Far(Odd):
        async def hub_findings(
            self, url: str, choices: Mapping[str, Sequence[Any]]
        ) -> Sequence[Finding]:
            asked.append((url, choices))
            return [Finding(Level.OK, "target there: hub", "answers")]

    monkeypatch.setattr(registry, "find", {"odd": Far}.get)
    monkeypatch.setattr(Far, "child_class", lambda _: Spawner)
    file = tmp_path / "anywhere.yaml"
    file.write_text(
        "targets: {there: {kind: odd}}\n"
        "profiles: {small: {targets: [there], sets: {default_url: /lab}}}\n"
    )
    site = load_site(file, state_root=open_state(tmp_path / "state").root)
    assert await doctor.of_ways(site) == [], "no hub runs"
    process = ProcessId.of(os.getpid())
    assert process is not None
    write_json(site.info.state.up, {"url": "http://127.0.0.1:1/at/", "process": process.to_json()})
    write_json(site.info.state.proxy, {"hub_port": 714})
    (found,) = await doctor.of_ways(site)
    assert found.message == "answers"
    assert asked == [("http://127.0.0.1:714/at/hub/api/", {"default_url": ["/lab"]})]
