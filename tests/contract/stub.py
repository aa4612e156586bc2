"""What real servers of the contract run: the small server of the Docker engine's image."""

from __future__ import annotations

from pathlib import Path

import httpx

import engines.docker
from jupyterhub_anywhere.testing.contract import Subject

FILE = "stub/files/contract.txt"
PROGRAM = Path(engines.docker.__path__[0]).joinpath("stub", "server.py").read_text("utf-8")
# Its token is in its log, and nobody may read it there.
CRASH = """
import os, sys
print("my token is", os.environ["JUPYTERHUB_API_TOKEN"])
sys.exit("last words")
"""


class StubSubject(Subject):
    """Reads and writes files through the server."""

    async def write(self, url: str, text: str) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.put(f"{url}{FILE}", content=text)
            answer.raise_for_status()

    async def read(self, url: str) -> str:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{url}{FILE}")
            return answer.raise_for_status().text
