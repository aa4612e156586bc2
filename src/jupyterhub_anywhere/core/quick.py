"""Imports that are quicker: of what nobody uses, and of what stays for good.

jsonschema tells addresses beyond ASCII by rfc3987_syntax, which builds forty parsers while it is
imported: about half of all that JupyterHub's own start takes, and no schema of JupyterHub has such
an address (python-jsonschema/jsonschema#1428).
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_SLOW: Final = "rfc3987_syntax"
_USER: Final = "jsonschema"


def import_jsonschema() -> None:
    """Import jsonschema, where it is installed, without its parsers of addresses.

    They are built when an address is first checked. Whoever imports rfc3987_syntax itself gets
    all of it, now as ever. To be called before anything that imports jsonschema; else it does
    nothing.
    """
    if {_SLOW, _USER} & sys.modules.keys():
        return
    # Without it jsonschema checks no such address, and has to find out.
    if importlib.util.find_spec(_SLOW) is None or importlib.util.find_spec(_USER) is None:
        return
    stand_in = ModuleType(_SLOW)
    stand_in.is_valid_syntax = _is_valid_syntax  # type: ignore[attr-defined]  # what is asked of it
    sys.modules[_SLOW] = stand_in
    try:
        importlib.import_module(_USER)
    finally:
        del sys.modules[_SLOW]


@contextmanager
def imports_for_good() -> Iterator[None]:
    """Within, what is imported is not looked through for garbage; nor is it ever afterwards.

    A hub has imported a hundred thousand objects: each look at all of them holds its loop.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # What imports have left besides is garbage for good otherwise.
        gc.collect()
        gc.freeze()
        if enabled:
            gc.enable()


def _is_valid_syntax(term: str, value: str) -> bool:
    """What the real one says."""
    return bool(importlib.import_module(_SLOW).is_valid_syntax(term, value))
