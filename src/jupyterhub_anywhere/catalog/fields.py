"""Names of the menu's form fields, and what a submitted form says.

Without JavaScript the fields of all profiles stand in one page, so each name carries its
profile. The spawner's own form may be there too, with names of its own (KubeSpawner's has a
``profile``), so none of ours is a plain word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.catalog import options
from jupyterhub_anywhere.config.models import BooleanOption
from jupyterhub_anywhere.core.errors import ChoiceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.catalog.choice import Who
    from jupyterhub_anywhere.catalog.offers import Offer, OptionOffer
    from jupyterhub_anywhere.catalog.profiles import Catalog

PROFILE: Final = "menu:profile"
_PLAIN_PROFILE: Final = "profile"
_QUERY_PREFIX: Final = "opt-"


def target_field(profile: str) -> str:
    """The name of a profile's target field."""
    return f"target:{profile}"


def option_field(profile: str, option: str) -> str:
    """The name of an option's field."""
    return f"opt:{profile}:{option}"


def parse_form(catalog: Catalog, who: Who, form: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What a submitted menu says, as raw ``user_options`` for `Catalog.resolve`.

    Only the fields of the chosen profile count, and of these the ones that the chosen target
    takes. ``child`` is not filled in: that is the spawner's, from `child_fields`.

    Args:
        catalog: What may be chosen.
        who: Whose form it is.
        form: Field name to the values sent; files among them are left alone. A script may send
            the profile as plain ``profile``.

    Raises:
        ChoiceError: A field's text is of the wrong form. The errors are those of all fields,
            also where `Catalog.resolve` would have found them.
    """
    raw: dict[str, Any] = {}
    errors: dict[str, str] = {}
    name = chosen_profile(catalog, who, form)
    if name is None and catalog.visible(who):
        # An empty form must not pass for "the last choice": somebody pressed the button.
        raise ChoiceError({"profile": "Please choose a profile."})
    if name is not None:
        raw["profile"] = name
    offer = next((offer for offer in catalog.visible(who) if offer.name == name), None)
    if offer is not None:
        target = _one(form.get(target_field(offer.name), ()))
        if target is not None:
            raw["target"] = target
        raw["options"] = _options(form, offer, target, errors)
    if errors:
        raise ChoiceError({**errors, **_further_errors(catalog, who, raw)})
    return raw


def parse_query(
    catalog: Catalog, who: Who, query: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """What a deep link presets, as form fields.

    ``opt-profile``, ``opt-target`` and ``opt-NAME`` for options; all other names are ignored.
    Nothing is judged here: wrong values come back as errors of `form_errors`.

    Returns:
        Field name to values, empty where the link presets nothing.
    """
    given = {
        key.removeprefix(_QUERY_PREFIX): values[-1]
        for key, values in query.items()
        if key.startswith(_QUERY_PREFIX) and values
    }
    if not given:
        return {}
    offers = catalog.visible(who)
    name = given.pop("profile", None)
    if name is None:
        name = offers[0].name if offers else ""
    preset = {PROFILE: [name]}
    if "target" in given:
        preset[target_field(name)] = [given.pop("target")]
    return preset | {option_field(name, option): [value] for option, value in given.items()}


def form_errors(catalog: Catalog, who: Who, form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What is wrong with a form's fields, without using it: for what a deep link has preset."""
    try:
        catalog.resolve(parse_form(catalog, who, form), who)
    except ChoiceError as error:
        return error.errors
    return {}


def child_fields(form: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a submitted form that belong to the spawner's own form."""
    own = ("menu:", "target:", "opt:")
    return {key: value for key, value in form.items() if not key.startswith((*own, "_xsrf"))}


def chosen_profile(catalog: Catalog, who: Who, form: Mapping[str, Sequence[str]]) -> str | None:
    """The profile that a form names; where only one is offered, that one counts unnamed."""
    name = _one(form.get(PROFILE) or form.get(_PLAIN_PROFILE) or ())
    offers = catalog.visible(who)
    if name is None and len(offers) == 1:
        return offers[0].name
    return name


def _options(
    form: Mapping[str, Sequence[str]], offer: Offer, target: str | None, errors: dict[str, str]
) -> dict[str, Any]:
    """Option name to JSON value; what cannot be read goes to ``errors``."""
    prefix = option_field(offer.name, "")
    chosen = offer.targets.get(target) if target is not None else offer.first_target
    elsewhere = {name for place in offer.targets.values() for name in place.options}
    found = {}
    for field, values in form.items():
        if not field.startswith(prefix):
            continue
        if values and _one(values) is None:
            continue  # a file, which no option takes; JupyterHub adds `_file` to the field's name
        name = field.removeprefix(prefix)
        option = chosen.options.get(name) if chosen is not None else None
        if option is not None:
            try:
                found[name] = _read(option, values)
            except ValueError as error:
                errors[f"options.{name}"] = str(error)
        elif name not in elsewhere:
            found[name] = _one(values)  # unknown: `resolve` says so
    return found


def _read(option: OptionOffer, values: Sequence[str]) -> Any:
    if isinstance(option.declared, BooleanOption):
        # The hidden companion says "" first; a checked box adds its value.
        return options.from_text(option, _one(values) or "")
    text = _one(values)
    if text is None:
        return option.default
    return options.from_text(option, text)


def _further_errors(catalog: Catalog, who: Who, raw: Mapping[str, Any]) -> dict[str, str]:
    try:
        catalog.resolve(raw, who)
    except ChoiceError as error:
        return error.errors
    return {}


def _one(values: Sequence[Any]) -> str | None:
    """The last text; None where there is none, but files at most."""
    return next((value for value in reversed(values) if isinstance(value, str)), None)
