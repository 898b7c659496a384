"""Changes by the agents of a Zendesk account, and by its bot: they post messages, and close and transfer tickets."""

from __future__ import annotations

import contextlib

from sunshine_keys.errors import Forbidden, SwitchboardInvalidAction
from sunshine_keys.store.statements import Statements
from sunshine_messaging.control.changes import ChangeControl
from sunshine_messaging.control.states import Action
from sunshine_messaging.events.audience import AnnouncedChange
from sunshine_messaging.events.model import Source
from sunshine_messaging.messages.changes import Author, PostMessage
from sunshine_messaging.moments import Milliseconds
from sunshine_messaging.switchboards.model import built_in_integration

AGENT_WORKSPACE = "zd:agentWorkspace"
SUBTYPES = {AGENT_WORKSPACE: "agent", "zd:answerBot": "bot"}
"""The subtype of the author of a message, by the built-in integration that posts it."""

REASONS = {"ticket:closed": "ticketClosed", "ticket:transfer:email": "transferToEmail"}
"""Why the agents release control, by the activity."""


def workspace_source(app_id: str, type: str) -> Source:
    """Return the source of what a built-in integration does."""
    return Source({"type": type, "integrationId": built_in_integration(app_id, type)})


def workspace_author(type: str, display_name: str | None, avatar_url: str | None) -> Author:
    """Return the author of what a built-in integration posts."""
    return Author(None, display_name, avatar_url, [SUBTYPES[type]])


class EndTicket(AnnouncedChange[bytes], frozen=True):
    """Close the ticket, or transfer it to e-mail. Return the answer: the message of that activity.

    The agents release control if they have it. Raises ConversationNotFound.
    """

    action = "simulator.end_ticket"
    audited = False
    app_id: str
    conversation_id: str
    type: str
    now: Milliseconds

    def apply(self) -> Statements[bytes]:
        source = workspace_source(self.app_id, AGENT_WORKSPACE)
        post = PostMessage(
            self.app_id, self.conversation_id, Author(None), [], None, None, self.now, audience=self.audience,
            source=source, activity={"type": self.type},
        )  # fmt: skip
        answer = yield from post.apply()
        integration_id = built_in_integration(self.app_id, AGENT_WORKSPACE)
        release = ChangeControl(
            self.app_id, self.conversation_id, Action.RELEASE, integration_id, reason=REASONS[self.type], audience=self.audience
        )  # fmt: skip
        with contextlib.suppress(Forbidden, SwitchboardInvalidAction):
            yield from release.apply()
        return answer
