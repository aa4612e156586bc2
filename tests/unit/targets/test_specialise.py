"""A class of its own for each target."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from dockerspawner import DockerSpawner, SwarmSpawner, SystemUserSpawner
from jupyterhub.spawner import SimpleLocalProcessSpawner
from kubespawner import KubeSpawner
from traitlets.config import Config

from jupyterhub_anywhere.spawner.child import Bound
from jupyterhub_anywhere.targets.shared import fresh
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


class _Keeper(SimpleLocalProcessSpawner):
    """Keeps things on itself in every way that is around."""

    pool: object | None = None
    watched: dict[str, object] = {}  # noqa: RUF012 - what is to be found
    seen = set()  # type: ignore[var-annotated]  # noqa: RUF012 - as above
    waiting = []  # type: ignore[var-annotated]  # noqa: RUF012 - as above
    by_name: object | None = None
    cached: object | None = None
    fixed: dict[str, int] = {}  # noqa: RUF012 - as above
    proc: object | None = None

    def work(self) -> None:
        self.__class__.pool = object()
        self.watched["a"] = object()
        self.seen.add("a")
        type(self).waiting.append("a")
        _Keeper.by_name = object()
        self.proc = object()

    @classmethod
    def make(cls) -> None:
        cls.cached = object()

    def look(self) -> int:
        return len(self.fixed)


class _Heir(_Keeper):
    """Inherits all of it."""


def test_whatever_a_class_keeps_on_itself_begins_anew() -> None:
    _Keeper().work()
    _Keeper.make()
    kept = {"pool", "watched", "seen", "waiting", "by_name", "cached"}
    for child in (_Keeper, _Heir):
        found = fresh(child)
        assert set(found) == kept
        assert not any(found.values())
        first, second = (specialise(child, name, Bound, {}) for name in "ab")
        spawner: Any = first()
        spawner.work()
        assert not any(getattr(second, name) for name in kept - {"by_name"})


@pytest.mark.parametrize("child", [DockerSpawner, SystemUserSpawner, SwarmSpawner])
def test_two_targets_of_docker_share_no_client_and_no_pool(
    child: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DockerSpawner, "_client", "the bare class's")
    monkeypatch.setattr(DockerSpawner, "_executor", "the bare class's")
    clients, pools = set(), set()
    for target in ("a", "b"):
        cls: Any = specialise(child, target, Bound, {})
        # A version that is given is not asked from a daemon.
        kwargs = {"base_url": f"http://{target}.invalid:2375", "version": "1.44"}
        spawner = cls(client_kwargs=kwargs)
        clients.add(id(spawner.client))
        pools.add(id(spawner.executor))
        assert spawner.client.base_url == kwargs["base_url"]
        assert cls._client is not None
        spawner.executor.shutdown()
        spawner.client.close()
    assert len(clients) == len(pools) == 2
    assert DockerSpawner._client == "the bare class's"


def test_two_targets_of_kubernetes_share_no_reflector() -> None:
    KubeSpawner.reflectors["pods"] = SimpleNamespace()
    try:
        first, second = (specialise(KubeSpawner, name, Bound, {}) for name in "ab")
        assert first.reflectors == second.reflectors == {}
        assert first.reflectors is not second.reflectors
    finally:
        KubeSpawner.reflectors.clear()


def test_a_class_without_source_loses_what_is_known_of_others() -> None:
    made = type("Made", (SimpleLocalProcessSpawner,), {"_client": object(), "reflectors": {1: 2}})
    made.__module__ = "nowhere"
    assert fresh(made) == {"_client": None, "reflectors": {}}
