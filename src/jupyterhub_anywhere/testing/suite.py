"""The suite as pytest sees it: one class for each subject."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from jupyterhub_anywhere.testing import exceptions
from jupyterhub_anywhere.testing.runner import hold
from jupyterhub_anywhere.testing.scenarios import Scenario, scenarios

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jupyterhub_anywhere.testing.exceptions import Allowance
    from jupyterhub_anywhere.testing.runner import Result
    from jupyterhub_anywhere.testing.world import Subject


# A hub that ends leaves its servers alone, which Python's subprocess takes for an oversight.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
class Conformance:
    """To be derived from in a test file; its name has to begin with ``Test``.

    Attributes:
        subject: The class to be tested.
        allowed: What may differ; default: this project's own list.
    """

    subject: ClassVar[Subject]
    allowed: ClassVar[Sequence[Allowance] | None] = None
    results: ClassVar[dict[str, Result]]

    def __init_subclass__(cls) -> None:
        cls.results = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each conversation."""
        if "scenario" in metafunc.fixturenames:
            found = list(scenarios(self.subject))
            metafunc.parametrize("scenario", found, ids=[each.name for each in found])

    def test_conversation(self, scenario: Scenario, tmp_path: Path) -> None:
        """The hub asks the same, and the same comes of it."""
        result = asyncio.run(hold(self.subject, scenario, tmp_path, self.allowed))
        self.results[scenario.name] = result
        assert not result.faults, _report(result.faults)  # noqa: S101 - a test

    def test_every_exception_is_needed(self) -> None:
        """The list of exceptions says nothing that is not so."""
        missing = [each.name for each in scenarios(self.subject) if each.name not in self.results]
        if missing:
            pytest.skip(f"needs every conversation; not held: {', '.join(missing)[:200]}")
        used: set[Any] = set().union(*(result.used for result in self.results.values()))
        unused = set(exceptions.of(self.subject.name, self.allowed)) - used
        assert not unused, f"exceptions that are not needed: {unused}"  # noqa: S101 - a test


def _report(faults: Sequence[str]) -> str:
    return f"{len(faults)} differences that nothing allows:\n" + "\n".join(faults)
