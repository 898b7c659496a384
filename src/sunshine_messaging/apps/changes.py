"""Delete an app from the plane, in steps that are short enough for the changes that wait behind them."""

from __future__ import annotations

from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements
from sunshine_messaging.apps.table import APPS
from sunshine_messaging.attachments.table import ATTACHMENTS
from sunshine_messaging.conversations.table import CONVERSATIONS, conversations_of_app
from sunshine_messaging.events.table import DELIVERIES
from sunshine_messaging.messages.table import delete_some
from sunshine_messaging.users.table import USERS

_ROWS = 1000
"""The most messages, users or deliveries that a step deletes."""

_FILES = 50
"""The most attachments that a step deletes: the database may hold hundreds of parts of a file."""


class DeleteApp(Change[bool], frozen=True):
    """Delete a part of what the plane holds of an app. Return True if something is left."""

    action = "messaging.delete_app"
    audited = False
    app_id: str

    def apply(self) -> Statements[bool]:
        for conversation in (yield from conversations_of_app(self.app_id, 1)):
            if (yield from delete_some(conversation.id, _ROWS)) < _ROWS:
                yield from CONVERSATIONS.delete("id = $1", conversation.id)
            return True
        if (yield from USERS.delete("id IN (SELECT id FROM users WHERE app_id = $1 LIMIT $2)", self.app_id, _ROWS)):
            return True
        if (
            yield from DELIVERIES.delete(
                "number IN (SELECT number FROM deliveries WHERE app_id = $1 LIMIT $2)", self.app_id, _ROWS
            )
        ):
            return True
        if (
            yield from ATTACHMENTS.delete(
                "id IN (SELECT id FROM attachments WHERE app_id = $1 LIMIT $2)", self.app_id, _FILES
            )
        ):
            return True
        yield from APPS.delete("id = $1", self.app_id)
        return False
