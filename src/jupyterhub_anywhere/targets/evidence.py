"""What the lists of one target prove of what is in them, and of what is not. Pure.

A list that has something proves it. That something is not there takes two lists which agree: asked
for at different moments, both after the call that makes it, by the engine that it was made at, and
with nothing between them that failed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.observation import Observation, Phase

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from jupyterhub_anywhere.core.inventory import Resource
    from jupyterhub_anywhere.targets.moments import Moment

# Seconds between the beginnings of two lists that count as two.
APART: Final = 1.0
# Lists in a row that are remembered, by the moment when they were asked for.
_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True)
class Listing:
    """A whole answer of a target.

    Attributes:
        began: When it was asked for.
        ended: When it was there.
        resources: Name to resource.
        source: Which engine answered; None where nobody asked, or it could not be told.
        doubt: Why it could not be told which engine answered; empty where it could.
    """

    began: Moment
    ended: Moment
    resources: Mapping[str, Resource]
    source: str | None = None
    doubt: str = ""


@dataclass(slots=True)
class Failing:
    """Lists that failed in a row.

    Attributes:
        since: When the first of them was asked for.
        reason: Why the last one failed.
        count: How many.
    """

    since: datetime
    reason: str
    count: int = 0


# Of one resource: whose it is, and whether it has ended.
Look = tuple[str, bool]


def _look(resource: Resource) -> Look:
    return resource.lease, resource.alive is False


@dataclass(slots=True)
class Evidence:
    """Everything that the lists of one target have told so far.

    Attributes:
        target: The target's name.
        stale: Seconds for which what ran in the last list counts as running, with nothing new.
        identified: Whether it can be asked which engine answers.
        last: The last whole answer; None before the first.
        failing: The failures since then; None where the last list was whole.
        source: The engine that answered when it was asked last; None before that.
    """

    target: str
    stale: float
    identified: bool
    last: Listing | None = None
    failing: Failing | None = None
    source: str | None = None
    # When the trusted lists in a row were asked for.
    _run: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    # Name to when the last list that has it was asked for.
    _listed_at: dict[str, float] = field(default_factory=dict)
    # What ought to be there, and what was asked about and was not.
    _known: set[str] = field(default_factory=set)
    _missed: set[str] = field(default_factory=set)
    # What was missing in the last trusted list, and not in the one before.
    _missing: set[str] = field(default_factory=set)
    # Name to the engine that it was made at, where that is known.
    _homes: dict[str, str] = field(default_factory=dict)
    # Name to what was listed of it when the engine last said who it is.
    _vouched: dict[str, Look] = field(default_factory=dict)

    # --- what comes in ---------------------------------------------------------------------------

    def made_at(self, name: str, source: str) -> None:
        """Say at which engine something was made, and so ought to be; once is enough."""
        if source and self.identified:
            self._homes[name] = source
            self._known.add(name)

    def needs_source(self, resources: Mapping[str, Resource]) -> bool:
        """Whether to ask which engine gave a list: at first, and while something is missing.

        Args:
            resources: Name to resource of the list.
        """
        if not self.identified:
            return False
        if self.source is None or not (self._known | self._missed) <= resources.keys():
            return True
        # One that was made elsewhere and is there: its engine may be back.
        here = self._homes.keys() & resources.keys()
        if any(self._homes[name] != self.source for name in here):
            return True
        return any(self._is_news(each) for each in resources.values())

    def _is_news(self, resource: Resource) -> bool:
        """Whether another engine may have something else of this name: another's, or ended."""
        look, known = _look(resource), self._vouched.get(resource.name)
        return look != known and (known is not None or look[1])

    def fail(self, began: Moment, reason: str, *, asked: bool = True) -> None:
        """A list failed, or was not even asked for.

        Args:
            began: When it was to be asked for.
            reason: Why, without secrets.
            asked: Whether it was.
        """
        self._run.clear()
        self._missing.clear()
        if self.failing is None:
            self.failing = Failing(began.at, reason)
        self.failing.count += asked
        self.failing.reason = reason

    def take(self, listing: Listing) -> bool:
        """A whole answer came.

        Returns:
            Whether what is missing in it counts as missing.
        """
        listed = listing.resources.keys()
        missing = self._known - listed
        # An engine that has just come back may not have found everything yet.
        unripe = self.failing is not None and (
            not listed or (bool(self._known) and not self._known & listed)
        )
        changed = self.source is not None and listing.source not in {None, self.source}
        if changed and self.source:
            # What is there under a name, and is not what was there, is missing as well.
            others = {x.name for x in listing.resources.values() if self._is_news(x)}
            for name in missing | (others & self._vouched.keys()):
                self._homes.setdefault(name, self.source)
        trusted = not (unripe or changed or listing.doubt)
        self._expect(listed, missing, trusted=trusted, changed=changed)
        self._remember(listing, trusted=trusted)
        return trusted

    def _expect(
        self, listed: Collection[str], missing: set[str], *, trusted: bool, changed: bool
    ) -> None:
        """What the next list should have: one that proves nothing has not made it less."""
        self._missed = set()
        if changed:
            self._known, self._missing = set(listed), set()
        elif trusted:
            # Twice, so that both lists that prove it are known to be by the same engine.
            self._missing = missing - self._missing
            self._known = {*listed, *self._missing}
        else:
            self._known.update(listed)
            self._missing.clear()

    def _remember(self, listing: Listing, *, trusted: bool) -> None:
        self.last, self.failing = listing, None
        self._vouch(listing)
        began = listing.began.elapsed
        if not trusted:
            self._run.clear()
        else:
            self._run.append(began)
        self._listed_at.update(dict.fromkeys(listing.resources, began))
        if self._run:
            # Older than every list that could prove anything.
            oldest = self._run[0]
            self._listed_at = {name: at for name, at in self._listed_at.items() if at >= oldest}

    def _vouch(self, listing: Listing) -> None:
        if listing.source is None:
            still = self._vouched.keys() & listing.resources.keys()
            self._vouched = {name: self._vouched[name] for name in still}
            return
        self.source = listing.source
        self._vouched = {name: _look(each) for name, each in listing.resources.items()}

    # --- what it says ----------------------------------------------------------------------------

    def observe(self, name: str, since: float, now: Moment) -> Observation:
        """Running, gone or unknown.

        Args:
            name: The resource's name.
            since: From when on it has to be there, in seconds of `Moment.elapsed`.
            now: This moment.
        """
        last = self.last
        if last is None:
            return Observation(Phase.UNKNOWN, self._away() or f"{self.target}: not asked yet")
        resource = last.resources.get(name)
        fresh = now.elapsed - last.ended.elapsed < self.stale
        if resource is not None and resource.alive and fresh:
            return Observation(Phase.RUNNING, resource.detail)
        if self.failing is not None:
            return Observation(Phase.UNKNOWN, self._away())
        if resource is None:
            return self._absent(name, since)
        return self._listed(resource, since)

    def _listed(self, resource: Resource, since: float) -> Observation:
        last = self.last
        assert last is not None  # noqa: S101 - the caller has looked
        if resource.alive:
            return Observation(Phase.UNKNOWN, f"last seen in the list of {said(last.began.at)}")
        if resource.alive is None:
            return Observation(
                Phase.UNKNOWN, f"it is there, and not known to run: {resource.detail}"
            )
        if last.began.elapsed <= since:
            return self._too_old()
        home = self._homes.get(resource.name, self.source)
        if self.identified and home != self.source:
            # What has its name at another engine is not what was made.
            return Observation(Phase.UNKNOWN, f"another engine answers than {home}")
        if self.identified and self._vouched.get(resource.name) != _look(resource):
            why = last.doubt or "it was not asked"
            return Observation(
                Phase.UNKNOWN, f"it has ended at an engine of which nobody knows: {why}"
            )
        return Observation(Phase.GONE, resource.detail, resource.exit_code)

    def _absent(self, name: str, since: float) -> Observation:
        self._missed.add(name)
        last = self.last
        assert last is not None  # noqa: S101 - the caller has looked
        if last.began.elapsed <= since:
            return self._too_old()
        doubt = self._doubt_of_source(last, name) or self._doubt_of_lists(last, name, since)
        if doubt:
            return Observation(Phase.UNKNOWN, doubt)
        self._homes.pop(name, None)
        return Observation(Phase.GONE, f"not in the list of {said(last.began.at)}, nor before")

    def _doubt_of_source(self, last: Listing, name: str) -> str:
        """Why it is not known whether the right engine gave the last list; empty where it did."""
        if not self.identified:
            return ""
        when = f"not in the list of {said(last.began.at)}"
        if last.doubt:
            return f"{when}; which engine gave it is not known: {last.doubt}"
        home = self._homes.get(name, self.source)
        if home != self.source:
            found = self.source or "without an id"
            return f"another engine answers ({found}) than the one that it was made at ({home})"
        return "" if last.source is not None else f"{when}; which engine gave it was not asked"

    def _doubt_of_lists(self, last: Listing, name: str, since: float) -> str:
        """Why the lists so far do not prove its absence; empty where they do."""
        when = f"not in the list of {said(last.began.at)}"
        if not self._run:
            return f"{when}, which proves nothing: {self._why()}"
        after = max(since, self._listed_at.get(name, since))
        first = next((began for began in self._run if began > after), last.began.elapsed)
        if last.began.elapsed - first < APART:
            return f"{when}, which is the first without it"
        return ""

    def _why(self) -> str:
        return "it is the first after a failure, or by another engine than before"

    def _too_old(self) -> Observation:
        return Observation(Phase.UNKNOWN, f"{self.target}: not looked at since it was started")

    def _away(self) -> str:
        failing = self.failing
        if failing is None:
            return ""
        return f"{self.target} cannot be asked since {said(failing.since)}: {failing.reason}"


def said(at: datetime) -> str:
    """A time of day for people."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
