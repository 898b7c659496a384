"""The state of an integration."""

from __future__ import annotations

from enum import Enum


class Status(str, Enum):  # noqa: UP042 - a StrEnum prints differently from the official one
    """An answer may hold other values than these; they are kept as they are."""

    INACTIVE = "inactive"
    ACTIVE = "active"
    ERROR = "error"
