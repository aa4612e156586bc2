"""The anywhere.yaml of a hub in a prepared project, and what its machine runs. Pure."""

from __future__ import annotations

import base64
import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from jupyterhub_anywhere.prepare.image import PYTHON, pip_source
from jupyterhub_anywhere.prepare.markers import SHOW_KEYS, TELL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyterhub_anywhere.prepare.limits import Flavor
    from jupyterhub_anywhere.prepare.wish import Install, Wish

FOLDER: Final = "/etc/jupyterhub-anywhere"
IDENTITY: Final = "openstack-id"
SECRET: Final = "openstack-secret"  # noqa: S105 - the name of a file
CERTIFICATE: Final = "tls/hub.crt"
PRIVATE_KEY: Final = "tls/hub.key"
AUTHORITY: Final = "tls/ca.crt"
PROGRAM: Final = "/opt/jupyterhub-anywhere"
UNITS: Final = "/etc/systemd/system"
COMMAND: Final = "/usr/local/bin/anywhere"
NEEDS_PYTHON: Final = (3, 11)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the hub is, and as whom it asks the cloud.

    Attributes:
        private: The address that users' servers reach it at.
        public: The address that people reach it at: the floating IP, else the private one.
        auth_url: The identity service.
        region: The region.
        credential: The id of the application credential; no secret.
        network: Of users' servers.
        flavors: What users may choose, the default first.
    """

    private: str
    public: str
    auth_url: str
    region: str
    credential: str
    network: str
    flavors: Sequence[Flavor]


def _q(text: object) -> str:
    """A text as YAML reads it back, whatever it holds."""
    return json.dumps(text, ensure_ascii=False)


def host_of(address: str) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def anywhere_yaml(wish: Wish, place: Place) -> str:
    """The file; its secrets stand in files beside it."""
    public = wish.hub.domain or place.public
    api = f"https://{host_of(place.private)}:{wish.groups.hub_port}"
    return f"""\
# Made by `anywhere prepare openstack`; yours from now on. See whether it is right: anywhere check
hub:
  url: {_q(f"https://{host_of(public)}")}
  bind: "https://0.0.0.0:443"
  # Signed by an authority of this hub's own: browsers ask once. Put a certificate of your own in
  # its place; internal_tls may stay.
  tls: {{cert: {CERTIFICATE}, key: {PRIVATE_KEY}}}
  # Where users' servers reach the hub's API: its port in the security group of the hub.
  internal_url: {_q(api)}
  internal_tls: {{cert: {CERTIFICATE}, key: {PRIVATE_KEY}}}

targets:
  cloud:
    kind: cloud
    title: "Machine of your own"
    driver: openstack
    auth_url: {_q(place.auth_url)}
    region: {_q(place.region)}
    # The application credential {wish.credential}.
    user: {{file: {IDENTITY}}}
    key: {{file: {SECRET}}}
    options: {{ex_force_auth_version: 3.x_appcred}}
    internal_url: {_q(api)}
    ca: {AUTHORITY}
    servers: {wish.servers}
    spawner:
      image: {_q(wish.image.name)}
      networks: [{_q(place.network)}]
      security_groups: [{_q(wish.groups.of_users)}]
      key: {_q(wish.key)}

profiles:
  jupyter:
    title: "JupyterLab"
    targets: [cloud]
    options:
      size:
        type: choice
        title: "Size"
        choices:
{_choices(place.flavors)}"""


def _choices(flavors: Sequence[Flavor]) -> str:
    # Keys of our own, for names of flavors hold dots and blanks.
    lines = []
    for number, each in enumerate(flavors, 1):
        title = f"{each.name} ({each.text})" if each.cpus else each.name
        sets = f"{{size: {_q(each.name)}}}"
        lines.append(f"          size{number}: {{title: {_q(title)}, sets: {sets}}}\n")
    return "".join(lines)


_INSTALL: Final = """\
set -eu
umask 022
{python}
ensure_venv python3
python3 -c 'import sys; sys.exit(sys.version_info < {needs})' || {{
    echo "This machine's python3 is too old: {words} or newer is needed." >&2
    exit 1
}}
[ -x {program}/bin/pip ] || python3 -m venv {program}
{program}/bin/pip install --quiet --no-input {wanted}
ln -sf {program}/bin/anywhere {command}
"""
# The unit comes with the program; it reads the file, which names files that come by SSH.
_BEGIN: Final = """\
set -eu
cd {folder}
{install}[ -x {command} ] || exit 0
{command} check -f {folder}/anywhere.yaml
{command} service --install --force -f {folder}/anywhere.yaml
systemctl daemon-reload
systemctl enable jupyterhub-anywhere.service
systemctl restart jupyterhub-anywhere.service
# From the next boot on it starts by itself.
systemctl disable jupyterhub-anywhere-begin.path
"""
_PATH_UNIT: Final = """\
[Unit]
Description=Starts JupyterHub Anywhere once its secrets are there
[Path]
PathExists={folder}/{secret}
[Install]
WantedBy=multi-user.target
"""
_BEGIN_UNIT: Final = """\
[Unit]
Description=First start of JupyterHub Anywhere
After=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {folder}/begin
"""


def install_script(install: Install) -> str:
    """What installs this program on the hub's machine; may run twice."""
    name = "jupyterhub-anywhere[hub,cloud]"
    wanted = f"{name}=={install.version}" if install.version else name
    source = (
        ["--no-index", "--find-links", f"{FOLDER}/wheels"]
        if install.carried
        else pip_source(install)
    )
    return _INSTALL.format(
        python=PYTHON,
        needs=NEEDS_PYTHON,
        words=".".join(map(str, NEEDS_PYTHON)),
        program=PROGRAM,
        command=COMMAND,
        wanted=shlex.join([*source, wanted]),
    )


def begin_script(install: Install) -> str:
    """What starts the hub once its secrets are there; may run twice."""
    first = f"/bin/sh {FOLDER}/install\n" if install.carried else ""
    return _BEGIN.format(folder=FOLDER, install=first, command=COMMAND)


def hub_userdata(wish: Wish, place: Place, nonce: str) -> str:
    """The user-data of the hub's machine: holds no secret, for everybody in the project reads it.

    Args:
        wish: What is wanted.
        place: Where the hub is.
        nonce: The word that its lines on the console carry.
    """
    files = {
        f"{FOLDER}/anywhere.yaml": anywhere_yaml(wish, place),
        f"{FOLDER}/install": install_script(wish.install),
        f"{FOLDER}/begin": begin_script(wish.install),
        f"{UNITS}/jupyterhub-anywhere-begin.path": _PATH_UNIT.format(folder=FOLDER, secret=SECRET),
        f"{UNITS}/jupyterhub-anywhere-begin.service": _BEGIN_UNIT.format(folder=FOLDER),
    }
    written = "".join(_written(path, text) for path, text in files.items())
    # Wheels of a folder come by SSH, with the secrets; there is nothing to install before.
    run = ":" if wish.install.carried else f"/bin/sh {FOLDER}/install"
    return f"""\
#!/bin/sh
# Made by `anywhere prepare openstack`: the machine of the hub. Holds no secret.
nonce={shlex.quote(nonce)}
PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export PATH
{TELL}{SHOW_KEYS}umask 022
mkdir -p {FOLDER} {UNITS}
{written}if {run} >{FOLDER}/install.log 2>&1; then
    systemctl daemon-reload
    systemctl enable --now jupyterhub-anywhere-begin.path
    show_keys
    tell done yes
else
    tell failed "$(grep . {FOLDER}/install.log | tail -n 1)"
fi
"""


def _written(path: str, text: str) -> str:
    data = base64.b64encode(text.encode()).decode()
    lines = "\n".join(data[start : start + 76] for start in range(0, len(data), 76))
    return f"base64 -d >{path} <<'END'\n{lines}\nEND\n"
