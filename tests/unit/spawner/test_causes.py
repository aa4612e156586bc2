from __future__ import annotations

import ast
import asyncio
from pathlib import Path

import pytest
from tornado import web

import jupyterhub_anywhere
from jupyterhub_anywhere.core.errors import ChoiceError, ConfigError, StateError
from jupyterhub_anywhere.spawner import guard
from jupyterhub_anywhere.spawner.refusals import refusal
from jupyterhub_anywhere.targets.causes import OF_REASON, FailureCause, failure_cause
from jupyterhub_anywhere.targets.errors import StartError

SOURCES = Path(jupyterhub_anywhere.__file__).parent


def reasons_in_use() -> set[str]:
    """Every literal `reason` that a StartError or a rule of Docker's texts is made with."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id == "StartError":
                values = [word.value for word in node.keywords if word.arg == "reason"]
            elif node.func.id == "_rule":
                values = node.args[1:2]
            else:
                continue
            found |= {
                leaf.value
                for value in values
                for leaf in ast.walk(value)
                if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str) and leaf.value
            }
    # Of a reason that an error of somebody else brings along, only the name is here.
    return found - {"reason"}


def test_every_reason_has_its_cause() -> None:
    assert {"timeout", "image", "exited"} <= reasons_in_use()
    assert reasons_in_use() - {"error"} <= set(OF_REASON)


@pytest.mark.parametrize("reason", OF_REASON)
def test_an_error_of_ours_knows_its_cause(reason: str) -> None:
    assert failure_cause(StartError("x", reason=reason)) is OF_REASON[reason]


def test_a_declared_cause_wins_and_an_unknown_reason_has_one() -> None:
    denied = StartError("x", reason="image", cause=FailureCause.PULL_DENIED)
    assert (denied.reason, failure_cause(denied)) == ("image", FailureCause.PULL_DENIED)
    assert failure_cause(StartError("x", reason="novel")) is FailureCause.INTERNAL


class PodError(Exception):
    """A foreign spawner's error."""


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (None, FailureCause.CANCELLED),
        (asyncio.CancelledError(), FailureCause.CANCELLED),
        (TimeoutError(), FailureCause.TIMEOUT),
        (ChoiceError({"": "no"}), FailureCause.REFUSED),
        (ConfigError([]), FailureCause.CONFIG),
        (StateError("no"), FailureCause.CONFIG),
        (web.HTTPError(403, "no"), FailureCause.REFUSED),
        (web.HTTPError(500, "no"), FailureCause.INTERNAL),
        (ConnectionRefusedError("x"), FailureCause.UNREACHABLE),
        (PodError("pods 'ann' is forbidden: exceeded quota: mem"), FailureCause.QUOTA),
        (PodError("0/3 nodes are available: 3 Insufficient cpu."), FailureCause.NO_CAPACITY),
        (PodError("Back-off pulling image: manifest unknown"), FailureCause.IMAGE_NOT_FOUND),
        (PodError("unauthorized: authentication required"), FailureCause.PULL_DENIED),
        (PodError("container OOMKilled"), FailureCause.OOM),
        (PodError("pod 'ann' already exists"), FailureCause.NAME_CONFLICT),
        (PodError("Max retries exceeded with url"), FailureCause.UNREACHABLE),
        (ValueError("?"), FailureCause.INTERNAL),
    ],
)
def test_the_causes_of_others(error: BaseException | None, cause: FailureCause) -> None:
    assert failure_cause(error) is cause


def test_what_an_error_was_raised_from_counts() -> None:
    inner = StartError("x", reason="gpu")
    outer = RuntimeError("could not start")
    outer.__cause__ = inner
    assert failure_cause(outer) is FailureCause.NO_CAPACITY
    hidden = RuntimeError("y")
    hidden.__context__, hidden.__suppress_context__ = TimeoutError(), True
    assert failure_cause(hidden) is FailureCause.INTERNAL


def test_a_refused_choice_and_a_limit() -> None:
    wrong, full = ChoiceError({"": "no"}), ChoiceError({"": "full"}, status=409)
    assert failure_cause(refusal(wrong)) is FailureCause.REFUSED
    assert (refusal(full).reason, failure_cause(refusal(full))) == ("limit", FailureCause.QUOTA)


async def test_a_cancelled_start_answers_while_its_clean_up_goes_on() -> None:
    may_end, begun = asyncio.Event(), asyncio.Event()
    left: list[asyncio.Task[object]] = []

    async def start() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            # A child that takes its time, whatever anybody says.
            await may_end.wait()

    starting = asyncio.ensure_future(guard.cancellable(start(), left.append))
    await begun.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    (clean_up,) = left
    assert not clean_up.done()
    may_end.set()
    await asyncio.wait([clean_up])
    assert clean_up.cancelled()


async def test_a_start_that_ends_with_its_cancel_leaves_nothing_to_look_after() -> None:
    left: list[asyncio.Task[object]] = []
    starting = asyncio.ensure_future(guard.cancellable(asyncio.Event().wait(), left.append))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert left == []
