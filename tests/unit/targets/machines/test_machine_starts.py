"""How MachineSpawner brings a machine up, and what becomes of what goes wrong."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.ledger.states import State
from jupyterhub_anywhere.targets.causes import FailureCause, failure_cause
from jupyterhub_anywhere.targets.errors import StartError
from jupyterhub_anywhere.targets.machines import marks, waiting
from jupyterhub_anywhere.targets.machines.progress import Step
from jupyterhub_anywhere.targets.machines.provider import Machine, Power, ProviderError
from jupyterhub_anywhere.targets.machines.providers.memory_cloud import MemoryCloud, MemoryImage
from jupyterhub_anywhere.targets.machines.said import cause_and_cure
from jupyterhub_anywhere.testing.worlds.machines import StubGuest

if TYPE_CHECKING:
    from pathlib import Path

    from jupyterhub_anywhere.testing.contract.stage import Stage

pytestmark = pytest.mark.asyncio


def given(**traits: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("traits", [traits], indirect=True, ids=[""])


async def until(true: Any) -> None:
    while not true():  # noqa: ASYNC110 - what others change tells nobody
        await asyncio.sleep(0.01)


async def failed(hub: Any, stage: Stage) -> StartError:
    """A start that fails, and leaves nothing."""
    with pytest.raises(StartError) as caught:
        await hub.start()
    assert await hub.settle() == []
    assert await stage.names() == []
    assert hub.tokens() == 0
    return caught.value


async def test_a_start_has_a_machine_with_its_marks(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    lease = await hub.lease()
    [machine] = cloud.machines.values()
    assert (machine.name, machine.power) == (lease.name, Power.RUNNING)
    assert machine.marks == {
        marks.HUB: stage.ours,
        marks.TARGET: "one",
        marks.USER: "ann",
        marks.SERVER: "",
        marks.LEASE: lease.id,
        marks.KEEP: "0",
        marks.TOKEN: str(lease.token),
    }
    assert spawner.server.url.startswith(f"http://{machine.private[0]}:")
    assert cloud.asked == ["who", "list", "create", "list"]


async def test_user_data_has_a_ticket_and_no_token(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    spawner = await hub.start()
    [machine] = cloud.machines.values()
    text = cloud.userdata(machine.id)
    assert f"awt1.{(await hub.lease()).id}." in text
    assert spawner.api_token not in text
    secret = text.partition("awt1.")[2].split()[0].rpartition(".")[2]
    state = json.dumps(spawner.get_state())
    assert secret not in state
    assert spawner.api_token not in state


async def test_the_ticket_is_committed_before_the_machine_is_asked_for(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    seen = []

    async def look(verb: str) -> None:
        if verb == "create":
            [lease] = await hub.leases()
            row = hub.person("ann").spawners[""].orm_spawner
            hub.db.refresh(row)
            seen.append((lease.state, dict(lease.child), dict(row.state["child"])))

    cloud.pace = look
    await hub.start()
    [(state, child, row)] = seen
    assert state is State.STARTING
    for each in (child, row):
        assert each["engine"] == cloud.id
        assert each["key"] == (await hub.lease()).id
        assert each["ticket"]["used"] is None
        assert "machine" not in each


async def test_the_machine_is_written_down_as_soon_as_it_has_an_id(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    seen = []

    async def look(verb: str) -> None:
        if verb == "build":
            await asyncio.sleep(0.05)
            [lease] = await hub.leases()
            seen.append(lease.child.get("machine"))

    cloud.pace = look
    await hub.start()
    assert seen == list(cloud.machines)


async def test_steps_are_told_with_the_clouds_own_words(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()

    async def slowly(verb: str) -> None:
        await asyncio.sleep(0.2 if verb == "build" else 0)

    cloud.pace = slowly
    spawner = await hub.start()
    told = [each async for each in spawner.child.progress()]
    assert [each["machine"] for each in told] == [
        "asked",
        "building",
        "booted",
        "redeemed",
        "starting",
        "listening",
    ]
    assert told[1]["message"] == "The cloud is building the machine (building)"
    shares = [each["progress"] for each in told]
    assert shares == sorted(shares)


async def test_steps_are_told_to_who_looks_before_the_start(stage: Stage) -> None:
    hub = await stage.begin()
    spawner, start = hub.begin_start()
    told = [each["machine"] async for each in spawner._generate_progress() if "machine" in each]
    await start
    assert told == ["asked", "booted", "redeemed", "starting", "listening"]


@given(image="doomed")
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("No valid host was found. There are not enough hosts", FailureCause.NO_CAPACITY),
        ("No valid host was found. ", FailureCause.NO_CAPACITY),
        ("Exceeded maximum number of retries", FailureCause.NO_CAPACITY),
        ("Quota exceeded for cores", FailureCause.QUOTA),
        ("Image 7 could not be found", FailureCause.IMAGE_NOT_FOUND),
        ("Build of instance aborted", FailureCause.INTERNAL),
    ],
)
async def test_a_machine_that_the_cloud_cannot_build(
    stage: Stage, cloud: MemoryCloud, fault: Any, cause: Any
) -> None:
    cloud.images["doomed"] = MemoryImage("doomed", fault)
    error = await failed(await stage.begin(), stage)
    assert f"machine: {fault.rstrip(' .')}. " in error.jupyterhub_message
    _, cure = cause_and_cure(fault) or (cause, "Try again, or choose another size or image; ")
    assert cure in error.jupyterhub_message
    assert failure_cause(error) is cause


async def test_a_quota_that_is_used_up(stage: Stage, cloud: MemoryCloud) -> None:
    cloud.stranger("other")
    cloud.most = 1
    with pytest.raises(StartError, match="quota of the cloud") as caught:
        await (await stage.begin()).start()
    assert failure_cause(caught.value) is FailureCause.QUOTA


@pytest.mark.parametrize(
    ("trait", "cause"), [("size", FailureCause.CONFIG), ("key", FailureCause.CONFIG)]
)
async def test_what_is_not_there_is_named(
    tmp_path: Path, trait: Any, cause: Any, stage: Stage, subject: Any
) -> None:
    subject._spawner[trait] = "missing"
    error = await failed(await stage.begin(), stage)
    assert "'missing'" in error.jupyterhub_message
    assert failure_cause(error) is cause


async def test_a_machine_that_vanishes(stage: Stage, cloud: MemoryCloud) -> None:
    cloud.guest = None
    hub = await stage.begin()
    _, start = hub.begin_start()
    await until(lambda: cloud.machines)
    await cloud.settled()
    cloud.destroy(next(iter(cloud.machines)))
    with pytest.raises(StartError, match="removed while it was started"):
        await start
    assert await hub.settle() == []


@given(start_timeout=4)
async def test_a_machine_that_never_reports(stage: Stage, cloud: MemoryCloud) -> None:
    cloud.guest = None
    error = await failed(await stage.begin(), stage)
    assert failure_cause(error) is FailureCause.TIMEOUT
    assert "The machine is there, and boots" in error.jupyterhub_message
    assert "http://127.0.0.1:8081" in error.log_message


@given(start_timeout=4, userdata_values={"bind_password": "hunter-2-hunter"})
async def test_the_console_of_a_machine_that_was_late_is_told_to_the_administrator(
    stage: Stage, cloud: MemoryCloud
) -> None:
    cloud.guest = None
    lines = [f"[{second}.0] booting" for second in range(40)]
    cloud.console = "\n".join([*lines, "+ ldapadd -w hunter-2-hunter", "Kernel panic: no init"])
    error = await failed(await stage.begin(), stage)
    assert "which ends:\n[22.0] booting" in error.log_message
    assert error.log_message.endswith("Kernel panic: no init")
    assert "hunter-2-hunter" not in error.log_message
    assert "panic" not in error.jupyterhub_message


@given(start_timeout=4)
async def test_a_console_that_cannot_be_had_is_no_matter(stage: Stage, cloud: MemoryCloud) -> None:
    cloud.guest = None

    async def unasked(verb: str) -> None:
        if verb == "console":
            raise ProviderError("no console here", cause=FailureCause.REFUSED)

    cloud.pace = unasked
    error = await failed(await stage.begin(), stage)
    assert "at its console" in error.log_message
    assert "which ends" not in error.log_message
    assert failure_cause(error) is FailureCause.TIMEOUT


class Deaf(StubGuest):
    """Says that it listens where it does not."""

    def _listen(self, machine: Machine, disk: Any) -> None:
        disk.port = 9


@given(start_timeout=4)
async def test_a_server_that_cannot_be_reached(stage: Stage, cloud: MemoryCloud) -> None:
    cloud.guest = Deaf()
    error = await failed(await stage.begin(), stage)
    assert failure_cause(error) is FailureCause.UNREACHABLE
    assert "127.77.0.1:9), and the hub does not reach it" in error.jupyterhub_message
    assert "security group" in error.log_message


async def test_what_the_machine_says_of_its_failure_is_told(
    stage: Stage, cloud: MemoryCloud
) -> Any:
    class Failing(StubGuest):
        def _listen(self, machine: Machine, disk: Any) -> None:
            raise AssertionError

        async def begin(self, machine: Machine, userdata: str, *, first: bool) -> None:
            disk = self.disks.setdefault(machine.id, type(self).disk())
            await self._redeem(machine, disk, userdata, first=first)
            await self.report(
                machine, "failed", cause="account", detail="There is no account 'ann' here"
            )

        @staticmethod
        def disk() -> Any:
            from jupyterhub_anywhere.testing.worlds.machines import Disk

            return Disk()

    cloud.guest = Failing()
    error = await failed(await stage.begin(), stage)
    assert "There is no account 'ann' here." in error.jupyterhub_message
    assert failure_cause(error) is FailureCause.CONFIG


@given(install={"enabled": False})
async def test_an_image_without_jupyter_is_refused_before_anyone_waits(
    stage: Stage, guest: StubGuest
) -> None:
    guest.singleuser = None
    error = await failed(await stage.begin(), stage)
    assert "no jupyterhub-singleuser" in error.jupyterhub_message
    assert failure_cause(error) is FailureCause.CONFIG


@given(configurer="script")
async def test_a_setup_that_fails_is_told_and_gets_no_job(stage: Stage, guest: StubGuest) -> None:
    guest.failed = "lab.sh ended with exit status 7\nno mirror\ntoday\n"
    error = await failed(await stage.begin(), stage)
    text = error.jupyterhub_message
    assert "What sets the machine up has failed: lab.sh ended with exit status 7." in text
    assert "tell the administrator" in text
    assert text.endswith("The end of its log:\nno mirror\ntoday")
    assert failure_cause(error) is FailureCause.CONFIG
    assert guest.refusals == [
        "What sets this machine up has failed: lab.sh ended with exit status 7."
    ]
    assert not any(disk.job for disk in guest.disks.values())


@given(configurer="script", userdata_values={"bind_password": "hunter-2-hunter"})
async def test_a_setup_that_fails_says_no_secret_of_its_template(
    stage: Stage, guest: StubGuest
) -> None:
    guest.failed = "lab.sh ended with exit status 7\n+ ldapadd -w hunter-2-hunter\n"
    text = (await failed(await stage.begin(), stage)).jupyterhub_message
    assert "+ ldapadd -w " in text
    assert "hunter-2-hunter" not in text


@given(configurer="script")
async def test_a_machine_that_is_set_up_is_told_so(stage: Stage) -> None:
    spawner = await (await stage.begin()).start()
    told = [each["machine"] async for each in spawner.child.progress()]
    assert told[-5:] == [
        "booted",
        "configured",
        "redeemed",
        "starting",
        "listening",
    ]


async def test_an_image_without_jupyter_gets_it(stage: Stage, guest: StubGuest) -> None:
    guest.singleuser = None
    await (await stage.begin()).start()
    [disk] = guest.disks.values()
    assert disk.job["install"]["packages"] == ["jupyterlab"]


async def test_a_cloud_that_stutters_while_it_builds_is_asked_again(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    stage.subject.script("pass", "pass", "pass", "fail", "fail")
    await hub.start()
    assert await stage.names() == [(await hub.lease()).name]


async def test_an_answer_that_is_lost_is_found_again(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    stage.subject.script("pass", "pass", "lose")
    await hub.start()
    assert (cloud.asked.count("create"), len(cloud.machines)) == (1, 1)


async def test_a_machine_that_was_made_twice_is_one(
    stage: Stage, cloud: MemoryCloud, guest: StubGuest
) -> None:
    hub = await stage.begin()
    stage.subject.script("pass", "pass", "twice")
    spawner = await hub.start()
    [machine] = cloud.machines
    assert guest.disks[machine].port
    assert spawner.get_state()["child"]["machine"] == machine
    assert guest.refusals == ["used"]


async def test_the_second_machine_may_be_the_one_that_redeemed(
    stage: Stage, cloud: MemoryCloud, guest: StubGuest
) -> None:
    hub = await stage.begin()

    slow: list[str] = []

    async def slow_first(verb: str) -> None:
        # The machine that the answer names boots later than its double.
        if verb == "build" and not slow:
            slow.append(verb)
            await asyncio.sleep(0.3)

    cloud.pace = slow_first
    stage.subject.script("pass", "pass", "twice")
    spawner = await hub.start()
    [machine] = cloud.machines
    assert machine.endswith("2")
    assert spawner.get_state()["child"]["machine"] == machine
    assert await spawner.poll() is None


async def test_a_ticket_that_somebody_else_has_used(stage: Stage, cloud: MemoryCloud) -> None:
    class Stolen(StubGuest):
        async def begin(self, machine: Machine, userdata: str, *, first: bool) -> None:
            from jupyterhub_anywhere.targets.machines.waiting import Caller
            from jupyterhub_anywhere.testing.worlds.machines import _TICKET

            [ticket] = set(_TICKET.findall(userdata))
            await waiting.hub.redeem(ticket, "x" * 43, Caller("127.0.0.9", {"singleuser": "6"}))
            await super().begin(machine, userdata, first=first)

    cloud.guest = Stolen()
    error = await failed(await stage.begin(), stage)
    assert "used by somebody else" in error.jupyterhub_message
    assert "127.77.0.1" in error.log_message


async def test_a_ticket_is_good_at_the_machines_own_addresses_only(
    stage: Stage, cloud: MemoryCloud
) -> None:
    hub = await stage.begin()
    cloud.guest = None
    spawner, start = hub.begin_start()
    await until(lambda: spawner.child and spawner.child.memo.ticket)
    await until(lambda: spawner.child.memo.ticket.addresses)
    assert spawner.child.memo.ticket.addresses == ("127.77.0.1",)
    await hub.cancel(start)


@given(bind_ticket=False)
async def test_behind_a_router_it_is_good_anywhere(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    cloud.guest = None
    spawner, start = hub.begin_start()
    await until(lambda: spawner.child and spawner.child.news.step is Step.BUILT)
    assert spawner.child.memo.ticket.addresses == ()
    await hub.cancel(start)


async def test_cancelled_while_the_cloud_makes_it(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    made, go_on = asyncio.Event(), asyncio.Event()

    async def pace(verb: str) -> None:
        if verb == "create":
            made.set()
            await go_on.wait()

    cloud.pace = pace
    _, start = hub.begin_start()
    await made.wait()
    ending = asyncio.ensure_future(hub.cancel(start))
    await asyncio.sleep(0.05)
    go_on.set()
    await ending
    # It was made all the same, and removed before any look.
    assert cloud.asked.count("create") == 1
    assert cloud.machines == {}
    assert await hub.settle() == []


@pytest.mark.parametrize(
    "own", [{"internal_url": "http://10.9.9.9:8081", "insecure": True}], indirect=True
)
async def test_machines_are_told_the_hubs_address(stage: Stage, guest: StubGuest) -> None:
    await (await stage.begin()).start()
    [disk] = guest.disks.values()
    env = disk.job["env"]
    assert env["JUPYTERHUB_API_URL"] == "http://10.9.9.9:8081/api"
    assert env["JUPYTERHUB_ACTIVITY_URL"].startswith("http://10.9.9.9:8081/api/users/ann")


async def test_a_job_says_what_to_run(stage: Stage, guest: StubGuest) -> None:
    hub = await stage.begin()
    spawner = await hub.start(server="second")
    [disk] = guest.disks.values()
    job = disk.job
    assert job["cmd"] == ["jupyterhub-singleuser"]
    assert job["env"]["JUPYTERHUB_API_TOKEN"] == spawner.api_token
    assert job["env"]["JUPYTERHUB_SERVICE_URL"] == "http://0.0.0.0:{port}/user/ann/second/"
    assert (job["account"], job["ports"]) == ({"name": "ann", "make": True}, [[8000, 8999]])
    assert job["server"].startswith("ann-second--")
    assert (job["reach"], job["install"], job["certificate"]) == ("direct", None, None)


@given(account="lab", ports="8888", make_account=False)
async def test_a_job_of_one_account_and_one_port(stage: Stage, guest: StubGuest) -> None:
    await (await stage.begin()).start()
    [disk] = guest.disks.values()
    assert disk.job["account"] == {"name": "lab", "make": False}
    assert disk.job["ports"] == [[8888, 8888]]


class Elsewhere:
    """A provider whose machines are not this one."""

    local = False

    def __init__(self, provider: Any) -> None:
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)


def elsewhere(stage: Stage) -> None:
    site: Any = stage._site
    place = site.targets["one"].place
    place._provider = Elsewhere(place.provider)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({}, "each machine itself"),
        ({"internal_url": "http://127.0.0.1:8081", "insecure": True}, "each machine itself"),
    ],
    indirect=["own"],
)
async def test_a_hub_that_machines_cannot_reach(
    stage: Stage, cloud: MemoryCloud, said: str
) -> None:
    hub = await stage.begin()
    elsewhere(stage)
    with pytest.raises(StartError) as caught:
        await hub.start()
    assert said in caught.value.jupyterhub_message
    assert "internal_url" in caught.value.log_message
    assert failure_cause(caught.value) is FailureCause.CONFIG
    assert cloud.machines == {}


async def test_plain_http_needs_somebodys_word(stage: Stage, cloud: MemoryCloud) -> None:
    hub = await stage.begin()
    elsewhere(stage)
    site: Any = stage._site
    site.factories["one"].values["hub_connect_url"] = "http://10.0.0.1:8081"
    with pytest.raises(StartError, match="plain http") as caught:
        await hub.start()
    assert "insecure: true" in caught.value.log_message
    assert cloud.machines == {}


@given(configurer="script", userdata_name="missing.j2")
async def test_a_template_that_is_not_there(stage: Stage, cloud: MemoryCloud) -> None:
    error = await failed(await stage.begin(), stage)
    assert "no template 'missing.j2'" in error.jupyterhub_message
    assert "create" not in cloud.asked


@given(configurer="script", userdata_values={"more": "x"})
async def test_a_configurer_goes_before_the_launcher(stage: Stage, cloud: MemoryCloud) -> None:
    await (await stage.begin()).start()
    [machine] = cloud.machines
    text = cloud.userdata(machine)
    assert text.index("python3-venv") < text.index("awt1.")
    assert 'echo "The machine of" ann' in text


@given(configurer="cloud-init", home_volume=2)
async def test_cloud_inits_document_travels_beside_scripts(
    stage: Stage, cloud: MemoryCloud
) -> None:
    await (await stage.begin()).start()
    [machine] = cloud.machines
    text = cloud.userdata(machine)
    assert text.startswith("Content-Type: multipart/mixed")
    names = [line.partition("filename=")[2] for line in text.splitlines() if "filename=" in line]
    assert names == ['"configure"', '"zz-anywhere.sh"']
    assert "mkfs.ext4" in text
    [volume] = cloud.volumes.values()
    assert volume.size == 2
