"""What is looked at before a hub starts: what is missing is said, with its cure, and not found out.

What is worse than a warning raises; the rest is told beside the URL.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.hub.addresses import addresses, check_exposure
from jupyterhub_anywhere.hub.files import read_json
from jupyterhub_anywhere.hub.logins import only_account
from jupyterhub_anywhere.hub.ports import check_free, who_holds
from jupyterhub_anywhere.hub.proxy import find_proxy
from jupyterhub_anywhere.hub.surroundings import clock, disk, encoding, loopback
from jupyterhub_anywhere.spawner.check_custom import trial_notes
from jupyterhub_anywhere.targets.base import Level

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from traitlets.config import Config

    from jupyterhub_anywhere.core.state import StatePaths
    from jupyterhub_anywhere.hub.options import UpOptions
    from jupyterhub_anywhere.spawner.site import Site
    from jupyterhub_anywhere.targets.base import Finding


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
    notes = machine_notes(site.info.state)
    check_certificate(site)
    check_server_python(site)
    notes += [*home_notes(site), *_account_notes(site), *trial_notes(site)]
    if insecure and not found.listen.local and hub.tls is None:
        notes.append("Passwords and notebooks travel in plain http: this hub serves other machines")
    return tuple(notes)


def machine_notes(paths: StatePaths) -> list[str]:
    """What doctor finds of this machine, as far as a start depends on it.

    Raises:
        SurroundingsError: The hub could not run here.
    """
    return told(
        (
            loopback(),
            clock(paths, time.time()),
            disk(paths.root),
            encoding(sys.getfilesystemencoding()),
        )
    )


def told(findings: Iterable[Finding]) -> list[str]:
    """Warnings as sentences.

    Raises:
        SurroundingsError: One of them is an error.
    """
    notes = []
    for finding in findings:
        text = f"{finding.subject}: {finding.message}"
        if finding.level is Level.ERROR:
            raise SurroundingsError(f"{text}.", hint=finding.cure)
        if finding.level is Level.WARNING:
            notes.append(f"{text}. {finding.cure}")
    return notes


def check_certificate(site: Site) -> None:
    """Read certificate and key, and see that they belong together.

    Raises:
        SurroundingsError: They cannot be used.
    """
    hub = site.config.hub
    for name, tls in (("tls", hub.tls), ("internal_tls", hub.internal_tls)):
        if tls is not None:
            _check_pair(site.loaded.base / tls.cert, site.loaded.base / tls.key, f"hub.{name}")


def _check_pair(cert: Path, key: Path, name: str) -> None:
    for path in (cert, key):
        if not os.access(path, os.R_OK):
            raise SurroundingsError(f"{path} cannot be read.", hint=f"See {name}.")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise SurroundingsError(
            f"{cert} and {key} cannot be used together: {reason}.",
            hint=f"{name} wants a certificate with its chain, and its key without a passphrase.",
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
