"""Changes by people who come: they open the messenger, or write on a channel for the first time, and log in."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest
from sunshine_keys.ids import new_object_id
from sunshine_keys.store.statements import Statements
from sunshine_messaging.apps.table import register
from sunshine_messaging.clients.linking import added_event, associate
from sunshine_messaging.clients.model import Client, address_of
from sunshine_messaging.clients.table import CLIENTS, SDK, clients_at, clients_of, find_sdk_client, sdk_client
from sunshine_messaging.control.history import DEFAULT, record_control
from sunshine_messaging.control.states import with_default
from sunshine_messaging.conversations.changes import created_event
from sunshine_messaging.conversations.model import Conversation, conversation_view
from sunshine_messaging.conversations.table import CONVERSATIONS, default_conversation
from sunshine_messaging.events.audience import AnnouncedChange
from sunshine_messaging.events.model import Event, Form, Source
from sunshine_messaging.messages.changes import Author, PostMessage
from sunshine_messaging.moments import Milliseconds, text
from sunshine_messaging.participants.changes import Member, add_participant
from sunshine_messaging.participants.table import PARTICIPANTS, participants_of_user
from sunshine_messaging.simulator.channels import SDK_TYPES, Channel, Channels, original_of, source_of
from sunshine_messaging.users.merging import merge
from sunshine_messaging.users.model import User, user_view
from sunshine_messaging.users.table import USERS, find_by_external_id, replace_handles, require_user

_encode = msgspec.json.Encoder().encode


class Arrival(msgspec.Struct, frozen=True):
    """How a person comes: on a channel, None for the web messenger, with a first message or without.

    `address` and `display_name` are those of the person on the channel. `reason` is that of the conversation's creation.
    """

    channel: Channel | None
    reason: str
    address: str | None = None
    display_name: str | None = None
    content: dict[str, Any] | None = None
    referral: dict[str, Any] | None = None
    campaign_id: str | None = None
    locale: str | None = None


class StartConversation(AnnouncedChange[bytes], frozen=True):
    """Start a personal conversation of a new user or an existing one. Return the answer.

    A user who is new comes with `user`, an existing one with `member`. Raises UserNotFound, and BadRequest for an address of
    another user.
    """

    action = "simulator.start"
    audited = False
    user: User
    member: Member | None
    conversation: Conversation
    channels: Channels
    arrival: Arrival
    now: Milliseconds

    def apply(self) -> Statements[bytes]:
        conversation, arrival = self.conversation, self.arrival
        yield from register(conversation.app_id)
        user, client = yield from self._person()
        source, responder_id = yield from source_of(
            self.channels, client, None if arrival.channel is None else arrival.channel.id
        )
        user = yield from self._detect_locale(user, source)
        if arrival.campaign_id is not None:
            source = msgspec.structs.replace(source, view=source.view | {"campaign": {"id": arrival.campaign_id}})
        is_default = (yield from default_conversation(user.id)) is None
        control = with_default(self.audience.switchboard, conversation.control, responder_id)
        conversation = msgspec.structs.replace(conversation, is_default=is_default, active_entry=control.active)
        yield from CONVERSATIONS.insert(conversation)
        if control.active is not None:
            yield from record_control(self.audience, conversation, DEFAULT)
        yield from add_participant(conversation, user, conversation.created_at, subscribe=client.type == SDK)
        yield from associate(conversation.id, user.id, client, first=True)
        yield from self.audience.raise_event(
            created_event(conversation, user, arrival.reason, source, arrival.referral)
        )
        switchboard = self.audience.switchboard
        answer = {"user": user_view(user), "conversation": conversation_view(conversation, switchboard)}
        if arrival.content is not None:
            posted = yield from self._post(user, client, source, arrival.content)
            answer |= msgspec.json.decode(posted)
        return _encode(answer)

    def _person(self) -> Statements[tuple[User, Client]]:
        """Return the user and the client, which are created unless they exist."""
        arrival, app_id = self.arrival, self.conversation.app_id
        user = None if self.member is None else (yield from self.member.require_user(app_id))
        if arrival.channel is None or arrival.channel.type in SDK_TYPES:
            user = user or (yield from self._new_user())
            return user, (yield from sdk_client(user.id, text(self.now)))
        channel = arrival.channel
        if arrival.address is not None:
            for client in (yield from clients_at(channel.id, arrival.address)):
                if user is not None and user.id != client.user_id:
                    raise BadRequest(
                        f"address should be an address of the user: {client.user_id} has it on this channel"
                    )
                owner = yield from require_user(app_id, client.user_id, None)
                return owner, client
        user = user or (yield from self._new_user())
        for client in (yield from clients_of(user.id)):
            if (client.integration_id, client.status) == (channel.id, "active") and arrival.address is None:
                return user, client
        address, now = arrival.address or new_object_id(), text(self.now)
        client = Client(
            new_object_id(), user.id, channel.type, "active", channel.id, address, now, now,
            arrival.display_name or address, address=address_of(channel.id, address),
        )  # fmt: skip
        yield from CLIENTS.insert(client)
        return user, client

    def _new_user(self) -> Statements[User]:
        yield from USERS.insert(self.user)
        return self.user

    def _detect_locale(self, user: User, source: Source) -> Statements[User]:
        """Record the language of the person's device."""
        locale = self.arrival.locale
        if locale is None or user.profile.get("locale") == locale:
            return user
        user = msgspec.structs.replace(user, profile=user.profile | {"locale": locale})
        yield from USERS.update(user, "profile")
        yield from self.audience.raise_event(_updated(user, "localeDetection", source))
        return user

    def _post(self, user: User, client: Client, source: Source, content: dict[str, Any]) -> Statements[bytes]:
        change = PostMessage(
            self.conversation.app_id, self.conversation.id, Author(Member(user.id, None)), [content], None, None, self.now,
            audience=self.audience, source=source, original=original_of(client, self.now),
        )  # fmt: skip
        return (yield from change.apply())


class LogIn(AnnouncedChange[bytes], frozen=True):
    """Log a person in by the SDK, under an external id and perhaps with an e-mail address as identity.

    Return the answer: the user, and the conversations that became one. A user without an external id gets it; if another user has it, that one survives a merge of both. Raises UserNotFound,
    and BadRequest for a user with another external id.
    """

    action = "simulator.log_in"
    audited = False
    app_id: str
    name: str
    external_id: str
    email: str | None
    channels: Channels
    now: Milliseconds

    def apply(self) -> Statements[bytes]:
        user = yield from require_user(self.app_id, self.name, None)
        if user.external_id not in (None, self.external_id):
            raise BadRequest(f"externalId should be {user.external_id}: the user has this external id already")
        other = yield from find_by_external_id(self.app_id, self.external_id, user.brand_id)
        survivor = user if other is None else other
        is_new_client = (yield from find_sdk_client(survivor.id)) is None
        answer: dict[str, Any] = {}
        yield from sdk_client(user.id, text(self.now))
        if survivor.id != user.id:
            answer = yield from self._merge(survivor, user)
            survivor = yield from require_user(self.app_id, survivor.id, None)
        client = yield from find_sdk_client(survivor.id)
        source, _ = yield from source_of(self.channels, client)
        logged_in = yield from self._identify(survivor)
        if client is not None and is_new_client:
            yield from self.audience.raise_event(added_event(None, logged_in, client, "sdkLogin", source))
        if (logged_in.external_id, logged_in.authenticated) != (survivor.external_id, survivor.authenticated):
            yield from self.audience.raise_event(_updated(logged_in, "authentication", source))
        return _encode({"user": user_view(logged_in)} | answer)

    def _merge(self, surviving: User, discarded: User) -> Statements[dict[str, Any]]:
        """Merge the person into the user who has the external id. Return the default conversations that became one."""
        target = yield from default_conversation(surviving.id)
        source = yield from default_conversation(discarded.id)
        yield from merge(self.audience, surviving, discarded, "sdkLogin")
        if target is None or source is None:
            return {}
        return {"mergedConversations": {"surviving": target.id, "discarded": source.id}}

    def _identify(self, user: User) -> Statements[User]:
        """Write what the login says of the user, and return the user."""
        identity = {"type": "email", "value": self.email, "verification": "sso"}
        identities = user.identities
        if self.email is not None and identity not in identities:
            identities = [*identities, identity]
        changed = msgspec.structs.replace(user, external_id=self.external_id, authenticated=True, identities=identities)
        yield from USERS.update(changed, "external_id", "authenticated", "identities")
        yield from replace_handles(user, changed)
        for participant in (yield from participants_of_user(user.id)):
            identified = msgspec.structs.replace(participant, user_external_id=self.external_id)
            yield from PARTICIPANTS.update(identified, "user_external_id")
        return changed


def _updated(user: User, reason: str, source: Source) -> Event:
    def payload(form: Form) -> dict[str, Any]:
        return {"user": form.user(user), "reason": reason, "source": form.source(source)}

    return Event("user:update", user.id, payload)
