"""The objects of a recording Kubernetes: names, versions, selectors and watches."""

from __future__ import annotations

import asyncio
import copy
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Thing = dict[str, Any]
"""An object as JSON."""

KINDS: Final[Mapping[str, str]] = {
    "events": "Event",
    "namespaces": "Namespace",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "pods": "Pod",
    "secrets": "Secret",
    "services": "Service",
}
"""The plural in an address to the kind that an object says."""


class ApiError(Exception):
    """What the API server refuses.

    Args:
        status: Of HTTP.
        reason: One of the API's own words (``metav1.StatusReason``).
        message: A sentence.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message

    def body(self) -> Thing:
        """A ``Status``."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.status,
        }


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is, or many are.

    Attributes:
        plural: The resource, as ``pods``.
        namespace: Empty for all, and for what has none.
        name: Empty for all.
    """

    plural: str
    namespace: str = ""
    name: str = ""

    def holds(self, thing: Thing) -> bool:
        """Whether an object is there."""
        meta = thing["metadata"]
        return (not self.namespace or meta.get("namespace") == self.namespace) and (
            not self.name or meta["name"] == self.name
        )

    def missing(self) -> ApiError:
        """The answer where it is not."""
        return ApiError(404, "NotFound", f'{self.plural} "{self.name}" not found')


@dataclass(frozen=True, slots=True)
class Selector:
    """Labels and fields that objects must have.

    Attributes:
        labels: By name; the values must be equal.
        fields: By path, as ``involvedObject.kind``.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, labels: str, fields: str) -> Selector:
        """Read ``a=b,c=d``; other operators are not known here.

        Raises:
            ApiError: Another operator.
        """
        return cls(_equalities(labels), _equalities(fields))

    def fits(self, thing: Thing) -> bool:
        """Whether an object has them all."""
        has = thing["metadata"].get("labels") or {}
        return all(has.get(name) == value for name, value in self.labels.items()) and all(
            _at(thing, path) == value for path, value in self.fields.items()
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What a watch is told.

    Attributes:
        version: Of the whole store, after it.
        plural: The resource.
        verb: ``ADDED``, ``MODIFIED`` or ``DELETED``.
        thing: The object, as it was then.
    """

    version: int
    plural: str
    verb: str
    thing: Thing


class Store:
    """All objects, in order of creation. Lives in one event loop."""

    def __init__(self) -> None:
        self.version = 1
        self._things: dict[Place, Thing] = {}
        self._changes: list[Change] = []
        self._changed = asyncio.Event()

    def create(self, plural: str, namespace: str, thing: Thing) -> Thing:
        """Keep a new object.

        Raises:
            ApiError: 409, there is one of that name.
        """
        made = copy.deepcopy(thing)
        meta = made.setdefault("metadata", {})
        place = Place(plural, namespace, meta.get("name", ""))
        if not place.name:
            raise ApiError(422, "Invalid", "metadata.name: Required value")
        if place in self._things:
            raise ApiError(409, "AlreadyExists", f'{plural} "{place.name}" already exists')
        made |= {"kind": KINDS[plural], "apiVersion": "v1"}
        if namespace:
            meta["namespace"] = namespace
        # A real one is a UUID; clients compare it and no more.
        meta["uid"] = secrets.token_hex(32)
        self._things[place] = made
        self._note(place, "ADDED")
        return copy.deepcopy(made)

    def get(self, place: Place) -> Thing:
        """One object; a copy.

        Raises:
            ApiError: 404.
        """
        if place not in self._things:
            raise place.missing()
        return copy.deepcopy(self._things[place])

    def find(self, place: Place, selector: Selector | None = None) -> list[Thing]:
        """Copies of all that are there and fit."""
        chosen = selector or Selector()
        return [
            copy.deepcopy(thing)
            for at, thing in self._things.items()
            if at.plural == place.plural and place.holds(thing) and chosen.fits(thing)
        ]

    def merge(self, place: Place, patch: Mapping[str, Any]) -> Thing:
        """Change an object by a merge patch (RFC 7396).

        Raises:
            ApiError: 404.
        """
        if place not in self._things:
            raise place.missing()
        _merge(self._things[place], patch)
        self._note(place, "MODIFIED")
        return self.get(place)

    def delete(self, place: Place) -> Thing:
        """Forget an object and what it owns.

        Raises:
            ApiError: 404.
        """
        if place not in self._things:
            raise place.missing()
        self._note(place, "DELETED")
        gone = self._things.pop(place)
        for owned in [at for at, thing in self._things.items() if _owns(gone, thing)]:
            self.delete(owned)
        return gone

    def since(self, version: int, place: Place, selector: Selector) -> Iterator[Change]:
        """What has changed after a version."""
        for change in self._changes:
            fits = change.plural == place.plural and place.holds(change.thing)
            if change.version > version and fits and selector.fits(change.thing):
                yield change

    async def change(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()

    def wake(self) -> None:
        """Let all who wait look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _note(self, place: Place, verb: str) -> None:
        self.version += 1
        thing = self._things[place]
        thing["metadata"]["resourceVersion"] = str(self.version)
        self._changes.append(Change(self.version, place.plural, verb, copy.deepcopy(thing)))
        self.wake()


def _equalities(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or name.endswith("!"):
            raise ApiError(400, "BadRequest", f"the recording world cannot select by {part!r}")
        found[name] = value.removeprefix("=")
    return found


def _at(thing: Thing, path: str) -> Any:
    value: Any = thing
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _merge(target: Thing, patch: Mapping[str, Any]) -> None:
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = copy.deepcopy(value)


def _owns(owner: Thing, thing: Thing) -> bool:
    references = thing["metadata"].get("ownerReferences") or []
    return any(each["uid"] == owner["metadata"]["uid"] for each in references)
