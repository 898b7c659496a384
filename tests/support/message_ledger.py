"""Clients that talk in conversations, record the answers they get, and check the service against them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

from sunshine_messaging.conversations.table import CONVERSATIONS
from sunshine_messaging.messages.table import MESSAGES
from sunshine_messaging.participants.table import PARTICIPANTS
from support.ledger import Book, Recorder
from support.messaging import opened_store
from support.wire import Answer, Key, Place, Wire

APP = "/v2/apps/5d8cff3cd55b040010928b5b"

View = dict[str, Any]


class Talker(Recorder):
    """Talks in a group of its own with two members: posts and deletes messages, reads, and adds users and conversations.

    Half of its posts have an Idempotency-Key, and come again until they are answered. After another that was not, it looks
    whether the message is there: whole, or not at all.
    """

    def __init__(self, book: Book[Talker]) -> None:
        name = uuid4().hex
        super().__init__(book, name)
        self.name = name
        self.reader, self.author = (
            self._first(f"{APP}/users", {"externalId": f"{name}-{who}"}, "user") for who in "ra"
        )
        self.group = self._group()
        conversation = self._first(f"{APP}/conversations", self.group, "conversation")
        self.conversation = f"{APP}/conversations/{conversation['id']}"
        self.messages = f"{self.conversation}/messages"
        self.last_updated: str = conversation["lastUpdatedAt"]
        self.last_read: str | None = None
        self.live: dict[str, View] = {}
        self.deleted: set[str] = set()
        self.users: list[str] = [self.reader["id"], self.author["id"]]
        self.conversations: list[str] = [conversation["id"]]
        self.doubtful: Counter[str] = Counter()
        """The number of requests by kind whose outcome is not known. A client has at most one, its last."""
        self.doubtful_delete = ""

    def _first(self, path: str, body: View, name: str) -> View:
        answer = self.book.wire.post(path, self.book.auth, body)
        assert answer.status == 201, answer
        view: View = answer.json[name]
        return view

    def _group(self) -> View:
        members = [{"userId": user["id"], "subscribeSDKClient": False} for user in (self.reader, self.author)]
        return {"type": "sdkGroup", "participants": members}

    def act(self) -> None:
        chance = self.random.random()
        if chance < 0.6 or not self.live:
            self._post()
        elif chance < 0.75:
            self._delete(self.random.choice(list(self.live)))
        elif chance < 0.85:
            self._read()
        elif chance < 0.95:
            self._add_user()
        else:
            self._add_conversation()

    def _post(self) -> None:
        by_user = self.random.random() < 0.5
        author = {"type": "user", "userId": self.author["id"]} if by_user else {"type": "business"}
        body = {"author": author, "content": {"type": "text", "text": "Hello! " * self.random.randrange(1, 60)}}
        options: dict[str, Any] = {"body": body}
        if self.random.random() < 0.5:
            answer, _ = self.ask_until_answered("POST", self.messages, **options, headers=_once())
        else:
            answer = self.ask("POST", self.messages, **options)
            if answer is None:
                self._look()
                return
        if answer is None:
            self.doubtful["post"] += 1
            return
        assert answer.status == 201, answer
        (message,) = answer.json["messages"]
        self._note(message)

    def _note(self, message: View) -> None:
        assert message["id"] not in self.live
        assert message["received"] > self.last_updated or not self.live
        self.live[message["id"]] = message
        self.last_updated = message["received"]
        self.done += 1

    def _look(self) -> None:
        """Record whether a message exists after a post whose answer was lost."""
        answer, _ = self.ask_until_answered("GET", self.messages)
        if answer is None:
            self.doubtful["post"] += 1
            return
        unknown = [message for message in answer.json["messages"] if message["id"] not in self.live]
        assert len(unknown) <= 1, "more is there than was asked for"
        for message in unknown:
            assert message == answer.json["messages"][-1]
            self._note(message)

    def _delete(self, message_id: str) -> None:
        del self.live[message_id]
        answer, sent = self.ask_until_answered("DELETE", f"{self.messages}/{message_id}")
        if answer is None:
            self.doubtful_delete = message_id
            return
        assert answer.status == 200 or (sent > 1 and answer.status == 404), answer
        self.deleted.add(message_id)
        self.done += 1

    def _read(self) -> None:
        body = {"author": {"type": "user", "userId": self.reader["id"]}, "type": "conversation:read"}
        answer, _ = self.ask_until_answered("POST", f"{self.conversation}/activity", body=body)
        if answer is None:
            self.doubtful["read"] += 1
            return
        assert answer.status == 200, answer
        self.last_read = self.last_updated
        self.done += 1

    def _add_user(self) -> None:
        external_id = f"{self.name}/{len(self.users)}"
        answer, sent = self.ask_until_answered("POST", f"{APP}/users", body={"externalId": external_id})
        if answer is None:
            self.doubtful["user"] += 1
            return
        assert answer.status == 201 or (sent > 1 and answer.status == 409), answer
        self.users.append(external_id)
        self.done += 1

    def _add_conversation(self) -> None:
        answer, _ = self.ask_until_answered("POST", f"{APP}/conversations", body=self.group, headers=_once())
        if answer is None:
            self.doubtful["conversation"] += 1
            return
        assert answer.status == 201, answer
        self.conversations.append(answer.json["conversation"]["id"])
        self.done += 1

    def check(self, wire: Wire) -> str:
        """Check all that the API shows. Return the id of the conversation."""
        listed = self._walk(wire, self.messages, "messages", "before")
        views = {message["id"]: message for message in listed}
        assert len(views) == len(listed)
        assert self.live.items() <= views.items(), "an acknowledged message is missing"
        assert not self.deleted & views.keys(), "an acknowledged deletion is undone"
        unknown = views.keys() - self.live.keys() - {self.doubtful_delete}
        assert len(unknown) <= self.doubtful["post"], "more is there than was asked for"
        for user in self.users:
            answer = wire.get(f"{APP}/users/{user.replace('/', '%2F')}", self.book.auth)
            assert answer.status == 200, "an acknowledged user is missing"
        path = f"{APP}/conversations?filter[userId]={self.reader['id']}"
        conversations = {item["id"] for item in self._walk(wire, path, "conversations", "after")}
        assert set(self.conversations) <= conversations, "an acknowledged conversation is missing"
        assert len(conversations) - len(self.conversations) <= self.doubtful["conversation"]
        self._check_counts(wire, views, unknown)
        return self.conversations[0]

    def _check_counts(self, wire: Wire, views: dict[str, View], unknown: set[str]) -> None:
        updated = wire.get(self.conversation, self.book.auth).json["conversation"]["lastUpdatedAt"]
        assert updated == max([self.last_updated, *(views[id]["received"] for id in unknown)])
        participants = wire.get(f"{self.conversation}/participants", self.book.auth).json["participants"]
        assert {participant["userId"] for participant in participants} == {self.reader["id"], self.author["id"]}
        for participant in participants:
            last_read = participant.get("lastRead", "")
            if participant["userId"] == self.reader["id"] and not self.doubtful["read"]:
                assert last_read == (self.last_read or "")
            others = [view for view in views.values() if view["author"].get("userId") != participant["userId"]]
            assert participant["unreadCount"] == sum(view["received"] > last_read for view in others)

    def _walk(self, wire: Wire, path: str, name: str, direction: str) -> list[View]:
        views: list[View] = []
        cursor = ""
        while True:
            sign = "&" if "?" in path else "?"
            answer: Answer = wire.get(f"{path}{sign}{cursor}", self.book.auth)
            assert answer.status == 200, answer
            views += answer.json[name]
            meta = answer.json["meta"]
            if not meta["hasMore"]:
                return views
            cursor = f"page[{direction}]={meta[f'{direction}Cursor']}"


def _once() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


class MessageLedger(Book[Talker]):
    """Clients that talk in conversations."""

    def __init__(self, wire: Wire, auth: Key, clients: int = 4) -> None:
        super().__init__(wire, auth, Talker, clients)

    def check(self, wire: Wire, place: Place) -> None:
        """Check that the store agrees with all answers, and that its counts agree with its rows."""
        checked = {client.check(wire) for client in self.clients}
        assert checked <= asyncio.run(_require_consistency(place))


async def _require_consistency(place: Place) -> set[str]:
    """Check the counts of all conversations, whoever made them. Return the ids of those with messages."""
    async with opened_store(place) as store:
        conversations = await store.select(CONVERSATIONS, "")
        messages = Counter([message.conversation_id for message in await store.select(MESSAGES, "")])
        assert {item.id: item.messages for item in conversations if item.messages} == messages
        members = Counter([item.conversation_id for item in await store.select(PARTICIPANTS, "")])
        assert members == {item.id: 2 for item in conversations}, "a conversation is there without its participants"
    return set(messages)
