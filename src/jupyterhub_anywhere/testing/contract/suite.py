"""The contract as pytest sees it: one class, from which that of each kind is derived."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import pytest_asyncio

from jupyterhub_anywhere.testing.contract.ends import Ends
from jupyterhub_anywhere.testing.contract.lives import Lives
from jupyterhub_anywhere.testing.contract.needs import is_for
from jupyterhub_anywhere.testing.contract.scripted import Scripted
from jupyterhub_anywhere.testing.contract.stage import Stage, staged
from jupyterhub_anywhere.testing.contract.starts import Starts
from jupyterhub_anywhere.testing.contract.subject import Can, Subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


# A hub that ends leaves its servers alone, which Python's subprocess takes for an oversight.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
@pytest.mark.asyncio
class Contract(Starts, Ends, Lives, Scripted):
    """To be derived from in a test file; its name has to begin with ``Test``.

    What its kind cannot do is not asked of it. A kind whose engine is brought up by a fixture has a
    fixture ``subject`` of its own.

    Attributes:
        kind: What knows the kind.
        can: What the kind can do.
    """

    kind: ClassVar[Callable[[], Subject]]
    can: ClassVar[Can] = Can(0)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in dir(cls):
            if name.startswith("test_") and not is_for(getattr(cls, name), cls.can):
                setattr(cls, name, None)

    @pytest.fixture
    def subject(self) -> Subject:
        """The kind, at its engine."""
        return type(self).kind()

    @pytest_asyncio.fixture
    async def stage(self, subject: Subject) -> AsyncIterator[Stage]:
        """The engine, before which hubs come and go."""
        with _folder() as folder:
            async with staged(subject, self.can, folder) as stage:
                yield stage


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that servers of other accounts pass through to their homes."""
    folder = Path(tempfile.mkdtemp(prefix="contract-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
