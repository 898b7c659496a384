"""What a key is for: the scopes, and the prefixes of key ids that show them."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What a key may act on: a whole account, one app, or one custom integration."""

    ACCOUNT = "account"
    APP = "app"
    INTEGRATION = "integration"


ID_PREFIX = {Scope.ACCOUNT: "act_", Scope.APP: "app_", Scope.INTEGRATION: "int_"}
