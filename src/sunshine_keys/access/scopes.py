"""The scopes of keys, the prefix of key ids for each scope, and the sets of scopes that operations accept."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """The objects that a key may act on: a whole account, one app, or one custom integration."""

    ACCOUNT = "account"
    APP = "app"
    INTEGRATION = "integration"


ID_PREFIX: Final = {Scope.ACCOUNT: "act_", Scope.APP: "app_", Scope.INTEGRATION: "int_"}

ACCOUNT: Final = frozenset({Scope.ACCOUNT})
"""Only the account's keys may call the operation."""

APP: Final = frozenset({Scope.ACCOUNT, Scope.APP})
"""The account's keys and the app's own keys may call the operation."""

INTEGRATION: Final = frozenset({Scope.ACCOUNT, Scope.APP, Scope.INTEGRATION})
"""Keys of every scope may call the operation."""
