"""What Prometheus is told on the hub's ``/metrics``, beside JupyterHub's own figures.

JupyterHub writes the default registry there. The collectors are made once a registry, for a process
may build a hub more than once; labels are targets, states and causes, never users.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from jupyterhub_anywhere.core.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from jupyterhub_anywhere.core.clock import Clock
    from jupyterhub_anywhere.ledger.states import State

_PREFIX: Final = "jupyterhub_anywhere"
# Seconds: from a process on this machine to a queue of an hour.
_DURATIONS: Final = (0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, float("inf"))


@dataclass(frozen=True, slots=True)
class _Collectors:
    """Everything that is counted in one registry."""

    leases: Gauge
    age: Gauge
    sweeps: Counter
    sweeping: Histogram
    reaped: Counter
    adopted: Counter
    unknown: Counter
    spawns: Histogram
    stops: Histogram
    failures: Counter


def _make(registry: CollectorRegistry) -> _Collectors:
    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", text, ("target", *labels), registry=registry)

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", text, ("target", *labels), registry=registry)

    def histogram(name: str, text: str) -> Histogram:
        full = f"{_PREFIX}_{name}"
        return Histogram(full, text, ("target",), buckets=_DURATIONS, registry=registry)

    return _Collectors(
        leases=gauge("leases", "Leases that are not gone, by target and state", "state"),
        age=gauge("observation_age_seconds", "Seconds since a target last answered"),
        sweeps=counter("sweeps", "Listings of a target, by result (ok, failed)", "result"),
        sweeping=histogram("sweep_duration_seconds", "Seconds that a listing took"),
        reaped=counter("reaped", "Resources without a lease that were removed"),
        adopted=counter("adopted", "Resources without a lease that were taken up"),
        unknown=counter("unknown_seconds", "Seconds for which servers could not be told of"),
        spawns=histogram("spawn_duration_seconds", "Seconds from a start to a running server"),
        stops=histogram("stop_duration_seconds", "Seconds from a stop to the proof of its end"),
        failures=counter("failures", "Starts that failed, by target and cause", "cause"),
    )


# Weak: a registry of a test goes with the test.
_made: WeakKeyDictionary[CollectorRegistry, _Collectors] = WeakKeyDictionary()


class Metrics:
    """Takes down what happens; every method may be called from the event loop.

    Args:
        registry: Where it is counted; default: the one that JupyterHub shows.
        clock: Tells how old an observation is.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY, clock: Clock | None = None) -> None:
        found = _made.get(registry)
        if found is None:
            found = _made[registry] = _make(registry)
        self._to = found
        self._clock = clock or SystemClock()
        self._answered: dict[str, float] = {}

    def swept(self, target: str, ok: bool, seconds: float) -> None:  # noqa: FBT001 - a fact, beside its measure
        """A listing has ended.

        Args:
            target: Of what.
            ok: Whether it answered.
            seconds: How long it took.
        """
        self._to.sweeps.labels(target, "ok" if ok else "failed").inc()
        self._to.sweeping.labels(target).observe(max(0.0, seconds))
        if ok:
            self._answered[target] = self._clock.elapsed()
        if target in self._answered:
            # Asked at each scrape: it grows while nothing answers, and nothing runs either.
            self._to.age.labels(target).set_function(lambda: self._age(target))

    def _age(self, target: str) -> float:
        return self._clock.elapsed() - self._answered[target]

    def counts(self, counts: Mapping[tuple[str, State], int]) -> None:
        """How many leases there are.

        Args:
            counts: Target and state to number; what is not in it is none.
        """
        self._to.leases.clear()
        for (target, state), number in counts.items():
            self._to.leases.labels(target, str(state)).set(number)

    def reaped(self, target: str) -> None:
        """A resource without a lease was removed."""
        self._to.reaped.labels(target).inc()

    def adopted(self, target: str) -> None:
        """A resource without a lease was taken up."""
        self._to.adopted.labels(target).inc()

    def unknown(self, target: str, seconds: float) -> None:
        """Servers could not be told of.

        Args:
            target: Where.
            seconds: For how long since the last call, summed over its servers.
        """
        self._to.unknown.labels(target).inc(max(0.0, seconds))

    def spawned(self, target: str, seconds: float) -> None:
        """A server runs, this long after its start was asked for."""
        self._to.spawns.labels(target).observe(max(0.0, seconds))

    def stopped(self, target: str, seconds: float) -> None:
        """A server is proven gone or kept, this long after its stop was asked for."""
        self._to.stops.labels(target).observe(max(0.0, seconds))

    def failed(self, target: str, cause: str) -> None:
        """A start failed.

        Args:
            target: Where.
            cause: The kind of failure, one of few: never a text that users can choose.
        """
        self._to.failures.labels(target, cause).inc()

    def forget(self, target: str) -> None:
        """A target is not declared any more: its age is told no more."""
        if self._answered.pop(target, None) is not None:
            self._to.age.remove(target)


def moments(steps: Mapping[State, datetime], begin: State, end: State) -> float | None:
    """Seconds between two steps of a lease; None where it did not take both, in this order.

    Args:
        steps: `Lease.steps`.
        begin: As `State.STARTING`.
        end: As `State.RUNNING`.
    """
    if begin not in steps or end not in steps:
        return None
    seconds = (steps[end] - steps[begin]).total_seconds()
    return seconds if seconds >= 0 else None
