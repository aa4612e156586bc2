"""How errors read, and how they end the command."""

from __future__ import annotations

from jupyterhub_anywhere.core.errors import (
    AnywhereError,
    ChoiceError,
    ConfigError,
    Problem,
    StateError,
    SurroundingsError,
    TargetError,
)


def test_an_error_reads_as_message_and_next_step() -> None:
    assert str(AnywhereError("Port 8000 is taken.", hint="Use --port.")) == (
        "Port 8000 is taken. Use --port."
    )
    assert str(AnywhereError("Port 8000 is taken.")) == "Port 8000 is taken."


def test_a_problem_reads_as_editors_expect() -> None:
    problem = Problem("a.yaml", 3, 7, "hub.url", "this is no address.", "Write it.")
    assert str(problem) == "a.yaml:3:7: hub.url: this is no address. Write it."
    assert str(Problem("", 0, 0, "hub.url", "wrong.")) == "hub.url: wrong."
    assert str(Problem("a.yaml", 0, 0, "", "it is empty.")) == "a.yaml: it is empty."


def test_problems_are_in_the_order_of_the_file() -> None:
    second = Problem("a.yaml", 9, 1, "b", "wrong.")
    first = Problem("a.yaml", 2, 1, "a", "wrong.")
    error = ConfigError([second, first])
    assert error.problems == (first, second)
    assert str(error).startswith("2 problems in the configuration:\na.yaml:2:1: a: wrong.\n")
    assert str(ConfigError([first])).startswith("1 problem in")


def test_a_refused_choice_keeps_its_fields() -> None:
    error = ChoiceError({"profile": "Unknown.", "options.memory": "Too much."}, status=403)
    assert (error.status, str(error)) == (403, "Unknown. Too much.")


def test_each_kind_of_error_has_an_exit_code_of_its_own() -> None:
    kinds = (AnywhereError, ConfigError, StateError, SurroundingsError, TargetError)
    assert [kind.exit_code for kind in kinds] == [1, 2, 3, 4, 5]
