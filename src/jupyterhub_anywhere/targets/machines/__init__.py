"""Machines: virtual machines of any cloud, each with an agent that redeems a ticket."""

from __future__ import annotations

from jupyterhub_anywhere.targets.machines.kind import CloudTarget

__all__ = ["CloudTarget"]
