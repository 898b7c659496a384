"""Retention of messages, and the sweep of deleted apps: by the clock of the plane, in small steps, on several nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.messaging import opened_planes
from support.stores import entered
from support.wire import Place

from sunshine_keys.apps.changes import CreateApp, DeleteApp, UpdateApp
from sunshine_keys.apps.model import App, AppPatch
from sunshine_keys.ids import new_object_id
from sunshine_keys.store import OPERATOR
from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Row, Statements
from sunshine_messaging.activities.changes import MarkRead
from sunshine_messaging.apps.table import APPS
from sunshine_messaging.conversations.changes import CreateConversation
from sunshine_messaging.conversations.model import SDK_GROUP, Conversation
from sunshine_messaging.conversations.table import CONVERSATIONS
from sunshine_messaging.messages.changes import Author, PostMessage
from sunshine_messaging.messages.model import received_at
from sunshine_messaging.messages.retention import ExpireMessages, inactive_conversations
from sunshine_messaging.messages.table import MESSAGES
from sunshine_messaging.moments import text
from sunshine_messaging.participants.changes import Member
from sunshine_messaging.participants.table import PARTICIPANTS
from sunshine_messaging.plane import Plane
from sunshine_messaging.users.changes import CreateUser
from sunshine_messaging.users.model import User
from sunshine_messaging.users.table import USERS

BEGIN = 1_600_000_000_000
"""The time of the first message, in milliseconds since 1970."""

DAY = 86_400


class Chat:
    """A group of two users in an app of its own."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.app_id = new_object_id()
        self.id = new_object_id()
        self.jane = user(self.app_id)
        self.john = user(self.app_id)

    async def begin(self, retention: int | None = DAY) -> Chat:
        settings = {} if retention is None else {"conversationRetentionSeconds": retention}
        await self.plane.engine.store.transact(OPERATOR, CreateApp(App(self.app_id, "An app", settings)))
        for member in (self.jane, self.john):
            await self.plane.store.transact(OPERATOR, CreateUser(member))
        now = text(BEGIN)
        conversation = Conversation(self.id, self.app_id, SDK_GROUP, False, None, None, None, None, now, now)
        members = [Member(self.jane.id, None), Member(self.john.id, None)]
        await self.plane.store.transact(OPERATOR, CreateConversation(conversation, members))
        return self

    async def post(self, now: int, author: User | None = None, count: int = 1) -> None:
        named = Author(None if author is None else Member(author.id, None))
        content: dict[str, Any] = {"type": "text", "text": "Hello!"}
        change = PostMessage(self.app_id, self.id, named, [content] * count, None, None, now)
        await self.plane.store.transact(OPERATOR, change)

    async def read(self, reader: User, now: int) -> None:
        change = MarkRead(self.app_id, self.id, Member(reader.id, None), now)
        await self.plane.store.transact(OPERATOR, change)

    async def counts(self) -> tuple[int, int, dict[str, int]]:
        """Return the number of messages, the number that the conversation records, and the unread ones by user."""
        messages = await self.plane.store.select(MESSAGES, "")
        conversation = await self.plane.store.get(CONVERSATIONS, self.id)
        assert conversation is not None
        participants = await self.plane.store.select(PARTICIPANTS, "WHERE conversation_id = $1", self.id)
        unread = {participant.user_id: participant.unread_count for participant in participants}
        # The counts are those of the messages, also in the middle of the work.
        assert unread == {
            participant.user_id: sum(
                received_at(message.id) > participant.seen and message.author_id != participant.user_id
                for message in messages
            )
            for participant in participants
        }
        return len(messages), conversation.messages, unread


def user(app_id: str) -> User:
    return User(new_object_id(), app_id, None, None, None, text(BEGIN), False, None, {}, {}, [])


@asynccontextmanager
async def single(place: Place) -> AsyncIterator[Plane]:
    async with opened_planes(place, 1) as (plane,):
        yield plane


@pytest.fixture
def plane(runner: asyncio.Runner, place: Place) -> Iterator[Plane]:
    yield from entered(runner, single(place))


def at(plane: Plane, milliseconds: int) -> None:
    """Set the plane's clock."""
    plane.clock = lambda: milliseconds / 1000


async def test_messages_are_deleted_once_the_conversation_has_been_inactive(plane: Plane) -> None:
    chat = await Chat(plane).begin()
    await chat.post(BEGIN, chat.jane)
    await chat.read(chat.john, BEGIN + 1)
    await chat.post(BEGIN + 1000)
    before = await plane.store.get(CONVERSATIONS, chat.id)
    at(plane, BEGIN + 1000 + DAY * 1000)
    await plane.sweep()
    assert await chat.counts() == (2, 2, {chat.jane.id: 1, chat.john.id: 1})
    at(plane, BEGIN + 1001 + DAY * 1000)
    await plane.sweep()
    assert await chat.counts() == (0, 0, {chat.jane.id: 0, chat.john.id: 0})
    after = await plane.store.get(CONVERSATIONS, chat.id)
    assert (before and before.last_updated_at) == (after and after.last_updated_at)
    await chat.post(BEGIN + 2000 + DAY * 1000, chat.john)
    assert await chat.counts() == (1, 1, {chat.jane.id: 1, chat.john.id: 0})


@pytest.mark.parametrize("retention", [None, 0, 9_007_199_254_740_991])
async def test_messages_stay_without_retention(plane: Plane, retention: int | None) -> None:
    chat = await Chat(plane).begin(retention)
    await chat.post(BEGIN)
    at(plane, BEGIN * 1000)
    await plane.sweep()
    assert (await chat.counts())[0] == 1


async def test_setting_of_retention_applies_at_the_next_sweep(plane: Plane) -> None:
    chat = await Chat(plane).begin(None)
    await chat.post(BEGIN)
    at(plane, BEGIN + 2000)
    patch = AppPatch(settings={"conversationRetentionSeconds": 1})
    await plane.engine.store.transact(OPERATOR, UpdateApp(chat.app_id, patch))
    await plane.sweep()
    assert (await chat.counts())[0] == 0


async def test_counts_are_right_between_two_steps(plane: Plane) -> None:
    chat = await Chat(plane).begin()
    await chat.post(BEGIN, chat.jane, 300)
    await chat.post(BEGIN + 1000, None, 300)
    await chat.read(chat.john, BEGIN + 2000)
    await chat.post(BEGIN + 3000, chat.john, 500)
    before = BEGIN + DAY * 1000
    assert await plane.store.transact(OPERATOR, ExpireMessages(chat.id, before))
    assert await chat.counts() == (600, 600, {chat.jane.id: 600, chat.john.id: 0})
    assert await plane.store.transact(OPERATOR, ExpireMessages(chat.id, before))
    assert await chat.counts() == (100, 100, {chat.jane.id: 100, chat.john.id: 0})
    # A message arrives: the conversation is active.
    await chat.post(before)
    assert not await plane.store.transact(OPERATOR, ExpireMessages(chat.id, before))
    assert await chat.counts() == (101, 101, {chat.jane.id: 101, chat.john.id: 1})


async def test_nodes_that_sweep_at_once_do_no_harm(runner: asyncio.Runner, place: Place) -> None:
    async with opened_planes(place, 2) as planes:
        old, active = await Chat(planes[0]).begin(), await Chat(planes[0]).begin()
        await old.post(BEGIN, old.jane, 1700)
        now = BEGIN + 2000 + DAY * 1000
        await active.post(now)
        for plane in planes:
            at(plane, now)
        posts = (active.post(now + number) for number in range(20))
        await asyncio.gather(*(plane.sweep() for plane in planes for _ in range(2)), *posts)
        messages = await planes[0].store.select(MESSAGES, "")
        assert {message.conversation_id for message in messages} == {active.id}
        assert len(messages) == 21
        conversations = await planes[0].store.select(CONVERSATIONS, "")
        assert {conversation.id: conversation.messages for conversation in conversations} == {old.id: 0, active.id: 21}


async def test_sweep_reads_apps_of_the_key_store_in_batches(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    apps = [App(new_object_id(), "An app", {}) for _ in range(30)]
    for app in apps:
        await plane.engine.store.transact(OPERATOR, CreateApp(app))
        await plane.store.transact(OPERATOR, CreateUser(user(app.id)))
    gone = apps[::3]
    for app in gone:
        await plane.engine.store.transact(OPERATOR, DeleteApp(app.id))
    read: list[str] = []
    keys = plane.engine.store

    async def counted(sql: str, *values: Any) -> list[Row]:
        read.append(sql)
        return await rows(sql, *values)

    async def counted_aside(statements: Any) -> Any:
        return await keys.read(statements)

    rows = keys.rows
    monkeypatch.setattr(keys, "rows", counted)
    monkeypatch.setattr(keys, "read_aside", counted_aside)
    await plane.sweep()
    assert len(read) == 1
    remaining = {app.id for app in apps} - {app.id for app in gone}
    assert {row.id for row in await plane.store.select(APPS, "")} == remaining
    assert {row.app_id for row in await plane.store.select(USERS, "")} == remaining


async def test_background_work_sweeps_by_itself(runner: asyncio.Runner, place: Place) -> None:
    async with opened_planes(place, 1) as (plane,):
        chat = await Chat(plane).begin()
        await chat.post(BEGIN)  # long ago by the real clock
    async with opened_planes(place, 1) as (plane,), asyncio.timeout(60):
        while await plane.store.select(MESSAGES, ""):  # noqa: ASYNC110 - another task deletes them
            await asyncio.sleep(0.01)


class AddConversations(Change[None], frozen=True):
    """Add conversations with a message each, except for those that have expired, whose times are older."""

    action = "test.add"
    audited = False
    app_id: str
    active: int
    expired: int

    def apply(self) -> Statements[None]:
        for number in range(self.active + self.expired):
            is_active = number < self.active
            yield from CONVERSATIONS.insert(
                Conversation(
                    new_object_id(), self.app_id, SDK_GROUP, False, None, None, None, None, text(BEGIN), text(BEGIN),
                    messages=int(is_active), last_received=BEGIN + DAY * 1000 if is_active else BEGIN,
                )
            )  # fmt: skip


async def test_sweep_reads_only_what_is_due(plane: Plane, place: Place) -> None:
    chat = await Chat(plane).begin()
    await chat.post(BEGIN)
    await plane.store.transact(OPERATOR, AddConversations(chat.app_id, 1500, 1500))
    statement = next(inactive_conversations(chat.app_id, BEGIN + 1, (0, ""), 500))
    assert [row[1] for row in await plane.store.rows(statement.sql, *statement.values)] == [chat.id]
    explain = "EXPLAIN QUERY PLAN "
    if place.database is not None:
        explain = "EXPLAIN "
        await plane.store.rows("ANALYZE conversations")
    plan = " ".join(str(row) for row in await plane.store.rows(explain + statement.sql, *statement.values))
    assert "conversations_by_age" in plan
    assert ("Sort" in plan, "TEMP B-TREE" in plan) == (False, False)
