"""The contract, on machines in this process."""

from __future__ import annotations

from functools import partial

from jupyterhub_anywhere.testing.contract import Can, Contract
from jupyterhub_anywhere.testing.contract.machines import MachinesSubject

# Clouds give one name to any number of machines, so no stranger takes one.
_ALL = ~Can.STRANGERS


class TestMachines(Contract):
    kind = MachinesSubject
    can = _ALL & ~Can.KEEPS


class TestMachinesThatAreKept(Contract):
    kind = partial(MachinesSubject, on_stop="shelve")
    can = _ALL
