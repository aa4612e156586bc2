"""The agent: a real process that redeems its ticket at our door, and runs a server."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.hub.harness import free_port
from tests.hub.machine_door import (
    QUICK,
    TOKEN,
    Agent,
    World,
    alive,
    command_lines,
    eventually,
    expect,
    gone,
)

from jupyterhub_anywhere.targets.machines import tickets, waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.close()


async def ask(port: int, path: str = "") -> Any:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"http://127.0.0.1:{port}/user/ann/{path}")).json()


async def test_a_ticket_becomes_a_server_that_listens(world: World) -> None:
    start = world.start()
    agent = world.agent(start)
    told = await start.stage("listening")
    assert start.stages() == ["redeemed", "starting", "listening"]
    about = await ask(told["port"])
    assert about["env"]["JUPYTERHUB_API_TOKEN"] == TOKEN
    assert about["env"]["JUPYTERHUB_SERVICE_URL"] == f"http://127.0.0.1:{told['port']}/user/ann/"
    assert about["argv"][1:] == [f"--port={told['port']}"]
    assert about["uid"] != 0
    # What Jupyter keeps there is in memory, and goes with the server.
    assert about["env"]["JUPYTER_RUNTIME_DIR"].endswith("/run/lease1/runtime")
    machine = start.callers[0].machine
    assert (machine["singleuser"], machine["agent"]) == (None, "1")
    await start.stage("running", 2)
    # On the disk is what a reboot needs, for nobody else, and no token.
    kept = agent.folder / "servers" / "lease1.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text("utf-8"))["ticket"] is None
    for path in agent.folder.rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes(), path


async def test_no_command_line_has_a_secret(world: World) -> None:
    start = world.start()
    agent = world.agent(start)
    await start.stage("listening")
    secret = json.loads((agent.folder / "servers" / "lease1.json").read_text())["secret"]
    lines = command_lines()
    assert any(b"machine_stub" in line for line in lines)
    for word in (TOKEN, secret, start.text):
        assert not [line for line in lines if word.encode() in line]


async def test_the_machine_tells_which_jupyter_it_has(world: World, tmp_path: Path) -> None:
    program = tmp_path / "jupyterhub-singleuser"
    program.write_text("#!/bin/sh\necho 'a warning'\necho 4.0.2\n")
    program.chmod(0o755)
    start = world.start()
    world.agent(start, search=[str(tmp_path)])
    await start.stage("redeemed")
    assert start.callers[0].machine["singleuser"] == "4.0.2"


async def test_a_revoked_server_is_stopped_with_all_that_it_started(world: World) -> None:
    start = world.start().env(STUB="family")
    world.agent(start)
    about = await ask((await start.stage("listening"))["port"])
    assert alive(about["child"])
    start.verdict = {"lease": "revoked"}
    told = await start.stage("ended")
    assert "revoked" in told["detail"]
    await gone(about["pid"])
    await gone(about["child"])
    # It stays, and starts another one when it is told to.
    await start.stage("idle")
    start.verdict = {"lease": "held", "again": True}
    await start.stage("listening", 2)
    start.verdict = {"lease": "held"}
    assert start.callers[-1].again


async def test_a_server_that_does_not_obey_is_killed(world: World) -> None:
    start = world.start().env(STUB="stubborn")
    world.agent(start)
    about = await ask((await start.stage("listening"))["port"])
    start.verdict = {"lease": "revoked"}
    assert (await start.stage("ended"))["status"] == -signal.SIGKILL
    await gone(about["pid"])


async def test_a_server_that_ends_is_told_and_not_started_again(world: World) -> None:
    start = world.start()
    world.agent(start)
    port = (await start.stage("listening"))["port"]
    with pytest.raises(httpx.TransportError):
        await ask(port, "end")
    told = await start.stage("ended")
    assert (told["status"], told["detail"]) == (4, "it ended by itself")
    await start.stage("idle", 2)
    assert len(start.callers) == 1


async def test_a_server_that_fails_tells_its_last_lines(world: World) -> None:
    start = world.start().env(STUB="fail")
    world.agent(start)
    told = await start.stage("failed")
    assert told["cause"] == "exited"
    assert told["log"] == [f"bad luck with {TOKEN}"]


@pytest.mark.parametrize(
    ("change", "cause", "words"),
    [
        ({"cmd": ["no-such-program"]}, "missing", "no-such-program is not on this machine"),
        ({"account": {"name": "no-such-account"}}, "account", "no account no-such-account"),
        ({"account": {"name": "../etc"}}, "account", "cannot be an account"),
        ({"account": {"name": "--root"}}, "account", "cannot be an account"),
        ({"account": {"name": "root"}}, "root", "no server runs as root"),
        ({"account": None}, "account", "cannot be an account"),
        ({"cmd": None}, "agent", "TypeError"),
    ],
)
async def test_what_cannot_be_started_is_told_with_its_cause(
    world: World, change: dict[str, Any], cause: str, words: str
) -> None:
    start = world.start(**change)
    world.agent(start)
    told = await start.stage("failed")
    assert told["cause"] == cause
    assert words in told["detail"]


async def test_what_failed_before_it_is_told(world: World, tmp_path: Path) -> None:
    start = world.start()
    start.refusal = "What sets this machine up has failed."
    agent = Agent(tmp_path, world.door.url, start.text, seconds=QUICK)
    world.agents.append(agent)
    said = "lab.sh ended with exit status 7\nno mirror\ntoday\n"
    (agent.folder / "failed").write_text(said)
    agent.start()
    # It has no job, and nothing else to do.
    assert await agent.ended() == 0
    [caller] = start.callers
    assert caller.machine["failed"] == said
    assert start.refusal in agent.said


async def test_the_first_free_port_is_taken(world: World) -> None:
    busy = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    taken = busy.sockets[0].getsockname()[1]
    start = world.start(ports=[[taken, taken], [taken + 1, taken + 200]])
    world.agent(start)
    assert (await start.stage("listening"))["port"] > taken
    busy.close()


async def test_no_free_port_is_told(world: World) -> None:
    busy = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    taken = busy.sockets[0].getsockname()[1]
    start = world.start(ports=[[taken, taken]])
    world.agent(start)
    assert (await start.stage("failed"))["cause"] == "port"
    busy.close()


async def test_two_servers_share_a_machine(world: World) -> None:
    first = world.start()
    world.agent(first)
    await first.stage("listening")
    second = world.start("lease2")
    first.verdict = {"lease": "held", "ticket": second.text}
    port = (await second.stage("listening"))["port"]
    assert port != first.reports[-1]["port"]
    # The same ticket again is no third one.
    await first.stage("running", 4)
    assert len(second.callers) == 1
    second.verdict = {"lease": "revoked"}
    await second.stage("ended")
    first.verdict = {"lease": "held"}
    assert (await ask(first.reports[-1]["port"]))["pid"]


async def test_a_server_is_ended_for_good_by_the_answer_to_another(world: World) -> None:
    first = world.start()
    agent = world.agent(first)
    await first.stage("listening")
    second = world.start("lease2")
    first.verdict = {"lease": "held", "ticket": second.text}
    pid = (await ask((await second.stage("listening"))["port"]))["pid"]
    await first.until(lambda: "lease2" in first.reports[-1]["servers"], "both are told")
    # A hub that was restarted does not know what the other reports by. A ticket may come twice.
    waiting.forget("lease2")
    first.verdict = {"lease": "held", "end": ["lease2", "lease9"], "ticket": second.text}
    await first.until(lambda: first.reports[-1]["servers"] == ["lease1"], "one is told")
    await gone(pid)
    await eventually(
        lambda: {each.stem for each in (agent.folder / "servers").iterdir()} == {"lease1"}, "it"
    )
    assert (await ask(first.reports[-1]["port"]))["pid"]


async def test_servers_that_begin_at_once_choose_different_ports(world: World) -> None:
    port = free_port()
    ports = [[port, port + 20]]
    first = world.start(ports=ports)
    world.agent(first)
    await first.stage("listening")
    others = [world.start(f"lease{number}", ports=ports) for number in range(2, 6)]
    for each in others:
        first.verdict = {"lease": "held", "ticket": each.text}
        await each.stage("redeemed")
    found = {(await each.stage("listening"))["port"] for each in [first, *others]}
    assert len(found) == 5
    assert len({(await ask(each))["pid"] for each in found}) == 5


# --- who is the hub, and where is it --------------------------------------------------------------


async def test_a_hub_that_is_away_is_waited_for(world: World) -> None:
    start = world.start()
    await world.door.close()
    agent = world.agent(start)
    await eventually(lambda: "no job (0)" in agent.said, "it")
    world.door.open()
    await start.stage("listening")


async def test_a_server_survives_a_hub_that_is_away(world: World) -> None:
    start = world.start()
    agent = world.agent(start)
    port = (await start.stage("listening"))["port"]
    await world.door.close()
    waiting.forget(start.key)
    await eventually(lambda: "was not heard (0)" in agent.said, "it")
    world.door.open()
    # The hub is there, and has not yet looked for its servers.
    await eventually(lambda: "was not heard (403)" in agent.said, "it")
    expect([start])
    await start.stage("running", start.stages().count("running") + 1)
    assert (await ask(port))["pid"]
    assert "ended" not in start.stages()


async def test_without_a_hub_for_long_the_server_is_stopped(world: World) -> None:
    start = world.start(patience=1)
    world.agent(start)
    about = await ask((await start.stage("listening"))["port"])
    await world.door.close()
    await gone(about["pid"])
    world.door.open()
    await start.stage("idle")


async def test_plain_http_only_where_somebody_said_so(world: World) -> None:
    start = world.start()
    agent = world.agent(start, insecure=False)
    assert await agent.ended() == 1
    assert "is plain http" in agent.said
    assert not start.callers


# --- tickets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", ["used", "stopped", "late", "elsewhere", "forgotten", "unknown", "wrong"]
)
async def test_a_refused_ticket_ends_the_agent(world: World, how: str) -> None:
    start = world.start()
    assert start.record is not None
    if how == "used":
        found = await waiting.hub.redeem(start.text, "A" * 43, waiting.Caller("10.9.9.9", {}))
        assert not isinstance(found, tickets.Refusal)
    elif how == "stopped":
        start.record = start.record.ended()
    elif how == "late":
        start.record = tickets.Record(start.record.digest, ends=1.0)
    elif how == "elsewhere":
        start.record = start.record.bound(["10.9.9.9"])
    elif how == "forgotten":
        waiting.forget(start.key)
    elif how == "unknown":
        waiting.forget(start.key)
        # As a hub that was restarted.
        waiting.hub._past.clear()
    else:
        start.text = tickets.issue(start.key, 0, 1)[0]
    before = len(start.callers)
    agent = world.agent(start)
    if how == "used":
        # It may have been this machine, whose answer was lost: the credential tells.
        await eventually(lambda: "No server of this hub waits" in agent.said, "it")
    else:
        assert await agent.ended() == 0
        words = "was stopped" if how in {"stopped", "forgotten"} else "Start the server again"
        assert words in agent.said or (how == "elsewhere" and "address" in agent.said)
    assert len(start.callers) == before
    assert "redeemed" not in start.stages()


async def test_a_machine_that_gets_no_job_says_why(world: World) -> None:
    start = world.start()
    start.refusal = "Its jupyterhub-singleuser 1.0 is too old."
    agent = world.agent(start)
    assert await agent.ended() == 0
    assert "409): Its jupyterhub-singleuser 1.0 is too old." in agent.said


# --- kills ----------------------------------------------------------------------------------------


async def test_an_answer_that_is_lost_loses_nothing(world: World) -> None:
    start = world.start()

    async def cut() -> None:
        await world.door.close()
        world.door.open()

    start.before = cut
    world.agent(start)
    await start.stage("listening")
    # The second time it came by its credential: the ticket was used up by the first.
    assert [each.again for each in start.callers] == [False, True]
    assert not start.refusals


async def test_an_agent_that_is_killed_finds_its_server_again(world: World) -> None:
    start = world.start().env(STUB="family")
    agent = world.agent(start)
    about = await ask((await start.stage("listening"))["port"])
    await agent.kill()
    seen = start.stages().count("running")
    agent.start()
    await start.stage("running", seen + 2)
    assert (await ask(start.reports[-1]["port"]))["pid"] == about["pid"]
    assert len(start.callers) == 1
    start.verdict = {"lease": "revoked"}
    await start.stage("ended")
    await gone(about["pid"])
    await gone(about["child"])


@pytest.mark.parametrize("at", ["taken", "redeeming", "redeemed", "starting"])
async def test_an_agent_that_is_killed_at_any_step_comes_to_its_server(
    world: World, at: str
) -> None:
    start = world.start()
    if at == "redeeming":
        killed = asyncio.Event()

        async def wait() -> None:
            await world.agents[0].kill()
            killed.set()

        start.before = wait
    if at == "taken":
        await world.door.close()
    agent = world.agent(start)
    if at == "taken":
        await eventually((agent.folder / "servers" / "lease1.json").exists, "it")
        world.door.open()
    elif at == "redeeming":
        await killed.wait()
    else:
        await start.stage(at)
    if at != "redeeming":
        await agent.kill()
    agent.start()
    await start.until(lambda: {"listening", "running"} & set(start.stages()), "no server")
    # One server, whatever was begun before.
    port = f"port={start.job['ports'][0][0]}".encode()
    assert len([line for line in command_lines() if port in line]) == 1
    assert (await waiting.hub.redeem(start.text, "B" * 43, waiting.Caller("127.0.0.1", {}))) == (
        tickets.Refusal(tickets.Reason.USED, "lease1")
    )


async def test_after_a_reboot_the_server_comes_back(world: World) -> None:
    start = world.start()
    agent = world.agent(start)
    first = await ask((await start.stage("listening"))["port"])
    assert agent.process is not None
    agent.process.terminate()
    assert await agent.ended() == 0
    assert start.stages()[-1] == "leaving"
    await gone(first["pid"])
    agent.start()
    await start.stage("listening", 2)
    assert (await ask(start.reports[-1]["port"]))["pid"] != first["pid"]
    assert [each.again for each in start.callers] == [False, True]


async def test_one_agent_at_a_time(world: World) -> None:
    start = world.start()
    agent = world.agent(start)
    await start.stage("listening")
    first = agent.process
    agent.start()
    assert await agent.ended() == 0
    assert "another agent runs here" in agent.said
    agent.process = first
