"""The door for machines: whatever comes, it answers in words, and never with 500."""

from __future__ import annotations

import asyncio
import json
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from prometheus_client import REGISTRY
from tests.hub.machine_door import Door, Start, expect, forget

from jupyterhub_anywhere.targets.machines import api, tickets, tunnels, waiting, wire
from jupyterhub_anywhere.targets.machines.tickets import Limits
from jupyterhub_anywhere.targets.machines.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECRET = "A" * 43


@pytest.fixture
async def door(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    # Of its own, so that refusals of other tests do not count here.
    own = Waiting(limits=Limits(by_address=100_000, by_key=100_000))
    monkeypatch.setattr(waiting, "hub", own)
    monkeypatch.setattr(waiting, "expect", own.expect)
    monkeypatch.setattr(waiting, "forget", own.forget)
    api.install()
    made = Door().open()
    yield made
    await made.close()


@pytest.fixture
async def start(door: Door) -> AsyncIterator[Start]:
    made = Start("lease1")
    expect([made])
    yield made
    await forget([made])


@pytest.fixture
async def client(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=f"{door.url}/api/anywhere/machines/", timeout=60
    ) as found:
        yield found


def body(start: Start, **more: Any) -> dict[str, Any]:
    return {"ticket": start.text, "credential": SECRET, "machine": {}, **more}


async def test_a_job_is_handed_out_once(client: httpx.AsyncClient, start: Start) -> None:
    answer = await client.post("redeem", json=body(start))
    assert answer.status_code == 200
    assert answer.json() == {"job": start.job}
    assert start.callers[0].machine["addresses"] == ["127.0.0.1"]
    again = await client.post("redeem", json=body(start, credential="B" * 43))
    assert (again.status_code, again.json()["reason"]) == (403, "used")
    assert start.job["env"]["JUPYTERHUB_API_TOKEN"] not in again.text


async def test_neither_cookies_nor_a_browsers_words_matter(
    client: httpx.AsyncClient, start: Start
) -> None:
    client.cookies.set("_xsrf", "x")
    headers = {"Origin": "https://elsewhere.example.org", "Sec-Fetch-Mode": "cors"}
    answer = await client.post("redeem", json=body(start), headers=headers)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


async def test_who_guesses_is_not_told_that_the_start_exists(
    client: httpx.AsyncClient, start: Start
) -> None:
    wrong, _ = tickets.issue("lease1", 0, 1)
    none, _ = tickets.issue("lease2", 0, 1)
    answers = [await client.post("redeem", json=body(start, ticket=text)) for text in (wrong, none)]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["reason"] == "unknown"
    assert [each.status_code for each in answers] == [403, 403]
    # The administrator is told the difference.
    assert [str(each.reason) for each, _ in start.refusals] == ["wrong"]


async def test_refusals_are_counted_where_prometheus_looks(
    client: httpx.AsyncClient, start: Start
) -> None:
    def count() -> float:
        name, label = "jupyterhub_anywhere_machine_refusals_total", {"reason": "wrong"}
        return REGISTRY.get_sample_value(name, label) or 0.0

    waiting.hub.on_refusal(api._count)
    before = count()
    await client.post("redeem", json=body(start, ticket=tickets.issue("lease1", 0, 1)[0]))
    assert count() == before + 1


async def test_too_many_wrong_ones_are_told_so_and_no_more(
    client: httpx.AsyncClient, start: Start
) -> None:
    waiting.hub._limits = Limits(by_address=3)
    wrong = body(start, ticket=tickets.issue("lease1", 0, 1)[0])
    statuses = [(await client.post("redeem", json=wrong)).status_code for _ in range(5)]
    assert statuses == [403, 403, 403, 429, 429]
    assert len(start.refusals) == 3


async def test_a_machine_without_a_job_hears_why(client: httpx.AsyncClient, start: Start) -> None:
    start.refusal = "Too old."
    answer = await client.post("redeem", json=body(start))
    assert (answer.status_code, answer.json()["message"]) == (409, "Too old.")


async def test_reports_are_answered_by_who_waits(client: httpx.AsyncClient, start: Start) -> None:
    await client.post("redeem", json=body(start))
    headers = {"Authorization": f"anywhere lease1.{SECRET}"}
    answer = await client.post("report", json={"stage": "running", "port": 8000}, headers=headers)
    assert answer.json() == {"lease": "held"}
    assert start.reports[0]["port"] == 8000
    for wrong in ("", "anywhere x", f"token lease1.{SECRET}", f"anywhere lease1.{'B' * 43}"):
        answer = await client.post(
            "report", json={"stage": "running"}, headers={"Authorization": wrong}
        )
        assert answer.status_code == 403
    assert len(start.reports) == 1
    waiting.forget("lease1")
    answer = await client.post("report", json={"stage": "running"}, headers=headers)
    assert answer.status_code == 403


async def test_a_tunnel_is_for_an_upgrade(
    client: httpx.AsyncClient, start: Start, door: Door
) -> None:
    await client.post("redeem", json=body(start))
    headers = {"Authorization": f"anywhere lease1.{SECRET}"}
    assert (await client.get("tunnel", headers=headers)).status_code == 426
    # Of a server that is not reached that way, it ends at once.
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    lines = ["GET /hub/api/anywhere/machines/tunnel HTTP/1.1", "Host: x", "Connection: Upgrade"]
    lines += ["Upgrade: anywhere-tunnel", f"Authorization: anywhere lease1.{SECRET}", "", ""]
    writer.write("\r\n".join(lines).encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 101 ")
    writer.close()
    assert not tunnels.hub.connected("lease1")


@pytest.mark.parametrize("path", ["redeem", "report"])
async def test_garbage_is_refused_in_words(
    client: httpx.AsyncClient, start: Start, path: str
) -> None:
    random = Random(7)
    right = json.dumps(body(start, stage="running")).encode()
    headers = {"Authorization": f"anywhere lease1.{SECRET}"}
    whole = [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 5000, b'{"ticket": 1}']
    shapes: list[Any] = [None, 1, [], "x", {"host_keys": {}}, {"csr": 1}]
    whole += [json.dumps(body(start, machine=each)).encode() for each in shapes]
    for _ in range(150):
        changed = bytearray(right)
        for _ in range(random.randint(1, 6)):
            changed[random.randrange(len(changed))] = random.randrange(256)
        whole.append(bytes(changed))
    for data in whole:
        answer = await client.post(path, content=data, headers=headers)
        assert answer.status_code in {200, 400, 403}, (answer.status_code, data)
        assert answer.json()


async def test_a_body_that_is_too_long_is_not_read(client: httpx.AsyncClient, door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    head = f"POST /hub/api/anywhere/machines/redeem HTTP/1.1\r\nHost: x\r\nContent-Length: {10**9}"
    writer.write(f"{head}\r\n\r\n".encode())
    assert b"400" in await reader.readline()
    writer.close()
    # Nor is one whose length nobody tells.
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(b"POST /hub/api/anywhere/machines/redeem HTTP/1.1\r\nHost: x\r\n")
    writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    try:
        for _ in range(3 * wire.MOST_BODY // 0x10000):
            writer.write(chunk)
            await writer.drain()
        said = await reader.readline()
    except ConnectionError:
        said = b""
    assert b"200" not in said
    writer.close()


@pytest.mark.parametrize(
    ("peer", "remote", "trusted", "found"),
    [
        ("10.0.0.7", "10.0.0.7", [], "10.0.0.7"),
        # What anybody can write does not count; what the hub's own proxy and those that it was
        # told of say does.
        ("10.0.0.7", "10.9.9.9", [], "10.0.0.7"),
        ("127.0.0.1", "10.9.9.9", [], "10.9.9.9"),
        ("::1", "10.9.9.9", [], "10.9.9.9"),
        ("10.0.0.7", "10.9.9.9", ["10.0.0.7"], "10.9.9.9"),
        ("::ffff:10.0.0.7", "::ffff:10.0.0.7", [], "10.0.0.7"),
        ("", "10.9.9.9", [], "10.9.9.9"),
    ],
)
def test_where_a_machine_asks_from(peer: str, remote: str, trusted: list[str], found: str) -> None:
    context = SimpleNamespace(address=(peer, 1) if peer else "", trusted_downstream=set(trusted))
    request = SimpleNamespace(connection=SimpleNamespace(context=context), remote_ip=remote)
    assert api.caller_address(request) == found
