"""The menu as its template sees it: every text, value and attribute decided, nothing rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyterhub_anywhere.catalog import options
from jupyterhub_anywhere.catalog.fields import PROFILE, chosen_profile, option_field, target_field
from jupyterhub_anywhere.catalog.widgets import Entry, Field, option_widget, target_widget
from jupyterhub_anywhere.config import models

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.catalog.choice import Choice, Who
    from jupyterhub_anywhere.catalog.offers import Offer, OptionOffer, TargetOffer
    from jupyterhub_anywhere.catalog.profiles import Catalog


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


def profiles(state: State, full: Mapping[str, str]) -> Field:
    """The field in which a profile is chosen; with why some cannot be started now."""
    entries = tuple(
        Entry(
            f"{PROFILE}:{offer.name}",
            offer.name,
            offer.title,
            offer.description,
            offer.name == state.profile,
            notes=(full[offer.name],) if offer.name in full else (),
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
    fields = [option_widget(offer, name, state) for name in offer.option_names]
    place: TargetOffer | None = offer.first_target
    if len(offer.targets) > 1:
        place = None
        fields = [target_widget(offer, state), *fields]
    elif not (state.several_targets or offer.first_target.notes):
        place = None
    shown = child_form if offer.child_form else ""
    if not (fields or place or shown):
        return None
    return Settings(offer.name, offer.title, offer.description, place, tuple(fields), shown)
