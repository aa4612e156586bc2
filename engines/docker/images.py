"""The images that tests run, built without a network, and kept in the cache.

- ``anywhere/base:test``: Debian with Python, made by debootstrap;
- ``anywhere/stub:test``: a server of a few lines (``stub/server.py``), for most tests;
- ``anywhere/singleuser:test``: what ``images/singleuser`` makes on that base.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from docker.errors import BuildError

from engines.docker import supplies
from engines.docker.supplies import HERE, SINGLEUSER, SupplyError

if TYPE_CHECKING:
    from engines.docker.engine import DockerEngine

BASE_IMAGE: Final = "anywhere/base:test"
STUB_IMAGE: Final = "anywhere/stub:test"
SINGLEUSER_IMAGE: Final = "anywhere/singleuser:test"
_LAST_LINES: Final = 20


def tar_of(image: str) -> Path:
    """Where the cache keeps an image; the name changes with all that the image is made from."""
    hub = version("jupyterhub")
    if image == STUB_IMAGE:
        return (
            supplies.cache()
            / f"stub-{supplies.digest(supplies.base_key(), hub, HERE / 'stub')}.tar"
        )
    parts = [SINGLEUSER / name for name in ("Dockerfile", "healthcheck.py", "requirements.txt")]
    return supplies.cache() / f"singleuser-{supplies.digest(supplies.base_key(), hub, *parts)}.tar"


def missing() -> list[str]:
    """The images that the cache does not have."""
    return [image for image in (STUB_IMAGE, SINGLEUSER_IMAGE) if not tar_of(image).is_file()]


def fetch() -> None:
    """Fetch what building needs; needs a network, unless the cache has it."""
    supplies.prune()
    supplies.base()
    if SINGLEUSER_IMAGE in missing():
        supplies.wheels()


def build(engine: DockerEngine) -> None:
    """Build the images that the cache lacks, from what ``fetch`` has fetched.

    Raises:
        SupplyError: When one cannot be built.
    """
    lacking = missing()
    if not lacking:
        return
    with contextlib.closing(engine.client()) as client:
        repository, _, tag = BASE_IMAGE.partition(":")
        client.api.import_image(str(supplies.base()), repository=repository, tag=tag)
        if STUB_IMAGE in lacking:
            _build(client, STUB_IMAGE, HERE / "stub")
        if SINGLEUSER_IMAGE in lacking:
            with tempfile.TemporaryDirectory(dir=engine.room) as name:
                context = Path(name) / "context"
                shutil.copytree(SINGLEUSER, context)
                shutil.copytree(supplies.wheels(), context / "wheels", dirs_exist_ok=True)
                _build(client, SINGLEUSER_IMAGE, context)


def _build(client: Any, image: str, context: Path) -> None:
    """Build one image and keep it in the cache."""
    print(f"building {image} …", flush=True)
    arguments = {"BASE": BASE_IMAGE, "JUPYTERHUB_VERSION": version("jupyterhub")}
    try:
        client.images.build(
            path=str(context),
            tag=image,
            buildargs=arguments,
            network_mode="none",
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        lines = [str(entry.get("stream", "")).rstrip() for entry in error.build_log]
        last = "\n".join(line for line in lines[-_LAST_LINES:] if line)
        raise SupplyError(f"{image} cannot be built: {error.msg}\n{last}") from error
    with supplies.made(tar_of(image).name) as target:
        if target is not None:
            with target.open("wb") as file:
                for chunk in client.images.get(image).save(named=True):
                    file.write(chunk)
