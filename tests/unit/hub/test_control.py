"""The control socket: one line each way, whatever comes."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
from typing import TYPE_CHECKING, Any

import pytest

from jupyterhub_anywhere.core.errors import SurroundingsError
from jupyterhub_anywhere.core.state import StatePaths
from jupyterhub_anywhere.hub.control import ask, short_path
from jupyterhub_anywhere.hub.controller import Controller
from jupyterhub_anywhere.hub.down import down
from jupyterhub_anywhere.hub.statefolder import open_state
from jupyterhub_anywhere.hub.status import status
from jupyterhub_anywhere.hub.uprecord import UpRecord, read_up, write_up

if TYPE_CHECKING:
    from pathlib import Path


async def answer(request: dict[str, Any]) -> dict[str, Any]:
    if request["command"] == "fail":
        raise RuntimeError("a secret detail")
    return {"ok": True, "echo": request}


@pytest.mark.parametrize("depth", [1, 12], ids=["short", "longer than a socket's name may be"])
async def test_ask_and_answer(tmp_path: Path, depth: int) -> None:
    folder = tmp_path
    for _ in range(depth):
        folder = folder / "a-long-name"
    paths = open_state(folder)
    # One that a dead hub left is no obstacle.
    paths.control.write_text("")
    controller = Controller(paths.control, answer, logging.getLogger("test"))
    await controller.start()
    assert stat.S_IMODE(paths.control.stat().st_mode) == 0o600
    try:
        told = await asyncio.to_thread(ask, paths, "stop", keep=True)
        assert told == {"ok": True, "echo": {"command": "stop", "keep": True}}
        failed = await asyncio.to_thread(ask, paths, "fail")
        assert failed["ok"] is False
        assert "secret" not in json.dumps(failed)
        for line in (b"\n", b"[1]\n", b"\xff\n", b""):
            with short_path(paths.control) as name:
                reader, writer = await asyncio.open_unix_connection(name)
            writer.write(line)
            writer.write_eof()
            assert json.loads(await reader.readline())["ok"] is False
            writer.close()
            await writer.wait_closed()
    finally:
        await controller.stop()
    assert not paths.control.exists()
    with pytest.raises(SurroundingsError, match="No hub runs"):
        await asyncio.to_thread(ask, paths, "status")


def test_no_folder_no_hub(tmp_path: Path) -> None:
    paths = StatePaths(tmp_path / "none")
    with pytest.raises(SurroundingsError, match="No hub runs"):
        ask(paths, "status")
    assert down(paths) == []
    found = status(paths)
    assert (found.running, found.servers, found.url) == (False, (), "")
    assert not paths.root.exists(), "looking makes nothing"


def test_the_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    from jupyterhub_anywhere.core.processes import ProcessId

    paths = open_state(tmp_path)
    assert read_up(paths) is None
    process = ProcessId(1, 2, "boot")
    record = UpRecord(
        process, "http://x/", tmp_path / "ä.yaml", "id", share_account=True, since=5.0
    )
    write_up(paths, record)
    assert read_up(paths) == record
    assert not record.alive
    paths.up.write_text('{"process": 3, "since": "x", "file": 4}')
    assert read_up(paths) == UpRecord(None)
