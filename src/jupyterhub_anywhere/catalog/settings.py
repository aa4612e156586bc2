"""From a choice to trait values: ``sets`` with its values filled in, one over the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.catalog.offers import standing_value, takes
from jupyterhub_anywhere.catalog.options import plain_number
from jupyterhub_anywhere.config.models import ChoiceOption

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jupyterhub_anywhere.catalog.choice import Choice
    from jupyterhub_anywhere.config.models import Profile

PLACE: Final = "{value}"
_SECRET_KEYS: Final = ({"env"}, {"file"})


def settings(profile: Profile, choice: Choice) -> dict[str, Any]:
    """The trait values of a choice.

    The later wins: the profile's ``sets``, its ``sets_for`` of the target, then the options in
    the file's order, each choice's own ``sets`` before that of the chosen entry. Where both are
    mappings (``environment``, ``volumes``, labels), they are merged by key, one level deep;
    everything else is replaced.

    Args:
        profile: The profile of the choice.
        choice: A choice that `Catalog.resolve` made.
    """
    merged: dict[str, Any] = {}
    for layer in _layers(profile, choice):
        for name, value in layer.items():
            merged[name] = _merged(merged.get(name), value)
    return merged


def _layers(profile: Profile, choice: Choice) -> Iterator[Mapping[str, Any]]:
    target = choice.target
    yield _plain(profile.sets)
    yield _plain(profile.sets_for.get(target, {}))
    for name, option in profile.options.items():
        if not takes(option, target):
            continue
        value = choice.options.get(name)
        if value is None:
            value = standing_value(option, target)
        yield fill(option.sets_for.get(target, option.sets), value)
        if isinstance(option, ChoiceOption) and value in option.choices:
            entry = option.choices[value]
            yield fill(entry.sets_for.get(target, entry.sets), value)


def fill(template: Any, value: Any) -> Any:
    """A copy of a ``sets`` with the value in its places.

    A text that is exactly ``{value}`` becomes the typed value. In longer texts and in keys
    ``{value}`` is replaced as it stands: numbers without a needless ``.0``, memory in bytes,
    booleans as ``true`` and ``false``. Nothing else is touched, so ``{username}`` stays the
    spawner's.
    """
    if isinstance(template, str):
        return value if template == PLACE else template.replace(PLACE, as_text(value))
    if isinstance(template, dict):
        text = as_text(value)
        return {
            key.replace(PLACE, text) if isinstance(key, str) else key: fill(inner, value)
            for key, inner in template.items()
        }
    if isinstance(template, list | tuple):
        return [fill(inner, value) for inner in template]
    return template


def as_text(value: Any) -> str:
    """A typed value within a longer text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain_number(value) if isinstance(value, int | float) else str(value)


def _plain(template: Any) -> Any:
    """A copy of a ``sets`` that belongs to no option; nobody may change the file's own."""
    if isinstance(template, dict):
        return {key: _plain(inner) for key, inner in template.items()}
    return [_plain(inner) for inner in template] if isinstance(template, list) else template


def _merged(before: Any, after: Any) -> Any:
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    # {env: NAME} and {file: PATH} are secrets: one value, however it is written.
    if set(before) in _SECRET_KEYS or set(after) in _SECRET_KEYS:
        return after
    return {**before, **after}
