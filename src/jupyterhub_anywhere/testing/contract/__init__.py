"""One contract for every kind of target: what a hub may rely on, whoever wrote the kind.

A kind joins with one test class::

    class TestFrob(Contract):
        kind = FrobSubject
        can = Can.FILES | Can.CREATED

See ``docs/contract.md``.
"""

from __future__ import annotations

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.testing.contract.subject import Can, Keys, Subject
from jupyterhub_anywhere.testing.contract.suite import Contract

__all__ = ["Can", "Contract", "FailureCause", "Keys", "Subject"]
