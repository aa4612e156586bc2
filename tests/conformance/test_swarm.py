"""Swarm: the class behind us is the class alone."""

from __future__ import annotations

from jupyterhub_anywhere.testing.subjects.swarm import SUBJECT
from jupyterhub_anywhere.testing.suite import Conformance


class TestSwarm(Conformance):
    subject = SUBJECT
