"""Changes by simulated people."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from sunshine_keys.errors import BadRequest, ClientNotFound
from sunshine_keys.store.statements import Statements, execute
from sunshine_messaging.activities.model import Typing
from sunshine_messaging.activities.table import start_typing, stop_typing
from sunshine_messaging.clients.linking import USER_ACTIVITY, Outcome, Turn, associate, turn
from sunshine_messaging.clients.model import Client
from sunshine_messaging.clients.table import CLIENTS, SDK, find_sdk_client, sdk_client
from sunshine_messaging.control.changes import settle_control
from sunshine_messaging.conversations.model import Conversation
from sunshine_messaging.conversations.table import require_conversation
from sunshine_messaging.events.audience import AnnouncedChange
from sunshine_messaging.events.model import Event, Form, Source
from sunshine_messaging.messages.changes import Author, PostMessage
from sunshine_messaging.messages.model import Message
from sunshine_messaging.messages.table import MESSAGES, newest_messages, require_message
from sunshine_messaging.moments import Milliseconds, text
from sunshine_messaging.participants.changes import Member
from sunshine_messaging.participants.model import Participant
from sunshine_messaging.participants.table import participants_of, require_participant
from sunshine_messaging.simulator.answers import action_named, form_response
from sunshine_messaging.simulator.channels import Channels, original_of, source_of
from sunshine_messaging.users.model import User

_NEWEST = 100
"""A person taps the actions of the newest messages: those on the screen."""

ENDED_BY_USER = "conversation:endedByUser"

_encode = msgspec.json.Encoder().encode


class Act(NamedTuple):
    """An act of a person: where it happens, and through which client and source."""

    conversation: Conversation
    user: User
    client: Client | None
    source: Source
    responder_id: str | None


class ByPerson(AnnouncedChange[bytes], frozen=True):
    """Base of what a member does in a conversation. Without `member`, it is the only one.

    Without `client_id`, the person uses the channel of the first client association, or else the web messenger.
    """

    app_id: str
    conversation_id: str
    member: Member | None
    client_id: str | None
    channels: Channels
    now: Milliseconds

    def _begin(self) -> Statements[Act]:
        """Return what the act needs.

        Raises ConversationNotFound, UserNotFound, ClientNotFound, NotFound for a user who is no member, and BadRequest if
        there are several, and for a client that is neither active nor about to be confirmed by the act.
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
        participant = yield from require_participant(conversation.id, user.id)
        client = yield from self._client(user, participant)
        source, responder_id = yield from source_of(self.channels, client)
        return Act(conversation, user, client, source, responder_id)

    def _client(self, user: User, participant: Participant) -> Statements[Client | None]:
        """Return the client that the person uses; None for the web messenger of a person without an SDK client."""
        if self.client_id is not None:
            client = yield from CLIENTS.get(self.client_id)
            if client is None or client.user_id != user.id:
                raise ClientNotFound
            if client.status != "active" and not _awaits_activity(client):
                raise BadRequest(f"The client is {client.status}: nobody uses it now")
            return client
        for association in participant.client_associations[:1]:
            if association["type"] != SDK:
                client = yield from CLIENTS.get(association["clientId"])
                if client is not None and client.status == "active":
                    return client
        return (yield from find_sdk_client(user.id))

    def _post(
        self, act: Act, content: dict[str, Any], metadata: Any = None, quoted: dict[str, Any] | None = None
    ) -> Statements[bytes]:
        """Post a message. A link that waits for activity on its channel is confirmed by it."""
        act = yield from self._use(act)
        author = Author(Member(act.user.id, None))
        change = PostMessage(
            self.app_id, self.conversation_id, author, [content], metadata, None, self.now, audience=self.audience,
            source=act.source, original=original_of(act.client, self.now), quoted=quoted, responder_id=act.responder_id,
        )  # fmt: skip
        return (yield from change.apply())

    def _use(self, act: Act) -> Statements[Act]:
        """Record that the person has used the client: it comes first among the associations of the conversation."""
        user, client = act.user, act.client
        if client is None:
            client = yield from sdk_client(user.id, text(self.now))
        elif _awaits_activity(client):
            confirmed = yield from turn(self.audience, user, client, Outcome(Turn.CONFIRMED))
            assert confirmed is not None
            client = confirmed
        client = msgspec.structs.replace(client, last_seen=text(self.now))
        yield from CLIENTS.update(client, "last_seen")
        yield from associate(act.conversation.id, user.id, client, first=True)
        user = yield from Member(user.id, None).require_user(self.app_id)
        source, _ = yield from source_of(self.channels, client)
        return act._replace(user=user, client=client, source=source)

    def _newest(self, conversation: Conversation) -> Statements[list[Message]]:
        """Return the newest messages, the last one first."""
        return newest_messages(conversation.id, _NEWEST)


def _awaits_activity(client: Client) -> bool:
    return client.status == "pending" and (client.linking or {}).get("confirmation") == USER_ACTIVITY


class Say(ByPerson, frozen=True):
    """Post a message as a person, and return the answer. Raises what `_begin` and PostMessage do."""

    action = "simulator.say"
    audited = False
    content: dict[str, Any]

    def apply(self) -> Statements[bytes]:
        act = yield from self._begin()
        return (yield from self._post(act, self.content))


class Tap(ByPerson, frozen=True):
    """Tap an action, named by its text or its payload, of a message or of the newest message that has it. Return the answer.

    A reply posts a message; a postback raises an event and, if `echoes`, posts a message too; other actions do nothing that
    a bot could see. Raises NotFound for an unknown message, BadRequest for an unknown action, and what `_begin` raises.
    """

    action = "simulator.tap"
    audited = False
    message_id: str | None
    name: str
    echoes: bool

    def apply(self) -> Statements[bytes]:
        act = yield from self._begin()
        action = yield from self._action(act.conversation)
        metadata = action.get("metadata")
        content = {"type": "text", "text": action["text"], "payload": action.get("payload")}
        if action["type"] == "reply":
            return (yield from self._post(act, content, metadata))
        if action["type"] == "locationRequest":
            raise BadRequest("Answer a locationRequest with a message of type location")
        if action["type"] != "postback":
            return _encode({"messages": []})
        postback = {"payload": action["payload"]} | ({"metadata": metadata} if metadata else {})
        act = yield from self._use(act)
        conversation = yield from settle_control(self.audience, act.conversation, act.responder_id)
        yield from self.audience.raise_event(_tapped(conversation, act.user, postback, act.source))
        return (yield from self._post(act, content, metadata)) if self.echoes else _encode({"messages": []})

    def _action(self, conversation: Conversation) -> Statements[dict[str, Any]]:
        if self.message_id is None:
            shown = yield from self._newest(conversation)
        else:
            shown = [(yield from require_message(conversation.id, self.message_id))]
        for message in shown:
            action = action_named(msgspec.json.decode(message.body).get("content", {}), self.name)
            if action is not None:
                return dict(action)
        raise BadRequest(f"action should be the text or the payload of an action of a message, not {self.name!r}")


def _tapped(conversation: Conversation, user: User, postback: dict[str, Any], source: Source) -> Event:
    def payload(form: Form) -> dict[str, Any]:
        return {
            "postback": postback,
            "user": form.user(user),
            "source": form.source(source),
        }

    return Event("conversation:postback", conversation.id, payload, conversation)


class AnswerForm(ByPerson, frozen=True):
    """Fill in a form, or the newest one that nobody has filled in, and return the answer. `answers` are by field name.

    Raises NotFound for an unknown message, BadRequest for a message that is no open form and for invalid answers, and what
    `_begin` raises.
    """

    action = "simulator.answer"
    audited = False
    message_id: str | None
    answers: dict[str, Any]

    def apply(self) -> Statements[bytes]:
        act = yield from self._begin()
        message, view = yield from self._form(act.conversation)
        content = form_response(view["content"], self.answers)
        submitted = view | {"content": view["content"] | {"submitted": True}}
        yield from MESSAGES.update(msgspec.structs.replace(message, body=_encode(submitted)), "body")
        return (yield from self._post(act, content, quoted={"type": "message", "message": view}))

    def _form(self, conversation: Conversation) -> Statements[tuple[Message, dict[str, Any]]]:
        if self.message_id is None:
            shown = yield from self._newest(conversation)
        else:
            shown = [(yield from require_message(conversation.id, self.message_id))]
        for message in shown:
            view = msgspec.json.decode(message.body)
            content = view.get("content", {})
            if content.get("type") == "form" and not content["submitted"]:
                return message, view
        raise BadRequest(
            "messageId should be a form that has not been submitted" if self.message_id else "There is no open form"
        )


class Do(ByPerson, frozen=True):
    """Read the conversation, or begin or stop typing. Return an answer without messages. Raises what `_begin` raises."""

    action = "simulator.do"
    audited = False
    type: str

    def apply(self) -> Statements[bytes]:
        act = yield from self._begin()
        if self.type == "conversation:read":
            yield from execute(
                "UPDATE participants SET unread_count = 0, seen = $3, last_read = $4"
                " WHERE conversation_id = $1 AND user_id = $2 RETURNING id",
                act.conversation.id,
                act.user.id,
                act.conversation.last_received,
                text(act.conversation.last_received or self.now),
            )
        elif self.type == "typing:start":
            yield from start_typing(Typing(act.conversation.id, act.user.id, self.now))
        else:
            yield from stop_typing(act.conversation.id, act.user.id)
        yield from self.audience.raise_event(_done(act, self.type))
        return _encode({"messages": []})


def _done(act: Act, type: str) -> Event:
    def payload(form: Form) -> dict[str, Any]:
        author = form.author({"type": "user", "userId": act.user.id}, act.user)
        return {"activity": {"type": type, "source": form.source(act.source), "author": author}}

    event = type if type == "conversation:read" else "conversation:typing"
    return Event(event, act.conversation.id, payload, act.conversation)


class EndSession(ByPerson, frozen=True):
    """End the session, which posts a message of that activity. Return the answer. Raises what `_begin` raises."""

    action = "simulator.end_session"
    audited = False

    def apply(self) -> Statements[bytes]:
        act = yield from self._begin()
        change = PostMessage(
            self.app_id, self.conversation_id, Author(None), [], None, None, self.now, audience=self.audience,
            source=act.source, activity={"type": ENDED_BY_USER},
        )  # fmt: skip
        return (yield from change.apply())


class Refer(ByPerson, frozen=True):
    """Come into the conversation by a referral. Return an empty answer. Raises what `_begin` raises."""

    action = "simulator.refer"
    audited = False
    referral: dict[str, Any]

    def apply(self) -> Statements[bytes]:
        act = yield from self._begin()
        conversation = yield from settle_control(self.audience, act.conversation, act.responder_id)
        yield from self.audience.raise_event(_referred(conversation, act.user, self.referral, act.source))
        return b"{}"


def _referred(conversation: Conversation, user: User, referral: dict[str, Any], source: Source) -> Event:
    def payload(form: Form) -> dict[str, Any]:
        return {"user": form.user(user), "source": form.source(source), "referral": referral}

    return Event("conversation:referral", conversation.id, payload, conversation)


class PassThrough(AnnouncedChange[bytes], frozen=True):
    """Forward what a channel has sent as it is, and return an empty answer. Raises ConversationNotFound."""

    action = "simulator.pass_through"
    audited = False
    app_id: str
    conversation_id: str
    payload: dict[str, Any]

    def apply(self) -> Statements[bytes]:
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        yield from self.audience.raise_event(
            Event("passthrough:messaging", conversation.id, lambda form: self.payload, conversation)
        )
        return b"{}"
