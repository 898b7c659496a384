"""`make bench-sizes`: the bytes that a user, a conversation, a message and a delivery take in a store of conversations.

    python benchmarks/sizes.py [--people N] [--messages N]

It fills a store on SQLite by requests: each person has one conversation, and messages of 100 letters that one webhook
hears. Then it counts the bytes of each table, with its indexes and the unused parts of its pages.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
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

TEXT = "The parcel of my order has not arrived yet; the page says that it is on its way. Where is it? Thank you"[:100]
TABLES = {
    "user": ("users", "clients", "devices"),
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
        names = {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        result = {}
        for title, tables in TABLES.items():
            present = [table for table in tables if table in names]
            marks = ", ".join("?" * len(present))
            query = f"SELECT SUM(pgsize) FROM dbstat JOIN sqlite_master USING (name) WHERE tbl_name IN ({marks})"
            (size,) = store.execute(query, present).fetchone()
            (rows,) = store.execute(f"SELECT COUNT(*) FROM {present[0]}").fetchone()
            result[title] = (rows, size)
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
        for title, (rows, size) in sizes(file).items():
            print(f"{title:13}{rows:7} rows {size / rows:7.0f} bytes each")


if __name__ == "__main__":
    main()
