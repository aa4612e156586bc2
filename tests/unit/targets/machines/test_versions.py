"""An old `jupyterhub-singleuser` is refused before anybody waits for it."""

from __future__ import annotations

import pytest

from jupyterhub_anywhere.targets.machines import job, versions
from jupyterhub_anywhere.targets.machines.waiting import JobRefusedError

OLDEST = ".".join(map(str, versions.OLDEST))


@pytest.mark.parametrize("version", ["0.9.6", "1.5.1", "1.99", "1.5.0.dev"])
def test_one_that_is_too_old_is_told_with_what_to_install(version: str) -> None:
    why = versions.too_old({"singleuser": version}, "6.1.1")
    assert version in why
    assert OLDEST in why
    assert "pip install jupyterhub==6.1.1" in why


@pytest.mark.parametrize("version", [OLDEST + ".0", "2.3.1", "4.0.2", "6.1.1", "10.0", "7.0.0b1"])
def test_one_that_works_is_let_run(version: str) -> None:
    assert versions.too_old({"singleuser": version}, "6.1.1") == ""


@pytest.mark.parametrize("version", [None, "", "new", 6])
def test_what_cannot_be_read_is_no_reason(version: object) -> None:
    assert versions.too_old({"singleuser": version}, "6.1.1") == ""


def test_it_is_replaced_where_that_is_allowed_and_refused_where_not() -> None:
    machine = {"singleuser": "1.5.1"}
    plan = job.install_plan({"enabled": True}, machine, "6.1.1")
    assert plan is not None
    assert plan["always"] is True
    with pytest.raises(JobRefusedError, match=r"1\.5\.1"):
        job.install_plan({"enabled": False}, machine, "6.1.1")


def test_one_that_works_is_left_alone() -> None:
    assert job.install_plan({"enabled": True}, {"singleuser": "4.0.2"}, "6.1.1") is None


@pytest.mark.parametrize(("python", "words"), [("2.7", "Python 2.7"), ("3.7", "Python 3.7")])
def test_a_python_that_runs_no_agent_is_told_with_what_to_install(python: str, words: str) -> None:
    why = versions.no_agent({"python": python})
    assert f"has {words}, and" in why
    assert "apt-get install python3" in why


def test_no_python_is_told() -> None:
    assert "no Python that runs" in versions.no_agent({"python": versions.NO_PYTHON})


@pytest.mark.parametrize("python", ["3.8.0", "3.13.1", "4.0", None, "", "pypy"])
def test_one_that_runs_it_is_no_reason(python: object) -> None:
    assert versions.no_agent({"python": python}) == ""


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ({}, {}),
        ({"index": "https://m/simple"}, {"PIP_INDEX_URL": "https://m/simple"}),
        ({"wheels": "/srv/w"}, {"PIP_FIND_LINKS": "/srv/w", "PIP_NO_INDEX": "1"}),
        (
            {"wheels": "http://10.0.0.1:8/w", "index": "http://m/simple", "insecure": True},
            {
                "PIP_FIND_LINKS": "http://10.0.0.1:8/w",
                "PIP_INDEX_URL": "http://m/simple",
                "PIP_TRUSTED_HOST": "m 10.0.0.1",
            },
        ),
        (
            {"index": "https://m/simple", "insecure": True},
            {"PIP_INDEX_URL": "https://m/simple"},
        ),
    ],
)
def test_where_pip_looks(declared: dict[str, object], found: dict[str, str]) -> None:
    assert job.pip_environment(declared) == {"PIP_NO_INPUT": "1", **found}
