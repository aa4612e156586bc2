"""The contract, with machines of a real OpenStack; ``ANYWHERE_OPENSTACK=full`` for all of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.engines.openstack_subject import OpenStackSubject, nova_proxy

from jupyterhub_anywhere.testing.contract import Can, Contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines.openstack.cloud import OpenStack

pytestmark = pytest.mark.root
# What the memory provider cannot tell.
OFTEN = {
    "test_a_bad_choice_has_a_cause",
    "test_a_crash_shows_the_end_of_its_log",
}


class TestOpenStack(Contract):
    can = Can.CREATED | Can.APART | Can.AWAY | Can.BAD | Can.CRASHES

    @pytest.fixture
    def subject(self, openstack: OpenStack) -> Iterator[OpenStackSubject]:
        with nova_proxy() as proxy:
            yield OpenStackSubject(openstack, proxy)


for name in dir(TestOpenStack) if os.environ.get("ANYWHERE_OPENSTACK") != "full" else ():
    if name.startswith("test_") and name not in OFTEN:
        setattr(TestOpenStack, name, None)
