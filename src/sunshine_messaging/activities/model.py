"""Typing: the struct that the store holds, and its JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_messaging.moments import Milliseconds, text

BUSINESS = ""
"""The author of what a business types."""


class Typing(msgspec.Struct, frozen=True):
    """Somebody who types in a conversation: the user `author`, or BUSINESS, since `began`."""

    conversation_id: str
    author: str
    began: Milliseconds


def typing_view(typing: Typing) -> dict[str, Any]:
    """Return who types, as JSON."""
    since = {"since": text(typing.began)}
    return (
        {"type": "business"} | since if typing.author == BUSINESS else {"type": "user", "userId": typing.author} | since
    )
