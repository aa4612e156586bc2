"""What machines that test or make an image run, and what their answers mean. Pure."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from jupyterhub_anywhere.core.findings import Finding, Level
from jupyterhub_anywhere.prepare.markers import TELL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyterhub_anywhere.prepare.wish import Install

FOLDER: Final = "/opt/jupyterhub"
OLDEST_PYTHON: Final = (3, 8)
"""Of the agent, which starts servers on machines."""

_LOOK: Final = """\
last() { awk 'NF {line = $0} END {n = split(line, word, " "); print word[n]}'; }
tell os "$(. /etc/os-release && printf %s "$ID-$VERSION_ID")"
tell cloud_init "$(cloud-init --version 2>&1 </dev/null | grep -i cloud-init | last)"
if [ -d /run/systemd/system ]; then
    tell systemd "$(systemctl --version | awk 'NR == 1 {print $2}')"
else
    tell systemd ""
fi
tell python "$(python3 -c 'import platform; print(platform.python_version())')"
tell singleuser "$(jupyterhub-singleuser --version </dev/null | last)"
tell lab "$(jupyter-lab --version </dev/null | last)"
"""
_HEAD: Final = """\
#!/bin/sh
# Made by `anywhere prepare openstack`: {what}.
# Holds no secret. What it finds goes to the console, where the cloud's API reads it.
nonce={nonce}
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export PATH
exec </dev/null
"""
_CLEAN: Final = """\
# What belongs to this machine alone is not part of the image.
rm -f /etc/ssh/ssh_host_* /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
rm -rf /var/lib/dhcp/* /var/cache/apt/archives/*.deb /root/.cache
cloud-init clean --logs >/dev/null 2>&1 || rm -rf /var/lib/cloud
[ ! -f /etc/machine-id ] || : >/etc/machine-id
sync
"""


def trial_script(nonce: str) -> str:
    """The user-data of a machine that says what is in its image.

    Args:
        nonce: The word that its lines carry.
    """
    head = _HEAD.format(what="looks what is in this image", nonce=shlex.quote(nonce))
    return f"{head}{TELL}{_LOOK}tell done yes\n"


def pip_source(install: Install) -> list[str]:
    """The options of pip that say where packages come from; a folder here is not among them."""
    if not install.source:
        return []
    # pip takes nothing from a host by plain http unless it is told to.
    trust = ["--trusted-host", urlsplit(install.source).netloc.rpartition("@")[2]]
    words = ["--index-url"] if install.indexed else ["--no-index", "--find-links"]
    return [*words, install.source, *(trust if install.plain and install.insecure else [])]


PYTHON: Final = """\
have_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }
ensure_venv() {
    have_venv "$1" && return
    if command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        # A new machine's own updates may be at work.
        apt="apt-get -q -y -o DPkg::Lock::Timeout=300"
        $apt update && $apt install python3 python3-venv
    elif command -v dnf >/dev/null; then
        dnf -q -y install python3 python3-pip
    elif command -v zypper >/dev/null; then
        zypper -n -q install python3 python3-pip
    fi
    have_venv "$1"
}
"""


def builder_script(nonce: str, install: Install, packages: Sequence[str]) -> str:
    """The user-data of a machine that becomes an image.

    Args:
        nonce: The word that its lines carry.
        install: Where packages come from, and which JupyterHub is wanted.
        packages: What is installed besides, as pip takes it.
    """
    hub = f"jupyterhub=={install.hub_version}" if install.hub_version else "jupyterhub"
    wanted = shlex.join([*pip_source(install), hub, "jupyterlab", *packages])
    head = _HEAD.format(what="becomes an image of users' servers", nonce=shlex.quote(nonce))
    return f"""\
{head}{TELL}{PYTHON}
fail() {{
    tell failed "$1"
    exit 1
}}
ensure_venv python3 || fail no-python-venv
python3 -m venv {FOLDER} || fail venv
{FOLDER}/bin/pip install --quiet --no-input {wanted} || fail pip
for each in jupyter jupyter-lab jupyter-labhub jupyterhub-singleuser; do
    [ ! -x {FOLDER}/bin/"$each" ] || ln -sf {FOLDER}/bin/"$each" /usr/local/bin/"$each"
done
jupyterhub-singleuser --version || fail singleuser
{_LOOK}{_CLEAN}tell done yes
"""


def verdict(image: str, told: Mapping[str, str], hub_version: str) -> list[Finding]:
    """What booting an image showed, each with its cure.

    Args:
        image: Its name.
        told: What it told, by `trial_script`.
        hub_version: The version of JupyterHub that servers come from; empty where it is not known.
    """
    subject = f"image {image}"
    make = "Have one made: --make-from BASE."
    found = [_python(subject, told.get("python", "")), _jupyter(subject, told, hub_version)]
    if not told.get("cloud_init"):
        text = "it runs user-data, but not by cloud-init: templates of cloud-config do nothing."
        found.append(Finding(Level.WARNING, subject, text, make))
    if not told.get("systemd"):
        text = "there is no systemd: servers run as processes that no unit looks after."
        found.append(Finding(Level.WARNING, subject, text, make))
    return found


def _python(subject: str, version: str) -> Finding:
    oldest = ".".join(map(str, OLDEST_PYTHON))
    numbers = _numbers(version)
    if not numbers:
        text = f"there is no python3, which starts servers ({oldest} or newer)."
        return Finding(Level.ERROR, subject, text, "Install python3 in it, or use another image.")
    if numbers[:2] < OLDEST_PYTHON:
        text = f"its Python is {version}, and {oldest} or newer is needed."
        return Finding(Level.ERROR, subject, text, "Use an image of a newer system.")
    return Finding(Level.OK, subject, f"Python {version}")


def _jupyter(subject: str, told: Mapping[str, str], hub_version: str) -> Finding:
    version = told.get("singleuser", "")
    cure = "Have an image made: --make-from BASE"
    if not _numbers(version):
        return Finding(
            Level.WARNING,
            subject,
            "there is no jupyterhub-singleuser on its PATH: every start would have to install it,"
            " which takes minutes.",
            f"{cure}; or set `install` under `spawner` in anywhere.yaml.",
        )
    if _numbers(version)[:1] != _numbers(hub_version)[:1] and hub_version:
        return Finding(
            Level.WARNING,
            subject,
            f"its jupyterhub-singleuser is {version}, and the hub is {hub_version}.",
            f"{cure}; or install jupyterhub=={hub_version} in it.",
        )
    return Finding(Level.OK, subject, f"jupyterhub-singleuser {version}")


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def virtual_size(head: bytes, length: int) -> int:
    """How large the disk in an image file is, in bytes.

    Args:
        head: The file's first 32 bytes.
        length: The file's length, which is the disk's where it is a raw one.
    """
    # qcow2: big-endian; the magic, and at byte 24 the size.
    if head[:4] == b"QFI\xfb" and len(head) >= 32:  # noqa: PLR2004 - its header
        return int.from_bytes(head[24:32], "big")
    return length
