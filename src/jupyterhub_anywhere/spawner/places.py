"""Where servers can be: a file and its targets, without the spawners that start them there.

Who only asks what there is, as ``anywhere status`` without a hub, need not wait for JupyterHub and
for the spawners' classes. Whatever starts servers needs a `Site`, which is checked against those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from jupyterhub_anywhere.config.crosscheck import secret_problems
from jupyterhub_anywhere.config.load import Loaded, load, load_text
from jupyterhub_anywhere.core.errors import ConfigError
from jupyterhub_anywhere.core.names import did_you_mean
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.targets import registry
from jupyterhub_anywhere.targets.base import SiteInfo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping, MutableMapping
    from pathlib import Path

    from jupyterhub_anywhere.config.models import Config, TargetConfig
    from jupyterhub_anywhere.core.errors import Problem
    from jupyterhub_anywhere.targets.base import Target

# Stands for the hub's id where a file is only checked and nothing is made.
UNSAVED_HUB: Final = "unsaved"
_COMMON_KEYS: Final = ("kind", "title", "description", "spawner")

KeyPath = tuple[str | int, ...]


class Report:
    """Problems with the place in the file that they belong to."""

    def __init__(self, loaded: Loaded) -> None:
        self.marks = loaded.marks
        self.problems: list[Problem] = []

    def add(self, path: KeyPath, message: str, hint: str = "", *, key: bool = False) -> None:
        """Add one, see `Marks.problem`."""
        self.take([self.marks.problem(path, message, hint, key=key)])

    def take(self, problems: list[Problem]) -> None:
        """Add several; what is there already is told once."""
        self.problems += [each for each in problems if each not in self.problems]


@dataclass(frozen=True)
class Places:
    """What is asked where servers are.

    Attributes:
        loaded: The file with its lines, or the built-in default.
        info: What targets know of the hub.
        targets: Target name to target, in the file's order.
    """

    loaded: Loaded
    info: SiteInfo
    targets: Mapping[str, Target]

    @property
    def config(self) -> Config:
        """The declared configuration."""
        return self.loaded.config


def load_file(path: Path | None) -> Loaded:
    """Load a file, or the built-in default where none is named.

    What its parts say of each other is collected in `Loaded.problems`, for `build_site`.

    Raises:
        ConfigError: The file cannot be read as a configuration at all.
    """
    if path is None:
        return load_text("{}", name="", collect=True)
    return load(path, collect=True)


def load_places(
    path: Path | None, *, state_root: Path, share_account: bool = False, hub_id: str = ""
) -> Places:
    """Load a file, check it by itself and build its targets.

    Args:
        path: The file; None for the built-in default.
        state_root: The state folder; need not exist.
        share_account: Whether several names run under the account of the hub.
        hub_id: The hub's id; default: the file's, else the state folder's.

    Raises:
        ConfigError: With every problem found but those that only the spawners' classes tell.
    """
    loaded = load_file(path)
    state = StatePaths(state_root)
    info = site_info(loaded, state, share_account=share_account, hub_id=hub_id)
    report = Report(loaded)
    targets = make_targets(loaded, info, report)
    secrets = secret_problems(loaded.config, loaded.marks, loaded.base)
    problems = [*loaded.problems, *secrets, *report.problems]
    if problems:
        raise ConfigError(problems)
    return Places(loaded, info, targets)


def site_info(  # noqa: PLR0913 - a hub, a check and a look each know some of these
    loaded: Loaded,
    state: StatePaths,
    *,
    share_account: bool = False,
    hub_id: str = "",
    fallback_id: str = UNSAVED_HUB,
    open_door: Callable[[str], Awaitable[str]] | None = None,
    lasting: MutableMapping[Hashable, Any] | None = None,
) -> SiteInfo:
    """What the targets of a file know of their hub.

    Args:
        loaded: The file.
        state: The state folder.
        share_account: Whether several names run under the account of the hub.
        hub_id: The hub's id; default: the file's, else the state folder's.
        fallback_id: The id of a hub that has none of these.
        open_door: See `SiteInfo`.
        lasting: Of the site before, see `SiteInfo`; default: nothing has lasted yet.
    """
    first, _, last = loaded.config.users.uids.partition("-")
    return SiteInfo(
        hub_id=hub_id or loaded.config.hub.id or _stored_hub_id(state) or fallback_id,
        state=state,
        base=loaded.base,
        uids=(int(first), int(last)),
        share_account=share_account,
        open_door=open_door,
        lasting={} if lasting is None else lasting,
    )


def _stored_hub_id(state: StatePaths) -> str:
    try:
        return state.hub_id.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def make_targets(loaded: Loaded, info: SiteInfo, report: Report) -> dict[str, Target]:
    """Make the targets of a file that can be made, by name; the others are reported."""
    made = {
        name: _made(name, declared, info, report)
        for name, declared in loaded.config.targets.items()
    }
    return {name: target for name, target in made.items() if target is not None}


def _made(name: str, declared: TargetConfig, info: SiteInfo, report: Report) -> Target | None:
    kind = registry.find(declared.kind)
    if kind is None:
        report.add(("targets", name, "kind"), *_unknown_kind(declared.kind))
        return None
    own: Any
    try:
        own = kind.settings_model.model_validate(declared.own)
    except ValidationError as error:
        from jupyterhub_anywhere.config.problems import Within, problems_of

        within = Within(prefix=("targets", name), also=_COMMON_KEYS)
        report.take(problems_of(error, kind.settings_model, declared.own, report.marks, within))
        # Its other parts are checked all the same: one run reports everything.
        own = kind.settings_model.model_construct()
    return kind(name, declared, own, info)


def _unknown_kind(kind: str) -> tuple[str, str]:
    reason = registry.broken().get(kind)
    if reason is not None:
        return f"the kind {kind!r} is installed and cannot be used: {reason}.", ""
    if kind in registry.PLANNED:
        return (
            f"the kind {kind!r} is not in this version.",
            "Name the spawner itself: kind: custom, class: package.module.Class.",
        )
    return f"there is no kind {kind!r}.", did_you_mean(kind, registry.kinds())
