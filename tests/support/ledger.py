"""Clients that record the answers they get, and check the service against them."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from uuid import uuid4

from sunshine_keys import opening
from sunshine_keys.store import audit
from support.wire import Answer, Key, Place, Wire

INTEGRATIONS = "/v2/apps/5d8cff3cd55b040010928b5b/integrations"
UNAVAILABLE = "service_unavailable"

R = TypeVar("R", bound="Recorder")


class Recorder:
    """A client that acts as fast as it is answered, until its book is stopped, and records the answers."""

    def __init__(self, book: Book[Any], seed: str) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.book = book
        self.refused = self.unanswered = self.done = 0
        self.failure: BaseException | None = None
        self.random = random.Random(seed)

    def act(self) -> None:
        """Make a change, and record its answer."""
        raise NotImplementedError

    def _run(self) -> None:
        try:
            while not self.book.stopped.is_set():
                self.act()
        except BaseException as error:  # the waiting test raises it
            self.failure = error

    def ask(self, method: str, path: str, **options: Any) -> Answer | None:
        """Return the answer, or None after a moment if there was none or a 503."""
        try:
            answer = self.book.wire.send(method, path, self.book.auth, **options)
            assert answer.content.endswith(b"}")
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            self.unanswered += 1
        else:
            if self.book.is_deaf:
                return None
            if answer.status != 503:
                return answer
            assert [code for code, _ in answer.errors] == [UNAVAILABLE], answer
            assert answer.headers["retry-after"] == "1"
            self.refused += 1
        self.book.stopped.wait(0.01)
        return None

    def ask_until_answered(self, method: str, path: str, **options: Any) -> tuple[Answer | None, int]:
        """Repeat a request until it is answered. Return the answer, None if the book was stopped, and the number of requests."""
        sent = 1
        while (answer := self.ask(method, path, **options)) is None:
            if self.book.stopped.is_set():
                return None, sent
            sent += 1
        return answer, sent


class Client(Recorder):
    """Creates and deletes keys of an integration of its own, as fast as it is answered, until it is told to stop.

    Half of its creates have an Idempotency-Key, and come again until they are answered. After another that was not, it
    looks whether the key is there: whole, or not at all.
    """

    def __init__(self, book: Book[Client]) -> None:
        body = {"type": "custom", "webhooks": [{"target": "https://example.com", "triggers": []}]}
        integration_id = book.wire.post(INTEGRATIONS, book.auth, body).json["integration"]["id"]
        super().__init__(book, integration_id)
        self.integration = f"{INTEGRATIONS}/{integration_id}"
        self.keys = f"{self.integration}/keys"
        self.live: dict[str, str] = {}
        self.deleted: dict[str, str] = {}
        self.doubtful: list[tuple[str, dict[str, Any]]] = []

    def act(self) -> None:
        if len(self.live) < 6:
            self._create()
        else:
            self._delete(next(iter(self.live)))

    def _create(self) -> None:
        options: dict[str, Any] = {"body": {"displayName": "x"}}
        once = self.random.random() < 0.5
        if once:
            options["headers"] = {"Idempotency-Key": str(uuid4())}
        answer = self.ask("POST", self.keys, **options)
        while answer is None:
            if self.book.stopped.is_set():
                self.doubtful.append(("POST", options))
                return
            if not once:
                self._look()
                return
            answer = self.ask("POST", self.keys, **options)
        assert answer.status == 201, answer
        self._note(answer.json["key"])

    def _note(self, key: dict[str, str]) -> None:
        assert key["id"] not in self.live
        self.live[key["id"]] = key["secret"]
        self.done += 1

    def _look(self) -> None:
        """Record whether a key exists after a create whose answer was lost."""
        answer, _ = self.ask_until_answered("GET", self.keys)
        if answer is None:
            self.doubtful.append(("POST", {"body": {"displayName": "x"}}))
            return
        listed = {key["id"]: key["secret"] for key in answer.json["keys"]}
        assert self.live.items() <= listed.items(), "an acknowledged key is missing"
        unknown = listed.keys() - self.live.keys()
        assert len(unknown) <= 1, "more is there than was asked for"
        for key_id in unknown:
            self.live[key_id] = listed[key_id]

    def _delete(self, key_id: str) -> None:
        secret = self.live.pop(key_id)
        answer, sent = self.ask_until_answered("DELETE", f"{self.keys}/{key_id}")
        if answer is None:
            self.doubtful.append(("DELETE", {"id": key_id}))
            return
        assert answer.status == 200 or (sent > 1 and answer.status == 404), answer
        self.deleted[key_id] = secret
        self.done += 1

    def check(self, wire: Wire) -> tuple[set[str], set[str]]:
        """Check the keys, and return those that exist and those that are certainly deleted."""
        listed = {key["id"]: key["secret"] for key in wire.get(self.keys, self.book.auth).json["keys"]}
        assert self.live.items() <= listed.items(), "an acknowledged key is missing"
        assert not self.deleted.keys() & listed.keys(), "an acknowledged delete is undone"
        unknown = listed.keys() - self.live.keys()
        creates = sum(method == "POST" for method, _ in self.doubtful)
        deletes = {options["id"] for method, options in self.doubtful if method == "DELETE"}
        assert len(unknown - deletes) <= creates, "more is there than was asked for"
        for key_id, secret in listed.items():
            assert wire.get(f"{self.integration}/webhooks", Key(key_id, secret)).status == 200
        for key_id, secret in self.deleted.items():
            assert wire.get(f"{self.integration}/webhooks", Key(key_id, secret)).status == 401
        return set(listed), set(self.deleted)


class Book(Generic[R]):
    """Several clients, and the answers that they got."""

    def __init__(self, wire: Wire, auth: Key, kind: Callable[[Any], R], clients: int) -> None:
        self.wire, self.auth = wire, auth
        self.stopped = threading.Event()
        self.is_deaf = False
        """Set where the machine is to have lost its power: no answer leaves it from then on."""
        self.clients = [kind(self) for _ in range(clients)]
        for client in self.clients:
            client.thread.start()

    @property
    def done(self) -> int:
        return sum(client.done for client in self.clients)

    @property
    def refused(self) -> int:
        return sum(client.refused for client in self.clients)

    def wait_for_progress(self, more: int = 20) -> None:
        """Wait until `more` requests succeed."""
        self._wait(lambda until=self.done + more: self.done >= until)

    def wait_for_refusals(self, more: int = 8) -> None:
        """Wait until `more` requests are answered 503."""
        self._wait(lambda until=self.refused + more: self.refused >= until)

    def _wait(self, condition: Any) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            for client in self.clients:
                if client.failure is not None:
                    raise client.failure
            assert time.monotonic() < deadline, f"{self.done} done, {self.refused} refused"
            time.sleep(0.01)

    def stop(self) -> None:
        self.stopped.set()
        for client in self.clients:
            client.thread.join(60)
            assert not client.thread.is_alive()
            if client.failure is not None:
                raise client.failure

    def check(self, wire: Wire, place: Place) -> None:
        """Check that the store agrees with all answers."""
        raise NotImplementedError


Ledger = Book[Any]
NewLedger = Callable[[Wire, Key], Ledger]


class KeyLedger(Book[Client]):
    """Clients that create and delete keys."""

    def __init__(self, wire: Wire, auth: Key, clients: int = 4) -> None:
        super().__init__(wire, auth, Client, clients)

    def check(self, wire: Wire, place: Place) -> None:
        """Check that the store agrees with all answers, and that each change has one entry in an unbroken audit trail."""
        entries = asyncio.run(_trail(place))
        audit.check(entries, audit.Head())
        for client in self.clients:
            listed, deleted = client.check(wire)
            created = _changed("key.create", client.keys, entries)
            gone = _changed("key.delete", client.keys, entries)
            assert len(set(created)) == len(created)
            assert len(set(gone)) == len(gone)
            assert deleted <= set(gone)
            assert set(created) - set(gone) == listed


def _changed(action: str, keys: str, entries: list[audit.Entry]) -> list[str]:
    prefix = keys.removeprefix("/v2/") + "/"
    return [
        entry.resource.removeprefix(prefix)
        for entry in entries
        if entry.action == action and entry.outcome == audit.DONE and entry.resource.startswith(prefix)
    ]


async def _trail(place: Place) -> list[audit.Entry]:
    async with opening.opened_store(place.settings) as store:
        return await store.audit_entries(0, 10**9)
