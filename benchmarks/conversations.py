"""The section on conversations: beside keys, beside the floor, as they grow, and on PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import targets
from cases import Case, cases, credentials
from fill import Filled, fill
from goals import Goal
from load import LOAD_CORE, Request, write_requests, wrk
from postgres import Database, running_postgres
from report import figures_table
from targets import Target

from sunshine_keys.messaging import messaging_file
from sunshine_keys.settings import STORE_FILE
from sunshine_keys.store.sqlite import SqliteStore
from sunshine_keys.store.table import Table
from sunshine_messaging.apps.table import APPS, AppRow
from sunshine_messaging.conversations.model import SDK_GROUP, Conversation
from sunshine_messaging.conversations.table import CONVERSATIONS
from sunshine_messaging.messages.changes import Author
from sunshine_messaging.messages.model import Message, message_id
from sunshine_messaging.messages.table import MESSAGES
from sunshine_messaging.moments import text
from sunshine_messaging.participants.model import Participant
from sunshine_messaging.participants.table import PARTICIPANTS
from sunshine_messaging.plane import CATALOG
from sunshine_messaging.users.model import User
from sunshine_messaging.users.table import USERS

BEGAN = 1_700_000_000_000
PER_CONVERSATION = 100
SMALL, LARGE = 10**4, 10**6
SHORT, LONG = 200, 30_000
POSTS_PER_SECOND = 500
SECONDS = 2
BODY = '{"author":{"type":"business"},"content":{"type":"text","text":"Hello, how can we help you today?"}}'

Samples = dict[str, list[float]]


class Kind(NamedTuple):
    """A row of the page: a ratio of two figures of the same round."""

    title: str
    bound: float
    at_least: bool
    this: str
    other: str


KINDS = (
    Kind("post a text message, 32 connections: throughput, of creating a key", 0.8, True, "post", "create"),
    Kind("list the newest 100 messages: throughput, of the floor's", 0.25, True, "list", "list floor"),
    Kind("get a conversation: throughput, of the floor's", 0.5, True, "get", "get floor"),
    Kind("get a key while 500 messages a second are posted: CPU, of the same without them", 1.1, False, "key cpu busy", "key cpu"),
    Kind("post at 10⁶ messages: CPU, of the same at 10⁴", 1.3, False, "post cpu large", "post cpu small"),
    Kind("list at 10⁶ messages: CPU, of the same at 10⁴", 1.3, False, "list cpu large", "list cpu small"),
    Kind("list any page of 30,000 messages: CPU, of a conversation with 200", 1.3, False, "page cpu long", "page cpu short"),
)  # fmt: skip


CASE_TITLES = {
    "get_conversation": "get a conversation, Basic",
    "list_messages": "list the newest 100 messages, Basic",
    "list_conversations": "list a user's one conversation, Basic",
    "get_user": "get a user, Basic",
    "list_participants": "list one participant, Basic",
    "post_message": "post a text message, Basic",
}


def conversation_cases(folder: Path, keys: Filled) -> list[Case]:
    """Fill the store beside the keys with a hundred conversations. Return the cases: each reads or posts in one of them."""
    owner = keys.owner(0)
    authorization = credentials(keys, [owner])[owner.app_id]
    fill_conversations(keys.data, owner.app_id, [PER_CONVERSATION + 1] * 100)
    app = f"/v2/apps/{owner.app_id}"
    conversation = f"{app}/conversations/{conversation_id(0)}"

    def file(name: str, *requests: Request) -> Path:
        return write_requests(folder / name, requests)

    posts = [f"{app}/conversations/{conversation_id(number)}/messages" for number in range(100)]
    return [
        Case("get_conversation", file("conversation", Request(conversation, authorization))),
        Case("list_messages", file("messages", Request(f"{conversation}/messages", authorization))),
        Case("list_conversations", file("conversations", Request(f"{app}/conversations?filter[userId]={user_id(0)}", authorization))),
        Case("get_user", file("user", Request(f"{app}/users/{user_id(0)}", authorization))),
        Case("list_participants", file("participants", Request(f"{conversation}/participants", authorization))),
        Case("post_message", file("post", *(Request(path, authorization, "POST", BODY) for path in posts)), 201),
    ]  # fmt: skip


def user_id(number: int) -> str:
    return f"{0x50000000 + number:024x}"


def conversation_id(number: int) -> str:
    """Return the id of a conversation. Ids of neighbouring numbers are far apart, as those of different people are."""
    return f"{0x60000000 + number * 2654435761 % 2**28:08x}{number:016x}"


def fill_conversations(data: Path, app_id: str, sizes: list[int]) -> dict[int, list[str]]:
    """Fill the store beside the keys in `data`: one conversation with a user for each of `sizes`, its number of messages.

    Return, for the two sizes SHORT and LONG, the ids of messages that begin its pages.
    """
    file = messaging_file(data / STORE_FILE)
    SqliteStore.prepare(file, CATALOG)
    cursors: dict[int, list[str]] = {}
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as store:
        store.execute("PRAGMA synchronous = OFF")
        store.execute("BEGIN")
        _insert(store, APPS, [AppRow(app_id)])
        now = text(BEGAN)
        for number, size in enumerate(sizes):
            user = User(user_id(number), app_id, None, None, None, now, False, None, {}, {}, [])
            last = BEGAN + size
            conversation = Conversation(
                conversation_id(number), app_id, SDK_GROUP, False, None, None, None, None, now, text(last), None, size, last
            )  # fmt: skip
            participant = Participant(user.id, conversation.id, user.id, None, size, 0, None, [])
            messages = [_message(conversation.id, BEGAN + place + 1) for place in range(size)]
            _insert(store, USERS, [user])
            _insert(store, CONVERSATIONS, [conversation])
            _insert(store, PARTICIPANTS, [participant])
            _insert(store, MESSAGES, messages)
            if size in (SHORT, LONG):
                cursors[size] = [message.id for message in messages[100:]]
        store.execute("COMMIT")
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return cursors


def _insert(store: sqlite3.Connection, rows_of: Table[Any], items: list[Any]) -> None:
    places = ", ".join("?" * len(rows_of.names))
    store.executemany(f"INSERT INTO {rows_of.name} VALUES ({places})", map(rows_of.to_row, items))


def _message(conversation: str, received: int) -> Message:
    id = message_id(received)
    content = json.loads(BODY)["content"]
    body = {"id": id, "received": text(received), "author": Author(None).view(None), "content": content}
    return Message(conversation + id, None, msgspec.json.encode(body | {"source": {"type": "api:conversations"}}))


def answers_of(service: Target, paths: list[str], authorization: str) -> Iterator[tuple[str, Any]]:
    """Yield the service's answers by path, as the floor returns them: status, headers and body."""
    yield "/healthz", (200, [("content-length", "0")], "")
    for path in paths:
        status, headers, body = service.ask("GET", path, authorization)
        own = {"date", "server", "content-length", "connection"}
        kept_headers = [(name, value) for name, value in headers.items() if name not in own]
        yield path, (status, [*kept_headers, ("content-length", str(len(body)))], body.decode())


class Bench:
    """The service on a small and on a large store, and what it is measured beside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.samples: Samples = {}
        self._created = 0
        keys = fill(folder / "small", 1000, 20_000)
        owner = keys.owner(0)
        self._app = f"/v2/apps/{owner.app_id}"
        self._auth = credentials(keys, [owner])[owner.app_id]
        by_name = {case.name: case for case in cases(folder, keys, 1)}
        self._create, self._get_key = by_name["create_32"].requests, by_name["get_basic"].requests
        cursors = fill_conversations(
            keys.data, owner.app_id, [PER_CONVERSATION] * (SMALL // PER_CONVERSATION) + [SHORT, LONG]
        )
        large = fill(folder / "large", 1000, 1)
        fill_conversations(large.data, large.owner(0).app_id, [PER_CONVERSATION] * (LARGE // PER_CONVERSATION))
        large_auth = credentials(large, [large.owner(0)])[large.owner(0).app_id]
        self._stack = contextlib.ExitStack()
        self._small = self._stack.enter_context(targets.service(keys.data))
        self._large = self._stack.enter_context(targets.service(large.data))
        self._database = Database(self._stack.enter_context(running_postgres("shared_buffers=128MB")), keys.data)
        self._database.pin([LOAD_CORE])
        self._postgres = self._stack.enter_context(
            targets.service(keys.data, name="postgres", database=self._database.url)
        )
        self._conversation = f"{self._app}/conversations/{conversation_id(0)}"
        reads = [self._conversation, f"{self._conversation}/messages"]
        (folder / "answers.json").write_text(json.dumps(dict(answers_of(self._small, reads, self._auth))))
        self._floor = self._stack.enter_context(targets.floor(folder / "answers.json"))
        self._files: dict[str, Path] = {}
        self._write_requests(large.owner(0).app_id, large_auth, cursors)

    def _write_requests(self, large_app: str, large_auth: str, cursors: dict[int, list[str]]) -> None:
        pick = random.Random(1)

        def write(name: str, requests: list[Request]) -> None:
            self._files[name] = write_requests(self._folder / f"{name}.requests", requests)

        write("get", [Request(self._conversation, self._auth)])
        write("list", [Request(f"{self._conversation}/messages", self._auth)])
        for name, app, auth, size in (
            ("small", self._app, self._auth, SMALL),
            ("large", f"/v2/apps/{large_app}", large_auth, LARGE),
        ):
            numbers = [pick.randrange(size // PER_CONVERSATION) for _ in range(20_000)]
            paths = [f"{app}/conversations/{conversation_id(number)}/messages" for number in numbers]
            write(f"post {name}", [Request(path, auth, "POST", BODY) for path in paths])
            write(f"list {name}", [Request(path, auth) for path in paths])
        for name, number, size in (
            ("short", SMALL // PER_CONVERSATION, SHORT),
            ("long", SMALL // PER_CONVERSATION + 1, LONG),
        ):
            path = f"{self._app}/conversations/{conversation_id(number)}/messages?page[before]="
            write(f"page {name}", [Request(path + pick.choice(cursors[size]), self._auth) for _ in range(5000)])

    def close(self) -> None:
        self._stack.close()

    def round(self, *, keep: bool) -> None:
        """Measure each figure once."""
        samples: dict[str, float] = {}
        cpu = "cpu"
        first, small, large, floor = self._created, self._small, self._large, self._floor
        created = self._measure(samples, "create", small, self._create, 201, first=first)
        self._created = first + created
        self._measure(samples, "post", small, self._files["post small"], 201)
        for name in ("list", "get"):
            self._measure(samples, name, small, self._files[name])
            self._measure(samples, f"{name} floor", floor, self._files[name])
        for store, target in (("small", small), ("large", large)):
            for name, status in (("post", 201), ("list", 200)):
                self._measure(
                    samples, f"{name} {cpu} {store}", target, self._files[f"{name} {store}"], status, by_cpu=True
                )
        for name in ("short", "long"):
            self._measure(samples, f"page {cpu} {name}", small, self._files[f"page {name}"], by_cpu=True)
        self._measure_on_postgres(samples)
        self._measure_keys_beside_posts(samples)
        if keep:
            for name, value in samples.items():
                self.samples.setdefault(name, []).append(value)

    def _measure(
        self, samples: dict[str, float], name: str, target: Target, requests: Path, status: int = 200, *,
        first: int = 0, by_cpu: bool = False,
    ) -> int:  # fmt: skip
        before = target.cpu_seconds()
        load = wrk(target.url, requests, connections=32, seconds=SECONDS, status=status, first=first)
        spent = (target.cpu_seconds() - before) / load.requests * 1e6
        samples[name] = spent if by_cpu else load.per_second
        return load.sent

    def _measure_on_postgres(self, samples: dict[str, float]) -> None:
        """Measure posts and lists on PostgreSQL, which shares its core with the load: the rate, and the CPU of both processes."""
        for name, status in (("post", 201), ("list", 200)):
            before, theirs = self._postgres.cpu_seconds(), self._database.cpu_seconds()
            load = wrk(self._postgres.url, self._files[f"{name} small"], connections=32, seconds=SECONDS, status=status)
            samples[f"{name} postgres"] = load.per_second
            samples[f"{name} cpu postgres"] = (self._postgres.cpu_seconds() - before) / load.requests * 1e6
            samples[f"{name} cpu of PostgreSQL"] = (self._database.cpu_seconds() - theirs) / load.requests * 1e6

    def _measure_keys_beside_posts(self, samples: dict[str, float]) -> None:
        """Measure the CPU of a get of a key at half load: alone, and beside posts, whose own CPU is subtracted."""
        target, seconds = self._small, max(SECONDS, 3)

        def posts() -> int:
            think = 32 / POSTS_PER_SECOND * 1000
            requests = self._files["post small"]
            return wrk(target.url, requests, connections=32, seconds=seconds, status=201, think_ms=think).requests

        def gets() -> int:
            return wrk(target.url, self._get_key, connections=64, seconds=seconds, think_ms=64).requests

        spent, count = _spent(target, gets)
        samples["key cpu"] = spent / count * 1e6
        spent, count = _spent(target, posts)
        post_cost = spent / count
        with ThreadPoolExecutor(1) as beside:
            before = target.cpu_seconds()
            posting = beside.submit(posts)
            got = gets()
            posted = posting.result()
            spent = target.cpu_seconds() - before
        samples["key cpu busy"] = (spent - posted * post_cost) / got * 1e6
        samples["posts per second"] = posted / seconds


def _spent(target: Target, work: Any) -> tuple[float, int]:
    """Return the CPU seconds that the target spends while `work` runs, and what it returns."""
    before = target.cpu_seconds()
    count: int = work()
    return target.cpu_seconds() - before, count


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    bench = Bench(folder)
    try:
        for number in range(-1, rounds):  # the first round warms up
            bench.round(keep=number >= 0)
    finally:
        bench.close()
    return {"rounds": rounds, "seconds": SECONDS, "samples": bench.samples}


def section(results: dict[str, Any]) -> tuple[list[Goal], str]:
    samples = results["samples"]
    goals = [
        (Goal.at_least if kind.at_least else Goal.at_most)(
            kind.title, kind.bound, [a / b for a, b in zip(samples[kind.this], samples[kind.other], strict=True)]
        )
        for kind in KINDS
    ]
    return goals, (
        f"## Conversations\n\n{results['rounds']} rounds of {results['seconds']} s for each figure. The server is pinned to one "
        "core, the load to the other. Every post and every create\nis durable before it is answered. The floor is a bare ASGI "
        "callable on the same server that returns the same bytes.\n\nRequests per second; with `cpu` in the name, microseconds "
        "of the server's CPU for each request.\n\n" + figures_table(samples)
    )
