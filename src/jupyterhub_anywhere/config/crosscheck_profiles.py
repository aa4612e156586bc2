"""Whether a profile fits its targets, its groups and its own options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.config.models import (
    ChoiceOption,
    CpuOption,
    IntegerOption,
    MemoryOption,
    NumberOption,
    TextOption,
)
from jupyterhub_anywhere.core.names import did_you_mean, normalize_user_name
from jupyterhub_anywhere.core.quantities import format_memory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from jupyterhub_anywhere.config.marks import KeyPath
    from jupyterhub_anywhere.config.models import Access, Option, Profile
    from jupyterhub_anywhere.config.report import Report

# Links into the menu name them opt-profile and opt-target beside opt-NAME.
_RESERVED: Final = {"profile", "target"}
# Matching takes time that grows with the pattern, on the hub's only thread.
_LONGEST_PATTERN: Final = 512


def profile_problems(
    name: str,
    profile: Profile,
    targets: Collection[str],
    groups: Collection[str] | None,
    report: Report,
) -> None:
    """Check one profile.

    Args:
        name: Its name.
        profile: The profile.
        targets: Names of the targets there are.
        groups: Names of the groups there are; None where the login may bring others.
        report: Where problems go.
    """
    path = ("profiles", name)
    _subset((*path, "targets"), profile.targets, targets, "there is no target", report)
    _keys((*path, "sets_for"), profile.sets_for, profile.targets, report)
    _access((*path, "access"), profile.access, groups, report)
    for option_name, option in profile.options.items():
        where = (*path, "options", option_name)
        if option_name in _RESERVED:
            report.add(where, f"an option cannot be called {option_name!r}.", key=True)
        _option(where, option, profile.targets, groups, report)


def _subset(
    path: KeyPath, names: Iterable[str], known: Collection[str], message: str, report: Report
) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name not in known:
            report.add((*path, index), f"{message} {name!r}.", did_you_mean(name, known))
        elif name in seen:
            report.add((*path, index), f"{name!r} is in this list already.")
        seen.add(name)


def _keys(path: KeyPath, keys: Iterable[str], known: Collection[str], report: Report) -> None:
    for key in keys:
        if key not in known:
            report.add(
                (*path, key),
                f"{key!r} is none of the targets here.",
                did_you_mean(key, known),
                key=True,
            )


def _access(path: KeyPath, access: Access, groups: Collection[str] | None, report: Report) -> None:
    if groups is not None:
        where = (*path, "groups")
        _subset(where, access.groups, groups, "users.groups has no group", report)
    for index, name in enumerate(access.users):
        try:
            normal = normalize_user_name(name)
        except ValueError as error:
            report.add((*path, "users", index), f"{name!r} is no user name: {error}.")
            continue
        if normal != name:
            where = (*path, "users", index)
            report.add(where, f"{name!r} is stored as {normal!r}.", f"Write {normal}.")


def _option(
    path: KeyPath,
    option: Option,
    profile_targets: tuple[str, ...],
    groups: Collection[str] | None,
    report: Report,
) -> None:
    targets = profile_targets if option.targets is None else option.targets
    _some((*path, "targets"), option.targets, report)
    _subset((*path, "targets"), option.targets or (), profile_targets, _NO_TARGET, report)
    _keys((*path, "sets_for"), option.sets_for, targets, report)
    _access((*path, "access"), option.access, groups, report)
    if isinstance(option, ChoiceOption):
        _choice(path, option, targets, groups, report)
    elif isinstance(option, TextOption):
        _text(path, option, report)
    elif isinstance(option, IntegerOption | NumberOption | MemoryOption | CpuOption):
        _limits(path, option, report)


_NO_TARGET: Final = "the profile does not offer the target"


def _some(path: KeyPath, targets: tuple[str, ...] | None, report: Report) -> None:
    if targets == ():
        report.add(path, "at least one target is needed here.", "Leave it out for all of them.")


def _choice(
    path: KeyPath,
    option: ChoiceOption,
    targets: tuple[str, ...],
    groups: Collection[str] | None,
    report: Report,
) -> None:
    if option.default is not None and option.default not in option.choices:
        report.add(
            (*path, "default"),
            f"{option.default!r} is none of the choices.",
            did_you_mean(option.default, option.choices),
        )
    for key, entry in option.choices.items():
        where = (*path, "choices", key)
        _some((*where, "targets"), entry.targets, report)
        _subset((*where, "targets"), entry.targets or (), targets, _NO_OPTION, report)
        offered = targets if entry.targets is None else entry.targets
        _keys((*where, "sets_for"), entry.sets_for, offered, report)
        _access((*where, "access"), entry.access, groups, report)
    for target in targets:
        if not any(e.targets is None or target in e.targets for e in option.choices.values()):
            report.add(
                (*path, "choices"),
                f"none of the choices is there at target {target!r}.",
                "Give the option its targets, or the target a choice.",
            )


_NO_OPTION: Final = "the option does not count at target"


def _text(path: KeyPath, option: TextOption, report: Report) -> None:
    where = (*path, "pattern")
    if len(option.pattern) > _LONGEST_PATTERN:
        report.add(where, f"a pattern has at most {_LONGEST_PATTERN} characters.")
        return
    try:
        pattern = re.compile(option.pattern)
    except (re.error, OverflowError, RecursionError) as error:
        report.add(where, f"this is no regular expression: {error}.")
        return
    if len(option.default) > option.max_length:
        limit = option.max_length
        report.add((*path, "default"), f"the default is longer than {limit} characters.")
    elif pattern.fullmatch(option.default) is None:
        report.add(
            (*path, "default"),
            "the default does not match the pattern as a whole.",
            "Give a default that does; without one it is the empty text.",
        )


def _limits(
    path: KeyPath,
    option: IntegerOption | NumberOption | MemoryOption | CpuOption,
    report: Report,
) -> None:
    low, high = option.min, option.max

    def shown(value: Any) -> str:
        return format_memory(value) if isinstance(option, MemoryOption) else f"{value:g}"

    if low is not None and high is not None and low > high:
        report.add((*path, "min"), f"the least, {shown(low)}, is above the most, {shown(high)}.")
    elif low is not None and option.default < low:
        default = shown(option.default)
        report.add((*path, "default"), f"the default, {default}, is below min, {shown(low)}.")
    elif high is not None and option.default > high:
        default = shown(option.default)
        report.add((*path, "default"), f"the default, {default}, is above max, {shown(high)}.")
