"""The menu as its template sees it: every text, value and attribute decided, nothing rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.catalog import options
from jupyterhub_anywhere.catalog.fields import PROFILE, chosen_profile, option_field, target_field
from jupyterhub_anywhere.catalog.patterns import for_browsers
from jupyterhub_anywhere.config import models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.catalog.choice import Choice, Who
    from jupyterhub_anywhere.catalog.offers import Offer, OptionOffer, TargetOffer
    from jupyterhub_anywhere.catalog.profiles import Catalog

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


@dataclass(frozen=True, slots=True)
class Settings:
    """The fields of one profile; ``place`` is its only target, where that is worth a line."""

    profile: str
    title: str
    description: str
    place: TargetOffer | None
    fields: tuple[Field, ...]
    child_form: str


@dataclass(frozen=True, slots=True)
class State:
    """What the form shows: submitted fields first, then a choice, then defaults.

    Attributes:
        offers: What this person may choose.
        profile: The selected profile, as it was sent: it need not exist.
        choice: What is preselected where nothing was submitted.
        submitted: Form fields.
        errors: Field to text, in the order of the page.
    """

    offers: tuple[Offer, ...]
    profile: str
    choice: Choice | None
    submitted: Mapping[str, Sequence[str]]
    errors: Mapping[str, str]

    @property
    def several_targets(self) -> bool:
        """Whether it has to be said where something runs."""
        return len({target for offer in self.offers for target in offer.targets}) > 1

    @property
    def touched(self) -> set[str]:
        """The profiles whose fields do not just show their defaults."""
        sent = {field.split(":", 2)[1] for field in self.submitted if ":" in field}
        chosen = {self.choice.profile} if self.choice is not None else set()
        return sent | chosen | {self.profile}

    def target(self, offer: Offer) -> str:
        """The target that is selected for a profile."""
        sent = self.submitted.get(target_field(offer.name))
        if sent:
            return sent[-1]
        if self.choice is not None and self.choice.profile == offer.name:
            return self.choice.target
        return offer.first_target.name

    def value(self, offer: Offer, option: OptionOffer) -> str:
        """An option's text."""
        sent = self.submitted.get(option_field(offer.name, option.name))
        if sent:
            return _normal(option, sent[-1])
        value = option.default
        if self.choice is not None and self.choice.profile == offer.name:
            value = self.choice.options.get(option.name, value)
        return options.to_text(option, value)

    def error(self, offer: Offer, name: str) -> str:
        """The text beside a field; errors are the chosen profile's."""
        return self.errors.get(name, "") if offer.name == self.profile else ""

    def first(self, name: str) -> bool:
        """Whether this field is the first that is wrong."""
        return next(iter(self.errors), None) == name


def _normal(option: OptionOffer, text: str) -> str:
    """A submitted text as the form shows it: a switch is on or off, whatever the word was."""
    if not isinstance(option.declared, models.BooleanOption):
        return text
    try:
        return options.to_text(option, options.from_text(option, text))
    except ValueError:
        return options.to_text(option, option.default)


def state(
    catalog: Catalog,
    who: Who,
    *,
    choice: Choice | None,
    errors: Mapping[str, str],
    submitted: Mapping[str, Sequence[str]],
) -> State:
    """What the form shows."""
    offers = catalog.visible(who)
    name = chosen_profile(catalog, who, submitted) or (choice.profile if choice else "")
    return State(offers, name, choice, submitted, _in_page_order(errors, offers, name))


def summary(state: State, profiles: Field, active: Settings | None) -> list[tuple[str, str]]:
    """Every error with the id of what takes the focus; the id is empty where there is none."""
    anchors = {"profile": profiles.anchor} if len(state.offers) > 1 else {}
    if active is not None:
        anchors |= {_error_name(active.profile, item.id): item.anchor for item in active.fields}
    return [(text, anchors.get(field, "")) for field, text in state.errors.items()]


def _in_page_order(
    errors: Mapping[str, str], offers: Sequence[Offer], profile: str
) -> dict[str, str]:
    order = ["profile", "target"]
    for offer in offers:
        if offer.name == profile:
            order += [f"options.{name}" for name in offer.option_names]
    known = {name: errors[name] for name in order if name in errors}
    return known | dict(errors)


def _error_name(profile: str, field_id: str) -> str:
    if field_id == target_field(profile):
        return "target"
    return f"options.{field_id.removeprefix(option_field(profile, ''))}"


def profiles(state: State) -> Field:
    """The field in which a profile is chosen."""
    entries = tuple(
        Entry(
            f"{PROFILE}:{offer.name}",
            offer.name,
            offer.title,
            offer.description,
            offer.name == state.profile,
        )
        for offer in state.offers
    )
    return Field(
        "radios",
        PROFILE,
        "What do you want to start?",
        error=state.errors.get("profile", ""),
        entries=entries,
        autofocus=state.first("profile"),
    )


def settings(offer: Offer, state: State, child_form: str = "") -> Settings | None:
    """The fields of one profile, None where there is nothing to see."""
    fields = [_option(offer, name, state) for name in offer.option_names]
    place: TargetOffer | None = offer.first_target
    if len(offer.targets) > 1:
        place = None
        fields = [_target(offer, state), *fields]
    elif not (state.several_targets or offer.first_target.notes):
        place = None
    shown = child_form if offer.child_form else ""
    if not (fields or place or shown):
        return None
    return Settings(offer.name, offer.title, offer.description, place, tuple(fields), shown)


def _target(offer: Offer, state: State) -> Field:
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


def _option(offer: Offer, name: str, state: State) -> Field:
    places = [target for target in offer.targets.values() if name in target.options]
    selected = offer.targets.get(state.target(offer))
    option = (selected if selected in places and selected else places[0]).options[name]
    error = state.error(offer, f"options.{name}")
    value = state.value(offer, option)
    declared = option.declared
    everywhere = len(places) == len(offer.targets)
    entries: tuple[Entry, ...] = ()
    widget = "switch" if isinstance(declared, models.BooleanOption) else "input"
    if isinstance(declared, models.ChoiceOption):
        entries = _entries(offer, name, declared, places, value)
        described = any(entry.description for entry in entries)
        widget = "radios" if described and len(entries) <= MAX_RADIOS else "select"
    return Field(
        widget,
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
