"""Which tests run where, and which skips are failures.

A test that needs what a machine may lack carries a marker: ``browser``, ``root``, ``engine`` or
``ancestors``; the folders ``tests/browser`` and ``tests/engines`` set theirs themselves. Where the
need is not met, the test is skipped with its cure. ``ANYWHERE_REQUIRE=browser,root`` turns every
skip of such tests into a failure, whoever skipped them and for whatever reason.

Garbage is collected after each test, and only then: a connection or a process that a test forgot
is told of that test, not of whichever runs when the collector happens to pass by.
"""

from __future__ import annotations

import gc
import os
import shutil
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings

from engines.ancestors import supplies
from jupyterhub_anywhere.core.quick import import_jsonschema

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

FOLDERS: Final = {"browser": "browser", "engines": "engine"}
TESTS: Final = Path(__file__).parent

# Files that take longest, the longest first: they begin first, so that none of them is all that is
# left over at the end. Patterns of paths below this folder.
LONG: Final = (
    # One after the other, in the same worker: each of them keeps several hubs busy.
    "engines/faults/test_docker_kills.py",
    # All of them in one worker: there is one cloud in a room.
    "engines/*openstack*",
    "engines/test_docker_hub.py",
    "engines/faults/test_process_kills.py",
    "engines/faults/*",
    "engines/test_contract*",
    "unit/ledger/test_model*",
    "conformance/test_docker.py",
    "conformance/test_thorough.py",
    "conformance/test_s*",
    "conformance/test_kube.py",
    "hub/upstream/*",
    "hub/test_kills_*",
    "hub/test_machine_faults*",
    "hub/test_delegation.py",
    "hub/test_up_*",
    "hub/test_process_server.py",
    "hub/test_ledger_hub.py",
    "hub/test_cli_up.py",
    "conformance/*",
    "hub/*",
    "contract/*",
    "tooling/*",
)

# As `anywhere up` does: most test files import JupyterHub.
import_jsonschema()

# A busy machine is slow, not wrong; pytest-timeout ends what hangs. Where a run decides something,
# it tries the same examples each time; at home it looks for new ones.
settings.register_profile(
    "project", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("project")


def place(path: Path) -> int:
    """When a test's file begins, among all files; the same for many."""
    inside = path.relative_to(TESTS).as_posix() if path.is_relative_to(TESTS) else ""
    return next((n for n, pattern in enumerate(LONG) if fnmatchcase(inside, pattern)), len(LONG))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let long files begin first; the tests of a file stay together and in their order."""
    items.sort(key=lambda item: place(item.path))


def pytest_collection_finish() -> None:
    """Let each test's own garbage be all that there is to look through."""
    gc.collect()
    gc.freeze()
    gc.disable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Look no more through what a file's tests have imported and leave for good."""
    yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def _own_garbage() -> Generator[None]:
    """Collect a test's garbage after its other fixtures have ended, before its warnings count."""
    yield
    gc.collect()


def lacking(marker: str) -> str:
    """What this machine lacks for tests with a marker, with the cure; empty when nothing."""
    if marker == "browser" and shutil.which("chromium") is None:
        return "Chromium is missing. Cure: apt-get install chromium"
    if marker == "root" and os.geteuid() != 0:
        return "needs root. Cure: sudo make test"
    if marker == "engine" and not os.environ.get("ANYWHERE_ENGINES"):
        return "needs a network of its own. Cure: sudo make test-engines"
    if marker == "ancestors":
        return supplies.not_made()
    return ""


def required() -> set[str]:
    """The markers whose tests must not be skipped."""
    return {word.strip() for word in os.environ.get("ANYWHERE_REQUIRE", "").split(",")} - {""}


def folder_marker(path: Path) -> str:
    """The marker that a test file's folder sets; empty for the other folders."""
    for folder, marker in FOLDERS.items():
        if path.is_relative_to(TESTS / folder):
            return marker
    return ""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests by their folder."""
    marker = folder_marker(item.path)
    if marker:
        item.add_marker(marker)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here."""
    for marker in ("browser", "root", "engine", "ancestors"):
        reason = lacking(marker) if item.get_closest_marker(marker) else ""
        if reason:
            pytest.skip(reason)


def forbid_skip(report: pytest.TestReport | pytest.CollectReport, markers: Iterable[str]) -> None:
    """Turn a skip into a failure where one of the markers is required."""
    broken = required().intersection(markers)
    if report.skipped and broken and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        names = ", ".join(sorted(broken))
        report.longrepr = f"{report.nodeid} must run (ANYWHERE_REQUIRE={names}). {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A required test that was skipped has failed."""
    report = yield
    forbid_skip(report, {marker.name for marker in item.iter_markers()})
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many steps the model made, of all processes together."""
    stats = terminalreporter.stats
    reports = [each for outcome in ("passed", "failed") for each in stats.get(outcome, [])]
    notes = [note for each in reports for note in getattr(each, "user_properties", ())]
    made = sum(int(count) for name, count in notes if name == "model steps")
    if made:
        terminalreporter.write_line(f"The model made {made:,} steps.")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A required file that skipped itself while it was read has failed."""
    report = yield
    forbid_skip(report, {folder_marker(collector.path)})
    return report
