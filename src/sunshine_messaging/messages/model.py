"""Messages: the row that the store holds, and how ids order them."""

from __future__ import annotations

import os

import msgspec

from sunshine_messaging.moments import Milliseconds

MOST_MESSAGES = 30_000
"""The most messages of a conversation (documented)."""

PAGE_SIZE = 100
"""The messages of a page (documented)."""


class Message(msgspec.Struct, frozen=True):
    """A message. `key` is the conversation's id and the message's id, so that a list reads neighbouring rows.

    `author_id` is the user who wrote it; None for a business. `body` is its JSON on the wire.
    """

    key: str
    author_id: str | None
    body: bytes

    @property
    def id(self) -> str:
        return self.key[24:]

    @property
    def conversation_id(self) -> str:
        return self.key[:24]


def message_id(received: Milliseconds) -> str:
    """Return a new id. Ids sort by the time of reception, which differs for all messages of a conversation.

    The first 8 hex digits are seconds since 1970, as in all ids, the next 3 milliseconds, the others random.
    """
    return id_prefix(received) + os.urandom(7).hex()[:13]


def id_prefix(received: Milliseconds) -> str:
    """Return the beginning of the ids of messages that were received at a time."""
    seconds, fraction = divmod(received, 1000)
    return f"{seconds:08x}{fraction:03x}"


def received_at(id: str) -> Milliseconds:
    """Return the time of reception that a message's id holds."""
    return int(id[:8], 16) * 1000 + int(id[8:11], 16)


class _Identified(msgspec.Struct):
    id: str


_decode_id = msgspec.json.Decoder(_Identified).decode


def id_of(body: bytes) -> str:
    """Return the id in the JSON of a message."""
    return _decode_id(body).id
