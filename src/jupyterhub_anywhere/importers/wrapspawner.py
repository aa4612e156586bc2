"""wrapspawner's configuration, as targets and profiles.

``WrapSpawner`` wraps one class, ``ProfilesSpawner`` offers a list of
``(display, key, class, settings)``, ``DockerProfilesSpawner`` adds the images of the local engine
to it. The facts are those of wrapspawner 1.0.1 and of its last commit, ``cb74046``.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, Final

from jupyterhub_anywhere.importers import spawners
from jupyterhub_anywhere.importers.result import Imported
from jupyterhub_anywhere.importers.values import class_name, foreign_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.importers.reading import OldConfig

SECTIONS: Final = ("WrapSpawner", "ProfilesSpawner", "DockerProfilesSpawner")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
# What counts only for wrapspawner itself; all else of its sections are traits of every spawner.
_OWN: Final = frozenset(
    {
        "profiles",
        "default_profiles",
        "docker_spawner_args",
        "child_class",
        "child_config",
        "form_template",
        "first_template",
        "input_template",
    }
)
_TEMPLATES: Final = ("form_template", "first_template", "input_template")
# The profile that wrapspawner offers where none is declared.
_DEFAULT_PROFILES: Final = [
    [
        "Local Notebook Server",
        "local",
        "jupyterhub.spawner.LocalProcessSpawner",
        {"start_timeout": 15, "http_timeout": 10},
    ]
]
_DEFAULT_CHILD: Final = "jupyterhub.spawner.LocalProcessSpawner"
_HOOK_STEP: Final = (
    "Set it in jupyterhub_config.py: on the spawner's own class, as c.DockerSpawner, it counts for"
    " all of its servers; in a pre_spawn_hook, spawner.user_options tells the profile."
)


class _Import:
    def __init__(self, old: OldConfig) -> None:
        self.old = old
        self.out = Imported({"targets": {}, "profiles": {}})
        self.common = self._common()
        self.keys: dict[str, str] = {}
        self.class_of: dict[str, str] = {}

    def _common(self) -> dict[str, Any]:
        """Traits set on wrapspawner's classes: they were copied onto every child."""
        found: dict[str, Any] = {}
        for name in SECTIONS:
            found |= {k: v for k, v in self.old.section(name).items() if k not in _OWN}
        return found

    # --- targets ---------------------------------------------------------------------------------

    def target(self, spawner: str) -> str:
        """The target that runs a class; made at its first use."""
        targets = self.out.data["targets"]
        for name in targets:
            if self.class_of[name] == spawner:
                return str(name)
        name = base = spawners.target_name(spawner)
        number = 2
        while name in targets:
            name, number = f"{base}-{number}", number + 1
        targets[name] = spawners.target_of(spawner)
        self.class_of[name] = spawner
        cls = spawners.find_class(spawner)
        if cls is None:
            self.out.leave(
                f"target {name}",
                f"{spawner} is not installed here, so that its settings could not be checked.",
                "Install its package beside JupyterHub, then run `anywhere check`.",
            )
        settings = self.settings(f"target {name}", cls, self.common, quiet=True)
        if settings:
            targets[name]["spawner"] = settings
        return name

    def add(self, target: str, values: Mapping[str, Any]) -> None:
        """Set more traits for every server of a target."""
        cls = spawners.find_class(self.class_of[target])
        taken = self.settings(f"target {target}", cls, values)
        if taken:
            self.out.data["targets"][target].setdefault("spawner", {}).update(taken)

    def settings(
        self, what: str, cls: type | None, values: Mapping[str, Any], *, quiet: bool = False
    ) -> dict[str, Any]:
        """The values that a class takes, under today's names; the others are written down.

        Args:
            what: Whose values they are, for the list.
            cls: The spawner class; None where it is not installed.
            values: Trait to value.
            quiet: Whether traits that the class does not have are no loss.
        """
        taken: dict[str, Any] = {}
        for old_name, value in values.items():
            name = spawners.present_name(cls, old_name)
            foreign = foreign_in(value)
            if foreign is not None:
                if not quiet:  # what stands on the wrapper is told once, not for each target
                    why = f"YAML cannot hold {foreign.what}."
                    self.out.leave(f"{what}: {old_name}", why, _HOOK_STEP)
                continue
            reason = spawners.refusal(cls, name, value)
            if reason and quiet and "has no trait" in reason:
                continue
            if reason:
                self.out.leave(f"{what}: {old_name}", reason, _effect(reason))
                continue
            if isinstance(value, dict) and set(value) in ({"env"}, {"file"}):
                why = "a mapping with the one key `env` or `file` names a secret in anywhere.yaml."
                step = f"Set it as c.{cls.__name__ if cls else 'Spawner'}.{name} instead."
                self.out.leave(f"{what}: {old_name}", why, step)
                continue
            if name != old_name:
                self.out.told.append(f"{what}: {old_name} is called {name} today.")
            taken[name] = copy.deepcopy(value)
        return taken

    # --- profiles --------------------------------------------------------------------------------

    def profiles(self, entries: Sequence[Any]) -> None:
        """Every tuple becomes a profile."""
        for number, entry in enumerate(entries, start=1):
            if not (isinstance(entry, list) and len(entry) == 4 and isinstance(entry[3], dict)):  # noqa: PLR2004 - a tuple of four
                self.out.leave(
                    f"profile number {number}",
                    "it is no tuple of display name, key, class and settings.",
                    "wrapspawner refuses it, too: correct it and import again.",
                )
                continue
            self._profile(entry[0], entry[1], entry[2], entry[3])

    def _profile(self, display: Any, key: Any, cls: Any, settings: dict[str, Any]) -> None:
        spawner = class_name(cls)
        what = f"profile {key}"
        if spawner is None:
            self.out.leave(what, f"its class {cls!r} is no dotted name.", "Name it and try again.")
            return
        if key in self.keys:
            why = "its key is used twice; wrapspawner took the first profile of a key."
            self.out.leave(f"profile {key} ({display})", why, "Give it a key of its own.")
            return
        name = self.keys[key] = self._profile_name(str(key))
        target = self.target(spawners.canonical(spawner))
        found = spawners.find_class(self.class_of[target])
        profile: dict[str, Any] = {"title": str(display) or name, "targets": [target]}
        taken = self.settings(what, found, settings)
        if taken:
            profile["sets"] = taken
        self.out.data["profiles"][name] = profile

    def _profile_name(self, key: str) -> str:
        taken = self.out.data["profiles"]
        if _NAME.fullmatch(key) and key not in taken:
            return key
        base = re.sub(r"[^A-Za-z0-9_]+", "-", key).strip("-")[:50] or "profile"
        base = base if base[0].isalpha() else f"profile-{base}"
        name, number = base, 2
        while name in taken:
            name, number = f"{base}-{number}", number + 1
        self.out.leave(
            f"profile {key}",
            f"the key is no name of a profile here; it is called {name} now.",
            "Users who chose it last are asked to choose again.",
        )
        return name


def _effect(reason: str) -> str:
    if "has no trait" in reason:
        return "wrapspawner passed it on without a word, and it had no effect."
    return "Correct the value."


def convert(old: OldConfig) -> Imported:
    """Make targets and profiles of what was set for wrapspawner.

    Args:
        old: The old configuration.

    Returns:
        The new configuration, which `anywhere check` accepts; empty, with a reason, where the
        file sets nothing for wrapspawner.
    """
    used = class_name(old.section("JupyterHub").get("spawner_class")) or ""
    wrapping = used.rpartition(".")[2] if used.startswith("wrapspawner") else ""
    if not wrapping and not any(old.section(name) for name in SECTIONS):
        return Imported(left=_nothing(old))
    work = _Import(old)
    profiles = _profiles(old)
    if wrapping == "WrapSpawner" and profiles is None:
        _one_class(work)
    else:
        work.profiles(_DEFAULT_PROFILES if profiles is None else profiles)
    if wrapping == "DockerProfilesSpawner" or old.section("DockerProfilesSpawner"):
        _images(work)
    _whole(work)
    return work.out


def _nothing(old: OldConfig) -> list[Any]:
    empty = Imported()
    empty.leave(
        str(old.file),
        "it sets nothing for wrapspawner and nothing for LibcloudSpawner.",
        "This version imports WrapSpawner, ProfilesSpawner, DockerProfilesSpawner and"
        " LibcloudSpawner.",
    )
    return empty.left


def _profiles(old: OldConfig) -> list[Any] | None:
    for section, name in (
        ("DockerProfilesSpawner", "default_profiles"),
        ("DockerProfilesSpawner", "profiles"),
        ("ProfilesSpawner", "profiles"),
    ):
        found = old.section(section).get(name)
        if isinstance(found, list):
            return found
    return None


def _one_class(work: _Import) -> None:
    """``WrapSpawner`` itself: one class for everybody."""
    section = work.old.section("WrapSpawner")
    spawner = class_name(section.get("child_class", _DEFAULT_CHILD))
    if spawner is None:
        why = f"{section.get('child_class')!r} is no dotted name of a class."
        work.out.leave("WrapSpawner.child_class", why, "Name it and import again.")
        return
    name = work.target(spawners.canonical(spawner))
    given = section.get("child_config")
    if isinstance(given, dict) and given:
        work.add(name, given)
        work.out.told.append(
            "WrapSpawner.child_config counts now; wrapspawner cleared it before every start."
        )


def _images(work: _Import) -> None:
    """The profiles that DockerProfilesSpawner made of the images it found at each look."""
    args = work.old.section("DockerProfilesSpawner").get("docker_spawner_args")
    spawner = "dockerspawner.SystemUserSpawner"
    if isinstance(args, dict) and args:
        work.add(work.target(spawner), args)
    work.out.leave(
        "DockerProfilesSpawner",
        "it offered every image of the local engine whose name ends in `jupyterhub`, under keys as"
        " docker-IMAGE; a file lists its images.",
        "Add a profile at the target docker-users with an option of type choice that sets image.",
    )


def _whole(work: _Import) -> None:
    """What concerns the file as a whole."""
    out, old = work.out, work.old
    for section in SECTIONS:
        for name, value in old.section(section).items():
            _beside(out, f"{section}.{name}", name, value)
    if not out.data["targets"]:
        # A file without targets would run servers on the hub's machine, which nobody asked for.
        out.data.clear()
    elif not out.data["profiles"]:
        del out.data["profiles"]
    if old.failure:
        out.leave(
            str(old.file),
            f"it could not be run to its end ({old.failure}); only plain values were read.",
            "Run the import where the old hub runs, in its environment.",
        )
    for module in old.missing:
        out.told.append(f"The Python package {module} is not installed here.")


def _beside(out: Imported, what: str, name: str, value: Any) -> None:
    """What a section has beside profiles and plain traits: templates and hooks."""
    foreign = foreign_in(value)
    if name in _TEMPLATES:
        out.leave(
            what,
            "the menu has its own page, which escapes what it shows.",
            "Titles and descriptions of profiles say what people read.",
        )
    elif name not in _OWN and foreign is not None:
        out.leave(what, f"YAML cannot hold {foreign.what}.", _HOOK_STEP)
