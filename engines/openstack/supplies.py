"""What the cloud is made from, fetched while there is a network: its services, guests' disks.

The services come by pip as this machine's pip is configured, in the versions of
``constraints.txt``; the guests' Debian comes from the mirror that apt uses. From both a cloud is
filled, once: its tables, accounts and images take a minute. All are kept in the cache of
``engines.docker.supplies``, under names that say what is in them.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

from engines import room
from engines.docker.supplies import SUITE, SupplyError, cache, digest, made, mirror, wheels

HERE: Final = Path(__file__).parent
INSIDE: Final = HERE / "inside"
GUEST: Final = HERE / "guest"
STUB: Final = room.CLONE / "engines/docker/stub/server.py"
LOCK: Final = room.CLONE / "images/singleuser/requirements.txt"
# The services' Python is Debian's own: only that one has libvirt's binding.
SYSTEM_PYTHON: Final = Path("/usr/bin/python3")
BINDING: Final = Path("/usr/lib/python3/dist-packages")
RABBIT: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PROGRAMS: Final = {
    "mariadbd": "mariadb-server-core",
    "mariadb": "mariadb-client-core",
    "epmd": "rabbitmq-server",
    "virsh": "libvirt-clients",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "genisoimage": "genisoimage",
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "busybox": "busybox-static",
    "ip": "iproute2",
    "iptables": "iptables",
    "unshare": "util-linux",
}
# Not programs of the PATH.
FILES: Final = {
    RABBIT: "rabbitmq-server",
    Path("/usr/sbin/libvirtd"): "libvirt-daemon",
    Path("/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so"): (
        "libvirt-daemon-driver-qemu"
    ),
    BINDING / "libvirt.py": "python3-libvirt",
}
VOLUMES: Final = HERE / "volumes.txt"
# Whether all tests are to run: the others need less.
FULL: Final = os.environ.get("ANYWHERE_OPENSTACK") == "full"
# Of the guests' Debian: a directory of accounts by LDAP, and what looks accounts up there.
DIRECTORY: Final = ("slapd", "sssd-ldap", "libnss-sss")
SERVICES: Final = (
    "nova",
    "keystone",
    "glance",
    "openstack-placement",
    "neutron",
    "gunicorn",
    "PyMySQL",
)


def lacking() -> str:
    """What this machine lacks for the cloud, with the cure; empty when nothing."""
    if platform.machine() != "x86_64":
        return f"The cloud's guests are for x86_64, and this is {platform.machine()}."
    packages = {package for name, package in PROGRAMS.items() if shutil.which(name) is None}
    packages |= {package for file, package in FILES.items() if not file.exists()}
    if packages:
        words = " ".join(sorted(packages))
        return f"OpenStack lacks packages. Cure: apt-get install --no-install-recommends {words}"
    return ""


def not_made() -> str:
    """What the cache lacks, with the cure; empty when nothing."""
    paths = [services_path(), guests_path(), filled_path()]
    paths += [directory_path(), volumes_path()] if FULL else []
    absent = [path for path in paths if not path.exists()]
    if absent:
        names = ", ".join(path.name for path in absent)
        return f"Not made yet: {names}. Cure: python -m engines.openstack supplies"
    return ""


def services_path() -> Path:
    """Where the cache keeps the services."""
    parts: list[str | Path] = [HERE / "constraints.txt", INSIDE / "plainbridge.py", *SERVICES]
    if (BINDING / "libvirt.py").exists():
        parts.append(BINDING / "libvirt.py")
    return cache() / f"openstack-{digest(*parts)}"


def guests_path() -> Path:
    """Where the cache keeps the guests' disks, kernel and initrds."""
    return cache() / f"guests-{digest(SUITE, version('jupyterhub'), LOCK, GUEST, STUB)}"


def filled_path() -> Path:
    """Where the cache keeps the state of a cloud that nobody has used yet."""
    code = [HERE / f"{name}.py" for name in ("config", "layout", "seed", "stack", "filled")]
    return cache() / f"cloud-{digest(services_path().name, guests_path().name, *code)}"


def directory_path() -> Path:
    """Where the cache keeps what lets guests look accounts up elsewhere."""
    return cache() / f"directory-{digest(SUITE, *DIRECTORY)}"


def volumes_path() -> Path:
    """Where the cache keeps the volume service."""
    return cache() / f"volumes-{digest(VOLUMES, services_path().name)}"


def fetch() -> None:
    """Fetch and make what the cache lacks.

    Raises:
        SupplyError: When something cannot be had.
    """
    if missing := lacking():
        raise SupplyError(missing)
    services()
    guests()
    filled()
    if FULL:
        directory()
        volumes()


def directory() -> Path:
    """A folder with packages for guests: accounts that are in no /etc/passwd, by LDAP and SSSD.

    They are not in their image, for most guests are to be as they come.

    Raises:
        SupplyError: When apt cannot fetch them.
    """
    path = directory_path()
    with made(path.name) as target:
        if target is not None:
            print(f"fetching {', '.join(DIRECTORY)} …", flush=True)
            target.mkdir()
            named = [f"{each}/{SUITE}" for each in _beside_the_guests(target / "status")]
            _run("apt-get", ["apt-get", "-q", "download", *named], folder=target)
    return path


def _beside_the_guests(status: Path) -> list[str]:
    """What guests lack of the packages of a directory, by apt's own reckoning.

    Args:
        status: A file that may be made for it: of a system on which nothing is installed.
    """
    lines = (GUEST / "make-guests").read_text("utf-8").splitlines()
    words = [line.removeprefix("packages=") for line in lines if line.startswith("packages=")]
    there = {each for line in words for each in line.split(",") if not each.startswith("$")}
    status.touch()
    apt = ["apt-get", "-o", f"Dir::State::status={status}", "-o", "Debug::NoLocking=1"]
    apt += ["--no-install-recommends", "--simulate", "install", "?essential"]
    apt += ["?priority(required)", "apt", *sorted(there)]
    without, beside = _planned(apt), _planned([*apt, *DIRECTORY])
    status.unlink()
    return sorted(beside - without)


def _planned(apt: list[str]) -> set[str]:
    """The names of the packages that a simulated call of apt would install."""
    said = _run("apt-get", apt).splitlines()
    return {line.split()[1] for line in said if line.startswith("Inst ")}


def volumes() -> Path:
    """A folder with the volume service, for the interpreter of the others.

    It is not in their environment: most tests need none, and it has moved since it was made, too.

    Raises:
        SupplyError: When pip cannot fetch it.
    """
    path = volumes_path()
    with made(path.name) as target:
        if target is not None:
            print("fetching OpenStack's volume service …", flush=True)
            words = [str(services() / "bin/python"), "-m", "pip", "install", "--quiet"]
            # All that it needs beside these is in the environment.
            words += ["--no-deps", "--target", str(target), "--requirement", str(VOLUMES)]
            _run("pip", words)
    return path


def filled() -> Path:
    """The state of a cloud that nobody has used yet, made where the cache has none.

    Raises:
        SupplyError: When the cloud does not start; it has said why.
    """
    path = filled_path()
    with made(path.name) as target:
        if target is not None:
            print("filling a cloud …", flush=True)
            words = [sys.executable, "-m", "engines.openstack", "--fill", str(target)]
            if room.open_room(words):
                raise SupplyError("The cloud could not be filled; see above")
    return path


def services() -> Path:
    """A virtual environment with all services, made where the cache has none.

    It has moved since it was made, so its programs are run as ``bin/python bin/PROGRAM``.

    Raises:
        SupplyError: When pip cannot fetch them.
    """
    path = services_path()
    with made(path.name) as target:
        if target is not None:
            print("fetching OpenStack's services …", flush=True)
            _run("venv", [str(SYSTEM_PYTHON), "-m", "venv", str(target)])
            words = [str(target / "bin/python"), "-m", "pip", "install", "--quiet"]
            _run("pip", [*words, "--constraint", str(HERE / "constraints.txt"), *SERVICES])
            _add_ours(target)
    return path


def _add_ours(environment: Path) -> None:
    """Add what no index has: Debian's binding of libvirt, and our driver for networks."""
    packages = next(environment.glob("lib/python3*/site-packages"))
    for pattern in ("libvirt*.py", "libvirtmod*.so"):
        for file in BINDING.glob(pattern):
            shutil.copy(file, packages)
    shutil.copy(INSIDE / "plainbridge.py", packages)
    about = packages / "plainbridge-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plainbridge\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[neutron.ml2.mechanism_drivers]\nplainbridge = plainbridge:PlainBridge\n"
    )


def guests() -> Path:
    """A folder with the guests' disks, kernel and initrds, made where the cache has none.

    Raises:
        SupplyError: When they cannot be made.
    """
    path = guests_path()
    with made(path.name) as target:
        if target is not None:
            packages = wheels()
            site = mirror()
            print(f"making the guests' disks from {site} …", flush=True)
            environment = {
                "GUEST_SUITE": SUITE,
                "GUEST_WHEELS": str(packages),
                "GUEST_LOCK": str(LOCK),
                "GUEST_STUB": str(STUB),
                "GUEST_HUB": version("jupyterhub"),
            }
            _run("make-guests", [str(GUEST / "make-guests"), site, str(target)], environment)
    return path


def _run(
    what: str,
    words: list[str],
    environment: dict[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run a program, quiet unless it fails; what it said.

    Raises:
        SupplyError: When it fails, with the end of what it said.
    """
    done = subprocess.run(
        words,
        check=False,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environment or {}), "LC_ALL": "C.UTF-8"},
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-20:])
        raise SupplyError(f"{what} failed ({' '.join(words[:4])} …):\n{tail}")
    return done.stdout
