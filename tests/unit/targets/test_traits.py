"""Checking and applying trait values."""

from __future__ import annotations

from typing import Any

import pytest
from jupyterhub.spawner import SimpleLocalProcessSpawner
from traitlets import TraitError

from jupyterhub_anywhere.targets.traits import apply_settings, check_trait, settable


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mem_limit", "2G"),
        ("mem_limit", 2**30),
        ("cpu_limit", 1.5),
        ("environment", {"A": "b"}),
        ("start_timeout", 90),
        ("cmd", ["jupyterhub-singleuser"]),
    ],
)
def test_a_value_that_the_class_takes(name: str, value: Any) -> None:
    assert check_trait(SimpleLocalProcessSpawner, name, value) is None


def test_an_unknown_trait_names_the_nearest() -> None:
    found = check_trait(SimpleLocalProcessSpawner, "mem_limt", "1G")
    assert found is not None
    message, hint = found
    assert "SimpleLocalProcessSpawner has no trait 'mem_limt'" in message
    assert hint == "Did you mean mem_limit?"


@pytest.mark.parametrize(
    ("name", "value"), [("start_timeout", "soon"), ("environment", "A=b"), ("mem_limit", "lots")]
)
def test_a_value_of_the_wrong_type_is_refused(name: str, value: Any) -> None:
    found = check_trait(SimpleLocalProcessSpawner, name, value)
    assert found is not None
    assert "does not take this value" in found[0]
    assert "Allowed: " in found[1] or "Must be" in found[0]


def test_a_refusal_does_not_repeat_the_value() -> None:
    found = check_trait(SimpleLocalProcessSpawner, "start_timeout", "hunter2-secret")
    assert found is not None
    assert "hunter2" not in " ".join(found)


def test_foreign_classes_are_checked_without_being_built() -> None:
    dockerspawner = pytest.importorskip("dockerspawner")
    kubespawner = pytest.importorskip("kubespawner")
    assert check_trait(dockerspawner.DockerSpawner, "image", "img:1") is None
    assert check_trait(dockerspawner.DockerSpawner, "remove", "yes") is not None
    assert check_trait(kubespawner.KubeSpawner, "cpu_limit", 2) is None
    assert check_trait(kubespawner.KubeSpawner, "cpu_limit", "two") is not None


def test_only_configurable_traits_can_be_set() -> None:
    assert "orm_spawner" not in settable(SimpleLocalProcessSpawner)
    assert check_trait(SimpleLocalProcessSpawner, "api_token", "x") is not None


def test_applied_dicts_are_merged_and_the_source_stays_as_it_was() -> None:
    spawner = SimpleLocalProcessSpawner()
    original = {"A": "1", "B": "2"}
    spawner.environment = original
    apply_settings(spawner, {"environment": {"B": "3", "C": "4"}, "mem_limit": "1G"})
    assert spawner.environment == {"A": "1", "B": "3", "C": "4"}
    assert original == {"A": "1", "B": "2"}
    assert spawner.mem_limit == 2**30


def test_applying_an_unknown_or_wrong_value_raises() -> None:
    spawner = SimpleLocalProcessSpawner()
    with pytest.raises(AttributeError, match="imge"):
        apply_settings(spawner, {"imge": "x"})
    with pytest.raises(TraitError):
        apply_settings(spawner, {"start_timeout": "soon"})
