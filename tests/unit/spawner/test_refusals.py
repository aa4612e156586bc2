"""What users read of errors that were not meant for them."""

from __future__ import annotations

import pytest
from jupyterhub.spawner import SpawnException
from tornado import web

from jupyterhub_anywhere.ledger.errors import LedgerError
from jupyterhub_anywhere.spawner.refusals import public_text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (LedgerError("The ledger /x cannot be used: the disk is full."), "cannot write down"),
        (RuntimeError("the password is hunter2"), "finds the cause in the hub's log"),
        (web.HTTPError(409, "No room for %s.", "ann"), "No room for ann."),
        (web.HTTPError(409), "finds the cause in the hub's log"),
        (SpawnException("No room.", reason="capacity"), "No room."),
    ],
)
def test_a_text_says_what_may_be_said(error: Exception, text: str) -> None:
    said = public_text(error)
    assert text in said
    assert "hunter2" not in said
    assert "/x" not in said
