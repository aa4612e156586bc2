"""The whole configuration of JupyterHub for ``anywhere up``, made from one site."""

from __future__ import annotations

import hashlib
import re
import traceback
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from jupyterhub_anywhere.config.secrets import Secret, SecretUnavailableError
from jupyterhub_anywhere.core.errors import ConfigError, Problem
from jupyterhub_anywhere.hub import bootstrap, csp
from jupyterhub_anywhere.hub.addresses import Address, addresses
from jupyterhub_anywhere.hub.culling import culling
from jupyterhub_anywhere.hub.logins import configure_login, own_admission
from jupyterhub_anywhere.hub.proxy import AdoptedProxy, logged, proxy_record
from jupyterhub_anywhere.hub.proxy_command import find_proxy_command
from jupyterhub_anywhere.hub.statefolder import cookie_secret
from jupyterhub_anywhere.ledger.url import file_url

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.hub.options import UpOptions
    from jupyterhub_anywhere.spawner.site import Site

_HEX_SECRET: Final = re.compile(r"(?:[0-9a-fA-F]{2}){32,}")
# JupyterHub knows single addresses only; a larger network would be a list without end.
_LISTED_NETWORK: Final = 1024


def embedded_config(site: Site, options: UpOptions) -> Config:
    """Everything that JupyterHub is told; the administrator's own file comes last and wins.

    Args:
        site: The checked configuration.
        options: The command line.

    Raises:
        ConfigError: A value cannot be used, or the administrator's own file fails.
        SurroundingsError: The proxy or the culler is not there.
    """
    c = Config()
    bootstrap.install(c, site)
    csp.configure(c)
    _keep_state(c, site)
    _listen(c, site, options)
    configure_login(c, site)
    c.JupyterHub.allow_named_servers = True
    c.JupyterHub.cleanup_servers = c.JupyterHub.cleanup_proxy = not options.keep_servers
    if site.config.hub.cull is not None:
        service, role = culling(site.config.hub.cull, site.info.state.logs / "idle-culler.log")
        c.JupyterHub.services = [service]
        c.JupyterHub.load_roles = [role]
    own = own_config(site)
    if own_admission(own):
        # Ours must not open a door that the administrator's own file means to guard.
        c.Authenticator.allow_all = False
        c.CheckedNames.own_admission = True
    c.merge(own)
    return c


def _keep_state(c: Config, site: Site) -> None:
    """Database, secrets and certificates."""
    paths, hub = site.info.state, site.config.hub
    database = _value(site, "hub.database", hub.database) or file_url(paths.database)
    c.JupyterHub.db_url = database
    # A file is kept as it was before it is brought to a newer layout (see hub/upgrade).
    c.JupyterHub.upgrade_db = database.startswith("sqlite:")
    secret = _value(site, "hub.cookie_secret", hub.cookie_secret)
    if secret is None:
        c.JupyterHub.cookie_secret = cookie_secret(paths)
    elif _HEX_SECRET.fullmatch(secret):
        c.JupyterHub.cookie_secret = bytes.fromhex(secret)
    else:
        raise _wrong(site, "hub.cookie_secret", "it is no 64 hexadecimal digits or more.")
    c.JupyterHub.internal_certs_location = str(paths.hub / "internal-ssl")


def _listen(c: Config, site: Site, options: UpOptions) -> None:
    """Where the proxy and the hub's API listen."""
    paths, hub = site.info.state, site.config.hub
    found = addresses(hub, options.port)
    record = proxy_record(paths)
    c.JupyterHub.bind_url = found.listen.bind
    if found.public != found.listen:
        c.JupyterHub.public_url = str(found.public)
    c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{record['hub_port']}"
    if hub.internal_url:
        internal = Address.parse(hub.internal_url, "hub.internal_url")
        if internal.scheme != "http" or internal.path != "/":
            raise _wrong(site, "hub.internal_url", "write it as http://HOST:PORT.")
        c.JupyterHub.hub_bind_url = c.JupyterHub.hub_connect_url = internal.bind
    c.JupyterHub.trusted_downstream_ips = _listed(hub.trusted_proxies)
    if hub.tls is not None:
        c.JupyterHub.ssl_cert = str(site.loaded.base / hub.tls.cert)
        c.JupyterHub.ssl_key = str(site.loaded.base / hub.tls.key)
    c.JupyterHub.proxy_class = AdoptedProxy
    _proxy(c, paths, record)


def _proxy(c: Config, paths: StatePaths, record: dict[str, Any]) -> None:
    # The section of the stock class, so that an administrator's own settings of it win.
    section = c.ConfigurableHTTPProxy
    section.command = logged(find_proxy_command(), paths.logs / "proxy.log")
    section.auth_token = record["token"]
    section.api_url = f"http://127.0.0.1:{record['api_port']}"
    section.pid_file = ""
    c.AdoptedProxy.record_file = str(paths.proxy)
    c.AdoptedProxy.log_file = str(paths.logs / "proxy.log")


def _listed(proxies: tuple[str, ...]) -> list[str]:
    """Addresses and small networks as a list of addresses."""
    networks = [ip_network(text, strict=False) for text in proxies]
    small = [network for network in networks if network.num_addresses <= _LISTED_NETWORK]
    return [str(address) for network in small for address in network]


def _value(site: Site, key: str, value: str | Secret | None) -> str | None:
    if not isinstance(value, Secret):
        return value
    try:
        return value.read(site.loaded.base)
    except SecretUnavailableError as error:
        raise _wrong(site, key, f"{error}.") from error


def _wrong(site: Site, key: str, message: str) -> ConfigError:
    mark = site.loaded.marks.at(tuple(key.split(".")))
    return ConfigError([Problem(mark.file, mark.line, mark.column, key, message)])


def own_config_file(site: Site) -> Path | None:
    """The administrator's own ``jupyterhub_config.py``, absolute."""
    declared = site.config.hub.jupyterhub_config
    return None if declared is None else site.loaded.base / declared.expanduser()


def own_config_digest(site: Site) -> str:
    """What stands in the administrator's own file, as a hash; empty without one."""
    file = own_config_file(site)
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() if file is not None else ""
    except OSError:
        return "unreadable"


def own_config(site: Site) -> Config:
    """Run the administrator's own file.

    Raises:
        ConfigError: It is not there, or it fails; with its line.
    """
    file = own_config_file(site)
    if file is None:
        return Config()
    try:
        return PyFileConfigLoader(file.name, path=str(file.parent)).load_config()
    except (Exception, SystemExit) as error:
        line, what = _place(error, file)
        message = f"the hub's own configuration fails: {what}"
        raise ConfigError(
            [Problem(str(file), line, 0, "hub.jupyterhub_config", message)]
        ) from error


def _place(error: BaseException, file: Path) -> tuple[int, str]:
    """The line of a file that an error comes from, 0 when unknown, and what it says."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == file:
        return error.lineno or 0, f"{error.msg}."
    if isinstance(error, OSError) and error.filename and Path(error.filename) == file:
        return 0, f"{(error.strerror or str(error)).lower()}."
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno or 0 for frame in frames if Path(frame.filename) == file]
    return (lines[-1] if lines else 0), f"{type(error).__name__}: {error}"
