"""What keys were used for: requests by the hour, and the last of them."""

from __future__ import annotations

import msgspec

USAGE_DAYS = 30
"""How many days the hourly counts of a key are kept. Its last use is kept as long as the key."""


class Usage(msgspec.Struct, frozen=True):
    """The requests that a key authenticated, whatever their outcome.

    `last_used` is in seconds since 1970; `last_source` is an address, empty if it was unknown. `hours` maps the start of
    an hour, in seconds since 1970, to the number of its requests.
    """

    last_used: float | None
    last_source: str
    hours: dict[int, int]


class KeyHour(msgspec.Struct, frozen=True):
    """An addition to a key's usage: requests within the hour that begins at `hour`, and the last of them."""

    key_id: str
    hour: int
    requests: int
    last_used: float
    last_source: str
