"""What is looked at before a hub starts: what is missing is said, with its cure, and not found out.

What is worse than a warning raises; the rest is told beside the URL.
"""

from __future__ import annotations

import locale
import os
import shutil
import socket
import ssl
import sys
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.hub.addresses import addresses, check_exposure
from jupyterhub_anywhere.hub.files import read_json
from jupyterhub_anywhere.hub.logins import only_account
from jupyterhub_anywhere.hub.ports import LOOPBACK, check_free, who_holds
from jupyterhub_anywhere.hub.proxy import find_proxy

if TYPE_CHECKING:
    from traitlets.config import Config

    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.hub.options import UpOptions
    from jupyterhub_anywhere.spawner.site import Site

# 2020: before it, the machine's clock was never set, and certificates and cookies are "not yet".
_EARLIEST: Final = 1577836800
_LOOPBACK_SECONDS: Final = 3.0
_LEAST_BYTES: Final = 50 << 20
_FEW_BYTES: Final = 500 << 20


def check(site: Site, options: UpOptions) -> tuple[str, ...]:
    """Look at everything but the ports.

    Returns:
        What an administrator should know, one sentence each.

    Raises:
        SurroundingsError: The hub could not run here, or must not.
        ConfigError: An address is wrong.
    """
    hub = site.config.hub
    found = addresses(hub, options.port)
    insecure = options.insecure_http or hub.insecure_http
    check_exposure(found, hub, site.config.users.login, insecure_http=insecure)
    check_clock(time.time())
    check_loopback()
    check_certificate(site)
    check_server_python(site)
    notes = [*disk_notes(site.info.state), *locale_notes(), *home_notes(site)]
    notes += _account_notes(site)
    if insecure and not found.listen.local and hub.tls is None:
        notes.append("Passwords and notebooks travel in plain http: this hub serves other machines")
    return tuple(notes)


def check_clock(now: float) -> None:
    """Refuse a clock that was never set.

    Raises:
        SurroundingsError: It is before 2020.
    """
    if now < _EARLIEST:
        day = time.strftime("%Y-%m-%d", time.gmtime(now))
        raise SurroundingsError(
            f"This machine's clock says {day}: cookies and certificates would not count.",
            hint="Set it, as with: date -s, or a time service.",
        )


def check_loopback() -> None:
    """Refuse a machine without 127.0.0.1, as one with IPv6 alone.

    Raises:
        SurroundingsError: Kernels could not run here.
    """
    try:
        # Without the route an address can be bound that nobody reaches: so it is tried both ways.
        with socket.create_server((LOOPBACK, 0)) as server:
            socket.create_connection(server.getsockname(), timeout=_LOOPBACK_SECONDS).close()
    except OSError as error:
        raise SurroundingsError(
            f"This machine has no {LOOPBACK}: Jupyter's kernels cannot run here.",
            hint="Bring it up: ip link set lo up; ip address add 127.0.0.1/8 dev lo",
        ) from error


def check_certificate(site: Site) -> None:
    """Read certificate and key, and see that they belong together.

    Raises:
        SurroundingsError: They cannot be used.
    """
    tls = site.config.hub.tls
    if tls is None:
        return
    cert, key = site.loaded.base / tls.cert, site.loaded.base / tls.key
    for path in (cert, key):
        if not os.access(path, os.R_OK):
            raise SurroundingsError(f"{path} cannot be read.", hint="See hub.tls.")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise SurroundingsError(
            f"{cert} and {key} cannot be used together: {reason}.",
            hint="hub.tls wants a certificate with its chain, and its key without a passphrase.",
        ) from error


def check_server_python(site: Site) -> None:
    """Run the servers' Python as one of the accounts it will run as; as root only.

    Raises:
        SurroundingsError: It cannot be executed; the text names the folder in the way.
    """
    kinds = [target for target in site.targets.values() if target.kind == "process"]
    if os.geteuid() != 0 or not kinds or site.info.state.accounts.exists():
        # Only before the first start: it takes a second, and doctor does it again when asked.
        return
    from jupyterhub_anywhere.targets.process.probe import probe_server

    for target in kinds:
        if "cmd" in target.declared.spawner:
            continue
        prefix = target.declared.spawner.get("prefix")
        found = probe_server(site.loaded.base / prefix if prefix else None, site.info.uids[1])
        if not found.ok:
            raise SurroundingsError(f"Target {target.name}: {found.message}", hint=found.cure)


def disk_notes(paths: StatePaths) -> list[str]:
    """How much room the state folder has.

    Raises:
        SurroundingsError: Next to none.
    """
    free = shutil.disk_usage(paths.root).free
    if free < _LEAST_BYTES:
        raise SurroundingsError(
            f"The disk of {paths.root} is full: {free >> 20} MB are left.",
            hint="Free some space there, or name another folder with --state DIR.",
        )
    if free < _FEW_BYTES:
        return [f"The disk of {paths.root} is nearly full: {free >> 20} MB are left"]
    return []


def locale_notes() -> list[str]:
    """Whether names that are not English come out right."""
    encoding = sys.getfilesystemencoding().lower()
    if encoding.replace("-", "") == "utf8":
        return []
    name = locale.setlocale(locale.LC_CTYPE)
    return [f"The locale {name} knows no UTF-8: set LANG=C.UTF-8 for file names beyond English"]


def home_notes(site: Site) -> list[str]:
    """Whether servers of other accounts reach their homes in the state folder."""
    if os.geteuid() != 0 or all(target.kind != "process" for target in site.targets.values()):
        return []
    closed = [each for each in site.info.state.homes.parents if not each.stat().st_mode & 0o001]
    if not closed:
        return []
    where = f"{closed[-1]} is closed for others; name another folder with --state DIR"
    return [f"Homes of names without an account here cannot be reached: {where}"]


def _account_notes(site: Site) -> list[str]:
    if os.geteuid() == 0:
        return []
    if owner := only_account(site):
        return [
            f"Only {owner} can log in, since all servers run as this account; see --share-account"
        ]
    if site.info.share_account:
        return ["The account is shared: whoever logs in can read everybody's files and the hub's"]
    return []


def check_ports(config: Config, paths: StatePaths) -> None:
    """See that the three ports can be opened, or are our own proxy's.

    Raises:
        SurroundingsError: One is taken; by whom, as far as this account may know.
    """
    hub = config.JupyterHub
    kept = "Servers of this hub hold it, so it cannot be changed while they run: end that process."
    places = (
        (hub.bind_url, "Take another port with --port, or end that process."),
        (hub.hub_bind_url, kept),
        (config.ConfigurableHTTPProxy.api_url, kept),
    )
    proxy = find_proxy(read_json(paths.proxy))
    for url, cure in places:
        parts = urlsplit(str(url))
        if not parts.port:
            continue
        try:
            check_free(parts.hostname or "", parts.port, cure)
        except SurroundingsError:
            holder = who_holds(parts.port)
            if proxy is None or holder is None or holder.pid != proxy.pid:
                raise
