"""What pydantic found → problems with a place in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.config.shape import Shape, step
from jupyterhub_anywhere.config.wording import Fault, words

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pydantic import BaseModel, ValidationError

    from jupyterhub_anywhere.config.marks import KeyPath, Marks
    from jupyterhub_anywhere.core.errors import Problem


@dataclass(frozen=True)
class Within:
    """Where the validated data belongs.

    Attributes:
        prefix: The path of the data in the file.
        also: Keys that are known at its top beside those of the model.
        broken: Paths, from the file's top, where the loader has refused a value already.
    """

    prefix: KeyPath = ()
    also: Sequence[str] = ()
    broken: Collection[KeyPath] = ()


@dataclass(frozen=True)
class _Place:
    """Where an error belongs: pydantic's location without the tags of unions."""

    path: KeyPath
    parent: Shape | None
    shape: Shape | None
    data: object
    is_key: bool = False


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    data: object,
    marks: Marks,
    within: Within | None = None,
) -> list[Problem]:
    """Translate every error of a validation.

    Args:
        error: What ``model.model_validate(data)`` raised.
        model: The model.
        data: The plain data that was validated.
        marks: Where the whole file's values stand.
        within: Where the data belongs in the file; default: it is the whole.
    """
    scope = within or Within()
    found: list[Problem] = []
    for each in error.errors(include_url=False, include_input=False):
        place = _place(each["loc"], model, data)
        path = (*scope.prefix, *place.path)
        if _follows(path, each["type"], scope.broken):
            continue
        fault = _fault(each, place, marks.raw(path), scope.also if len(place.path) == 1 else ())
        at_key = place.is_key or fault.kind == "extra_forbidden"
        problem = marks.problem(path, *words(fault), key=at_key)
        if problem not in found:
            found.append(problem)
    return found


def paths_of(error: ValidationError, model: type[BaseModel], data: object) -> list[KeyPath]:
    """The paths of everything that a validation refused."""
    return [_place(each["loc"], model, data).path for each in error.errors(include_url=False)]


def _fault(error: Any, place: _Place, raw: str | None, also: Sequence[str]) -> Fault:
    return Fault(
        kind="bad_name" if place.is_key else error["type"],
        name=str(place.path[-1]) if place.path else "",
        text=error["msg"],
        context=error.get("ctx") or {},
        data=place.data,
        raw=raw,
        shape=place.shape or Shape(Any),
        parent=place.parent or Shape(Any),
        also=also,
    )


def _follows(path: KeyPath, kind: str, broken: Collection[KeyPath]) -> bool:
    """Whether an error only follows from a value that the loader has refused."""
    if path in broken:
        return True
    # A key that the loader left out of a mapping shows here as missing.
    return kind in {"missing", "union_tag_not_found"} and path[:-1] in broken


def _place(loc: tuple[int | str, ...], model: type[BaseModel], data: object) -> _Place:
    here: Shape | None = Shape(model)
    parent: Shape | None = None
    path: KeyPath = ()
    for index, part in enumerate(loc):
        if part == "[key]" and index == len(loc) - 1:
            return _Place(path, parent, here, data, is_key=True)
        if here is not None and isinstance(part, str) and part in here.members:
            parent, here = here, here.members[part]
            continue
        path = (*path, part)
        parent, here = here, here.child(part) if here is not None else None
        data = step(data, part)
    return _Place(path, parent, here, data)
