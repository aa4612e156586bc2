"""The hub goes away and comes back; servers, kernels and websockets do not notice."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.hub.harness import read_json
from tests.hub.kernels import Kernel

from jupyterhub_anywhere.core.processes import ProcessId

if TYPE_CHECKING:
    from tests.hub.conftest import MakeHub
    from tests.hub.harness import Hub


def proxy_of(hub: Hub) -> ProcessId:
    found = ProcessId.from_json(read_json(hub.state.proxy)["process"])
    assert found is not None
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "keep"])
def test_two_servers_with_kernels_outlive_the_hub(make_hub: MakeHub, end: signal.Signals) -> None:
    hub = make_hub(arguments=["--keep-servers", "--share-account"])
    hub.start()
    proxy = proxy_of(hub)
    hub.start_server("ann")
    hub.start_server("ann", "second")
    with ExitStack() as stack:
        first = stack.enter_context(Kernel(hub, "ann"))
        second = stack.enter_context(Kernel(hub, "ann", "second"))
        pids = [
            kernel.execute("import os; x = 41; print(os.getpid())") for kernel in (first, second)
        ]

        hub.signal(end)
        assert first.execute("x += 1; print(x)") == "42", "while the hub is away"
        hub.start()

        assert proxy_of(hub) == proxy
        for name, kernel, pid in zip(("", "second"), (first, second), pids, strict=True):
            model = hub.server("ann", name)
            assert model is not None
            assert model["ready"]
            assert kernel.execute("import os; print(os.getpid())") == pid
        assert first.execute("print(x)") == "42"
    # The hub that came back is in charge: what it found again, it ends.
    hub.stop_server("ann", "second")
    assert proxy.alive()
