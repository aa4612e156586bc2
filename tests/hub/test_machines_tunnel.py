"""Dialled out: the agent opens one connection, and the hub reaches the server through it."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.hub.machine_door import World, eventually

from jupyterhub_anywhere.agent.tunnel import Mux
from jupyterhub_anywhere.targets.machines import tunnels

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.hub.machine_door import Start

MIB = 1 << 20


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.close()


async def dialled(world: World) -> tuple[Start, str]:
    """A server that is reached through a tunnel, and its address at the hub."""
    start = world.start(reach="dial")
    port = await tunnels.hub.listen(start.key)
    world.agent(start)
    await start.stage("listening")
    return start, f"http://127.0.0.1:{port}/user/ann/"


async def test_a_server_is_reached_through_what_its_machine_has_opened(world: World) -> None:
    start, url = await dialled(world)
    async with httpx.AsyncClient() as client:
        about = (await client.get(url)).json()
    # On its machine nobody else reaches it from outside.
    served = about["env"]["JUPYTERHUB_SERVICE_URL"]
    assert served == f"http://127.0.0.1:{start.reports[-1]['port']}/user/ann/"
    assert tunnels.hub.connected(start.key)
    assert start.credential is not None


async def test_large_files_pass_both_ways_beside_small_questions(world: World) -> None:
    _, url = await dialled(world)
    data = secrets.token_bytes(50 * MIB)
    async with httpx.AsyncClient(timeout=120) as client:
        big = asyncio.ensure_future(client.post(url, content=data))
        small = [await client.get(url) for _ in range(20)]
        answer = await big
    assert answer.content == data
    assert all(each.status_code == 200 for each in small)


async def test_many_at_the_same_time_each_get_their_own(world: World) -> None:
    _, url = await dialled(world)
    bodies = [secrets.token_bytes(1000 + number) for number in range(60)]
    async with httpx.AsyncClient(timeout=60) as client:
        answers = await asyncio.gather(*(client.post(url, content=body) for body in bodies))
    assert [each.content for each in answers] == bodies


async def test_who_reads_slowly_holds_up_itself_only(world: World) -> None:
    _, url = await dialled(world)
    parts = httpx.URL(url)
    # It asks for 30 MiB, sends them, and never reads what comes back.
    reader, writer = await asyncio.open_connection(parts.host, parts.port, limit=1024)
    writer.write(f"POST {parts.path} HTTP/1.0\r\nContent-Length: {30 * MIB}\r\n\r\n".encode())
    for _ in range(30):
        writer.write(bytes(MIB))
        await writer.drain()
    async with httpx.AsyncClient(timeout=60) as client:
        for _ in range(5):
            assert (await client.get(url)).status_code == 200
    got = 0
    while part := await reader.read(MIB):
        got += len(part)
    assert got > 30 * MIB
    writer.close()
    await writer.wait_closed()


async def test_after_a_cut_the_machine_dials_again_and_the_server_stays(world: World) -> None:
    start, url = await dialled(world)
    async with httpx.AsyncClient(timeout=60) as client:
        first = (await client.get(url)).json()["pid"]
        end = tunnels.hub._ends[start.key]
        end.carriers[0].close()
        await eventually(lambda: "the tunnel was cut" in world.agents[0].said, "the cut")
        # Who comes meanwhile waits for it.
        assert (await client.get(url)).json()["pid"] == first
    assert start.stages().count("listening") == 1


async def test_a_hub_that_was_away_is_dialled_again_at_the_same_port(world: World) -> None:
    start, url = await dialled(world)
    port = httpx.URL(url).port
    assert port is not None
    await world.door.close()
    await tunnels.hub.close(start.key)
    world.door.open()
    assert await tunnels.hub.listen(start.key, port) == port
    async with httpx.AsyncClient(timeout=60) as client:
        assert (await client.get(url)).status_code == 200


async def test_a_port_that_somebody_else_has_taken_is_another() -> None:
    busy = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    taken = busy.sockets[0].getsockname()[1]
    own = tunnels.Tunnels()
    assert await own.listen("x", taken) not in {0, taken}
    await own.close("x")
    busy.close()


async def test_two_that_listen_for_one_server_at_once_have_one_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[asyncio.Server] = []
    start_server = asyncio.start_server

    async def started(*args: Any, **kwargs: Any) -> asyncio.Server:
        begun.append(await start_server(*args, **kwargs))
        return begun[-1]

    monkeypatch.setattr(asyncio, "start_server", started)
    own = tunnels.Tunnels()
    ports = await asyncio.gather(*(own.listen("x") for _ in range(3)))
    assert len(set(ports)) == 1
    assert [each.is_serving() for each in begun].count(True) == 1
    await own.close("x")
    assert not any(each.is_serving() for each in begun)


async def test_nobody_waits_for_ever_for_a_machine_that_does_not_dial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tunnels, "PATIENCE", 0.05)
    own = tunnels.Tunnels()
    port = await own.listen("x")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    writer.close()
    await own.close("x")
    await own.close("x")


async def test_a_server_that_has_gone_is_told_to_who_asks(world: World) -> None:
    start, url = await dialled(world)
    async with httpx.AsyncClient(timeout=60) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(url + "end")
    await start.stage("ended")
    assert "Traceback" not in world.agents[0].said


@pytest.mark.parametrize("header", ["", "anywhere lease1." + "B" * 43, "token x"])
async def test_only_the_machine_itself_opens_a_tunnel(world: World, header: str) -> None:
    start, url = await dialled(world)
    async with httpx.AsyncClient() as client:
        assert (await client.get(url)).status_code == 200
    carrier = tunnels.hub._ends[start.key].carriers[0]
    headers = {"Upgrade": "anywhere-tunnel", "Authorization": header}
    async with httpx.AsyncClient() as client:
        url = f"{world.door.url}/api/anywhere/machines/tunnel"
        assert (await client.get(url, headers=headers)).status_code == 403
    assert tunnels.hub._ends[start.key].carriers == [carrier]


# --- what comes through the wire ------------------------------------------------------------------


class Pipe:
    """Both ends of a connection in memory."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()

    async def send(self, data: bytes) -> None:
        self.reader.feed_data(data)


@pytest.mark.parametrize(
    "frames",
    [
        [(2, 1, bytes(Mux.CHUNK + 1))],
        [(2, 1, bytes(Mux.CHUNK))] * 17,
    ],
)
async def test_who_sends_more_than_it_may_is_cut(frames: list[tuple[int, int, bytes]]) -> None:
    near, far = Pipe(), Pipe()
    mux = Mux(near.reader.readexactly, far.send, None)
    running = asyncio.ensure_future(mux.run())
    server = await asyncio.start_server(mux.carry, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(*address)
    assert await far.reader.readexactly(Mux.HEAD.size) == Mux.HEAD.pack(Mux.OPEN, 1, 0)
    for kind, stream, data in frames:
        await near.send(Mux.HEAD.pack(kind, stream, len(data)) + data)
    with pytest.raises(OSError, match=r"a frame of|more data"):
        await running
    # Who was carried is told by the end of the connection.
    while await reader.read(MIB):
        pass
    writer.close()
    server.close()


async def test_frames_that_mean_nothing_change_nothing() -> None:
    near, far = Pipe(), Pipe()
    mux = Mux(near.reader.readexactly, far.send, None)
    for kind in (0, 1, 2, 3, 4, 5, 6, 7, 255):
        for data in (b"", b"x", b"four"):
            await near.send(Mux.HEAD.pack(kind, 9, len(data)) + data)
    near.reader.feed_eof()
    with pytest.raises(EOFError):
        await mux.run()
    assert not mux._streams
