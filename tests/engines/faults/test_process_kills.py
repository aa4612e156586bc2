"""Hubs that die at every place of a server's life, with servers that are local processes.

One place alone, by a regular expression that is found in what a run says of it::

    ANYWHERE_KILL_AT='start.*after Popen' make test-engines \\
        ARGS="-s tests/engines/faults/test_process_kills.py"

``ANYWHERE_FAULTS_RECORD=FILE`` keeps the outcomes for the documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.hub.kill_hubs import KilledHub
from tests.hub.kill_lanes import die_everywhere, lanes, zygote

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(1800)


def test_nothing_is_lost_and_nothing_leaks_at_any_place(tmp_path: Path) -> None:
    with zygote(tmp_path) as warm, lanes(lambda: KilledHub.ours(zygote=warm)) as hubs:
        die_everywhere("process", hubs)
