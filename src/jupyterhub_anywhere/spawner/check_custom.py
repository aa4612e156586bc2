"""Whether foreign classes can be built, and live side by side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.core.errors import ConfigError, TargetError
from jupyterhub_anywhere.core.journal import Journal
from jupyterhub_anywhere.targets.custom import CURE, CustomTarget
from jupyterhub_anywhere.targets.trial import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jupyterhub_anywhere.core.errors import Problem
    from jupyterhub_anywhere.spawner.site import Site
    from jupyterhub_anywhere.targets.base import Target

# Seconds. Somebody waits for the hub.
_BEFORE_A_START: Final = 10.0
# Traits that a class copies into state of the whole process: the first target's value counts for
# all. KubeSpawner 7.1: ``clients.load_config`` sets kubernetes_asyncio's default configuration, and
# ``shared_client`` keeps one client for all.
PROCESS_WIDE: Final = {
    "kubespawner.spawner.KubeSpawner": (
        "k8s_api_host",
        "k8s_api_ssl_ca_cert",
        "k8s_api_verify_ssl",
    )
}


def check_trials(site: Site) -> None:
    """Build the class of each custom target, each in a process of its own, all at once.

    Takes a second or two where all is well, and half a minute at most.

    Raises:
        ConfigError: Classes that cannot be built.
    """
    problems = trial_problems(site)
    if problems:
        raise ConfigError(problems)


def trial_problems(site: Site) -> list[Problem]:
    """As `check_trials`, and returns what it found."""
    return [
        site.loaded.marks.problem(
            ("targets", target.name, "class"),
            f"{target.own.spawner_class} cannot be built: {cause}.",
            CURE,
        )
        for target, cause in _tried(_custom(site), SECONDS)
        if cause
    ]


def trial_notes(site: Site) -> list[str]:
    """What is to be said before a hub starts: classes that cannot be built.

    A definition that could be built in the last days is not tried again, so that this costs
    nothing at most starts. It prevents none: the servers of other targets work.
    """
    journal = Journal(site.info.state.hub / "tried.json")
    known = {each.get("definition") for each in journal.entries()}
    fingerprints = {name: factory.fingerprint for name, factory in site.factories.items()}
    fresh = [each for each in _custom(site) if fingerprints[each.name] not in known]
    notes = []
    for target, cause in _tried(fresh, _BEFORE_A_START):
        if cause:
            what = f"target {target.name}: {target.own.spawner_class} cannot be built: {cause}"
            notes.append(f"{what}. {CURE}")
        else:
            journal.note(fingerprints[target.name], definition=fingerprints[target.name])
    return notes


def _custom(site: Site) -> list[CustomTarget]:
    return [each for each in site.targets.values() if isinstance(each, CustomTarget)]


def _tried(targets: list[CustomTarget], seconds: float) -> list[tuple[CustomTarget, str]]:
    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(target.trial(seconds) for target in targets))

    return list(zip(targets, asyncio.run(all_at_once()), strict=True)) if targets else []


def clashes(
    targets: Mapping[str, Target], values: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    """Custom targets that would silently share what their class keeps for the whole process.

    Args:
        targets: Name to target.
        values: Name to trait values.

    Yields:
        Target, trait, and the name of the other target that has another value.
    """
    seen: dict[str, str] = {}
    for name, target in targets.items():
        if not isinstance(target, CustomTarget) or name not in values:
            continue
        for base in _bases(target):
            other = seen.setdefault(base, name)
            for trait in PROCESS_WIDE.get(base, ()):
                if values[name].get(trait) != values[other].get(trait):
                    yield name, trait, other


def _bases(target: CustomTarget) -> list[str]:
    try:
        classes = target.child_class().__mro__
    except TargetError:
        return []  # told by the check of the class
    return [f"{cls.__module__}.{cls.__qualname__}" for cls in classes]
