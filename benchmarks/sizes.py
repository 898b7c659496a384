"""The section on sizes: the bytes that a user, a conversation, a message and a delivery take in a store of conversations.

It fills a store on SQLite by requests: each person has one conversation, and messages of 100 letters that one webhook
hears. Then it counts the bytes of each table, with its indexes and the unused parts of its pages, and does the same
with a copy on PostgreSQL, that of the tests.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from goals import Goal
from report import table

import sunshine_conversations_client as sunshine
from sunshine_keys import server
from sunshine_keys.compose import create_first_objects
from sunshine_keys.messaging import messaging_file
from sunshine_keys.settings import STORE_FILE, Settings

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from support.postgres import running as running_postgres

PEOPLE, MESSAGES = 500, 20
TEXT = "The parcel of my order has not arrived yet; the page says that it is on its way. Where is it? Thank you"[:100]
TABLES = {
    "user": ("users", "clients"),
    "conversation": ("conversations", "participants"),
    "message": ("messages",),
    "delivery": ("deliveries",),
}
"""The tables whose rows come and go with an object."""


class Target(BaseHTTPRequestHandler):
    """Accepts every event."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def fill(url: str, created: dict[str, Any]) -> None:
    """Create PEOPLE, their conversations, and MESSAGES by each of them."""
    key = created["app_key"]
    configuration = sunshine.Configuration(host=url, key_id=key["id"], secret=key["secret"])
    app_id = created["app"]["id"]
    with sunshine.ApiClient(configuration) as client, ThreadPoolExecutor(16) as pool:

        def talk(number: int) -> None:
            profile: Any = {"givenName": "Jane", "surname": "Doe", "email": f"jane{number}@example.com"}
            body: Any = {"externalId": f"person-{number}", "profile": profile}
            user = sunshine.UsersApi(client).create_user(app_id, body).user
            assert user is not None
            talk_of_one: Any = {"type": "personal", "participants": [{"userId": user.id}]}
            conversation = sunshine.ConversationsApi(client).create_conversation(app_id, talk_of_one).conversation
            assert conversation is not None
            assert conversation.id is not None
            post: Any = {"author": {"type": "user", "userId": user.id}, "content": {"type": "text", "text": TEXT}}
            for _ in range(MESSAGES):
                sunshine.MessagesApi(client).post_message(app_id, conversation.id, post)

        list(pool.map(talk, range(PEOPLE)))


def wait_for_deliveries(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as store:
        while store.execute("SELECT COUNT(*) FROM deliveries WHERE owner IS NOT NULL").fetchone()[0]:
            time.sleep(0.1)


def sizes(file: Path) -> dict[str, tuple[int, int]]:
    """Return the rows of the first table of each object, and the bytes of all its tables with their indexes."""
    with contextlib.closing(sqlite3.connect(file)) as store:
        result = {}
        for title, tables in TABLES.items():
            marks = ", ".join("?" * len(tables))
            query = f"SELECT SUM(pgsize) FROM dbstat JOIN sqlite_master USING (name) WHERE tbl_name IN ({marks})"
            (size,) = store.execute(query, tables).fetchone()
            (rows,) = store.execute(f"SELECT COUNT(*) FROM {tables[0]}").fetchone()
            result[title] = (rows, size)
        return result


def postgres_sizes(store: Path, sealing: Path) -> dict[str, float]:
    """Return the bytes of an object in a copy on PostgreSQL, by the name of the object."""
    with running_postgres() as postgres:
        postgres.execute("CREATE DATABASE copy")
        environment = os.environ | {"SUNSHINE_KEYS_SEALING_KEY_FILE": str(sealing)}
        copy = ["copy", "--from", f"sqlite://{store}", "--to", postgres.url("copy")]
        subprocess.run(
            [sys.executable, "-m", "sunshine_keys", *copy], check=True, stdout=subprocess.DEVNULL, env=environment
        )
        postgres.execute("VACUUM ANALYZE", "copy")
        result = {}
        for title, tables in TABLES.items():
            sizes = " + ".join(f"pg_total_relation_size('messaging.{table}')" for table in tables)
            ((size,),) = postgres.execute(f"SELECT ({sizes})::float8 / count(*) FROM messaging.{tables[0]}", "copy")
            result[title] = float(size)
        return result


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Return bytes. One round is enough, because sizes do not depend on other work."""
    target = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    settings = Settings(folder)
    created = create_first_objects(settings, bot_target=f"http://127.0.0.1:{target.server_port}/")
    assert created is not None
    file = messaging_file(folder / STORE_FILE)
    with server.running(settings) as url:
        fill(url, created)
        wait_for_deliveries(file)
    target.shutdown()
    target.server_close()
    on_sqlite = {title: size / rows for title, (rows, size) in sizes(file).items()}
    with contextlib.closing(sqlite3.connect(file)) as store:
        (event,) = store.execute("SELECT AVG(LENGTH(event)) FROM deliveries").fetchone()
    return {
        "sqlite": on_sqlite,
        "postgres": postgres_sizes(folder / STORE_FILE, folder / "sealing.key"),
        "event": event,
    }


def section(results: dict[str, Any]) -> tuple[list[Goal], str]:
    rows = [[title, f"{size:.0f}", f"{results['postgres'][title]:.0f}"] for title, size in results["sqlite"].items()]
    return [], (
        f"## Sizes\n\nBytes of a row with its indexes. Each of {PEOPLE} people has a conversation with {MESSAGES} messages of "
        f"{len(TEXT)} letters, and one webhook receives them.\nAfter a day a delivery loses its event, {results['event']:.0f} of "
        "its bytes.\n\n" + table(["", "on SQLite", "on PostgreSQL"], rows)
    )
