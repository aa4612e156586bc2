"""A hub whose containers stay when servers stop, with their users' files in them."""

from __future__ import annotations

import contextlib
import io
import secrets
import sqlite3
import tarfile
from typing import TYPE_CHECKING, Any, Final

from docker.errors import APIError, NotFound
from jupyterhub.utils import compare_token
from tests.engines.faults.docker_subject import DockerSubject

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from docker import APIClient

# No volume: what a user writes is in the container and nowhere else.
_NO_VOLUMES: Final = """
c.DockerSpawner.volumes = {}
"""
_HOME: Final = "/home/jovyan"
_FILE: Final = "kept.txt"


class KeptSubject(DockerSubject):
    """Arguments are those of `DockerSubject`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, keeps=True, **options)
        with self.hub.config_file.open("a") as file:
            file.write(_NO_VOLUMES)

    def kept(self) -> Collection[str]:
        """Whoever has a container, as `run.Keeping`."""
        prefix = f"/{self.made.prefix}-"
        return {each["Names"][0].removeprefix(prefix) for each in self._containers()}

    def files(self, user: str) -> str:
        """What a file in the user's container has; written at the first look."""
        name = f"{self.made.prefix}-{user}"
        with self._client() as client, contextlib.suppress(NotFound):
            if not _read(client, name):
                # Each has words of its own: a container in the place of another has others.
                client.put_archive(name, _HOME, _archive(secrets.token_hex(8)))
            return _read(client, name)
        return ""

    def has_secret(self, user: str, token: str) -> bool:
        """Whether people log in to the user's server with a token as its secret."""
        ask = "SELECT secret FROM oauth_clients WHERE identifier = ?"
        with contextlib.closing(sqlite3.connect(self.hub.folder / "plain.sqlite")) as database:
            found = database.execute(ask, [f"jupyterhub-user-{user}"]).fetchone()
        return found is not None and compare_token(found[0], token)

    def _end(self, user: str) -> None:
        # It may have ended by now.
        with self._client() as client, contextlib.suppress(APIError):
            client.kill(f"{self.made.prefix}-{user}")

    @contextlib.contextmanager
    def _client(self) -> Iterator[APIClient]:
        with contextlib.closing(self.made.engine.client()) as client:
            yield client.api


def _archive(words: str) -> bytes:
    content, made = words.encode(), io.BytesIO()
    about = tarfile.TarInfo(_FILE)
    about.size = len(content)
    with tarfile.open(fileobj=made, mode="w") as tar:
        tar.addfile(about, io.BytesIO(content))
    return made.getvalue()


def _read(client: APIClient, name: str) -> str:
    """What the file has; empty where there is none.

    Raises:
        NotFound: There is no such container.
    """
    client.inspect_container(name)
    with contextlib.suppress(NotFound):
        chunks, _ = client.get_archive(name, f"{_HOME}/{_FILE}")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            file = tar.extractfile(_FILE)
            return file.read().decode() if file else ""
    return ""
