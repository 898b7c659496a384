"""Users, conversations, participants, messages and their counts against a model, through the API, in any order."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from support.wire import Answer, Key, LastingWire

from sunshine_keys.testing import SunshineServer

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))
NO_AVATAR = f"https://www.gravatar.com/avatar/{'0' * 32}.png?s=200&d=mm"
NOBODY = "f" * 24
"""The id of a user and of a conversation that do not exist."""

View = dict[str, Any]
Chosen: TypeAlias = int | str
"""A number that stands for an object, or an id."""

_MISSING = 36
numbers = st.integers(0, 39)
external_ids = st.sampled_from(["jane", "john@example.com", "a/b", "ä b?", "0" * 24])
words = st.text("abcdefghij", min_size=1, max_size=8)
profiles = st.dictionaries(st.sampled_from(["givenName", "surname"]), words | st.none(), max_size=2)
metadata = st.none() | st.dictionaries(words, words | st.integers(-9, 9) | st.booleans() | st.none(), max_size=2)


def without_nulls(values: View) -> View:
    return {name: value for name, value in values.items() if value is not None}


@dataclass
class User:
    view: View
    client_id: str | None = None
    """The id of the user's SDK client, once a conversation has subscribed it."""

    @property
    def id(self) -> str:
        return str(self.view["id"])


@dataclass
class Participant:
    view: View
    unread: set[str] = field(default_factory=set)
    """The ids of the messages that the user has not read."""

    @property
    def shown(self) -> View:
        return self.view | {"unreadCount": len(self.unread)}


@dataclass
class Conversation:
    view: View
    participants: dict[str, Participant] = field(default_factory=dict)
    """By user, in the order in which they joined."""
    messages: dict[str, View] = field(default_factory=dict)
    has_had_messages: bool = False

    @property
    def is_personal(self) -> bool:
        return bool(self.view["type"] == "personal")


class Conversations(RuleBasedStateMachine):
    """Its rules pick users, conversations and messages by numbers, most of which stand for existing ones."""

    def __init__(self) -> None:
        super().__init__()
        self.server = SunshineServer()
        self.wire = LastingWire(self.server.url)
        self.keys = [
            Key(self.server.app_key.id, self.server.app_key.secret),
            Key(self.server.key.id, self.server.key.secret),
        ]
        self.app = f"/v2/apps/{self.server.app_id}"
        self.live_users: dict[str, User] = {}
        self.live: dict[str, Conversation] = {}
        self.sent = 0
        self.ever_users, self.ever = [NOBODY], [NOBODY]
        """The ids of all users and conversations that have ever existed, and one that never has."""
        self.deleted_messages = [NOBODY]
        self.touched = NOBODY
        """The conversation whose messages or participants have changed last."""

    def pick(self, chosen: Chosen, live: Iterable[str], ever: list[str]) -> str:
        """Return the id of an existing object or, for some numbers or if there is none, of one that may be deleted."""
        if isinstance(chosen, str):
            return chosen
        existing = list(live)
        if chosen >= _MISSING or not existing:
            existing = ever
        return existing[chosen % len(existing)]

    def user(self, chosen: Chosen) -> str:
        return self.pick(chosen, self.live_users, self.ever_users)

    def conversation(self, chosen: Chosen) -> str:
        return self.pick(chosen, self.live, self.ever)

    def member(self, conversation_id: str, chosen: int | None) -> str | None:
        """Return the id of a participant or, for some numbers or if there is none, of another user. None is the business."""
        if chosen is None:
            return None
        members = self.live[conversation_id].participants if conversation_id in self.live else ()
        return self.pick(chosen, members, self.ever_users)

    @initialize()
    def first_objects(self) -> None:
        for name in ("jane", None):
            self.create_user(name, {}, None, None)
        self.create_conversation(False, [(0, False, False), (1, False, True)], None, None)
        self.post_messages(0, 0, False, "Hello", 3)

    def teardown(self) -> None:
        try:
            self.compare_all()
        finally:
            self.wire.close()
            self.server.close()

    def compare_all(self) -> None:
        """Compare all objects of the service with the model."""
        for user in self.live_users:
            self.get_user(user, by_external_id=False)
            self.list_conversations(user, 2)
        for conversation in self.live:
            self.get_conversation(conversation)
            self.list_participants(conversation, 3)
            self.list_messages(conversation)

    # Requests. The app's key and the integration's key may do the same.

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        self.sent += 1
        return self.wire.send(method, self.app + path, self.keys[self.sent % 2], body=body)

    def agreed(self, answer: Answer, *statuses: int | None) -> bool:
        """Check that the answer has the first of `statuses` that is not None, and return True if it is a success."""
        expected = next(status for status in statuses if status is not None)
        assert answer.status == expected, (answer.status, expected, answer.content)
        assert answer.status < 300 or answer.errors
        return answer.status < 300

    def walk(self, path: str, name: str, direction: str, size: int | None) -> list[View]:
        """Return the items of all pages of a list, in their order."""
        views: list[View] = []
        query = [] if size is None else [f"page[size]={size}"]
        cursor: list[str] = []
        while True:
            sign = "&" if "?" in path else "?"
            answer = self.send("GET", path + sign + "&".join([*query, *cursor]))
            assert answer.status == 200, answer
            page = answer.json[name]
            assert len(page) <= (size or 100)
            views = page + views if direction == "before" else views + page
            if not answer.json["meta"]["hasMore"]:
                return views
            cursor = [f"page[{direction}]={answer.json['meta'][f'{direction}Cursor']}"]

    def named(self, user_id: str, *, by_external_id: bool) -> View:
        """Return the properties of a body that name a user: by external id, if the user has one."""
        user = self.live_users.get(user_id)
        if by_external_id and user is not None and "externalId" in user.view:
            return {"userExternalId": user.view["externalId"]}
        return {"userId": user_id}

    def unknown_user(self, user: str) -> int | None:
        return None if user in self.live_users else 404

    def unknown(self, conversation: str) -> int | None:
        return None if conversation in self.live else 404

    @rule(
        kind=st.sampled_from(["user", "personal information", "conversation", "messages"]), chosen=numbers,
        by_external_id=st.booleans(),
    )  # fmt: skip
    def remove(self, kind: str, chosen: int, by_external_id: bool) -> None:
        match kind:
            case "user":
                self.delete_user(chosen, by_external_id)
            case "personal information":
                self.delete_personal_information(chosen)
            case "conversation":
                self.delete_conversation(chosen)
            case _:
                self.delete_all_messages(chosen)

    @rule(user=numbers, conversation=numbers, by_external_id=st.booleans(), size=st.integers(1, 4))
    def look(self, user: int, conversation: int, by_external_id: bool, size: int) -> None:
        self.get_user(user, by_external_id)
        self.list_conversations(user, size, by_external_id)
        self.get_conversation(conversation)
        self.list_participants(conversation, size)
        self.list_messages(conversation)

    @invariant()
    def counts_agree(self) -> None:
        self.get_conversation(self.touched)
        self.list_participants(self.touched, 10)

    # Users.

    @rule(external_id=st.none() | external_ids, profile=profiles, metadata=metadata, retained=st.none() | st.booleans())  # fmt: skip
    def create_user(self, external_id: str | None, profile: View, metadata: View | None, retained: bool | None) -> None:
        body: View = {"profile": profile, "metadata": metadata} if metadata is not None else {"profile": profile}
        body |= without_nulls({"externalId": external_id, "toBeRetained": retained})
        taken = external_id is not None and external_id in [
            user.view.get("externalId") for user in self.live_users.values()
        ]
        answer = self.send("POST", "/users", body)
        if not self.agreed(answer, 409 if taken else None, 201):
            return
        view = answer.json["user"]
        expected = {"profile": without_nulls(profile), "metadata": without_nulls(metadata or {}), "identities": []}
        expected |= without_nulls({"externalId": external_id, "toBeRetained": retained})
        assert view == expected | {"id": view["id"], "signedUpAt": view["signedUpAt"], "hasPaymentInfo": False}
        self.live_users[view["id"]] = User(view)
        self.ever_users.append(view["id"])

    def user_path(self, user: str, *, by_external_id: bool) -> str:
        (name,) = self.named(user, by_external_id=by_external_id).values()
        return "/users/" + "".join(f"%{byte:02X}" for byte in name.encode())

    def get_user(self, user: Chosen, by_external_id: bool) -> None:
        user_id = self.user(user)
        answer = self.send("GET", self.user_path(user_id, by_external_id=by_external_id))
        if self.agreed(answer, self.unknown_user(user_id), 200):
            assert answer.json == {"user": self.live_users[user_id].view}

    @rule(user=numbers, by_external_id=st.booleans(), profile=profiles, metadata=metadata)
    def update_user(self, user: Chosen, by_external_id: bool, profile: View, metadata: View | None) -> None:
        user_id = self.user(user)
        body = {"profile": profile, "metadata": metadata}
        answer = self.send("PATCH", self.user_path(user_id, by_external_id=by_external_id), body)
        if self.agreed(answer, self.unknown_user(user_id), 200):
            view = self.live_users[user_id].view
            view["profile"] = without_nulls(view["profile"] | profile)
            view["metadata"] = {} if metadata is None else without_nulls(view["metadata"] | metadata)
            assert answer.json == {"user": view}

    def delete_user(self, user: Chosen, by_external_id: bool) -> None:
        user_id = self.user(user)
        answer = self.send("DELETE", self.user_path(user_id, by_external_id=by_external_id))
        if not self.agreed(answer, self.unknown_user(user_id), 200):
            return
        del self.live_users[user_id]
        for id, conversation in list(self.live.items()):
            if conversation.is_personal and user_id in conversation.participants:
                del self.live[id]
                continue
            conversation.participants.pop(user_id, None)
            for message in [view["id"] for view in conversation.messages.values() if self.is_by(view, user_id)]:
                self.forget(conversation, message)

    def delete_personal_information(self, user: Chosen) -> None:
        user_id = self.user(user)
        answer = self.send("DELETE", self.user_path(user_id, by_external_id=False) + "/personalinformation")
        if not self.agreed(answer, self.unknown_user(user_id), 200):
            return
        self.live_users[user_id].view |= {"profile": {}, "metadata": {}, "identities": []}
        assert answer.json == {"user": self.live_users[user_id].view}
        author = {"type": "user", "userId": user_id, "displayName": f"User {user_id}", "avatarUrl": NO_AVATAR}
        for conversation in self.live.values():
            for message in conversation.messages.values():
                if self.is_by(message, user_id):
                    message["author"] = author

    # Conversations.

    @rule(
        personal=st.booleans(), members=st.lists(st.tuples(numbers, st.booleans(), st.booleans()), max_size=4),
        name=st.none() | words, metadata=metadata,
    )  # fmt: skip
    def create_conversation(
        self, personal: bool, members: list[tuple[int, bool, bool]], name: str | None, metadata: View | None
    ) -> None:
        named = [(self.user(number), *options) for number, *options in (members[:1] if personal else members)]
        participants = [
            self.named(user, by_external_id=external) | {"subscribeSDKClient": subscribe}
            for user, external, subscribe in named
        ]
        body: View = {"type": "personal" if personal else "sdkGroup", "participants": participants}
        body |= without_nulls({"displayName": name, "metadata": metadata})
        ids = [user for user, _, _ in named]
        wrong_number = 400 if personal and len(named) != 1 else None
        missing = 404 if any(user not in self.live_users for user in ids) else None
        twice = 400 if len(set(ids)) < len(ids) else None
        answer = self.send("POST", "/conversations", body)
        if not self.agreed(answer, wrong_number, missing, twice, 201):
            return
        view = answer.json["conversation"]
        expected = {"type": body["type"], "isDefault": personal and not self.has_default(ids[0])}
        expected |= without_nulls({"displayName": name})
        expected |= {} if metadata is None else {"metadata": without_nulls(metadata)}
        assert view == expected | {"id": view["id"], "createdAt": view["createdAt"], "lastUpdatedAt": view["createdAt"]}
        conversation = self.live[view["id"]] = Conversation(view)
        shown = self.walk(f"/conversations/{view['id']}/participants", "participants", "after", 10)
        assert len(shown) == len(named)
        for participant, (user, _, subscribe) in zip(shown, named, strict=True):
            self.join(conversation, user, participant, subscribe=subscribe)
        self.ever.append(view["id"])

    def has_default(self, user: str) -> bool:
        return any(item.view["isDefault"] and user in item.participants for item in self.live.values())

    def join(self, conversation: Conversation, user: str, view: View, *, subscribe: bool) -> None:
        """Add a participant that the service shows for the first time."""
        joined = self.live_users[user]
        expected: View = {"id": view["id"], "userId": user, "unreadCount": 0, "clientAssociations": []}
        expected |= without_nulls({"userExternalId": joined.view.get("externalId")})
        if subscribe:
            client_id = view["clientAssociations"][0]["clientId"]
            assert joined.client_id in (None, client_id)
            joined.client_id = client_id
            expected["clientAssociations"] = [{"type": "sdk", "clientId": client_id}]
        assert view == expected
        conversation.participants[user] = Participant(view)

    def get_conversation(self, conversation: Chosen) -> None:
        conversation_id = self.conversation(conversation)
        answer = self.send("GET", f"/conversations/{conversation_id}")
        if self.agreed(answer, self.unknown(conversation_id), 200):
            assert answer.json == {"conversation": self.live[conversation_id].view}

    @rule(conversation=numbers, name=st.none() | words, metadata=metadata)
    def update_conversation(self, conversation: Chosen, name: str | None, metadata: View | None) -> None:
        conversation_id = self.conversation(conversation)
        answer = self.send("PATCH", f"/conversations/{conversation_id}", {"displayName": name, "metadata": metadata})
        if self.agreed(answer, self.unknown(conversation_id), 200):
            known = self.live[conversation_id]
            changed = {"displayName": name, "metadata": None if metadata is None else without_nulls(metadata)}
            known.view = without_nulls(known.view | changed)
            assert answer.json == {"conversation": known.view}

    def list_conversations(self, user: Chosen, size: int, by_external_id: bool = False) -> None:
        user_id = self.user(user)
        ((name, value),) = self.named(user_id, by_external_id=by_external_id).items()
        encoded = "".join(f"%{byte:02X}" for byte in value.encode())
        path = f"/conversations?filter[{name}]={encoded}"
        if self.agreed(self.send("GET", path), self.unknown_user(user_id), 200):
            expected = [item.view for _, item in sorted(self.live.items()) if user_id in item.participants]
            assert self.walk(path, "conversations", "after", size) == expected

    def delete_conversation(self, conversation: Chosen) -> None:
        conversation_id = self.conversation(conversation)
        answer = self.send("DELETE", f"/conversations/{conversation_id}")
        default = 400 if conversation_id in self.live and self.live[conversation_id].view["isDefault"] else None
        if self.agreed(answer, self.unknown(conversation_id), default, 200):
            del self.live[conversation_id]

    # Participants.

    @precondition(lambda self: bool(self.live))
    @rule(conversation=numbers, user=numbers, by_external_id=st.booleans(), subscribe=st.booleans())
    def join_conversation(self, conversation: Chosen, user: Chosen, by_external_id: bool, subscribe: bool) -> None:
        user_id = self.user(user)
        conversation_id = self.conversation(conversation)
        self.touched = conversation_id
        body = self.named(user_id, by_external_id=by_external_id) | {"subscribeSDKClient": subscribe}
        answer = self.send("POST", f"/conversations/{conversation_id}/join", body)
        known = self.live.get(conversation_id)
        personal = 400 if known is not None and known.is_personal else None
        full = (
            400 if known is not None and user_id not in known.participants and len(known.participants) == 10 else None
        )
        if not self.agreed(answer, self.unknown(conversation_id), personal, self.unknown_user(user_id), full, 201):
            return
        assert known is not None
        if user_id in known.participants:
            assert answer.json == {"participant": known.participants[user_id].shown}
        else:
            self.join(known, user_id, answer.json["participant"], subscribe=subscribe)

    def list_participants(self, conversation: Chosen, size: int) -> None:
        conversation_id = self.conversation(conversation)
        path = f"/conversations/{conversation_id}/participants"
        if self.agreed(self.send("GET", path), self.unknown(conversation_id), 200):
            expected = [participant.shown for participant in self.live[conversation_id].participants.values()]
            shown = self.walk(path, "participants", "after", size)
            assert sorted(shown, key=id_of) == sorted(expected, key=id_of)

    @rule(conversation=numbers, user=numbers, by_participant_id=st.booleans())
    def leave_conversation(self, conversation: Chosen, user: Chosen, by_participant_id: bool) -> None:
        user_id = self.user(user)
        conversation_id = self.conversation(conversation)
        self.touched = conversation_id
        known = self.live.get(conversation_id)
        participant = None if known is None else known.participants.get(user_id)
        body = {"userId": user_id}
        if by_participant_id and participant is not None:
            body = {"participantId": participant.view["id"]}
        answer = self.send("POST", f"/conversations/{conversation_id}/leave", body)
        personal = 400 if known is not None and known.is_personal else None
        no_member = 404 if participant is None else None
        if self.agreed(answer, self.unknown(conversation_id), personal, no_member, 200):
            assert known is not None
            del known.participants[user_id]

    # Messages and reads.

    def is_by(self, message: View, user: str) -> bool:
        return bool(message["author"].get("userId") == user)

    def forget(self, conversation: Conversation, message: str) -> None:
        """Remove a message that has been deleted."""
        del conversation.messages[message]
        self.deleted_messages.append(message)
        for participant in conversation.participants.values():
            participant.unread.discard(message)

    @rule(
        conversation=numbers, author=numbers | st.none(), by_external_id=st.booleans(),
        text=words, count=st.sampled_from([1] * 9 + [60]),
    )  # fmt: skip
    def post_messages(
        self, conversation: Chosen, author: int | None, by_external_id: bool, text: str, count: int
    ) -> None:
        conversation_id = self.conversation(conversation)
        self.touched = conversation_id
        author_id = self.member(conversation_id, author)
        named: View = {"type": "business"}
        if author_id is not None:
            named = {"type": "user"} | self.named(author_id, by_external_id=by_external_id)
        body = {"author": named, "content": {"type": "text", "text": text}}
        known = self.live.get(conversation_id)
        for _ in range(count):
            answer = self.send("POST", f"/conversations/{conversation_id}/messages", body)
            no_user = None if author_id is None else self.unknown_user(author_id)
            no_member = (
                404 if author_id is not None and known is not None and author_id not in known.participants else None
            )
            if not self.agreed(answer, self.unknown(conversation_id), no_user, no_member, 201):
                break
            assert known is not None
            (view,) = answer.json["messages"]
            self.check_message(known, view, author_id, text)
            for user, participant in known.participants.items():
                if user != author_id:
                    participant.unread.add(view["id"])
            known.messages[view["id"]] = view
            known.view["lastUpdatedAt"] = view["received"]
            known.has_had_messages = True

    def check_message(self, conversation: Conversation, view: View, author: str | None, text: str) -> None:
        expected: View = {"type": "business", "avatarUrl": NO_AVATAR}
        if author is not None:
            profile = self.live_users[author].view["profile"]
            names = [profile[part] for part in ("givenName", "surname") if part in profile]
            name = " ".join(names) or f"User {author}"
            expected |= {"type": "user", "userId": author, "displayName": name}
        assert view["author"] == expected
        assert view["content"] == {"type": "text", "text": text}
        assert view["received"] >= conversation.view["lastUpdatedAt"]
        assert all(view["received"] > message["received"] for message in conversation.messages.values())

    def list_messages(self, conversation: Chosen) -> None:
        conversation_id = self.conversation(conversation)
        path = f"/conversations/{conversation_id}/messages"
        if self.agreed(self.send("GET", path), self.unknown(conversation_id), 200):
            assert self.walk(path, "messages", "before", None) == list(self.live[conversation_id].messages.values())

    @precondition(lambda self: any(item.messages for item in self.live.values()))
    @rule(conversation=numbers, message=numbers)
    def delete_message(self, conversation: int, message: int) -> None:
        with_messages = [id for id, item in self.live.items() if item.messages]
        conversation_id = self.pick(conversation, with_messages, self.ever)
        self.touched = conversation_id
        known = self.live.get(conversation_id)
        newest_first = [] if known is None else list(known.messages)[::-1]
        message_id = self.pick(message, newest_first, self.deleted_messages)
        answer = self.send("DELETE", f"/conversations/{conversation_id}/messages/{message_id}")
        gone = 404 if known is not None and message_id not in known.messages else None
        if self.agreed(answer, self.unknown(conversation_id), gone, 200):
            assert known is not None
            self.forget(known, message_id)

    def delete_all_messages(self, conversation: Chosen) -> None:
        conversation_id = self.conversation(conversation)
        self.touched = conversation_id
        answer = self.send("DELETE", f"/conversations/{conversation_id}/messages")
        if self.agreed(answer, self.unknown(conversation_id), 200):
            for message in list(self.live[conversation_id].messages):
                self.forget(self.live[conversation_id], message)

    @rule(conversation=numbers, reader=numbers | st.none(), by_external_id=st.booleans())
    def read(self, conversation: Chosen, reader: int | None, by_external_id: bool) -> None:
        conversation_id = self.conversation(conversation)
        self.touched = conversation_id
        reader_id = self.member(conversation_id, reader)
        author: View = {"type": "business"}
        if reader_id is not None:
            author = {"type": "user"} | self.named(reader_id, by_external_id=by_external_id)
        begun = moment()
        body = {"author": author, "type": "conversation:read"}
        answer = self.send("POST", f"/conversations/{conversation_id}/activity", body)
        known = self.live.get(conversation_id)
        no_user = None if reader_id is None else self.unknown_user(reader_id)
        no_member = 404 if reader_id is not None and known is not None and reader_id not in known.participants else None
        if not self.agreed(answer, self.unknown(conversation_id), no_user, no_member, 200):
            return
        assert known is not None
        if reader_id is None:
            shown = self.send("GET", f"/conversations/{conversation_id}").json["conversation"]["businessLastRead"]
            assert begun <= shown <= moment()
            known.view["businessLastRead"] = shown
            return
        participant = known.participants[reader_id]
        participant.unread.clear()
        if known.has_had_messages:
            participant.view["lastRead"] = known.view["lastUpdatedAt"]
        else:
            shown = self.send("GET", f"/conversations/{conversation_id}/participants").json["participants"]
            (last_read,) = (view["lastRead"] for view in shown if view["userId"] == reader_id)
            assert begun <= last_read <= moment()
            participant.view["lastRead"] = last_read


def moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def id_of(view: View) -> str:
    return str(view["id"])


@pytest.mark.timeout(0)  # shrinking a failure takes minutes
def test_conversations_behave_as_their_model() -> None:
    run_machine(  # type: ignore[no-untyped-call]
        Conversations,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
