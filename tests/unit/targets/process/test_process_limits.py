"""Which limits can be enforced where, and what is written for them. Trees of files stand in."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.targets.process.cgroups import (
    CgroupV1,
    CgroupV2,
    counter,
    detect,
    parse_mounts,
    quota,
)
from jupyterhub_anywhere.targets.process.limits import (
    Enforcement,
    Limits,
    NoLimits,
    SystemdScopes,
    scope_properties,
)

MOUNTS = """\
proc /proc proc rw 0 0
tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
"""
HELD = Enforcement(memory=True, cpu=True, how="")
V1_FILES = {
    "memory": ("memory.limit_in_bytes", "memory.soft_limit_in_bytes"),
    "cpu": ("cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.shares"),
}


class Tree(CgroupV1):
    """Version 1 on a plain folder: the files that the kernel would offer are made."""

    def folder(self, root: Path, name: str) -> Path:
        folder = super().folder(root, name)
        if folder.is_dir():
            for file in (*V1_FILES[root.name], "cgroup.procs"):
                (folder / file).touch()
        return folder


def make_v2(root: Path, *, controllers: str, enabled: str = "", processes: str = "") -> Path:
    root.mkdir(parents=True)
    (root / "cgroup.controllers").write_text(controllers)
    (root / "cgroup.subtree_control").write_text(enabled)
    (root / "cgroup.procs").write_text(processes)
    return root


def test_mounts_are_read_by_controller() -> None:
    v1, v2 = parse_mounts(MOUNTS)
    assert v1 == {
        "cpu": Path("/sys/fs/cgroup/cpu,cpuacct"),
        "memory": Path("/sys/fs/cgroup/memory"),
    }
    assert v2 == Path("/sys/fs/cgroup/unified")
    assert parse_mounts("short line\n") == ({}, None)


def test_quotas_and_counters() -> None:
    assert [quota(1.5), quota(0.0001)] == [150_000, 1_000]
    assert counter("low 0\noom 1\noom_kill 3\n", "oom_kill") == 3
    assert counter("oom_kill x\n", "oom_kill") == 0


def test_version_1_gets_its_values(tmp_path: Path) -> None:
    mounts = {name: tmp_path / name for name in V1_FILES}
    way = Tree("hub", mounts)
    way.prepare("ann", Limits(1 << 30, 1.5, 1 << 20, 0.5))
    way.add("ann", 77)
    memory = tmp_path / "memory/jupyterhub-anywhere/hub/ann"
    cpu = tmp_path / "cpu/jupyterhub-anywhere/hub/ann"
    assert (memory / "memory.limit_in_bytes").read_text() == f"{1 << 30}\n"
    assert (memory / "memory.soft_limit_in_bytes").read_text() == f"{1 << 20}\n"
    assert (cpu / "cpu.cfs_quota_us").read_text() == "150000\n"
    assert (cpu / "cpu.shares").read_text() == "512\n"
    assert (cpu / "cgroup.procs").read_text() == (memory / "cgroup.procs").read_text() == "77\n"
    (memory / "memory.oom_control").write_text("oom_kill_disable 0\noom_kill 2\n")
    assert way.oom_kills("ann") == 2
    assert way.oom_kills("ben") == 0
    assert way.enforcement.memory
    assert way.enforcement.cpu


def test_a_limit_that_the_kernel_does_not_offer_is_an_error(tmp_path: Path) -> None:
    way = CgroupV1("hub", {"memory": tmp_path})
    with pytest.raises(TargetError, match=r"A limit of server ann cannot be set.*limit_in_bytes"):
        way.prepare("ann", Limits(memory=1 << 30))
    with pytest.raises(TargetError, match="The control group of server ben cannot be set"):
        way.add("ben", 1)


def test_an_empty_group_and_those_above_it_are_removed(tmp_path: Path) -> None:
    way = CgroupV1("hub", {"memory": tmp_path})
    way.prepare("ann", Limits())
    way.prepare("ben", Limits())
    way.remove("ann")
    assert (tmp_path / "jupyterhub-anywhere/hub/ben").is_dir()
    way.remove("ben")
    way.remove("ben")
    assert list(tmp_path.iterdir()) == []


def test_a_pid_that_is_in_the_list_no_more_is_not_taken_for_ours(tmp_path: Path) -> None:
    way = CgroupV1("hub", {"memory": tmp_path})
    way.prepare("ann", Limits())
    (tmp_path / "jupyterhub-anywhere/hub/ann/cgroup.procs").write_text("1\n")
    assert way.processes("ann") == []


def test_version_2_hands_its_controllers_down(tmp_path: Path) -> None:
    root = make_v2(tmp_path / "cg", controllers="memory")
    ours = make_v2(root / "jupyterhub-anywhere", controllers="", enabled="memory")
    hub = make_v2(ours / "hub", controllers="")
    CgroupV2("hub", root, ["memory"]).prepare("ann", Limits())
    levels = [(each / "cgroup.subtree_control").read_text() for each in (root, ours, hub)]
    assert levels == ["+memory\n", "memory", "+memory\n"]
    assert (hub / "ann").is_dir()


def test_version_2_gets_its_values(tmp_path: Path) -> None:
    root = make_v2(tmp_path / "cg", controllers="cpu memory", enabled="cpu memory")
    ours = make_v2(root / "jupyterhub-anywhere", controllers="", enabled="cpu memory")
    hub = make_v2(ours / "hub", controllers="", enabled="cpu memory")
    way = CgroupV2("hub", root, ["cpu", "memory"])
    with pytest.raises(TargetError, match=r"memory\.max"):
        way.prepare("ann", Limits(memory=1 << 30))
    names = ("memory.max", "memory.swap.max", "memory.low", "cpu.max", "cpu.weight")
    for name in names:
        (hub / "ann" / name).touch()
    way.prepare("ann", Limits(1 << 30, 0.5, 1 << 20, 2))
    assert [(hub / "ann" / name).read_text().strip() for name in names] == [
        str(1 << 30),
        "0",
        str(1 << 20),
        "50000 100000",
        "200",
    ]
    (hub / "ann" / "memory.events").write_text("oom 4\noom_kill 1\n")
    assert way.oom_kills("ann") == 1


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "mounts", tmp_path / "own"


def test_version_2_is_used_where_it_has_controllers(
    tmp_path: Path, files: tuple[Path, Path]
) -> None:
    root = make_v2(tmp_path / "cg", controllers="cpu memory")
    files[0].write_text(f"cgroup2 {root} cgroup2 rw 0 0\n")
    files[1].write_text("0::/\n")
    assert isinstance(detect("hub", *files), CgroupV2)


def test_a_group_with_processes_hands_nothing_on(tmp_path: Path, files: tuple[Path, Path]) -> None:
    root = make_v2(tmp_path / "cg", controllers="cpu memory", processes="1\n")
    (root / "cgroup.type").write_text("domain\n")
    files[0].write_text(f"cgroup2 {root} cgroup2 rw 0 0\n")
    files[1].write_text("0::/\n")
    assert detect("hub", *files) is None


def test_the_group_above_a_delegated_one_is_used(tmp_path: Path, files: tuple[Path, Path]) -> None:
    root = make_v2(tmp_path / "cg", controllers="cpu", processes="1\n")
    (root / "cgroup.type").write_text("domain\n")
    unit = make_v2(root / "hub.service", controllers="cpu memory")
    make_v2(unit / "hub", controllers="cpu memory", processes="7\n")
    files[0].write_text(f"cgroup2 {root} cgroup2 rw 0 0\n")
    files[1].write_text("0::/hub.service/hub\n")
    found = detect("hub", *files)
    assert isinstance(found, CgroupV2)
    assert found.enforcement == Enforcement(
        memory=True, cpu=True, how="by control groups, version 2"
    )
    assert found.folder(unit, "ann").is_relative_to(unit)


def test_version_1_is_used_where_version_2_has_nothing(
    tmp_path: Path, files: tuple[Path, Path]
) -> None:
    root = make_v2(tmp_path / "unified", controllers="")
    (tmp_path / "memory").mkdir()
    files[0].write_text(
        f"cgroup2 {root} cgroup2 rw 0 0\ncgroup {tmp_path}/memory cgroup rw,memory 0 0\n"
    )
    files[1].write_text("4:memory:/\n0::/\n")
    found = detect("hub", *files)
    assert isinstance(found, CgroupV1)
    assert found.enforcement.memory
    assert not found.enforcement.cpu


def test_without_mounts_there_is_nothing(files: tuple[Path, Path]) -> None:
    assert detect("hub", *files) is None
    files[0].write_text("")
    files[1].write_text("")
    assert detect("hub", *files) is None


def test_scopes_are_given_what_the_users_systemd_can_hold() -> None:
    limits = Limits(1 << 30, 1.5, 1 << 20, 2)
    assert scope_properties(limits, HELD) == [
        f"MemoryMax={1 << 30}",
        "MemorySwapMax=0",
        f"MemoryLow={1 << 20}",
        "CPUQuota=150%",
        "CPUWeight=200",
    ]
    assert scope_properties(Limits(), HELD) == []
    assert scope_properties(limits, Enforcement(memory=False, cpu=False, how="")) == []


def test_the_scope_runs_the_supervisor_in_its_stead() -> None:
    way = SystemdScopes("/bin/systemd-run", Path("/run/user/5"), ["memory", "pids"])
    argv, env = way.wrapper("ann-hub", Limits(memory=1024))
    assert argv[:3] == ["/bin/systemd-run", "--user", "--scope"]
    assert "--unit=anywhere-ann-hub" in argv
    assert "--property=MemoryMax=1024" in argv
    assert argv[-1] == "--"
    assert env["DBUS_SESSION_BUS_ADDRESS"] == "unix:path=/run/user/5/bus"
    assert way.enforcement.missing() == "CPU limits are not enforced"


def test_nothing_is_enforced_and_says_why() -> None:
    way = NoLimits("no systemd")
    way.prepare("ann", Limits(memory=1))
    way.add("ann", 1)
    way.remove("ann")
    assert way.wrapper("ann", Limits()) == ((), {})
    assert (way.processes("ann"), way.oom_kills("ann")) == ([], 0)
    assert way.enforcement == Enforcement(memory=False, cpu=False, how="no systemd")
