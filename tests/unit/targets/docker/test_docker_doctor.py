"""What the doctor says of an engine's answers; the engine itself is asked in tests/engines."""

from __future__ import annotations

from typing import Any

import pytest
from docker.errors import DockerException

from jupyterhub_anywhere.targets.base import Finding, Level
from jupyterhub_anywhere.targets.docker.doctor import (
    disk_findings,
    engine_findings,
    gpu_findings,
    limit_findings,
    reclaimable,
)
from jupyterhub_anywhere.targets.docker.doctor_images import version_finding
from jupyterhub_anywhere.targets.docker.doctor_ways import way_finding
from jupyterhub_anywhere.targets.docker.doctor_words import unreachable
from jupyterhub_anywhere.targets.docker.probing import Seen, parse

GIB = 1 << 30
ENGINE = {"Version": "20.10.24", "ApiVersion": "1.41"}


def chain(inner: Exception) -> Exception:
    """As docker-py raises it: the system's error within requests' within its own."""
    middle = ConnectionError("('Connection aborted.', …)")
    outer: Exception = DockerException("Error while fetching server API version")
    middle.__cause__, outer.__cause__ = inner, middle
    return outer


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (FileNotFoundError(2, "No such file or directory"), "systemctl start docker"),
        (PermissionError(13, "Permission denied"), "usermod -aG docker"),
        (ConnectionRefusedError(111, "Connection refused"), "systemctl start docker"),
        (ValueError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"), "`tls`"),
        (OSError("[Errno -2] Name or service not known"), "DNS"),
        (ValueError("client version 1.30 is too old"), "Upgrade"),
        (TimeoutError("timed out"), "docker ps"),
    ],
)
def test_an_engine_that_cannot_be_asked(error: Exception, cure: str) -> None:
    found = unreachable("engine", "unix:///run/none.sock", chain(error))
    assert found.level is Level.ERROR
    assert "unix:///run/none.sock" in found.message
    assert str(error) in found.message
    assert cure in found.cure


def levels(found: list[Finding]) -> list[Level]:
    return [each.level for each in found]


def test_a_good_engine() -> None:
    info = {"OSType": "linux", "LiveRestoreEnabled": True, "SecurityOptions": None}
    (found,) = engine_findings("engine", "unix:///x", ENGINE, info)
    assert found.level is Level.OK
    assert "20.10.24" in found.message


@pytest.mark.parametrize(
    ("version", "info", "level", "word"),
    [
        ({"ApiVersion": "1.39"}, {}, Level.WARNING, "older"),
        ({}, {}, Level.WARNING, "older"),
        (ENGINE, {"OSType": "windows"}, Level.ERROR, "Linux"),
        (ENGINE, {"SecurityOptions": ["name=rootless"]}, Level.WARNING, "without root"),
        (ENGINE, {"SecurityOptions": ["name=userns"]}, Level.OK, "userns-remap"),
        (ENGINE, {"LiveRestoreEnabled": False}, Level.OK, "live-restore"),
    ],
)
def test_an_engine_with_a_remark(
    version: dict[str, str], info: dict[str, Any], level: Level, word: str
) -> None:
    found = engine_findings("engine", "unix:///x", version, info)
    (told,) = [each for each in found if word in each.message]
    assert told.level is level
    assert told.cure


@pytest.mark.parametrize(
    ("info", "level", "word"),
    [
        ({"MemoryLimit": True, "CpuCfsQuota": True, "SwapLimit": True}, Level.OK, "enforced"),
        ({"MemoryLimit": False}, Level.WARNING, "memory limits"),
        ({"CpuCfsQuota": False}, Level.WARNING, "CPU limits"),
        ({"SwapLimit": False}, Level.OK, "swap is not"),
    ],
)
def test_limits(info: dict[str, bool], level: Level, word: str) -> None:
    (found,) = limit_findings("limits", info)
    assert found.level is level
    assert word in found.message


@pytest.mark.parametrize(
    ("free", "unused", "level", "word"),
    [
        (200 * GIB, 0, Level.OK, "200"),
        (5 * GIB, 3 * GIB, Level.WARNING, "not in use"),
        (GIB // 2, 0, Level.ERROR, "512"),
        (None, 0, Level.OK, "not seen"),
    ],
)
def test_the_disk(free: int | None, unused: int, level: Level, word: str) -> None:
    (found,) = disk_findings("disk", "/var/lib/docker", free, unused)
    assert found.level is level
    assert word in found.message
    assert bool(found.cure) is (level is not Level.OK)


def test_what_can_be_freed() -> None:
    usage = {
        "Images": [
            {"Size": 500, "SharedSize": 100, "Containers": 0},
            {"Size": 700, "SharedSize": 0, "Containers": 2},
            {"Size": 300, "SharedSize": -1, "Containers": 0},
        ],
        "BuildCache": [{"Size": 40, "InUse": False}, {"Size": 50, "InUse": True}],
    }
    assert reclaimable(usage) == 400 + 300 + 40
    assert reclaimable({"Images": None}) == 0


def test_gpus() -> None:
    assert levels(gpu_findings("GPUs", {"Runtimes": {"nvidia": {}, "runc": {}}})) == [Level.OK]
    devices = {"DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}
    assert levels(gpu_findings("GPUs", devices)) == [Level.OK]
    (found,) = gpu_findings("GPUs", {"Runtimes": {"runc": {}}})
    assert found.level is Level.ERROR
    assert "nvidia-ctk" in found.cure


@pytest.mark.parametrize(
    ("found", "level", "cure"),
    [
        ("6.1.1", Level.OK, ""),
        ("6.1.0", Level.OK, ""),
        ("6.0.0", Level.WARNING, "Build it with jupyterhub==6.1.1."),
        ("6.2.0", Level.WARNING, "Build it with jupyterhub==6.1.1, or upgrade the hub."),
        ("5.4.0", Level.ERROR, "Build it with jupyterhub==6.1.1."),
        ("7.0.0", Level.ERROR, "or upgrade the hub."),
        ("", Level.WARNING, "Install jupyterhub==6.1.1 in it"),
    ],
)
def test_the_version_in_an_image(found: str, level: Level, cure: str) -> None:
    told = version_finding("image", found, "6.1.1")
    assert told.level is level
    assert cure in told.cure


@pytest.mark.parametrize(
    ("output", "seen"),
    [
        ("version=6.1.1\nhub=ok\n", Seen("6.1.1", reached=True)),
        ("version=\nhub=failed [Errno 111] a=b\n", Seen("", reached=False, said="[Errno 111] a=b")),
        ("version=6.1.1\nhub=untried\n", Seen("6.1.1", reached=None)),
        ("version=6.1.1\n", Seen("6.1.1")),
        ("", Seen()),
        ("a warning\nhub=\n", Seen()),
    ],
)
def test_what_a_container_says(output: str, seen: Seen) -> None:
    assert parse(output) == seen


@pytest.mark.parametrize(
    ("seen", "level"),
    [
        (Seen(reached=True), Level.OK),
        (Seen(reached=False, said="timed out"), Level.ERROR),
        (Seen(), Level.WARNING),
    ],
)
def test_the_way_to_the_hub(seen: Seen, level: Level) -> None:
    found = way_finding("way", "lab:1", "http://172.17.0.1:714/hub/api/", seen)
    assert found.level is level
    if level is Level.ERROR:
        assert "timed out" in found.message
        assert "--dport 714" in found.cure
        assert "172.17.0.1" in found.cure
