"""What clouds say, as causes; how a start tells them is in `test_machine_starts`."""

from __future__ import annotations

import pytest

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.said import cause_and_cure


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("No valid host was found. There are not enough hosts.", FailureCause.NO_CAPACITY),
        ("Exceeded maximum number of retries. Exhausted all hosts", FailureCause.NO_CAPACITY),
        ("Insufficient compute resources: Free memory 12 MB", FailureCause.NO_CAPACITY),
        ("Insufficient free host memory pages available", FailureCause.NO_CAPACITY),
        ("ZONE_RESOURCE_POOL_EXHAUSTED", FailureCause.NO_CAPACITY),
        ("Quota exceeded for cores: Requested 4", FailureCause.QUOTA),
        ("Image 6f0f could not be found.", FailureCause.IMAGE_NOT_FOUND),
        ("Image 6f0f is not active.", FailureCause.IMAGE_NOT_FOUND),
        ("Invalid user_data", FailureCause.CONFIG),
    ],
)
def test_the_words_of_a_cloud_have_a_cause_and_a_cure(words: str, cause: FailureCause) -> None:
    found = cause_and_cure(words)
    assert found is not None
    assert found[0] is cause
    assert found[1].endswith(".")


@pytest.mark.parametrize("words", ["", "odd", "image"])
def test_words_that_nobody_knows_are_none(words: str) -> None:
    assert cause_and_cure(words) is None
