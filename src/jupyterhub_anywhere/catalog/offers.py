"""What one person is offered: profiles, their targets, options and values, after access.

An offer is made once for a person and read by everything else: validation, form and schema. What
is not in it does not exist for that person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.catalog.access import allowed
from jupyterhub_anywhere.config.models import ChoiceOption, Profile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.catalog.choice import Who
    from jupyterhub_anywhere.config.models import ChoiceValue, Config, Option

NOTHING_OFFERED: Final = "Nothing is offered to you here. Please ask an administrator of this hub."


@dataclass(frozen=True, slots=True)
class ValueOffer:
    """One entry of a choice.

    Attributes:
        key: What is stored and sent.
        title: What people read.
        description: One sentence beside it; may be empty.
    """

    key: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class OptionOffer:
    """An option that the person may set at one target.

    Attributes:
        name: Its name within the profile.
        title: What people read.
        default: Its typed default: for a choice the declared one where it is offered, else the
            first that is.
        declared: Type, limits and help, as in the file.
        values: For a choice: the entries that the person may choose at this target.
    """

    name: str
    title: str
    default: Any
    declared: Option
    values: tuple[ValueOffer, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetOffer:
    """A target that the person may choose for one profile.

    Attributes:
        name: Its name.
        title: What people read.
        description: One sentence; may be empty.
        notes: What should be known before choosing it.
        options: What may be set there, by name, in the file's order.
    """

    name: str
    title: str
    description: str
    notes: tuple[str, ...]
    options: Mapping[str, OptionOffer]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Offer:
    """A profile that the person may choose.

    Offers are compared by identity: the form keeps what it made of one for as long as it lives.

    Attributes:
        name: Its name.
        title: What people read.
        description: One or two sentences; may be empty.
        child_form: Whether the spawner's own form is shown too.
        targets: Where it can run, by name; the first is the default. At least one.
        option_names: All that may be set at any of the targets, in the file's order.
    """

    name: str
    title: str
    description: str
    child_form: bool
    targets: Mapping[str, TargetOffer]
    option_names: tuple[str, ...] = ()

    @property
    def first_target(self) -> TargetOffer:
        """The target that counts where none is named."""
        return next(iter(self.targets.values()))


def profiles_of(config: Config) -> Mapping[str, Profile]:
    """The declared profiles; where there are none, one for each target."""
    if config.profiles:
        return config.profiles
    return {
        name: Profile(title=target.title, description=target.description, targets=(name,))
        for name, target in config.targets.items()
    }


def named_in(config: Config) -> tuple[frozenset[str], frozenset[str]]:
    """The users and the groups that any access names; all other people are offered the same."""
    accesses = []
    for profile in profiles_of(config).values():
        accesses.append(profile.access)
        for option in profile.options.values():
            accesses.append(option.access)
            if isinstance(option, ChoiceOption):
                accesses += [value.access for value in option.choices.values()]
    users = frozenset(name for access in accesses for name in access.users)
    return users, frozenset(name for access in accesses for name in access.groups)


def takes(option: Option, target: str) -> bool:
    """Whether a target takes an option at all, whoever asks."""
    if option.targets is not None and target not in option.targets:
        return False
    return not isinstance(option, ChoiceOption) or bool(_values_at(option, target))


def standing_value(option: Option, target: str) -> Any:
    """The value for those who may not set the option.

    Returns:
        The declared default. For a choice whose default is not at this target: the first entry
        there that is open to everybody, and None where there is no such entry.
    """
    if not isinstance(option, ChoiceOption):
        return option.default
    here = _values_at(option, target)
    declared = option.default or next(iter(option.choices))
    if declared in here:
        return declared
    return next((key for key, value in here.items() if value.access.open), None)


def offers(config: Config, notes: Mapping[str, Sequence[str]], who: Who) -> tuple[Offer, ...]:
    """Everything that a person may choose, in the file's order."""
    found = []
    for name, profile in profiles_of(config).items():
        if not allowed(profile.access, who):
            continue
        targets: dict[str, TargetOffer] = {}
        for target in dict.fromkeys(profile.targets):
            options = _options_at(profile, target, who)
            if options is None:
                continue
            declared = config.targets[target]
            targets[target] = TargetOffer(
                target,
                declared.title or target,
                declared.description,
                tuple(notes.get(target, ())),
                options,
            )
        if targets:
            title = profile.title or name
            child_form = profile.form == "child"
            settable = {option for place in targets.values() for option in place.options}
            names = tuple(option for option in profile.options if option in settable)
            found.append(Offer(name, title, profile.description, child_form, targets, names))
    return tuple(found)


def _options_at(profile: Profile, target: str, who: Who) -> dict[str, OptionOffer] | None:
    """The options to set at a target; None where a needed value is closed to this person."""
    found = {}
    for name, option in profile.options.items():
        if not takes(option, target):
            continue
        if not allowed(option.access, who):
            if standing_value(option, target) is None:
                return None
            continue
        offer = _option(name, option, target, who)
        if offer is None:
            return None
        found[name] = offer
    return found


def _option(name: str, option: Option, target: str, who: Who) -> OptionOffer | None:
    title = option.title or name
    if not isinstance(option, ChoiceOption):
        return OptionOffer(name, title, option.default, option)
    values = {
        key: ValueOffer(key, value.title or key, value.description)
        for key, value in _values_at(option, target).items()
        if allowed(value.access, who)
    }
    if not values:
        return None
    declared = option.default or next(iter(option.choices))
    default = declared if declared in values else next(iter(values))
    return OptionOffer(name, title, default, option, tuple(values.values()))


def _values_at(option: ChoiceOption, target: str) -> dict[str, ChoiceValue]:
    return {
        key: value
        for key, value in option.choices.items()
        if value.targets is None or target in value.targets
    }
