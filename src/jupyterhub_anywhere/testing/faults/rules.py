"""What a fault proxy does to which call; pure."""

from __future__ import annotations

import enum
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Clients ask below a version of the API; rules are written without it.
_VERSION: Final = re.compile(r"^/v\d+\.\d+(?=/)")


class Action(enum.StrEnum):
    """What is done to a call."""

    CUT = "cut"  # the connection is closed before the call is forwarded
    CUT_AFTER = "cut-after"  # it is forwarded, and the connection is closed instead of the answer
    CUT_WITHIN = "cut-within"  # the connection is closed in the middle of the answer
    LOSE = "lose"  # it is forwarded, and the answer never comes
    DELAY = "delay"  # it is forwarded after a while
    LATE = "late"  # it is forwarded at once, and answered after a while
    STATUS = "status"  # it is answered with a status, and not forwarded
    TRUNCATE = "truncate"  # the answer is whole by HTTP, and half of its body
    TWICE = "twice"  # the answer is sent twice
    REPEAT = "repeat"  # the call is forwarded twice; the second answer counts
    EMPTY = "empty"  # it is answered with an empty list, and not forwarded
    HOLD = "hold"  # it waits before it is forwarded, until it is released
    HOLD_AFTER = "hold-after"  # it is forwarded, and its answer waits until it is released


@dataclass(slots=True)
class Rule:
    """One fault, for the calls that fit.

    Attributes:
        action: What is done.
        method: A regular expression for the whole method.
        path: A regular expression that is found in the path and query, without the API's version.
        skip: How many calls that fit pass first.
        count: How many calls are met after these; None for all.
        seconds: Of `DELAY` and `LATE`; of `LOSE`, after which the connection is closed.
        status: Of `STATUS`.
        message: Of `STATUS`, as the engine's own.
        seen: How many calls have fitted so far.
    """

    action: Action
    method: str = ".*"
    path: str = ""
    skip: int = 0
    count: int | None = None
    seconds: float = 600.0
    status: int = 500
    message: str = "made to fail"
    seen: int = field(default=0, compare=False)

    def meets(self, method: str, path: str) -> bool:
        """Whether this call is met; counts it where it fits."""
        fits = re.fullmatch(self.method, method) and re.search(self.path, plain(path))
        if not fits:
            return False
        self.seen += 1
        number = self.seen - self.skip
        return number > 0 and (self.count is None or number <= self.count)

    def to_json(self) -> dict[str, Any]:
        """As it is sent to a proxy."""
        return {**asdict(self), "action": str(self.action)}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Rule:
        """What `to_json` made.

        Raises:
            ValueError: It is no rule; says why.
        """
        try:
            values = {**given, "action": Action(given["action"])}
            made = cls(**values)
            re.compile(made.method)
            re.compile(made.path)
        except (KeyError, TypeError, ValueError, re.error) as error:
            raise ValueError(f"This is no rule: {dict(given)}: {error}") from error
        return made


def read_only() -> Rule:
    """An engine that refuses every change."""
    return Rule(Action.STATUS, method="(?!GET|HEAD).*", status=403, message="read-only")


def plain(path: str) -> str:
    """A path and query without the version of the API."""
    return _VERSION.sub("", path)


def first(rules: list[Rule], method: str, path: str) -> Rule | None:
    """The first rule that meets a call; every rule before it has counted the call as well."""
    return next((rule for rule in rules if rule.meets(method, path)), None)
