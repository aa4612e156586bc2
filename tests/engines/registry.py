"""A registry of images on loopback, to pull from: read-only, and as slow as it is told to be.

It speaks as much of the Registry HTTP API V2 as a pull needs. Engines take registries on
127.0.0.0/8 without TLS::

    with Registry(folder) as registry:
        name = registry.add_saved("lab", Path("stub.tar"))      # made by `docker save`
        big = registry.add_filler("big", 1_000_000_000)
        registry.bytes_per_second = 20e6
        client.images.pull(name)
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG: Final = "application/vnd.docker.container.image.v1+json"
# Engines look at the bytes, not at the type: a layer need not be compressed.
LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_PIECE: Final = 1 << 18
_PATH: Final = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)")


@dataclass(frozen=True, slots=True)
class Blob:
    """A file that is served by its digest."""

    digest: str
    path: Path
    size: int

    def described(self, media_type: str) -> dict[str, Any]:
        """As a manifest names it."""
        return {"mediaType": media_type, "size": self.size, "digest": self.digest}


class Registry:
    """Serves images until it is closed.

    Attributes:
        bytes_per_second: How fast each layer is sent; None for no limit.
        requests: The paths that were asked for, in order.

    Args:
        folder: A folder of its own for layers.
    """

    def __init__(self, folder: Path) -> None:
        self.bytes_per_second: float | None = None
        self.requests: list[str] = []
        self._folder = folder
        self._blobs: dict[str, Blob] = {}
        self._manifests: dict[tuple[str, str], bytes] = {}
        self._layers: set[str] = set()
        self._open = threading.Event()
        self._open.set()
        self._closing = False
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"registry": self})
        )
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="registry")

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing = True
        self.release()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Host and port, as the first part of an image's name."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def hold(self) -> None:
        """Send no layer on, until `release`."""
        self._open.clear()

    def release(self) -> None:
        """Send layers again."""
        self._open.set()

    # --- what is served --------------------------------------------------------------------------

    def add_saved(self, name: str, archive: Path, tag: str = "latest", *, padding: int = 0) -> str:
        """Serve the one image of a file made by ``docker save``.

        Args:
            name: The image's name.
            archive: The file.
            tag: The image's tag.
            padding: Bytes of one more layer, so that an engine that has the image pulls something.

        Returns:
            Its full name, to be pulled by.
        """
        with tarfile.open(archive) as tar:
            (entry,) = json.loads(_read(tar, "manifest.json"))
            config = json.loads(_read(tar, entry["Config"]))
            layers = [self._keep(_stream(tar, each)) for each in entry["Layers"]]
        if padding:
            layers.append(self._filler(padding))
            config["rootfs"]["diff_ids"].append(layers[-1].digest)
        text = json.dumps(config).encode()
        return self._serve(name, tag, self._keep(io.BytesIO(text)), layers)

    def add_filler(self, name: str, size: int, tag: str = "latest") -> str:
        """Serve an image of one file of random bytes, that no program can run.

        Args:
            name: The image's name.
            size: In bytes.
            tag: The image's tag.

        Returns:
            Its full name, to be pulled by.
        """
        layer = self._filler(size)
        text = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/filler"]},
                "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
            }
        )
        return self._serve(name, tag, self._keep(io.BytesIO(text.encode())), [layer])

    def _filler(self, size: int) -> Blob:
        """A layer of one file of random bytes."""
        path = self._folder / "filler"
        with tarfile.open(path, "w") as tar:
            member = tarfile.TarInfo("filler")
            member.size = size
            tar.addfile(member, _Random(size))
        with path.open("rb") as file:
            layer = self._keep(file)
        path.unlink()
        return layer

    def digest(self, name: str, tag: str) -> str:
        """The digest of an image's manifest."""
        return f"sha256:{hashlib.sha256(self._manifests[name, tag]).hexdigest()}"

    def _serve(self, name: str, tag: str, config: Blob, layers: list[Blob]) -> str:
        text = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": config.described(CONFIG),
                "layers": [each.described(LAYER) for each in layers],
            }
        ).encode()
        self._manifests[name, tag] = text
        self._manifests[name, self.digest(name, tag)] = text
        self._layers.update(each.digest for each in layers)
        return f"{self.address}/{name}:{tag}"

    def _keep(self, stream: Any) -> Blob:
        digest, size = hashlib.sha256(), 0
        draft = self._folder / "draft"
        with draft.open("wb") as file:
            while piece := stream.read(_PIECE):
                digest.update(piece)
                size += len(piece)
                file.write(piece)
        path = draft.rename(self._folder / digest.hexdigest())
        blob = Blob(f"sha256:{digest.hexdigest()}", path, size)
        self._blobs[blob.digest] = blob
        return blob

    # --- the answers -----------------------------------------------------------------------------

    def manifest(self, name: str, reference: str) -> bytes | None:
        """The manifest of an image, by tag or digest."""
        return self._manifests.get((name, reference))

    def blob(self, digest: str) -> Blob | None:
        """A layer or a configuration."""
        return self._blobs.get(digest)

    def send(self, blob: Blob, out: Any) -> None:
        """Send a file, layers as slowly as is wanted."""
        began, sent = time.monotonic(), 0
        with blob.path.open("rb") as file:
            while piece := file.read(_PIECE):
                if blob.digest in self._layers:
                    self._open.wait()
                    self._slow_down(began, sent)
                if self._closing:
                    return
                out.write(piece)
                sent += len(piece)

    def _slow_down(self, began: float, sent: int) -> None:
        if self.bytes_per_second:
            time.sleep(max(began + sent / self.bytes_per_second - time.monotonic(), 0))


class _Random:
    """A file of random bytes; one piece of them over and over, for speed."""

    def __init__(self, size: int) -> None:
        self._left, self._piece = size, os.urandom(_PIECE)

    def read(self, size: int = _PIECE, /) -> bytes:
        """The next bytes."""
        piece = self._piece[: min(size, self._left, _PIECE)]
        self._left -= len(piece)
        return piece


def _stream(tar: tarfile.TarFile, name: str) -> Any:
    found = tar.extractfile(name)
    if found is None:
        raise ValueError(f"{name} is no file of the archive")
    return found


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    content: bytes = _stream(tar, name).read()
    return content


class _Handler(BaseHTTPRequestHandler):
    """Answers for one registry, which a subclass names."""

    protocol_version = "HTTP/1.1"
    registry: Registry

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.registry.requests.append(self.path)
        if self.path in {"/v2", "/v2/"}:
            self._answer(200, b"{}", "application/json")
            return
        match = _PATH.fullmatch(self.path)
        text = blob = None
        if match is not None and match["kind"] == "manifests":
            text = self.registry.manifest(match["name"], match["reference"])
        elif match is not None:
            blob = self.registry.blob(match["reference"])
        if text is not None:
            self._answer(200, text, MANIFEST)
        elif blob is not None:
            self._send(blob)
        else:
            error = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
            self._answer(404, json.dumps(error).encode(), "application/json")

    def _head(self, status: int, media_type: str, size: int, digest: str) -> None:
        self.send_response(status)
        self.send_header("Docker-Distribution-API-Version", "registry/2.0")
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(size))
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()

    def _answer(self, status: int, body: bytes, media_type: str) -> None:
        known = f"sha256:{hashlib.sha256(body).hexdigest()}" if status == 200 else ""
        self._head(status, media_type, len(body), known)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send(self, blob: Blob) -> None:
        self._head(200, "application/octet-stream", blob.size, blob.digest)
        if self.command != "HEAD":
            try:
                self.registry.send(blob, self.wfile)
            except OSError:
                # The engine has gone.
                self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
