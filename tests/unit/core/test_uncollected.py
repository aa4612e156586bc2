"""No looks for garbage while much is made, and as before afterwards, whatever happens."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.core.uncollected import uncollected

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def test_one_in_the_other() -> None:
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled(), "the outer one goes on"
    assert gc.isenabled()


def test_an_error_ends_it() -> None:
    with pytest.raises(KeyError), uncollected():
        raise KeyError
    assert gc.isenabled()


def test_what_was_off_stays_off() -> None:
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()


def test_the_last_of_several_threads_ends_it() -> None:
    inside, end = threading.Event(), threading.Event()

    def longer() -> None:
        with uncollected():
            inside.set()
            end.wait()

    thread = threading.Thread(target=longer)
    with uncollected():
        thread.start()
        inside.wait()
    assert not gc.isenabled()
    end.set()
    thread.join()
    assert gc.isenabled()
