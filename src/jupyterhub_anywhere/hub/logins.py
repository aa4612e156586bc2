"""Which authenticator a configuration means, and how it is set."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyterhub.auth import Authenticator, DummyAuthenticator, NullAuthenticator
from jupyterhub.authenticators.shared import SharedPasswordAuthenticator as StockShared

from jupyterhub_anywhere.config.secrets import Secret, SecretUnavailableError
from jupyterhub_anywhere.core.errors import ConfigError, Problem
from jupyterhub_anywhere.core.names import did_you_mean, normalize_user_name
from jupyterhub_anywhere.hub.auth import SharedPasswordAuthenticator, checked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from traitlets.config import Config

    from jupyterhub_anywhere.config.load import Loaded
    from jupyterhub_anywhere.spawner.site import Site

SHARED: Final = "shared-password"
# Options of nativeauthenticator that only begin like those which say who may come in.
_NO_ADMISSION: Final = frozenset({"allow_2fa", "allow_self_approval_for", "allowed_failed_logins"})
_GROUP: Final = "jupyterhub.authenticators"
# By these, and by whatever is derived from them, one word or none makes somebody anybody.
_MAKE_ANYBODY: Final = (
    SharedPasswordAuthenticator,
    StockShared,
    DummyAuthenticator,
    NullAuthenticator,
)
# Targets whose servers run on this machine, under the hub's own account unless it is root's.
_LOCAL_KINDS: Final = frozenset({"process", "custom"})


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Who may log in, in the stored form of names.

    Attributes:
        allowed: Names that may; empty where they are not listed.
        admins: Those who are admins.
        groups: Group name to its members.
        everybody: Whether everybody may whom the login accepts.
        declared_only: Whether `allowed` alone decides.
    """

    allowed: frozenset[str]
    admins: frozenset[str]
    groups: Mapping[str, frozenset[str]]
    everybody: bool
    declared_only: bool


def access_rules(site: Site) -> AccessRules:
    """Read the rules of a site.

    As an ordinary user everything runs under one account, and each server could read the hub's
    secrets: then only the account itself may log in, unless it is shared on purpose.
    """
    users = site.config.users
    allowed, admins = map(_normal, (users.allowed, users.admins))
    if allowed:
        allowed |= admins
    if owner := only_account(site):
        allowed, admins = frozenset({owner}), admins & {owner}
    # Such an option of the authenticator, as `allowed_groups`, lets in others than those listed.
    restricts = any(map(admits, users.login_options))
    return AccessRules(
        allowed=allowed,
        admins=admins,
        groups={name: _normal(members) for name, members in users.groups.items()},
        everybody=not allowed and not restricts,
        declared_only=bool(allowed) and not restricts,
    )


def admits(option: str) -> bool:
    """Whether an option of an authenticator says who may come in."""
    return option.startswith("allow") and option not in _NO_ADMISSION


def own_admission(own: Config) -> bool:
    """Whether an administrator's own configuration says who may come in."""
    if "authenticator_class" in own.get("JupyterHub", {}):
        return True
    sections = (section for section in own.values() if isinstance(section, dict))
    return any(admits(option) for section in sections for option in section)


def configure_login(c: Config, site: Site) -> None:
    """Set everything that decides who may log in.

    Raises:
        ConfigError: The login or one of its options is not there, or a secret is not.
    """
    base = find_login(site.loaded)
    rules = access_rules(site)
    section = c.Authenticator
    section.allowed_users = set(rules.allowed)
    section.admin_users = set(rules.admins)
    # The file says who may log in; who once was in the database is no reason.
    section.allow_existing_users = False
    section.allow_all = rules.everybody
    c.CheckedNames.declared_only = rules.declared_only
    c.JupyterHub.load_groups = {
        name: {"users": sorted(members)} for name, members in rules.groups.items()
    }
    c.JupyterHub.authenticator_class = checked(base)
    if base is SharedPasswordAuthenticator:
        section = c.SharedPasswordAuthenticator
        section.passwords_file = str(site.info.state.passwords)
        section.one_name = bool(only_account(site))
        section.trusted_proxies = list(site.config.hub.trusted_proxies)
    if site.config.users.login == "native":
        _add_native_pages(c)
    _set_options(c[base.__name__], base, site.loaded)


def only_account(site: Site) -> str:
    """The one name that may log in here, where that is so; else an empty text."""
    local = any(target.kind in _LOCAL_KINDS for target in site.targets.values())
    if os.geteuid() == 0 or site.info.share_account or not local:
        return ""
    return normalize_user_name(_account_name())


def _account_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # An account without a name, as in containers that run as any uid.
        return f"user{os.geteuid()}"


def _normal(names: Iterable[str]) -> frozenset[str]:
    return frozenset(normalize_user_name(name) for name in names)


def find_login(loaded: Loaded) -> type[Authenticator]:
    """The authenticator's class, by its name in JupyterHub or by its dotted path.

    Raises:
        ConfigError: There is none, it cannot be imported, or it is something else.
    """
    name = loaded.config.users.login
    try:
        found = _named(name)
    except LookupError:
        names = [entry.name for entry in entry_points(group=_GROUP)]
        raise _wrong(loaded, "there is no such login.", did_you_mean(name, names)) from None
    except (ImportError, AttributeError, ValueError) as error:
        raise _wrong(loaded, f"{name} cannot be imported: {error}.") from error
    if not isinstance(found, type) or not issubclass(found, Authenticator):
        raise _wrong(loaded, f"{name} is no Authenticator class.")
    return found


def makes_anybody(login: str) -> bool:
    """Whether a login lets whoever knows one word, or none, be anybody.

    False where there is no such login; `find_login` says so.
    """
    try:
        found = _named(login)
    except (LookupError, ImportError, AttributeError, ValueError):
        return False
    return isinstance(found, type) and issubclass(found, _MAKE_ANYBODY)


def _named(name: str) -> Any:
    """What a login's name stands for: ours, an entry point, or a dotted path.

    Raises:
        LookupError: It is neither known nor a path.
        ImportError: It cannot be imported.
        AttributeError: The module has no such name.
        ValueError: It is no path that can be imported.
    """
    if name == SHARED:
        return SharedPasswordAuthenticator
    if name == "native" and find_spec("nativeauthenticator") is not None:
        return _native()
    for entry in entry_points(group=_GROUP):
        if entry.name == name:
            return entry.load()
    module, _, attribute = name.rpartition(".")
    if not module:
        raise LookupError(name)
    return getattr(import_module(module), attribute)


def _native() -> type[Authenticator]:
    from jupyterhub_anywhere.hub.native import NativeAuthenticator

    return NativeAuthenticator


def _wrong(loaded: Loaded, message: str, hint: str = "", key: str = "login") -> ConfigError:
    path = ("users", *key.split("/"))
    mark = loaded.marks.at(path)
    problem = Problem(mark.file, mark.line, mark.column, ".".join(path), message, hint)
    return ConfigError([problem])


def _set_options(section: Config, base: type[Authenticator], loaded: Loaded) -> None:
    traits = base.class_traits(config=True)
    for name, value in loaded.config.users.login_options.items():
        if name not in traits:
            hint = did_you_mean(name, traits)
            message = f"{base.__name__} has no such trait."
            raise _wrong(loaded, message, hint, f"login_options/{name}")
        section[name] = _revealed(loaded, name, value)


def _revealed(loaded: Loaded, name: str, value: Any) -> Any:
    """A value with its secrets read."""
    if isinstance(value, dict) and len(value) == 1 and value.keys() <= {"env", "file"}:
        try:
            return Secret.model_validate(value).read(loaded.base)
        except SecretUnavailableError as error:
            raise _wrong(loaded, f"{error}.", key=f"login_options/{name}") from error
    return value


def _add_native_pages(c: Config) -> None:
    """Sign-up and password pages of nativeauthenticator stand in its own package."""
    package = import_module("nativeauthenticator")
    folder = Path(str(package.__file__)).parent / "templates"
    c.JupyterHub.template_paths.append(str(folder))
