"""What clients do while something fails."""

from __future__ import annotations

import pytest
from support.ledger import KeyLedger, NewLedger
from support.message_ledger import MessageLedger


@pytest.fixture(params=[KeyLedger, MessageLedger], ids=["keys", "messages"])
def ledger(request: pytest.FixtureRequest) -> NewLedger:
    """Return a class of clients: those that create and delete keys, or those that talk."""
    new_ledger: NewLedger = request.param
    return new_ledger
