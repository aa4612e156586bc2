"""Machines of any cloud that Apache libcloud knows."""

from __future__ import annotations

from jupyterhub_anywhere.targets.machines.providers.libcloud.provider import LibcloudProvider

__all__ = ["LibcloudProvider"]
