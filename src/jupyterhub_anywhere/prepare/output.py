"""The files for the hub: anywhere.yaml, its secrets, and how they get to its machine."""

from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.core.files import write_private
from jupyterhub_anywhere.prepare.certificates import certificates
from jupyterhub_anywhere.prepare.rules import rules, table
from jupyterhub_anywhere.prepare.site import (
    AUTHORITY,
    CERTIFICATE,
    FOLDER,
    IDENTITY,
    PRIVATE_KEY,
    SECRET,
    anywhere_yaml,
    host_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from jupyterhub_anywhere.prepare.site import Place
    from jupyterhub_anywhere.prepare.wish import Wish

FILES: Final = "hub"
YAML: Final = "anywhere.yaml"
_DELIVER: Final = """\
#!/bin/sh
# Hands the hub's machine what its user-data must not hold, by SSH; may run twice. Its host keys
# were read from its console, by the cloud's API: no other machine gets the secrets.
set -eu
cd "$(dirname "$0")"
{guard}# The secret is put in its place last: once it is there, the hub starts.
tar -C {files} -cf - . | ssh {options} {account} '
set -eu
umask 077
sudo mkdir -p {folder}/.new
sudo tar -C {folder}/.new --no-same-owner -xf -
sudo rm -rf {folder}/wheels
sudo sh -c "cd {folder}/.new && for each in *; do
    [ \\$each = {secret} ] || cp -R \\$each ../; done && mv {secret} ../{secret}"
sudo rm -rf {folder}/.new
sudo systemctl restart jupyterhub-anywhere-begin.service
'
echo "The hub starts. Its passwords, made anew: ssh {options} {account} sudo anywhere password"
"""
_UNKNOWN: Final = """\
# The console told no host keys: compare what ssh shows with the web console's log of the machine.
"""


def write_files(
    folder: Path, files: Mapping[str, str], *, programs: Sequence[str] = ()
) -> list[str]:
    """Write files below a folder, all for its owner only.

    An `anywhere.yaml` that is there and differs is its owner's: it stays, and the new one is
    written beside it.

    Args:
        folder: The folder; it is made.
        files: Relative path to content.
        programs: Those that are run.

    Returns:
        What stayed.

    Raises:
        SurroundingsError: They cannot be written.
    """
    stayed = []
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.name == YAML and path.is_file() and path.read_text("utf-8") != text:
                stayed.append(name)
                path = path.with_name(f"{path.name}.new")
            write_private(path, text)
            if name in programs:
                path.chmod(0o700)
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise SurroundingsError(
            f"{getattr(error, 'filename', None) or folder} cannot be written: {reason}.",
            hint="Name another folder with --out DIR.",
        ) from error
    return stayed


def hub_files(wish: Wish, place: Place, secret: str, now: datetime, folder: Path) -> dict[str, str]:
    """What lies on the hub's machine: anywhere.yaml, the secret, and a certificate.

    A certificate that is there already is kept: machines and browsers know its authority.
    """
    base = folder / FILES
    found = {
        f"{FILES}/{YAML}": anywhere_yaml(wish, place),
        # In a file of its own: a new credential changes nothing in the other one.
        f"{FILES}/{IDENTITY}": f"{place.credential}\n",
    }
    if secret:
        found[f"{FILES}/{SECRET}"] = f"{secret}\n"
    if not all((base / name).is_file() for name in (AUTHORITY, CERTIFICATE, PRIVATE_KEY)):
        names = [wish.hub.domain, place.public, place.private]
        unique = list(dict.fromkeys(filter(None, names)))
        authority, certificate, key = certificates(unique, now)
        found[f"{FILES}/{AUTHORITY}"] = authority
        found[f"{FILES}/{CERTIFICATE}"] = certificate
        found[f"{FILES}/{PRIVATE_KEY}"] = key
    return found


def delivery(wish: Wish, place: Place, host_keys: Sequence[str]) -> dict[str, str]:
    """The script that hands the files over, and the host keys that it trusts."""
    known = "".join(f"{place.public} {key}\n" for key in host_keys)
    options = "-o UserKnownHostsFile=known_hosts -o StrictHostKeyChecking=yes"
    if not known:
        options = "-o UserKnownHostsFile=known_hosts -o StrictHostKeyChecking=ask"
    text = _DELIVER.format(
        guard="" if known else _UNKNOWN,
        files=FILES,
        options=options,
        account=shlex.quote(f"{wish.hub.login}@{host_of(place.public).strip('[]')}"),
        folder=FOLDER,
        secret=SECRET,
    )
    return {"deliver": text, "known_hosts": known}


def rules_page(wish: Wish) -> str:
    """The rules as a table in Markdown."""
    rows = [f"| {' | '.join(row)} |" for row in table(wish.groups)]
    return "\n".join(["| group | ports | from | why |", "|---|---|---|---|", *rows, ""])


def rules_script(wish: Wish) -> str:
    """The rules as calls of OpenStack's own command line."""
    lines = ["#!/bin/sh", "set -eu"]
    lines += [f"openstack security group create {shlex.quote(each)}" for each in wish.groups.names]
    for each in rules(wish.groups):
        origin = (
            f"--remote-ip {each.source}"
            if each.source
            else f"--remote-group {shlex.quote(each.source_group)}"
        )
        ports = each.ports.replace("-", ":")
        lines.append(
            f"openstack security group rule create --ingress --ethertype {each.family}"
            f" --protocol tcp --dst-port {ports} {origin} {shlex.quote(each.group)}"
        )
    return "\n".join([*lines, ""])


def wheels_into(folder: Path, source: Path) -> int:
    """Put the wheels of a folder beside the hub's files.

    Returns:
        How many there are.

    Raises:
        SurroundingsError: There are none, or they cannot be copied.
    """
    found = sorted(source.glob("*.whl")) if source.is_dir() else []
    if not found:
        raise SurroundingsError(
            f"There are no wheels in {source}.",
            hint="Make them: pip wheel -w DIR 'jupyterhub-anywhere[hub,cloud]'",
        )
    target = folder / FILES / "wheels"
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in found:
            shutil.copyfile(each, target / each.name)
            os.chmod(target / each.name, 0o600)  # noqa: PTH101 - beside copyfile
    except OSError as error:
        raise SurroundingsError(
            f"{target} cannot be written: {(error.strerror or str(error)).lower()}.",
            hint="Name another folder with --out DIR.",
        ) from error
    return len(found)
