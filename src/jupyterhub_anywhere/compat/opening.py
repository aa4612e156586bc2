"""A hub that names the old class: its site is made of what is set for it, in memory.

JupyterHub imports its spawner class while it reads its configuration, and tells nobody when it has
read all of it. The first thing that it makes after that, of what can be watched, is the session of
its database: then the site is made, before pages, handlers and spawners are.
"""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.app import JupyterHub
from pydantic import ValidationError
from traitlets.config import Config

from jupyterhub_anywhere.catalog.form import prepare
from jupyterhub_anywhere.compat import door, templates
from jupyterhub_anywhere.compat.machine import LibcloudTarget, TemplatedTarget
from jupyterhub_anywhere.compat.options import OldCatalog, Rules
from jupyterhub_anywhere.compat.statsd import Statsd
from jupyterhub_anywhere.config.load import Loaded
from jupyterhub_anywhere.config.marks import Marks
from jupyterhub_anywhere.config.models import Config as SiteConfig
from jupyterhub_anywhere.core.errors import AnywhereError, ConfigError, Problem
from jupyterhub_anywhere.core.state import default_state_root
from jupyterhub_anywhere.hub import handlers, pages
from jupyterhub_anywhere.hub.guest import keep_in
from jupyterhub_anywhere.hub.statefolder import hub_id, open_state
from jupyterhub_anywhere.importers.libcloud_hub import NAMES, hub_address
from jupyterhub_anywhere.importers.libcloud_options import SECTION, SECTIONS, gather
from jupyterhub_anywhere.importers.libcloud_site import TARGET, declare, option_names
from jupyterhub_anywhere.importers.libcloudspawner import check_traits
from jupyterhub_anywhere.importers.sections import section
from jupyterhub_anywhere.importers.values import foreign_in, plain
from jupyterhub_anywhere.spawner import site as sites
from jupyterhub_anywhere.spawner.child import ChildFactory
from jupyterhub_anywhere.targets.base import SiteInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from logging import Logger

    from jupyterhub_anywhere.importers.libcloud_options import Old
    from jupyterhub_anywhere.importers.result import Imported, Left
    from jupyterhub_anywhere.spawner.site import Site

_SIGN: Final = "session_factory"
# What is told by the import alone, and is no loss here.
_STAYS: Final = frozenset({"statsdparams", "options_form", "options_from_form"})


@dataclasses.dataclass(frozen=True)
class Opened:
    """What a hub's configuration has become.

    Attributes:
        site: What servers are started from.
        old: What was set.
        rules: What users may ask for.
        told: What its administrator should know.
        statsd: The daemon that is told of starts.
    """

    site: Site
    old: Old
    rules: Rules
    told: tuple[str, ...]
    statsd: Statsd


def watch_hub() -> None:
    """Make the site of the hub that reads its configuration now; where none does, nothing."""
    door.install()
    handlers.install()
    if JupyterHub.initialized():
        JupyterHub.instance().observe(_configured, _SIGN)


def _configured(change: Any) -> None:
    from jupyterhub_anywhere.compat.spawner import LibcloudSpawner

    app = change.owner
    if not issubclass(app.spawner_class, LibcloudSpawner) or sites.published():
        return
    try:
        opened = open_site(app.config, section_names(app.spawner_class))
    except AnywhereError as error:
        app.log.critical("%s cannot be used: %s", app.spawner_class.__name__, error)
        app.exit(error.exit_code)
        return
    publish(opened, app.log)
    more = Config()
    pages.configure(more)
    app.update_config(more)
    keep_in(opened.site)


def publish(opened: Opened, log: Logger) -> None:
    """Make it the one that servers are started from, and say what is to be known."""
    for text in opened.told:
        log.warning("%s: %s", SECTION, text)
    _Latest.opened = opened
    sites.publish(opened.site)
    prepare()


class _Latest:
    opened: Opened | None = None


def latest() -> Opened | None:
    """The one of this process; None where none was made."""
    return _Latest.opened


# --- from a configuration ------------------------------------------------------------------------


def section_names(cls: type) -> tuple[str, ...]:
    """The sections in which a class, or one derived from it, is set; the strongest last."""
    derived = [each.__name__ for each in reversed(cls.__mro__)]
    start = derived.index(SECTION) if SECTION in derived else len(derived)
    return (*SECTIONS[:-1], SECTION, *derived[start + 1 :])


def open_site(config: Config, names: Sequence[str] = SECTIONS) -> Opened:
    """Make a site of what is set.

    Args:
        config: The hub's configuration.
        names: The sections that count, the strongest last.

    Raises:
        ConfigError: With everything that is wrong.
        TargetError: Templates are not there.
        StateError: The state folder cannot be used.
    """
    found = {name: section(config, name) for name in (*names, "JupyterHub")}
    old = gather({name: plain(values) for name, values in found.items()}, names)
    hub = {name: value for name, value in found["JupyterHub"].items() if name in NAMES}
    declared = declare(old, hub_address(hub, socket.getfqdn()))
    check_traits(declared)
    rules = _rules(old)
    _refuse(declared.left, old)
    data = dict(declared.data)
    if rules.child:
        data["profiles"] = {
            name: {**profile, "form": "child"} for name, profile in data["profiles"].items()
        }
    hooks = {name: value for values in found.values() for name, value in values.items()}
    site = _build(data, old, rules, {name: hooks.get(name) for name in _foreign(old)})
    told = (*declared.told, *_left(declared))
    return Opened(site, old, rules, told, Statsd(old.statsd))


def _foreign(old: Old) -> list[str]:
    """Hooks and other things that only Python has: they go to the spawner as they are."""
    return [
        name
        for name, value in old.others.items()
        if foreign_in(value) is not None and name not in _STAYS
    ]


def _rules(old: Old) -> Rules:
    image, size = option_names(old)
    lists = {}
    for name in ("allowed_env", "allowed_argv"):
        value = old.own.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise _wrong(f"{SECTION}.{name}", "it is no list of texts.", 'Write ["DATA_*"].')
        lists[name] = tuple(value)
    return Rules(image, size, lists["allowed_env"], lists["allowed_argv"], old.custom)


def _wrong(what: str, why: str, step: str) -> ConfigError:
    return ConfigError([Problem("", 0, 0, what, why, step)])


def _refuse(left: Sequence[Left], old: Old) -> None:
    """What cannot be used, all at once.

    Raises:
        ConfigError: There is some.
    """
    fatal = [each for each in left if each in old.problems or _is_fatal(each)]
    if fatal:
        raise ConfigError([Problem("", 0, 0, x.what, x.why, x.step) for x in fatal])


def _is_fatal(left: Left) -> bool:
    # An option that nobody knows was a warning before, and is one.
    told = ("YAML cannot hold", "own machine only", "there is no such option", "no place in")
    return not any(each in left.why for each in told) and not any(x in left.what for x in _STAYS)


def _left(declared: Imported) -> list[str]:
    """What is left out here as well."""
    words = ("own machine only", "there is no such option")
    return [
        str(each)
        for each in declared.left
        if any(word in each.why for word in words)
        or ("YAML cannot hold" in each.why and "params[" in each.what)
    ]


def _build(data: Mapping[str, Any], old: Old, rules: Rules, hooks: Mapping[str, Any]) -> Site:
    try:
        loaded = Loaded(SiteConfig.model_validate(data), Marks(), Path(), Path.cwd())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _wrong(f"{SECTION}: {where}", f"{first['msg']}.", "Correct its value.") from error
    folder = old.own.get("state_folder")
    root = Path(folder) if isinstance(folder, str) and folder else default_state_root()
    paths = open_state(root)
    info = SiteInfo(hub_id=hub_id(paths, None), state=paths, base=loaded.base)
    site = sites.build_site(loaded, info)
    [target] = site.targets.values()
    values = {**dict(site.factories[TARGET].values), **hooks}
    if rules.form:
        templates.check(old.module, old.template)
        values |= {"template_module": old.module, "template_name": old.template}
        values["allow_token_in_userdata"] = bool(old.own.get("allow_token_in_userdata", False))
    if rules.child:
        kind = TemplatedTarget if rules.form else LibcloudTarget
        target = kind(target.name, target.declared, target.own, target.site)
    factory = ChildFactory(target, values, sites.fingerprint(target))
    notes = {TARGET: tuple(target.notes())}
    return dataclasses.replace(
        site,
        targets={TARGET: target},
        factories={TARGET: factory},
        catalog=OldCatalog(loaded.config, rules, notes),
    )
