"""Changes of participants."""

from __future__ import annotations

import msgspec

from sunshine_keys.errors import BadRequest, NotFound, UserNotFound
from sunshine_keys.ids import new_object_id
from sunshine_keys.store.statements import Statements
from sunshine_keys.store.store import Reader
from sunshine_messaging.clients.table import SDK, sdk_client
from sunshine_messaging.conversations.model import PERSONAL, Conversation
from sunshine_messaging.conversations.table import require_conversation
from sunshine_messaging.events.audience import AnnouncedChange
from sunshine_messaging.events.model import Event
from sunshine_messaging.participants.model import MOST_PARTICIPANTS, Participant, participant_view
from sunshine_messaging.participants.table import (
    NOT_A_MEMBER,
    PARTICIPANTS,
    find_participant,
    participants_of,
)
from sunshine_messaging.users.model import User
from sunshine_messaging.users.table import find_by_external_id, find_by_id, read_user_by_id


class Member(msgspec.Struct, frozen=True):
    """A user as a body names it: by id or by external id. `subscribe` links the user's SDK client."""

    user_id: str | None
    external_id: str | None
    brand_id: str | None = None
    subscribe: bool = False

    def find_user(self, app_id: str) -> Statements[User | None]:
        if self.user_id is not None:
            return (yield from find_by_id(app_id, self.user_id))
        return (yield from find_by_external_id(app_id, self.external_id or "", self.brand_id))

    async def read_user(self, store: Reader, app_id: str) -> User | None:
        """Return the user, from memory if nothing has changed since it was read."""
        if self.user_id is not None:
            return await read_user_by_id(store, app_id, self.user_id)
        return await store.read(self.find_user(app_id))

    def require_user(self, app_id: str) -> Statements[User]:
        """Return the user. Raises UserNotFound."""
        user = yield from self.find_user(app_id)
        if user is None:
            raise UserNotFound
        return user


class JoinConversation(AnnouncedChange[bytes], frozen=True):
    """Add a user to a group, and return the answer. A member stays as it is.

    `now` is a moment on the wire. Raises ConversationNotFound, UserNotFound, and BadRequest for a personal conversation
    and for a full one.
    """

    action = "participant.join"
    audited = False
    app_id: str
    conversation_id: str
    member: Member
    now: str

    def apply(self) -> Statements[bytes]:
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        if conversation.type == PERSONAL:
            raise BadRequest("Users cannot join a personal conversation")
        user = yield from self.member.require_user(self.app_id)
        participant = yield from find_participant(conversation.id, user.id)
        if participant is None:
            if len((yield from participants_of(conversation.id))) >= MOST_PARTICIPANTS:
                raise BadRequest("Too many participants")
            participant = yield from add_participant(conversation, user, self.now, subscribe=self.member.subscribe)
            yield from self.audience.raise_event(_moved("conversation:join", conversation, user))
        return msgspec.json.encode({"participant": participant_view(participant)})


class LeaveConversation(AnnouncedChange[None], frozen=True):
    """Remove a participant of a group, named by its own id or as a member.

    Raises ConversationNotFound, NotFound, and BadRequest for a personal conversation.
    """

    action = "participant.leave"
    audited = False
    app_id: str
    conversation_id: str
    participant_id: str | None
    member: Member

    def apply(self) -> Statements[None]:
        conversation = yield from require_conversation(self.app_id, self.conversation_id)
        if conversation.type == PERSONAL:
            raise BadRequest("Users cannot leave a personal conversation")
        if self.participant_id is not None:
            participant = yield from PARTICIPANTS.get(self.participant_id)
        else:
            user = yield from self.member.find_user(self.app_id)
            participant = None if user is None else (yield from find_participant(conversation.id, user.id))
        if participant is None or participant.conversation_id != conversation.id:
            raise NotFound(NOT_A_MEMBER)
        yield from PARTICIPANTS.delete("id = $1", participant.id)
        user = yield from find_by_id(self.app_id, participant.user_id)
        assert user is not None
        yield from self.audience.raise_event(_moved("conversation:leave", conversation, user))


def _moved(type: str, conversation: Conversation, user: User) -> Event:
    """Return the event of a user who joins or leaves a conversation."""
    return Event(type, conversation.id, lambda form: {"user": form.user(user)}, conversation)


def add_participant(conversation: Conversation, user: User, now: str, *, subscribe: bool) -> Statements[Participant]:
    """Add a user, who is no member yet. With `subscribe`, link the user's SDK client, and create it if there is none."""
    associations: list[dict[str, str]] = []
    if subscribe:
        client = yield from sdk_client(user.id, now)
        associations.append({"type": SDK, "clientId": client.id})
    participant = Participant(
        id=new_object_id(),
        conversation_id=conversation.id,
        user_id=user.id,
        user_external_id=user.external_id,
        unread_count=0,
        seen=conversation.last_received,
        last_read=None,
        client_associations=associations,
    )
    yield from PARTICIPANTS.insert(participant)
    return participant
