"""`make bench-sizes`: the bytes that a user, a conversation, a message and a delivery take in a store of conversations.

    python benchmarks/sizes.py [--people N] [--messages N]

It fills a store on SQLite by requests: each person has one conversation, and messages of 100 letters that one webhook
hears. Then it counts the bytes of each table, with its indexes and the unused parts of its pages, and does the same
with a copy on PostgreSQL, that of the tests.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import sunshine_conversations_client as sunshine
from sunshine_keys import server
from sunshine_keys.compose import first_run, messaging_file
from sunshine_keys.settings import STORE_FILE, Settings

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.postgres import running as running_postgres

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


def fill(url: str, created: dict[str, Any], people: int, messages: int) -> None:
    """Create people, their conversations, and messages by them."""
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
            for _ in range(messages):
                sunshine.MessagesApi(client).post_message(app_id, conversation.id, post)

        list(pool.map(talk, range(people)))


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--messages", type=int, default=20)
    options = parser.parse_args()
    target = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as temporary:
        settings = Settings(Path(temporary))
        created = first_run(settings, bot_target=f"http://127.0.0.1:{target.server_port}/")
        assert created is not None
        file = messaging_file(Path(temporary) / STORE_FILE)
        with server.running(settings) as url:
            fill(url, created, options.people, options.messages)
            wait_for_deliveries(file)
        on_postgres = postgres_sizes(Path(temporary) / STORE_FILE, Path(temporary) / "sealing.key")
        for title, (rows, size) in sizes(file).items():
            print(
                f"{title:13}{rows:7} rows, bytes each: {size / rows:5.0f} SQLite {on_postgres[title]:5.0f} PostgreSQL"
            )
        with contextlib.closing(sqlite3.connect(file)) as store:
            (event,) = store.execute("SELECT AVG(LENGTH(event)) FROM deliveries").fetchone()
        print(f"the event of a delivery, which goes after a day: {event:.0f} bytes")


if __name__ == "__main__":
    main()
