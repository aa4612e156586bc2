"""A driver of Cinder that keeps each volume as a file, beside the hypervisor that reads it.

Runs among the services, not among the tests. Nova is told of the file by the one kind of volume
that it takes as a path without mounting or logging in anywhere: that of a shared file system.
"""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import Any

# Of the services' environment.
from cinder import interface  # type: ignore[import-not-found]
from cinder.image import image_utils  # type: ignore[import-not-found]
from cinder.volume import driver  # type: ignore[import-not-found]
from oslo_config import cfg  # type: ignore[import-not-found]

_GIB = 1 << 30


@interface.volumedriver
class FileVolumes(driver.VolumeDriver):  # type: ignore[misc]  # its base is not known here
    """Sparse files in the folder ``$state_path/volumes``."""

    VERSION = "1.0"

    def do_setup(self, context: Any) -> None:  # noqa: ARG002  (as the base has it)
        """Make the folder."""
        self.folder = Path(cfg.CONF.state_path) / "volumes"
        self.folder.mkdir(parents=True, exist_ok=True)

    def check_for_setup_error(self) -> None:
        """Find nothing wrong."""

    def local_path(self, volume: Any) -> str:
        """A volume's file."""
        return str(self.folder / str(volume["name"]))

    def _update_volume_stats(self) -> None:
        space = shutil.disk_usage(self.folder)
        self._stats = {
            "volume_backend_name": "files",
            "vendor_name": "tests",
            "driver_version": self.VERSION,
            "storage_protocol": "file",
            # Sparse: what is promised is hardly ever used.
            "total_capacity_gb": max(1000, math.ceil(space.total / _GIB)),
            "free_capacity_gb": max(1000, math.ceil(space.free / _GIB)),
            "reserved_percentage": 0,
            "QoS_support": False,
            "multiattach": False,
        }

    def create_volume(self, volume: Any) -> None:
        """Make a volume."""
        with Path(self.local_path(volume)).open("wb") as file:
            file.truncate(volume["size"] * _GIB)

    def delete_volume(self, volume: Any) -> None:
        """Remove a volume; no matter if it is gone."""
        Path(self.local_path(volume)).unlink(missing_ok=True)

    def extend_volume(self, volume: Any, new_size: int) -> None:
        """Let a volume grow."""
        os.truncate(self.local_path(volume), new_size * _GIB)

    def copy_image_to_volume(
        self,
        context: Any,
        volume: Any,
        image_service: Any,
        image_id: str,
        disable_sparse: bool = False,  # noqa: ARG002, FBT001, FBT002  (as the base has it)
    ) -> None:
        """Fill a volume from an image."""
        path = self.local_path(volume)
        image_utils.fetch_to_raw(
            context, image_service, image_id, path, "1M", size=volume["size"], run_as_root=False
        )
        self.extend_volume(volume, volume["size"])

    def ensure_export(self, context: Any, volume: Any) -> None:
        """Nothing is exported."""

    def create_export(self, context: Any, volume: Any, connector: Any) -> None:
        """Nothing is exported."""

    def remove_export(self, context: Any, volume: Any) -> None:
        """Nothing is exported."""

    def initialize_connection(
        self,
        volume: Any,
        connector: Any,  # noqa: ARG002  (as the base has it)
    ) -> dict[str, Any]:
        """Tell the hypervisor where the file is."""
        data = {"name": str(volume["name"]), "device_path": self.local_path(volume)}
        return {"driver_volume_type": "gpfs", "data": data}

    def terminate_connection(self, volume: Any, connector: Any, **kwargs: Any) -> None:
        """Nothing was connected."""
