"""Run pytest; tests of real hubs, browsers and engines that fail are run once more, alone.

``python -P tools/steady.py ARGUMENTS…``, where the arguments are pytest's. A machine that is busy
for a moment must not cost a whole run, and an unsteady test must not stay unseen: what passes alone
is printed with its first failure, and the run goes on. Unit and tooling tests are never repeated,
nor are more than `MOST` failures: then it is the code that is wrong.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

REPEATED = (
    "tests/hub/",
    "tests/browser/",
    "tests/conformance/",
    "tests/contract/",
    "tests/engines/",
)
MOST = 3
# Lines of a first failure that are shown again: its end, where the reason is.
_LINES = 30
_ONCE = "--once"
_RULE = "#" * 88


@dataclass(eq=False)  # pytest keeps its plugins in sets
class Outcomes:
    """A pytest plugin that takes down what became of each test.

    Attributes:
        only: The tests to run; empty for all that pytest's arguments choose.
        failures: Test to the text of its first failure, in whatever phase.
        passed: Tests that ran to their end.
        broken: Files that could not be read.
    """

    only: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out all tests but the wanted ones."""
        if self.only:
            items[:] = [item for item in items if item.nodeid in self.only]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take down one phase of one test."""
        if report.failed:
            self.failures.setdefault(report.nodeid, report.longreprtext)
        elif report.passed and report.when == "call":
            self.passed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take down a file that could not be read."""
        if report.failed:
            self.broken.append(report.nodeid)

    def passed_after(self, second: Outcomes) -> bool:
        """Whether all that failed here passed the second time; a skip is no pass."""
        again = set(second.passed) - second.failures.keys()
        return self.failures.keys() <= again and not second.broken


def worth_repeating(code: int, outcomes: Outcomes) -> bool:
    """Whether a run may have failed for the machine's sake alone.

    Args:
        code: Pytest's exit code.
        outcomes: What became of the tests.
    """
    failed = outcomes.failures
    return (
        code == pytest.ExitCode.TESTS_FAILED
        and not outcomes.broken
        and 0 < len(failed) <= MOST
        and all(test.startswith(REPEATED) for test in failed)
    )


def describe(first: Outcomes) -> str:
    """The text about tests that passed the second time."""
    lines = [_RULE, "UNSTEADY: failed, then passed alone. The run goes on; mend them:"]
    for test, text in first.failures.items():
        end = text.splitlines()[-_LINES:]
        lines += ["", test, *(f"    {line}" for line in end)]
    return "\n".join([*lines, _RULE])


def run(arguments: list[str], only: list[str]) -> tuple[int, Outcomes]:
    """Run pytest in a process of its own.

    Args:
        arguments: Pytest's arguments.
        only: The tests to run of those that the arguments choose; empty for all of them.

    Returns:
        Pytest's exit code, and what became of the tests.
    """
    with tempfile.NamedTemporaryFile(suffix=".json") as record:
        file = Path(record.name)
        _write(file, Outcomes(only))
        # -P: the tools are not for tests to import.
        command = [sys.executable, "-P", __file__, _ONCE, record.name, *arguments]
        code = subprocess.run(command, check=False).returncode  # noqa: S603 - the caller's own arguments
        return code, _read(file)


def _run_once(file: Path, arguments: list[str]) -> int:
    outcomes = _read(file)
    code = pytest.main(arguments, plugins=[outcomes])
    _write(file, outcomes)
    return int(code)


def _write(file: Path, outcomes: Outcomes) -> None:
    file.write_text(json.dumps(asdict(outcomes)), "utf-8")


def _read(file: Path) -> Outcomes:
    return Outcomes(**json.loads(file.read_text("utf-8")))


def main(arguments: list[str]) -> int:
    """Run pytest, and once more what is worth it; returns the exit code."""
    if arguments[:1] == [_ONCE]:
        return _run_once(Path(arguments[1]), arguments[2:])
    code, first = run(arguments, [])
    if not worth_repeating(code, first):
        return code
    failed = list(first.failures)
    print(f"== once more, alone: {' '.join(failed)}", flush=True)
    # The last -n counts.
    again, second = run([*arguments, "-n0"], failed)
    if again != 0 or not first.passed_after(second):
        return again or code
    print(describe(first), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
