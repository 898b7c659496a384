"""Which entries of the audit trail are events, and what the events contain."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.notified import Recorder, append, begun, delete, new_key
from support.stores import SEALING_KEY_ID

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.changes import DeleteApp
from sunshine_keys.ids import new_object_id
from sunshine_keys.integrations.changes import DeleteIntegration
from sunshine_keys.keys.changes import CreateKey, DeleteKey, ShowKey, key_path
from sunshine_keys.keys.ends import AnnounceEnd, DeleteEndedKey, ExpireKey
from sunshine_keys.keys.lifetime import DAY_SECONDS
from sunshine_keys.keys.model import Key, Notice
from sunshine_keys.keys.rotations import ReportUse, RotateKey
from sunshine_keys.keys.table import KEYS
from sunshine_keys.notifying import events
from sunshine_keys.notifying.events import TYPES, Event
from sunshine_keys.notifying.notifier import Notifier
from sunshine_keys.settings import STORE_FILE
from sunshine_keys.store import OPERATOR, Origin, Store
from sunshine_keys.store.change import Change, Refused, Revokes, actions

STRANGER = Origin(None, "192.0.2.7", "request-1")


async def key_of_integration(store: Store, name: str = "Mine") -> Key:
    sealed = bytes.fromhex(SEALING_KEY_ID) + b"..."
    key = Key(f"int_{new_object_id()}", Scope.INTEGRATION, "a", "i", name, sealed)
    return await store.transact(Origin("app_1", "192.0.2.1", "request-0"), CreateKey(key))


async def refuse(store: Store, key_id: str, code: str = "unauthorized", note: str = "") -> None:
    await store.transact(STRANGER, Refused(f"keys/{key_id}", code, note))


async def sent(notifier: Notifier, target: Recorder) -> list[Event]:
    """Return the events that one tick sends."""
    target.events.clear()
    await notifier.tick()
    return list(target.events)


async def test_an_event_describes_its_key_and_its_origin(store: Store) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    key = await key_of_integration(store)
    (event,) = await sent(notifier, target)
    (entry,) = (await store.audit_entries(0, 100))[-1:]
    assert msgspec.to_builtins(event) == {
        "id": f"evt_{entry.sequence}_{entry.hash.hex()[:16]}",
        "type": "key.created",
        "time": entry.time,
        "text": f'Key "Mine" {key.id} of integration i was created, by app_1 from 192.0.2.1.',
        "key": {
            "id": key.id,
            "scope": "integration",
            "appId": "a",
            "integrationId": "i",
            "displayName": "Mine",
            "expiresAt": None,
        },
        "actor": "app_1",
        "source": "192.0.2.1",
        "requestId": "request-0",
        "resource": f"apps/a/integrations/i/keys/{key.id}",
        "note": "",
    }


async def test_a_deleted_key_is_described_by_its_path(store: Store) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    await store.transact(OPERATOR, DeleteKey("a", "i", "int_1"))
    await store.transact(OPERATOR, DeleteKey("a", None, "app_1"))
    account_key = await new_key(store)
    await delete(store, account_key)
    deleted = [event.key for event in await sent(notifier, target) if event.type == "key.deleted"]
    assert [(key.id, key.scope, key.app_id, key.integration_id, key.display_name) for key in deleted if key] == [
        ("int_1", Scope.INTEGRATION, "a", "i", None),
        ("app_1", Scope.APP, "a", None, None),
        (account_key.id, Scope.ACCOUNT, None, None, None),
    ]


async def test_the_deletion_of_an_owner_is_one_event(store: Store) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    await store.transact(OPERATOR, DeleteIntegration("a", "i"))
    await store.transact(OPERATOR, DeleteApp("a"))
    assert [(event.type, event.key, event.text) for event in await sent(notifier, target)] == [
        ("integration.deleted", None, "Integration i of app a was deleted with all its keys, by the operator."),
        ("app.deleted", None, "App a was deleted with all its keys, by the operator."),
    ]


async def test_changes_that_failed_or_concern_no_key_are_no_events(store: Store) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    with pytest.raises(Exception, match="not found"):
        await store.transact(OPERATOR, DeleteKey("a", "i", "int_2"))
    key = await key_of_integration(store)
    await store.transact(OPERATOR, ShowKey(key))
    assert [event.type for event in await sent(notifier, target)] == ["key.created"]


async def test_the_first_refusal_of_a_deleted_key_on_a_day_is_an_event(store: Store) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    key = await key_of_integration(store)
    await refuse(store, key.id)  # for example with a wrong secret
    await store.transact(OPERATOR, DeleteKey("a", "i", key.id))
    await refuse(store, key.id)
    await refuse(store, key.id, note="9 more within 60 seconds")
    created, deleted, refused = await sent(notifier, target)
    assert (created.type, deleted.type, refused.type) == ("key.created", "key.deleted", "key.refused")
    assert msgspec.to_builtins(refused.key) == {
        "id": key.id,
        "scope": "integration",
        "appId": "a",
        "integrationId": "i",
        "displayName": None,
        "expiresAt": None,
    }
    assert (refused.actor, refused.source, refused.request_id) == ("stranger", "192.0.2.7", "request-1")
    assert refused.text == (
        f"A request with Key {key.id} of integration i, which was deleted or has expired, was refused."
        " It came from 192.0.2.7."
    )
    await refuse(store, key.id)
    assert await sent(notifier, target) == []


@pytest.mark.parametrize("key_id", ["unknown", "int_0123456789abcdef01234567", "int_1"])
async def test_a_refusal_of_a_key_that_was_not_deleted_is_no_event(store: Store, key_id: str) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    await refuse(store, key_id)
    assert await sent(notifier, target) == []


async def test_a_request_that_is_refused_for_another_reason_is_no_event(store: Store) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    key = await key_of_integration(store)
    await store.transact(OPERATOR, DeleteKey("a", "i", key.id))
    await refuse(store, key.id, "too_many_requests")
    assert [event.type for event in await sent(notifier, target)] == ["key.created", "key.deleted"]


async def test_names_cannot_mention_people_or_forge_links_in_a_chat(store: Store) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    await key_of_integration(store, "<!channel> @here [click](http://example.com)\n\x1b[2J")
    (event,) = await sent(notifier, target)
    assert event.key is not None
    assert event.key.display_name == "<!channel> @here [click](http://example.com)\n\x1b[2J"
    assert '"·!channel· ·here ·click·(http://example.com)  ·2J"' in event.text


@pytest.mark.parametrize("action", TYPES)
async def test_each_action_of_the_table_is_an_event_with_a_text(store: Store, action: str) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    await append(store, action, key_path("a", "i", "int_1"), "in 7 days")
    (event,) = await sent(notifier, target)
    assert event.type == TYPES[action]
    assert event.text.endswith(("(in 7 days), by the operator.", "(in 7 days)."))
    if action.startswith("key."):
        assert event.text.startswith('Key "named int_1" int_1 of integration i ')


async def test_whole_life_of_a_key_becomes_events(store: Store) -> None:
    target = Recorder()
    notifier = await begun(store, target)
    events: list[Event] = []

    async def change(*changes: Change[Any]) -> Any:
        for item in changes:
            result = await store.transact(OPERATOR, item)
        events.extend(await sent(notifier, target))
        return result

    now = store.now()
    sealed = bytes.fromhex(SEALING_KEY_ID) + b"..."
    key = Key(f"int_{new_object_id()}", Scope.INTEGRATION, "a", "i", "Mine", sealed, now + 3 * DAY_SECONDS)
    await change(CreateKey(key, now), AnnounceEnd(key, Notice.WEEK))
    successor_id = f"int_{new_object_id()}"
    grace = int(DAY_SECONDS // 2)
    rotated = await change(RotateKey("a", "i", key.id, successor_id, sealed, grace, None, now))
    await change(ReportUse(rotated.key, None, now, now, "192.0.2.7"), ExpireKey(rotated.key, now, "nobody has used it"))
    await refuse(store, key.id)
    ended = await store.get(KEYS, key.id)
    assert ended is not None
    await change(ShowKey(ended))
    await change(DeleteEndedKey(ended))
    await refuse(store, key.id)
    assert await sent(notifier, target) == []
    assert [(event.type, event.text.rpartition(" (")[0] or event.text) for event in events] == [
        ("key.created", f'Key "Mine" {key.id} of integration i was created'),
        ("key.expiring", f'Key "Mine" {key.id} of integration i is about to expire'),
        ("key.rotated", f'Key "Mine" {key.id} of integration i was rotated'),
        ("key.used_after_rotation", f'Key "Mine" {key.id} of integration i was used, although it has been rotated'),
        ("key.expired", f'Key "Mine" {key.id} of integration i has expired'),
        ("key.refused", events[5].text),
        ("key.deleted", f"Key {key.id} of integration i was deleted"),
    ]


def test_every_action_that_ends_keys_is_in_the_table() -> None:
    whose = (Revokes.KEY, Revokes.KEYS_OF_INTEGRATION, Revokes.KEYS_OF_APP)
    ending = {action for action, revokes in actions().items() if revokes in whose}
    assert "key.delete" in ending
    assert ending <= TYPES.keys()


def test_a_test_event_has_an_id_of_its_own() -> None:
    event = events.test_event()
    assert (event.type, event.key) == ("test", None)
    assert event.id.startswith("evt_test_")


def test_the_end_of_a_key_is_found_by_an_index(sample: dict[str, Any], data: Path) -> None:
    statement = events._FIRST_END.replace("$1", "'x'").replace("$2", "1")
    with contextlib.closing(sqlite3.connect(data / STORE_FILE)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM audit {statement}").fetchall()
    assert "USING INDEX audit_by_ended_key" in str(plan)
