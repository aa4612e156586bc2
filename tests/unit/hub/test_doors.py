"""Doors at other loopback addresses: who is let in, what is passed on, and who is asked again."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.httpserver import HTTPServer

from jupyterhub_anywhere.config.models import TargetConfig
from jupyterhub_anywhere.core.errors import TargetError
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub.doors import Doors, Front
from jupyterhub_anywhere.targets.base import NoSettings, SiteInfo, Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

SECONDS = 30.0
AWAY = [OSError("away")] * 10_000


class Echo(web.RequestHandler):
    """Tells who seems to ask."""

    def get(self) -> None:
        self.write({"ip": self.request.remote_ip, "headers": sorted(self.request.headers)})


class Place(Target):
    """A target that names addresses, or fails for as long as there is something to raise."""

    kind: ClassVar[str] = "place"
    addresses: Sequence[str] = ()
    failures: list[Exception]

    def child_class(self) -> Any:
        raise NotImplementedError

    async def doors(self) -> Sequence[str]:
        if self.failures:
            raise self.failures.pop()
        return self.addresses


def place(name: str, *addresses: str, failures: Sequence[Exception] = ()) -> Place:
    info = SiteInfo("hub-1", StatePaths(Path("/none")), Path("/none"))
    made = Place(name, TargetConfig(kind="place"), NoSettings(), info)
    made.addresses, made.failures = addresses, list(failures)
    return made


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    """A hub of two pages at 127.0.0.1, which trusts a proxy there as JupyterHub does."""
    paths = ("/hub/api/echo", "/hub/api", "/hub/login")
    application = web.Application([(path, Echo) for path in paths])
    server = HTTPServer(application, xheaders=True)
    server.listen(0, "127.0.0.1")
    (listening,) = server._sockets.values()
    port = listening.getsockname()[1]
    yield Front(application, None, "127.0.0.1", port, "/hub/api/")
    server.stop()
    await server.close_all_connections()


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    made = Doors(tmp_path / "doors.json", pause=0.01)
    yield made
    await made.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def ask(url: str) -> dict[str, Any]:
    forged = {"X-Forwarded-For": "9.9.9.9", "X-Real-Ip": "8.8.8.8", "X-Scheme": "https"}
    answer = await AsyncHTTPClient().fetch(url, headers={**forged, "Forwarded": "for=7.7.7.7"})
    found: dict[str, Any] = json.loads(answer.body)
    return found


async def test_the_api_answers_at_a_door_again_and_again(doors: Doors, front: Front) -> None:
    doors.start(front, [])
    url = await doors.open("127.0.0.2")
    assert url == f"http://127.0.0.2:{front.port}"
    assert await doors.open("127.0.0.2") == url
    assert doors.addresses == ("127.0.0.2",)
    assert (await ask(f"{url}/hub/api/echo"))["ip"] == "127.0.0.1"
    # As jupyterhub-singleuser asks for the version, before anything else.
    assert (await ask(f"{url}/hub/api"))["ip"] == "127.0.0.1"


async def test_nobody_at_a_door_passes_as_a_proxy(doors: Doors, front: Front) -> None:
    doors.start(front, [])
    url = await doors.open("127.0.0.2")
    # So it is in front of the hub, which is why a door needs a rule of its own.
    assert (await ask(f"http://127.0.0.1:{front.port}/hub/api/echo"))["ip"] == "8.8.8.8"
    seen = await ask(f"{url}/hub/api/echo")
    assert seen["ip"] == "127.0.0.1"
    assert not {"X-Forwarded-For", "X-Real-Ip", "X-Scheme", "Forwarded"} & set(seen["headers"])


@pytest.mark.parametrize(
    "path", ["/hub/login", "/", "/hub/apis", "/hub/api/../login", "//hub/login"]
)
async def test_a_door_leads_to_the_api_only(doors: Doors, front: Front, path: str) -> None:
    doors.start(front, [])
    url = await doors.open("127.0.0.2")
    with pytest.raises(HTTPClientError) as caught:
        await ask(url + path)
    assert caught.value.code == 404


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("0.0.0.0", "no address to reach the hub at"),
        ("::", "no address to reach the hub at"),
        ("fe80::1", "no address to reach the hub at"),
        ("224.0.0.1", "no address to reach the hub at"),
        ("10.255.255.1", "no address of this machine"),
        ("gateway", "no IP address"),
        ("", "no IP address"),
    ],
)
async def test_addresses_that_are_refused(
    doors: Doors, front: Front, address: str, cause: str
) -> None:
    doors.start(front, [])
    with pytest.raises(TargetError, match=cause):
        await doors.open(address)
    assert doors.addresses == ()


async def test_a_port_that_another_program_has(doors: Doors, front: Front) -> None:
    doors.start(front, [])
    with closing(socket.create_server(("127.0.0.3", front.port))):
        with pytest.raises(TargetError, match=r"Port \d+ of 127\.0\.0\.3.* taken") as caught:
            await doors.open("127.0.0.3")
        assert f"sport = :{front.port}" in caught.value.hint
    assert await doors.open("127.0.0.3")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "", "*"])
async def test_where_the_hub_listens_itself_nothing_is_opened(
    doors: Doors, front: Front, host: str
) -> None:
    doors.start(Front(front.application, None, host, front.port, front.api), [])
    assert await doors.open("127.0.0.1") == f"http://127.0.0.1:{front.port}"
    assert doors.addresses == ()


async def test_a_hub_on_a_unix_socket_has_no_doors(doors: Doors, front: Front) -> None:
    doors.start(Front(front.application, None, "", 0, front.api), [])
    with pytest.raises(TargetError, match="unix socket"):
        await doors.open("127.0.0.2")


async def test_who_asks_before_the_hub_listens_waits_for_it(doors: Doors, front: Front) -> None:
    asking = asyncio.create_task(doors.open("127.0.0.2"))
    await asyncio.sleep(0)
    assert not asking.done()
    doors.start(front, [])
    async with asyncio.timeout(SECONDS):
        assert await asking


async def test_targets_are_asked_at_the_start(doors: Doors, front: Front) -> None:
    doors.start(front, [place("one", "127.0.0.2"), place("two", "127.0.0.3", "127.0.0.2")])
    await until(lambda: set(doors.addresses) == {"127.0.0.2", "127.0.0.3"})


async def test_a_target_that_fails_is_asked_again_and_told_once(
    doors: Doors, front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    away = [OSError("no engine"), OSError("no engine"), OSError("no engine")]
    caplog.set_level(logging.INFO)
    doors.start(front, [place("lab", "127.0.0.2", failures=away), place("two", "127.0.0.3")])
    await until(lambda: "127.0.0.2" in doors.addresses)
    assert "127.0.0.3" in doors.addresses
    warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert [each.getMessage().count("no engine") for each in warnings] == [1]
    assert "target lab: its servers reach the hub" in caplog.text


async def test_one_bad_address_does_not_hide_the_good_ones(
    doors: Doors, front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    doors.start(front, [place("lab", "10.255.255.1", "127.0.0.2")])
    await until(lambda: "no address of this machine" in caplog.text)
    assert doors.addresses == ("127.0.0.2",)


async def test_a_reload_asks_the_new_targets(doors: Doors, front: Front) -> None:
    doors.start(front, [place("one", "127.0.0.2")])
    await until(lambda: doors.addresses == ("127.0.0.2",))
    doors.look([place("two", "127.0.0.3")])
    await until(lambda: set(doors.addresses) == {"127.0.0.2", "127.0.0.3"})


async def test_a_reload_forgets_who_is_gone(doors: Doors, front: Front) -> None:
    gone, new = place("gone", failures=AWAY), place("new", failures=AWAY)
    doors.start(front, [gone])
    await until(lambda: len(gone.failures) < len(AWAY))
    doors.look([new])
    await until(lambda: len(new.failures) < len(AWAY))
    left = len(gone.failures)
    await until(lambda: len(new.failures) < len(AWAY) - 3)
    assert len(gone.failures) == left


async def test_the_next_hub_opens_them_before_it_asks_anybody(
    doors: Doors, front: Front, tmp_path: Path
) -> None:
    doors.start(front, [])
    await doors.open("127.0.0.2")
    await doors.close()
    with pytest.raises(OSError, match="refused"):
        await ask(f"http://127.0.0.2:{front.port}/hub/api/echo")
    later = Doors(tmp_path / "doors.json")
    later.start(front, [place("lab", failures=[OSError("away")])])
    try:
        await until(lambda: later.addresses == ("127.0.0.2",))
    finally:
        await later.close()
    later.forget()
    assert not (tmp_path / "doors.json").exists()
    later.forget()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"addresses": 1}', '{"addresses": ["x", "10.255.0.1"]}']
)
async def test_a_record_that_is_of_no_use(front: Front, tmp_path: Path, text: str) -> None:
    (tmp_path / "doors.json").write_text(text)
    made = Doors(tmp_path / "doors.json", pause=0.01)
    made.start(front, [place("lab", "127.0.0.2")])
    try:
        await until(lambda: made.addresses == ("127.0.0.2",))
    finally:
        await made.close()


async def test_a_record_that_cannot_be_written(front: Front, tmp_path: Path) -> None:
    made = Doors(tmp_path / "missing" / "doors.json")
    made.start(front, [])
    try:
        assert await made.open("127.0.0.2")
    finally:
        await made.close()
