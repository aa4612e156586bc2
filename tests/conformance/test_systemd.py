"""Systemd: the class behind us is the class alone."""

from __future__ import annotations

from jupyterhub_anywhere.testing.subjects.systemd import SUBJECT
from jupyterhub_anywhere.testing.suite import Conformance


class TestSystemd(Conformance):
    subject = SUBJECT
