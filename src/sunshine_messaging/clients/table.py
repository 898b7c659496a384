"""The tables of clients and devices, and their reads."""

from __future__ import annotations

from typing import Any

from sunshine_keys.errors import BadRequest
from sunshine_keys.ids import new_object_id
from sunshine_keys.store.page import Page
from sunshine_keys.store.statements import Statements
from sunshine_keys.store.table import Index, Table
from sunshine_messaging.clients.model import Client, Device, Script, address_of

CLIENTS = Table(
    "clients",
    Client,
    references={"user_id": "users"},
    indexes=(Index("clients_by_user", ("user_id", "id")), Index("clients_by_address", ("address",))),
)
SCRIPTS = Table("scripts", Script, since=2, references={"app_id": "apps"})
DEVICES = Table(
    "devices",
    Device,
    references={"user_id": "users"},
    indexes=(Index("devices_by_user", ("user_id", "last_seen")),),
)

SDK = "sdk"


def clients_page(user_id: str, page: Page, title: str) -> Statements[tuple[list[Client], bool]]:
    """Return one page of the user's clients, oldest first, and whether more follow in its direction.

    Raises BadRequest(`title`) if the cursor is not one of them.
    """
    if cursor := page.before or page.after:
        client = yield from CLIENTS.get(cursor)
        if client is None or client.user_id != user_id:
            raise BadRequest(title)
    return (yield from CLIENTS.page("user_id = $1", (user_id,), page))


def clients_of(user_id: str) -> Statements[list[Client]]:
    return CLIENTS.select("WHERE user_id = $1 ORDER BY id", user_id)


def clients_at(integration_id: str, external_id: str) -> Statements[list[Client]]:
    """Return the clients of the person who has this id on a channel, oldest first: active ones, and ones that are blocked."""
    clients = yield from CLIENTS.select("WHERE address = $1 ORDER BY id", address_of(integration_id, external_id))
    return [client for client in clients if client.status in ("active", "blocked")]


def find_sdk_client(user_id: str) -> Statements[Client | None]:
    return CLIENTS.first_of("WHERE user_id = $1 AND type = $2 ORDER BY id LIMIT 1", user_id, SDK)


def last_device(client_id: str, user_id: str) -> Statements[Device | None]:
    """Return the device of a client that was seen last, or None."""
    clauses = "WHERE user_id = $1 AND client_id = $2 ORDER BY last_seen DESC, id LIMIT 1"
    return DEVICES.first_of(clauses, user_id, client_id)


def take_script(id: str) -> Statements[dict[str, Any] | None]:
    """Remove what the simulator has set for a client or an integration, and return it; None if there is nothing."""
    script = yield from SCRIPTS.get(id)
    if script is None:
        return None
    yield from SCRIPTS.delete("id = $1", id)
    return script.outcome


def sdk_client(user_id: str, now: str) -> Statements[Client]:
    """Return the user's SDK client. Create it if there is none."""
    client = yield from find_sdk_client(user_id)
    if client is None:
        client = Client(new_object_id(), user_id, SDK, "active", last_seen=now, linked_at=now)
        yield from CLIENTS.insert(client)
    return client


def devices_of(user_id: str) -> Statements[list[Device]]:
    """Return the user's devices, the one that was seen last first."""
    return DEVICES.select("WHERE user_id = $1 ORDER BY last_seen DESC, id", user_id)


def find_device(user_id: str, device_id: str) -> Statements[Device | None]:
    return DEVICES.first_of("WHERE id = $1 AND user_id = $2", device_id, user_id)
