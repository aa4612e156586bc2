"""Docker: the class behind us is the class alone."""

from __future__ import annotations

from jupyterhub_anywhere.testing.subjects.docker import SUBJECT
from jupyterhub_anywhere.testing.suite import Conformance


class TestDocker(Conformance):
    subject = SUBJECT
