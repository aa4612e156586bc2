"""``anywhere explain``: what a key means, its value here, and where that comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from jupyterhub_anywhere.cli.output import answer_json, facts
from jupyterhub_anywhere.cli.session import (
    Session,
    choose_file,
    file_option,
    json_option,
    pass_session,
    session_options,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What an administrator's own jupyterhub_config.py may set, and the key that it wins over.
_SAME: Final = {
    ("JupyterHub", "bind_url"): "hub.url",
    ("JupyterHub", "public_url"): "hub.url",
    ("JupyterHub", "hub_connect_url"): "hub.internal_url",
    ("JupyterHub", "trusted_downstream_ips"): "hub.trusted_proxies",
    ("JupyterHub", "ssl_cert"): "hub.tls.cert",
    ("JupyterHub", "ssl_key"): "hub.tls.key",
    ("JupyterHub", "db_url"): "hub.database",
    ("JupyterHub", "cookie_secret"): "hub.cookie_secret",
    ("JupyterHub", "cookie_secret_file"): "hub.cookie_secret",
    ("JupyterHub", "load_groups"): "users.groups",
    ("JupyterHub", "authenticator_class"): "users.login",
    ("Authenticator", "allowed_users"): "users.allowed",
    ("Authenticator", "admin_users"): "users.admins",
}
# An own database URL holds its password as a rule.
_SECRET: Final = frozenset({"hub.cookie_secret", "hub.database"})


@click.command()
@click.argument("key")
@file_option
@json_option
@session_options
@pass_session
def explain(session: Session, key: str, named: Path | None, *, as_json: bool) -> None:
    """Explain a KEY of anywhere.yaml.

    Its value here and where that comes from, its meaning and default. For example: hub.url,
    users.login, profiles.python.options.memory.max
    """
    from dataclasses import asdict

    from jupyterhub_anywhere.config.explain import explain as look_up
    from jupyterhub_anywhere.spawner.places import load_file
    from jupyterhub_anywhere.targets.registry import kinds

    file = choose_file(named)
    found = look_up(
        load_file(file),
        key,
        overrides=_overrides(file, session),
        kinds={name: kind.settings_model for name, kind in kinds().items()},
    )
    if as_json:
        answer_json(asdict(found))
        return
    shown = {
        found.path: found.value,
        "from": found.origin,
        "meaning": found.description,
        "type": found.type,
        "allowed": found.allowed,
        "default": found.default,
    }
    facts({name: text for name, text in shown.items() if text})


def _overrides(file: Path | None, session: Session) -> Mapping[str, tuple[Any, str]]:
    """What the administrator's own jupyterhub_config.py sets, by the key that it wins over."""
    from jupyterhub_anywhere.spawner.places import load_file
    from jupyterhub_anywhere.spawner.site import load_site

    if load_file(file).config.hub.jupyterhub_config is None:
        return {}
    from jupyterhub_anywhere.hub.embedded import own_config, own_config_file

    site = load_site(file, state_root=session.paths.root)
    config = own_config(site)
    origin = f"jupyterhub_config ({own_config_file(site)})"
    return {
        key: (_plain(key, config[section][trait]), origin)
        for (section, trait), key in _SAME.items()
        if section in config and trait in config[section]
    }


def _plain(key: str, value: Any) -> Any:
    """A trait's value as the file would have it; what may hold a secret is not shown."""
    if key in _SECRET:
        return "(not shown)"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return sorted(value) if isinstance(value, set | frozenset) else value
