"""A class of its own for each target."""

from __future__ import annotations

from jupyterhub.spawner import SimpleLocalProcessSpawner
from traitlets.config import Config

from jupyterhub_anywhere.spawner.child import Bound
from jupyterhub_anywhere.targets.specialise import class_name, merged_config, specialise


class _Client(SimpleLocalProcessSpawner):
    """Makes a client at first use and keeps it on the class, as DockerSpawner does."""

    _client: object | None = None

    @property
    def client(self) -> object:
        cls = type(self)
        if cls._client is None:
            cls._client = object()
        return cls._client


class lowercase(SimpleLocalProcessSpawner):  # noqa: N801 - what a site may have
    """A class whose section traitlets would ignore."""


def test_config_resolves_from_general_to_special() -> None:
    config = Config()
    config.Spawner.mem_limit = "1G"
    config.Spawner.start_timeout = 10
    config.SimpleLocalProcessSpawner.start_timeout = 20
    config.SimpleLocalProcessSpawner.http_timeout = 21
    cls = specialise(SimpleLocalProcessSpawner, "lab", Bound, {})
    spawner = cls(config=merged_config(config, cls, {"http_timeout": 30}))
    assert (spawner.mem_limit, spawner.start_timeout, spawner.http_timeout) == (2**30, 20, 30)


def test_the_configuration_of_the_hub_stays_as_it_was() -> None:
    config = Config()
    config.Spawner.environment = {"A": "1"}
    cls = specialise(SimpleLocalProcessSpawner, "lab", Bound, {})
    merged_config(config, cls, {"http_timeout": 30})
    assert cls.__name__ not in config


def test_two_targets_share_no_client_with_each_other_or_the_bare_class() -> None:
    bare = _Client()
    first = specialise(_Client, "a", Bound, {})()
    second = specialise(_Client, "b", Bound, {})()
    assert len({id(bare.client), id(first.client), id(second.client)}) == 3


def test_a_lower_case_class_gets_a_section_that_counts() -> None:
    assert class_name(lowercase, "x-1") == "T_lowercase_x_1"
    cls = specialise(lowercase, "x-1", Bound, {})
    spawner = cls(config=merged_config(Config(), cls, {"mem_limit": "3G"}))
    assert spawner.mem_limit == 3 * 2**30
