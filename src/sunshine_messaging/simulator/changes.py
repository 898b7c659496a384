"""Changes by simulated people."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest
from sunshine_keys.store.statements import Statements, execute
from sunshine_messaging.apps.table import register
from sunshine_messaging.control.changes import settle_control
from sunshine_messaging.control.states import with_default
from sunshine_messaging.conversations.changes import created_event
from sunshine_messaging.conversations.model import Conversation, conversation_view
from sunshine_messaging.conversations.table import CONVERSATIONS, has_default, require_conversation
from sunshine_messaging.events.audience import AnnouncedChange
from sunshine_messaging.events.model import Event, Form
from sunshine_messaging.messages.changes import Author, PostMessage
from sunshine_messaging.messages.model import Message
from sunshine_messaging.messages.table import MESSAGES, newest_messages, require_message
from sunshine_messaging.moments import Milliseconds
from sunshine_messaging.participants.changes import Member, add_participant
from sunshine_messaging.participants.table import participants_of, require_participant
from sunshine_messaging.simulator.answers import action_named, form_response
from sunshine_messaging.users.model import User, user_view
from sunshine_messaging.users.table import USERS

_NEWEST = 100
"""A person taps the actions of the newest messages: those on the screen."""

_encode = msgspec.json.Encoder().encode


class StartConversation(AnnouncedChange[bytes], frozen=True):
    """Open the messenger for a person: a new user or an existing one, in a new personal conversation. Return the answer.

    `responder_id` is the default responder of the channel's integration. Raises UserNotFound.
    """

    action = "simulator.start"
    audited = False
    user: User | Member
    conversation: Conversation
    source: dict[str, Any]
    responder_id: str | None

    def apply(self) -> Statements[bytes]:
        conversation = self.conversation
        yield from register(conversation.app_id)
        if isinstance(self.user, User):
            user = self.user
            yield from USERS.insert(user)
        else:
            user = yield from self.user.require_user(conversation.app_id)
        if not (yield from has_default(user.id)):
            conversation = msgspec.structs.replace(conversation, is_default=True)
        control = with_default(self.audience.switchboard, conversation.control, self.responder_id)
        conversation = msgspec.structs.replace(conversation, active_entry=control.active)
        yield from CONVERSATIONS.insert(conversation)
        yield from add_participant(conversation, user, conversation.created_at, subscribe=True)
        yield from self.audience.raise_event(created_event(conversation, user, "startConversation", self.source))
        return _encode(
            {"user": user_view(user), "conversation": conversation_view(conversation, self.audience.switchboard)}
        )


class _ByPerson(AnnouncedChange[bytes], frozen=True):
    """Base of what a member does in a conversation. Without `member`, it is the only one.

    `responder_id` is the default responder of the channel's integration.
    """

    app_id: str
    conversation_id: str
    member: Member | None
    source: dict[str, Any]
    responder_id: str | None
    now: Milliseconds

    def _find(self) -> Statements[tuple[Conversation, User]]:
        """Return the conversation and the person.

        Raises ConversationNotFound, UserNotFound, NotFound for a user who is no member, and BadRequest if there are several.
        """
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        member = self.member
        if member is None:
            participants = yield from participants_of(conversation.id)
            if len(participants) != 1:
                raise BadRequest(
                    "body should have exactly one of userId and userExternalId: the conversation has several people"
                )
            member = Member(participants[0].user_id, None)
        user = yield from member.require_user(self.app_id)
        yield from require_participant(conversation.id, user.id)
        return conversation, user

    def _post(
        self, user: User, content: dict[str, Any], metadata: Any = None, quoted: dict[str, Any] | None = None
    ) -> Statements[bytes]:
        author = Author(Member(user.id, None))
        change = PostMessage(
            self.app_id, self.conversation_id, author, [content], metadata, None, self.now,
            audience=self.audience, source=self.source, quoted=quoted, responder_id=self.responder_id,
        )  # fmt: skip
        return (yield from change.apply())

    def _newest(self, conversation: Conversation) -> Statements[list[Message]]:
        """Return the newest messages, the last one first."""
        return newest_messages(conversation.id, _NEWEST)


class Say(_ByPerson, frozen=True):
    """Post a message as a person, and return the answer. Raises what `_find` and PostMessage do."""

    action = "simulator.say"
    audited = False
    content: dict[str, Any]

    def apply(self) -> Statements[bytes]:
        _, user = yield from self._find()
        return (yield from self._post(user, self.content))


class Tap(_ByPerson, frozen=True):
    """Tap an action, named by its text or its payload, of a message or of the newest message that has it. Return the answer.

    A reply posts a message; a postback raises an event and, if `echoes`, posts a message too; other actions do nothing that
    a bot could see. Raises NotFound for an unknown message, BadRequest for an unknown action, and what `_find` raises.
    """

    action = "simulator.tap"
    audited = False
    message_id: str | None
    name: str
    echoes: bool

    def apply(self) -> Statements[bytes]:
        conversation, user = yield from self._find()
        action = yield from self._action(conversation)
        metadata = action.get("metadata")
        content = {"type": "text", "text": action["text"], "payload": action.get("payload")}
        if action["type"] == "reply":
            return (yield from self._post(user, content, metadata))
        if action["type"] == "locationRequest":
            raise BadRequest("Answer a locationRequest with a message of type location")
        if action["type"] != "postback":
            return _encode({"messages": []})
        postback = {"payload": action["payload"]} | ({"metadata": metadata} if metadata else {})
        conversation = yield from settle_control(self.audience, conversation, self.responder_id)
        yield from self.audience.raise_event(_tapped(conversation, user, postback, self.source))
        return (yield from self._post(user, content, metadata)) if self.echoes else _encode({"messages": []})

    def _action(self, conversation: Conversation) -> Statements[dict[str, Any]]:
        if self.message_id is None:
            shown = yield from self._newest(conversation)
        else:
            shown = [(yield from require_message(conversation.id, self.message_id))]
        for message in shown:
            action = action_named(msgspec.json.decode(message.body)["content"], self.name)
            if action is not None:
                return dict(action)
        raise BadRequest(f"action should be the text or the payload of an action of a message, not {self.name!r}")


def _tapped(conversation: Conversation, user: User, postback: dict[str, Any], source: dict[str, Any]) -> Event:
    def payload(form: Form) -> dict[str, Any]:
        return {
            "postback": postback,
            "user": form.user(user),
            "source": source,
        }

    return Event("conversation:postback", conversation.id, payload, conversation)


class AnswerForm(_ByPerson, frozen=True):
    """Fill in a form, or the newest one that nobody has filled in, and return the answer. `answers` are by field name.

    Raises NotFound for an unknown message, BadRequest for a message that is no open form and for invalid answers, and what
    `_find` raises.
    """

    action = "simulator.answer"
    audited = False
    message_id: str | None
    answers: dict[str, Any]

    def apply(self) -> Statements[bytes]:
        conversation, user = yield from self._find()
        message, view = yield from self._form(conversation)
        content = form_response(view["content"], self.answers)
        submitted = view | {"content": view["content"] | {"submitted": True}}
        yield from MESSAGES.update(msgspec.structs.replace(message, body=_encode(submitted)), "body")
        return (yield from self._post(user, content, quoted={"type": "message", "message": view}))

    def _form(self, conversation: Conversation) -> Statements[tuple[Message, dict[str, Any]]]:
        if self.message_id is None:
            shown = yield from self._newest(conversation)
        else:
            shown = [(yield from require_message(conversation.id, self.message_id))]
        for message in shown:
            view = msgspec.json.decode(message.body)
            if view["content"]["type"] == "form" and not view["content"]["submitted"]:
                return message, view
        raise BadRequest(
            "messageId should be a form that has not been submitted" if self.message_id else "There is no open form"
        )


class Do(_ByPerson, frozen=True):
    """Read the conversation, or begin or stop typing. Return an empty answer. Raises what `_find` raises."""

    action = "simulator.do"
    audited = False
    type: str

    def apply(self) -> Statements[bytes]:
        conversation, user = yield from self._find()
        if self.type == "conversation:read":
            yield from execute(
                "UPDATE participants SET unread_count = 0, seen = $3 WHERE conversation_id = $1 AND user_id = $2 RETURNING id",
                conversation.id,
                user.id,
                conversation.last_received,
            )
        yield from self.audience.raise_event(_done(conversation, user, self.type, self.source))
        return b"{}"


def _done(conversation: Conversation, user: User, type: str, source: dict[str, Any]) -> Event:
    def payload(form: Form) -> dict[str, Any]:
        author = form.author({"type": "user", "userId": user.id}, user)
        return {"activity": {"type": type, "source": source, "author": author}}

    return Event(type if type == "conversation:read" else "conversation:typing", conversation.id, payload, conversation)
