"""Why a target could not be asked: short, on one line, and without secrets."""

from __future__ import annotations

import pytest

from jupyterhub_anywhere.targets.reasons import reason_of

SECRET = "hunter22-0123456789abcdef"


class RefusedError(Exception):
    """As Docker's client has it: the URL in the text, and what the engine said beside it."""

    def __init__(self, explanation: str) -> None:
        super().__init__(f"500 Server Error for http://engine/v1?token={SECRET}: {explanation}")
        self.explanation = explanation


def test_what_the_service_said_counts() -> None:
    assert reason_of(RefusedError("driver\n failed")) == "RefusedError: driver failed"
    assert (
        reason_of(OSError(24, "Too many open files")) == "OSError: [Errno 24] Too many open files"
    )
    assert reason_of(TimeoutError()) == "TimeoutError"


@pytest.mark.parametrize(
    "text",
    [
        f"cannot reach https://ann:{SECRET}@engine.example/v1",
        f"GET /containers?token={SECRET}&all=1",
        f"Authorization: Bearer {SECRET}",
        f'{{"password": "{SECRET}"}}',
        f"{'page ' * 396}token={SECRET}{'x' * 100}",
    ],
)
def test_no_secret_is_told(text: str) -> None:
    assert SECRET[:8] not in reason_of(RuntimeError(text))


def test_a_page_in_place_of_an_answer_is_cut() -> None:
    assert len(reason_of(RefusedError("<p>no</p> " * 500_000))) < 400
    assert reason_of(RefusedError("x" * 5_000_000)) == "RefusedError"
