"""Sessions of people who are signed in to the console."""

from __future__ import annotations

import msgspec


class ConsoleSession(msgspec.Struct, frozen=True):
    """A person who is signed in with the key `key_id`.

    `id` is the SHA-256 of the browser's cookie; times are in seconds since 1970.
    """

    id: bytes
    key_id: str
    created: int
    last_seen: int
