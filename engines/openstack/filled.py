"""The state of a cloud that nobody has used yet: kept in the cache, and brought back from there."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from engines.openstack import backing
from engines.openstack.seed import Seeded

if TYPE_CHECKING:
    from pathlib import Path

    from engines.openstack.layout import Layout
    from engines.openstack.processes import Processes

# Databases and keys are a cloud's own; images are never written again.
_COPIED: Final = ("mysql", "keystone")
_IMAGES: Final = "glance/images"


def save(layout: Layout, seeded: Seeded, target: Path) -> None:
    """Keep the state of a cloud whose processes have ended."""
    for name in _COPIED:
        shutil.copytree(layout.var / name, target / name)
    shutil.copytree(layout.var / _IMAGES, target / _IMAGES)
    told = {"var": str(layout.var), "seeded": asdict(seeded)}
    (target / "seeded.json").write_text(json.dumps(told), "utf-8")


def restore(layout: Layout, source: Path) -> Seeded:
    """Bring a state back, before anything starts; what is in it."""
    for name in _COPIED:
        shutil.copytree(source / name, layout.var / name, dirs_exist_ok=True)
    for image in (source / _IMAGES).iterdir():
        (layout.var / _IMAGES / image.name).symlink_to(image)
    return Seeded(**json.loads((source / "seeded.json").read_text("utf-8"))["seeded"])


def relocate(layout: Layout, processes: Processes, source: Path) -> None:
    """Tell the image service where its files are now; the database runs, and it does not yet."""
    old = json.loads((source / "seeded.json").read_text("utf-8"))["var"]
    statement = "update glance.image_locations set value = replace(value, '{}/', '{}/')"
    backing.query(layout, processes, statement.format(old, layout.var))
