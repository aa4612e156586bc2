"""The catalog: what users may choose, and whether what they sent is that."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.catalog import offers, options, schema
from jupyterhub_anywhere.catalog.choice import Choice, Who
from jupyterhub_anywhere.catalog.intake import check_plain, quoted
from jupyterhub_anywhere.catalog.settings import settings
from jupyterhub_anywhere.core.errors import ChoiceError
from jupyterhub_anywhere.core.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from jupyterhub_anywhere.catalog.offers import Offer, TargetOffer
    from jupyterhub_anywhere.config.models import Config

_NO_NOTES: Final[Mapping[str, Sequence[str]]] = MappingProxyType({})
# Kinds of people whose offers are kept ready: by the groups, and the names, that access names.
_REMEMBERED: Final = 256


class Catalog:
    """Everything that can be chosen, by whom. It never changes.

    Args:
        config: A configuration whose names have been checked against each other.
        notes: Target name to what users should know of it, as "memory limits are not enforced".
    """

    def __init__(self, config: Config, notes: Mapping[str, Sequence[str]] = _NO_NOTES) -> None:
        self._config = config
        self._profiles = offers.profiles_of(config)
        self._notes = notes
        self._users, self._groups = offers.named_in(config)
        self._find = lru_cache(maxsize=_REMEMBERED)(self._make)

    def _offers(self, who: Who) -> Mapping[str, Offer]:
        name = who.name if who.name in self._users else ""
        return self._find(Who(name, who.groups & self._groups))

    def _make(self, who: Who) -> Mapping[str, Offer]:
        found = offers.offers(self._config, self._notes, who)
        return MappingProxyType({offer.name: offer for offer in found})

    def visible(self, who: Who) -> tuple[Offer, ...]:
        """The profiles that this person may choose, each with its targets, options and values."""
        return tuple(self._offers(who).values())

    def resolve(self, raw: object, who: Who, *, last: object | None = None) -> Choice:
        """Validate what was sent.

        What a person may not see is answered like what does not exist.

        Args:
            raw: ``{"profile": …, "target": …, "options": {…}}``, with ``child`` for profiles
                that show the spawner's own form. None and ``{}`` stand for the last choice where
                it is still valid, else for the default. The target may be left out (the
                profile's first), and so may options (their defaults).
            who: Whose choice it is.
            last: The remembered choice, as it was stored.

        Raises:
            ChoiceError: With one text for each field that is wrong: ``profile``, ``target``,
                ``options.NAME``, ``child``, or ``""`` for the whole.
        """
        if raw is None or raw == {}:
            remembered, _ = self.check_last(last, who)
            return remembered or self.default_choice(who)
        check_plain(raw)
        if not isinstance(raw, dict):
            raise ChoiceError({"": "Server options are an object with profile, target, options."})
        offer = self._offer(raw, who)
        target = _target(raw, offer)
        errors = _unknown_keys(raw, offer)
        values = _values(raw.get("options", {}), offer, target, errors)
        child = raw.get("child")
        if "child" in raw and offer.child_form and not isinstance(child, dict):
            errors["child"] = "The options of the spawner's own form are an object."
        if errors:
            raise ChoiceError(errors)
        return Choice(offer.name, target.name, MappingProxyType(values), child)

    def check_last(self, last: object, who: Who) -> tuple[Choice | None, str]:
        """Look at a remembered choice.

        Returns:
            The choice and an empty text; or None and why it was dropped, for the user to read.
            None and an empty text where nothing was remembered.
        """
        if not last:
            return None, ""
        try:
            return self.resolve(last, who), ""
        except ChoiceError as error:
            reason = next(iter(error.errors.values()))
            return None, f"Your last choice is not available any more. {reason}"

    def default_choice(self, who: Who) -> Choice:
        """The first visible profile at its first target, with defaults.

        Raises:
            ChoiceError: Status 403: nothing is offered to this person.
        """
        offer = next(iter(self._offers(who).values()), None)
        if offer is None:
            raise _nothing_offered()
        values = {name: option.default for name, option in offer.first_target.options.items()}
        return Choice(offer.name, offer.first_target.name, MappingProxyType(values))

    def single(self, who: Who) -> Choice | None:
        """The only possible choice, when there is nothing to choose: the menu is skipped."""
        found = self.visible(who)
        if len(found) != 1 or len(found[0].targets) != 1:
            return None
        if found[0].child_form or found[0].first_target.options:
            return None
        return self.default_choice(who)

    def settings(self, choice: Choice) -> dict[str, Any]:
        """The trait values that the child spawner receives; see `catalog.settings`.

        Raises:
            ChoiceError: The profile of the choice is not declared (any more).
        """
        profile = self._profiles.get(choice.profile)
        if profile is None:
            raise ChoiceError({"profile": f"There is no profile {quoted(choice.profile)}."})
        return settings(profile, choice)

    def json_schema(self, who: Who) -> dict[str, Any]:
        """JSON Schema (2020-12) of ``user_options`` for this person.

        What it accepts, `resolve` accepts (up to 64 KiB, with ``child`` at most 16 deep and
        200 keys in all). `resolve` also takes memory and CPU as texts, whose limits a schema
        cannot say.
        """
        return schema.user_options(self.visible(who))

    def _offer(self, raw: Mapping[str, Any], who: Who) -> Offer:
        found = self._offers(who)
        if not found:
            raise _nothing_offered()
        name = raw.get("profile")
        if name is None and "profile" not in raw:
            raise ChoiceError({"profile": f"Please choose a profile. {_allowed(found)}"})
        if not isinstance(name, str):
            raise ChoiceError({"profile": f"The profile is named by a text. {_allowed(found)}"})
        if name not in found:
            hint = did_you_mean(name, found)
            raise ChoiceError({"profile": f"There is no profile {quoted(name)}. {hint}"})
        return found[name]


def _target(raw: Mapping[str, Any], offer: Offer) -> TargetOffer:
    if "target" not in raw:
        return offer.first_target
    name = raw["target"]
    if not isinstance(name, str):
        raise ChoiceError({"target": f"The target is named by a text. {_allowed(offer.targets)}"})
    if name not in offer.targets:
        hint = did_you_mean(name, offer.targets)
        message = f"{offer.title} does not run at a target {quoted(name)}. {hint}"
        raise ChoiceError({"target": message})
    return offer.targets[name]


def _unknown_keys(raw: Mapping[str, Any], offer: Offer) -> dict[str, str]:
    known = {"profile", "target", "options"} | ({"child"} if offer.child_form else set())
    return {
        _field(key): f"{quoted(key)} is no key of server options. {did_you_mean(key, known)}"
        for key in raw
        if key not in known
    }


def _values(
    given: object, offer: Offer, target: TargetOffer, errors: dict[str, str]
) -> dict[str, Any]:
    """The typed values of all options at a target; what is wrong goes to ``errors``."""
    if not isinstance(given, dict):
        errors["options"] = "The options are an object: name to value."
        return {}
    for name in given:
        if name not in target.options:
            hint = did_you_mean(name, target.options)
            where = f"{offer.title} at {target.title}"
            errors[_field(f"options.{name}")] = f"{where} has no option {quoted(name)}. {hint}"
    values = {}
    for name, option in target.options.items():
        try:
            values[name] = (
                options.from_json(option, given[name]) if name in given else option.default
            )
        except ValueError as error:
            errors[f"options.{name}"] = str(error)
    return values


def _field(name: str) -> str:
    """A field name from outside, bounded."""
    return name if len(name) <= 80 else f"{name[:79]}…"  # noqa: PLR2004 - longer than any declared


def _allowed(names: Collection[str]) -> str:
    return did_you_mean("", names)


def _nothing_offered() -> ChoiceError:
    return ChoiceError({"": offers.NOTHING_OFFERED}, status=403)
