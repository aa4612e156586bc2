"""Thorough: the class behind us is the class alone."""

from __future__ import annotations

from jupyterhub_anywhere.testing.subjects.thorough import SUBJECT
from jupyterhub_anywhere.testing.suite import Conformance


class TestThorough(Conformance):
    subject = SUBJECT
