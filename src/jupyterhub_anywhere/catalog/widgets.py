"""One field of the menu: which widget, with which entries, texts and attributes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.catalog import options
from jupyterhub_anywhere.catalog.fields import option_field, target_field
from jupyterhub_anywhere.catalog.patterns import for_browsers
from jupyterhub_anywhere.config import models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.catalog.offers import Offer, OptionOffer, TargetOffer
    from jupyterhub_anywhere.catalog.view import State

# More entries than these are easier to find in a list than on a page.
MAX_CARDS: Final = 8
MAX_RADIOS: Final = 5
_MEMORY_PATTERN: Final = r"\s*[0-9]+(\.[0-9]+)?\s*[KMGTkmgt]?[iI]?[bB]?\s*"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list or one radio button; ``only_at`` names its targets for people."""

    id: str
    value: str
    title: str
    description: str = ""
    checked: bool = False
    notes: tuple[str, ...] = ()
    targets: str = ""
    only_at: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One form field.

    Attributes:
        widget: ``input``, ``switch``, ``select`` or ``radios``.
        targets: Names of the targets that take it, with blanks between; empty for all.
        only_at: Their titles, for people; empty for all.
        attributes: Further HTML attributes of the input.
        autofocus: Whether it is the first that is wrong.
    """

    widget: str
    id: str
    title: str
    help: str = ""
    error: str = ""
    value: str = ""
    default: str = ""
    entries: tuple[Entry, ...] = ()
    targets: str = ""
    only_at: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    autofocus: bool = False

    @property
    def described_by(self) -> str:
        """Ids of help and error, for ``aria-describedby``."""
        ids = [f"{self.id}-help"] if self.help else []
        return " ".join([*ids, f"{self.id}-error"] if self.error else ids)

    @property
    def many(self) -> bool:
        """Whether there are too many entries to be seen at once."""
        return len(self.entries) > MAX_CARDS

    @property
    def anchor(self) -> str:
        """The id of what takes the focus."""
        return self.entries[0].id if self.widget == "radios" else self.id


def target_widget(offer: Offer, state: State) -> Field:
    """The field in which one of several targets is chosen."""
    selected = state.target(offer)
    name = target_field(offer.name)
    entries = tuple(
        Entry(
            f"{name}:{index}",
            target.name,
            target.title,
            target.description,
            target.name == selected,
            target.notes,
        )
        for index, target in enumerate(offer.targets.values())
    )
    error = state.error(offer, "target")
    return Field(
        "radios" if len(entries) <= MAX_RADIOS else "select",
        name,
        "Where",
        error=error,
        value=selected,
        entries=entries,
        autofocus=bool(error) and state.first("target"),
    )


def option_widget(offer: Offer, name: str, state: State) -> Field:
    """The field of an option, with the values of all targets that take it."""
    places = [target for target in offer.targets.values() if name in target.options]
    selected = offer.targets.get(state.target(offer))
    option = (selected if selected in places and selected else places[0]).options[name]
    error = state.error(offer, f"options.{name}")
    value = state.value(offer, option)
    declared = option.declared
    everywhere = len(places) == len(offer.targets)
    entries: tuple[Entry, ...] = ()
    kind = "switch" if isinstance(declared, models.BooleanOption) else "input"
    if isinstance(declared, models.ChoiceOption):
        entries = _entries(offer, name, declared, places, value)
        described = any(entry.description for entry in entries)
        kind = "radios" if described and len(entries) <= MAX_RADIOS else "select"
    return Field(
        kind,
        option_field(offer.name, name),
        option.title,
        help=_help(option),
        error=error,
        value=value,
        default=str(option.default) if entries else "",
        entries=entries,
        targets="" if everywhere else " ".join(target.name for target in places),
        only_at="" if everywhere else _titles(places),
        attributes=_attributes(option),
        autofocus=bool(error) and state.first(f"options.{name}"),
    )


def _entries(
    offer: Offer,
    name: str,
    declared: models.ChoiceOption,
    places: Sequence[TargetOffer],
    value: str,
) -> tuple[Entry, ...]:
    having: dict[str, list[TargetOffer]] = {}
    offered = {}
    for place in places:
        for entry in place.options[name].values:
            having.setdefault(entry.key, []).append(place)
            offered[entry.key] = entry
    made = []
    for index, key in enumerate(key for key in declared.choices if key in offered):
        everywhere = len(having[key]) == len(places)
        made.append(
            Entry(
                f"{option_field(offer.name, name)}:{index}",
                key,
                offered[key].title,
                offered[key].description,
                key == value,
                targets="" if everywhere else " ".join(place.name for place in having[key]),
                only_at="" if everywhere else _titles(having[key]),
            )
        )
    return tuple(made)


def _titles(places: Sequence[TargetOffer]) -> str:
    return ", ".join(place.title for place in places)


def _help(option: OptionOffer) -> str:
    declared = option.declared
    if isinstance(declared, options.NumericOption):
        limits = options.limits(declared)
        hint = f"{limits[0].upper()}{limits[1:]}." if limits else ""
        return f"{declared.help} {hint}".strip()
    return declared.help


def _attributes(option: OptionOffer) -> dict[str, str]:
    match option.declared:
        case models.MemoryOption():
            return {
                "type": "text",
                "inputmode": "text",
                "autocomplete": "off",
                "pattern": _MEMORY_PATTERN,
                "title": "An amount of memory, as 512M or 1.5G",
                "required": "",
            }
        case models.TextOption() as declared:
            found = {"type": "text", "maxlength": str(declared.max_length)}
            pattern = for_browsers(declared.pattern)
            if pattern is not None:
                found["pattern"] = pattern
            # A browser never tests an empty field against its pattern.
            return found if options.may_be_empty(declared) else {**found, "required": ""}
        case models.IntegerOption() | models.NumberOption() | models.CpuOption() as number:
            return _number_attributes(number)
        case _:
            return {}


def _number_attributes(
    declared: models.IntegerOption | models.NumberOption | models.CpuOption,
) -> dict[str, str]:
    whole = isinstance(declared, models.IntegerOption)
    found: dict[str, Any] = {
        "type": "number",
        "step": "1" if whole else "any",
        "inputmode": "numeric" if whole else "decimal",
        "min": declared.min,
        "max": declared.max,
        "required": "",
    }
    if found["min"] is None and isinstance(declared, models.CpuOption):
        found["min"] = 0
    return {
        key: options.plain_number(value) if isinstance(value, int | float) else value
        for key, value in found.items()
        if value is not None
    }
