"""What is imported for good is not looked through again, whatever the import comes to."""

from __future__ import annotations

import gc

import pytest

from jupyterhub_anywhere.core.quick import imports_for_good


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_as_it_was_also_after_an_import_that_fails(*, enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with imports_for_good():
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
        with pytest.raises(ImportError), imports_for_good():
            raise ImportError
        assert gc.isenabled() is enabled
        assert gc.get_freeze_count() > len(gc.get_objects())
    finally:
        (gc.enable if before else gc.disable)()
