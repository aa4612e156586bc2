"""What Prometheus is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from jupyterhub_anywhere.hub.metrics import Metrics, moments
from jupyterhub_anywhere.ledger.states import State

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that stands until it is set."""

    seconds = 100.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def elapsed(self) -> float:
        return self.seconds


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"jupyterhub_anywhere_{name}", labels)


def test_two_hubs_in_one_process(registry: CollectorRegistry) -> None:
    Metrics(registry).reaped("lab")
    Metrics(registry).reaped("lab")
    assert value(registry, "reaped_total", target="lab") == 2
    Metrics()
    Metrics()
    assert b"jupyterhub_anywhere_leases" in generate_latest(REGISTRY)


def test_leases_that_ended_are_counted_no_more(registry: CollectorRegistry) -> None:
    metrics = Metrics(registry)
    metrics.counts({("lab", State.RUNNING): 3, ("lab", State.KEPT): 1})
    assert value(registry, "leases", target="lab", state="running") == 3
    metrics.counts({("lab", State.RUNNING): 2})
    assert value(registry, "leases", target="lab", state="running") == 2
    assert value(registry, "leases", target="lab", state="kept") is None


def test_an_observation_grows_old(registry: CollectorRegistry) -> None:
    clock = Clock()
    metrics = Metrics(registry, clock)
    metrics.swept("lab", ok=False, seconds=20.0)
    assert value(registry, "observation_age_seconds", target="lab") is None, "never answered"
    metrics.swept("lab", ok=True, seconds=0.2)
    clock.seconds += 30
    assert value(registry, "observation_age_seconds", target="lab") == 30
    metrics.swept("lab", ok=False, seconds=20.0)
    clock.seconds += 30
    assert value(registry, "observation_age_seconds", target="lab") == 60
    assert value(registry, "sweeps_total", target="lab", result="failed") == 2
    assert value(registry, "sweeps_total", target="lab", result="ok") == 1
    assert value(registry, "sweep_duration_seconds_sum", target="lab") == pytest.approx(40.2)
    metrics.forget("lab")
    metrics.forget("lab")
    assert value(registry, "observation_age_seconds", target="lab") is None


def test_what_happens_is_counted(registry: CollectorRegistry) -> None:
    metrics = Metrics(registry)
    metrics.adopted("lab")
    metrics.unknown("lab", 12.5)
    metrics.unknown("lab", -1.0)
    metrics.spawned("lab", 3.0)
    metrics.stopped("lab", 1.0)
    metrics.failed("lab", "no-capacity")
    assert value(registry, "adopted_total", target="lab") == 1
    assert value(registry, "unknown_seconds_total", target="lab") == 12.5
    assert value(registry, "spawn_duration_seconds_count", target="lab") == 1
    assert value(registry, "spawn_duration_seconds_bucket", target="lab", le="5.0") == 1
    assert value(registry, "stop_duration_seconds_sum", target="lab") == 1
    assert value(registry, "failures_total", target="lab", cause="no-capacity") == 1


def test_seconds_between_two_steps() -> None:
    steps = {State.STARTING: NOON, State.RUNNING: NOON + timedelta(seconds=4)}
    assert moments(steps, State.STARTING, State.RUNNING) == 4.0
    assert moments(steps, State.STOPPING, State.GONE) is None
    assert moments(steps, State.RUNNING, State.STARTING) is None, "a clock that was set back"
