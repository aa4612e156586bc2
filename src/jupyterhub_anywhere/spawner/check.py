"""What of ``anywhere.yaml`` only the targets can tell: kinds, their keys, traits of their classes.

Everything is collected: one run reports all problems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyterhub_anywhere.catalog.settings import fill
from jupyterhub_anywhere.config.secrets import SecretUnavailableError, resolve_secrets
from jupyterhub_anywhere.core.errors import ConfigError, TargetError
from jupyterhub_anywhere.spawner.check_custom import clashes
from jupyterhub_anywhere.spawner.places import Report, make_targets
from jupyterhub_anywhere.targets.shared import fresh
from jupyterhub_anywhere.targets.traits import check_trait

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from jupyterhub.spawner import Spawner

    from jupyterhub_anywhere.config.load import Loaded
    from jupyterhub_anywhere.config.models import ChoiceValue, Option, Profile
    from jupyterhub_anywhere.core.errors import Problem
    from jupyterhub_anywhere.targets.base import SiteInfo, Target

Path = tuple[str | int, ...]
Trait = tuple[Path, str, Any]


def build_targets(
    loaded: Loaded, info: SiteInfo
) -> tuple[dict[str, Target], dict[str, dict[str, Any]], list[Problem]]:
    """Make the targets of a file.

    Returns:
        Targets that could be made, by name; their trait values with secrets resolved; problems.
    """
    report = Report(loaded)
    targets = make_targets(loaded, info, report)
    values: dict[str, dict[str, Any]] = {}
    for name, target in targets.items():
        try:
            values[name] = resolve_secrets(target.declared.spawner, info.base)
        except SecretUnavailableError:
            continue  # told by the file's own checks
        child = _child_class(target, report)
        if child is not None:
            # Reads the sources of the class, which must not happen in the event loop.
            fresh(child)
            path: Path = ("targets", name, "spawner")
            _check(child, ((*path, t) for t in values[name]), values[name].values(), report)
    for name, trait, other in clashes(targets, values):
        report.add(
            ("targets", name, "spawner", trait),
            f"differs from that of target {other}, and this class knows one for the whole hub.",
            "Such places need hubs of their own until there is a kind of target for them.",
        )
    return targets, values, report.problems


def _child_class(target: Target, report: Report) -> type[Spawner] | None:
    try:
        return target.child_class()
    except TargetError as error:
        # The line that is named says the target already.
        message = error.message.removeprefix(f"target {target.name}: ")
        report.add(("targets", target.name), message, error.hint)
    except AttributeError:
        pass  # a key of the kind is missing, which is told
    return None


def _check(child: type[Spawner], paths: Iterator[Path], values: Any, report: Report) -> None:
    for path, value in zip(paths, values, strict=True):
        found = check_trait(child, str(path[-1]), value)
        if found is not None:
            message, hint = found
            report.add(path, message, hint, key="has no trait" in message)


def profile_problems(loaded: Loaded, targets: Mapping[str, Target]) -> list[Problem]:
    """Check what profiles and options set against the classes of their targets."""
    report = Report(loaded)
    classes: dict[str, type[Spawner]] = {}
    for name, target in targets.items():
        try:
            classes[name] = target.child_class()
        except (TargetError, AttributeError):
            continue  # told by build_targets
    for name, profile in loaded.config.profiles.items():
        for target_name in profile.targets:
            child = classes.get(target_name)
            if child is None:
                continue
            target = targets[target_name]
            told = {
                problem: None
                for chosen in combinations(profile, target_name, target.together, name)
                for problem in target.profile_problems(chosen)
            }
            for where, message, hint in told:
                report.add(where, f"at target {target_name}: {message}", hint)
            for path, trait, value in _profile_traits(("profiles", name), profile, target_name):
                try:
                    resolved = resolve_secrets(value, loaded.base)
                except SecretUnavailableError:
                    continue  # told by the file's own checks
                found = check_trait(child, trait, resolved)
                if found is not None:
                    message = f"at target {target_name}: {found[0]}"
                    unknown = "has no trait" in message
                    report.add(path, message, _cure(path, found[1], unknown=unknown), key=unknown)
    return report.problems


def check_targets(loaded: Loaded, targets: Mapping[str, Target]) -> None:
    """Ask targets what they say of a file that ``anywhere up`` is to run.

    Apart from `build_targets`: in a hub of one's own its configuration says where its API is.

    Raises:
        ConfigError: With every problem found.
    """
    report = Report(loaded)
    for target in targets.values():
        for path, message, hint in target.file_problems(loaded.config.hub.internal_url):
            report.add(path, message, hint)
    if report.problems:
        raise ConfigError(report.problems)


def combinations(
    profile: Profile, target: str, traits: Collection[str], name: str = ""
) -> list[dict[str, tuple[Path, Any]]]:
    """What a user's choices can set of some traits at a target, each combination once.

    Args:
        profile: The profile.
        target: The target's name.
        traits: Those that matter together; few, since the choices of all options are multiplied.
        name: The profile's.

    Returns:
        Trait to where in the file it is set, and to what; without those that are not set.
    """
    path: Path = ("profiles", name)
    base = _only(traits, _common_traits(path, profile, target))
    found = [base]
    for option_name, option in profile.options.items():
        if option.targets is not None and target not in option.targets:
            continue
        ways = [
            _only(traits, each)
            for each in _option_ways((*path, "options", option_name), option, target)
        ]
        found = _distinct({**each, **way} for each in found for way in ways or [{}])
    return found


def _only(traits: Collection[str], sets: Iterable[Trait]) -> dict[str, tuple[Path, Any]]:
    return {trait: (path, value) for path, trait, value in sets if trait in traits}


def _distinct(
    found: Iterable[dict[str, tuple[Path, Any]]],
) -> list[dict[str, tuple[Path, Any]]]:
    """Of those that set the same to the same, the first."""
    return list(
        {
            repr(sorted((trait, value) for trait, (_, value) in each.items())): each
            for each in reversed(list(found))
        }.values()
    )


def values_of(profile: Profile, target: str) -> Iterator[tuple[str, Any]]:
    """Every trait and value that a profile can set at a target, by options and their choices."""
    for _, trait, value in _profile_traits((), profile, target):
        yield trait, value


def _cure(path: Path, hint: str, *, unknown: bool) -> str:
    if unknown and "options" in path:
        return f"{hint} An option can name its targets, or have sets_for each of them.".strip()
    return hint


def _common_traits(path: Path, profile: Profile, target: str) -> Iterator[Trait]:
    yield from _sets(path, profile.sets, {}, target)
    yield from _sets((*path, "sets_for"), profile.sets_for.get(target, {}), {}, target, inner=True)


def _profile_traits(path: Path, profile: Profile, target: str) -> Iterator[Trait]:
    yield from _common_traits(path, profile, target)
    for name, option in profile.options.items():
        if option.targets is None or target in option.targets:
            yield from _option_traits((*path, "options", name), option, target)


def _option_traits(path: Path, option: Option, target: str) -> Iterator[Trait]:
    for way in _option_ways(path, option, target):
        yield from way


def _option_ways(path: Path, option: Option, target: str) -> Iterator[list[Trait]]:
    """Of each value that an option can have, what it sets."""
    if option.type == "choice":
        for key, entry in option.choices.items():
            if entry.targets is None or target in entry.targets:
                where = (*path, "choices", key)
                own = _filled(where, entry, target, key)
                yield [*own, *_filled(path, option, target, key)]
        return
    values: list[Any] = [option.default]
    if option.type == "boolean":
        values = [True, False]
    elif option.type != "text":
        values += [limit for limit in (option.min, option.max) if limit is not None]
    for value in values:
        yield list(_filled(path, option, target, value))


def _filled(path: Path, option: Option | ChoiceValue, target: str, value: Any) -> Iterator[Trait]:
    for where, trait, template in _sets(path, option.sets, option.sets_for, target):
        yield where, trait, fill(template, value)


def _sets(
    path: Path,
    common: Mapping[str, Any],
    by_target: Mapping[str, Mapping[str, Any]],
    target: str,
    *,
    inner: bool = False,
) -> Iterator[Trait]:
    if inner:
        where: Path = (*path, target)
        chosen: Mapping[str, Any] = common
    elif target in by_target:
        where, chosen = (*path, "sets_for", target), by_target[target]
    else:
        where, chosen = (*path, "sets"), common
    for trait, value in chosen.items():
        yield (*where, trait), trait, value
