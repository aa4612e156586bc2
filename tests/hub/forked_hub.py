"""A hub of the tests that a warm process forks, for tests that start hundreds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from tests.hub.harness import READY, Hub

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from jupyterhub_anywhere.testing.faults.zygote import Zygote


class ForkedHub(Hub):
    """As `Hub`, but its process is forked from a warm one.

    Args:
        zygote: The warm process.
        options: Those of `Hub`.
    """

    def __init__(self, zygote: Zygote, **options: Any) -> None:
        super().__init__(**options)
        self._zygote = zygote

    def launch(self, wrapper: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start the process without waiting for the hub."""
        assert not wrapper, "a forked hub runs as it is"
        assert self.process is None or self.process.poll() is not None, "the hub runs already"
        self._ready_before = self.output().count(READY)
        # The words behind `python -m`.
        words = self.command()[2:]
        made = self._zygote.fork(
            words,
            folder=self.folder,
            environment=self.variables(),
            output=self.folder / "output.log",
        )
        self.process = cast("subprocess.Popen[bytes]", made)
        return self.process
