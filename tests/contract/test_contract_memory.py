"""The contract, at an engine in this process."""

from __future__ import annotations

from functools import partial

from jupyterhub_anywhere.testing.contract import Can, Contract
from jupyterhub_anywhere.testing.contract.memory import MemorySubject


class TestMemory(Contract):
    kind = MemorySubject
    can = ~Can(0)


class TestMemoryThatKeepsNothing(Contract):
    kind = partial(MemorySubject, keep=False)
    can = ~Can.KEEPS
