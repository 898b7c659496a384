"""The audit trail records refused requests: enough to see an attack, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stores import entered, open_sqlite, opened

from sunshine_keys.access.refusals import MAX_PAIRS, Refusals
from sunshine_keys.errors import Forbidden, Unauthorized
from sunshine_keys.opening import opened_store
from sunshine_keys.settings import Settings
from sunshine_keys.store import Origin, Store
from sunshine_keys.testing import SunshineServer

KEY = "int_0123456789abcdef01234567"


@pytest.fixture
def store(runner: asyncio.Runner, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    yield from entered(runner, opened(lambda: open_sqlite(tmp_path / "store")))


def stranger(source: str = "192.0.2.1") -> Origin:
    return Origin(None, source, "r")


async def entries_of(store: Store) -> list[tuple[str, str, str, str, str]]:
    entries = await store.audit_entries(0, 1000)
    return [(entry.actor, entry.source, entry.resource, entry.outcome, entry.note) for entry in entries]


async def test_the_first_refusal_is_recorded_at_once_and_later_ones_are_counted(store: Store) -> None:
    refusals = Refusals(store)
    for _ in range(5):
        refusals.add(stranger(), KEY, Unauthorized())
    refusals.add(Origin("app_x", "192.0.2.2", "r"), "app_x", Forbidden())
    await asyncio.sleep(0.1)
    first = [
        ("stranger", "192.0.2.1", f"keys/{KEY}", "unauthorized", ""),
        ("app_x", "192.0.2.2", "keys/unknown", "forbidden", ""),
    ]
    assert await entries_of(store) == first
    await refusals.close()
    assert await entries_of(store) == [
        *first,
        ("stranger", "192.0.2.1", f"keys/{KEY}", "unauthorized", "4 more within 60 seconds"),
    ]


async def test_the_count_is_recorded_at_the_end_of_the_minute(store: Store) -> None:
    refusals = Refusals(store, seconds=0.05)
    refusals.add(stranger(), KEY, Unauthorized())
    refusals.add(stranger(), KEY, Unauthorized())
    for _ in range(1000):
        if len(await entries_of(store)) == 2:
            break
        await asyncio.sleep(0.01)
    refusals.add(stranger(), KEY, Unauthorized())
    await refusals.close()
    assert [note for *_, note in await entries_of(store)] == ["", "1 more within 0.05 seconds", ""]


async def test_a_claimed_id_is_recorded_only_if_it_has_the_form_of_an_id(store: Store) -> None:
    refusals = Refusals(store)
    for claimed in ("guess" * 14, "", "int_", KEY + "0"):
        refusals.add(stranger(), claimed, Unauthorized())
    await refusals.close()
    assert [resource for _, _, resource, _, _ in await entries_of(store)] == ["keys/unknown"] * 2


async def test_many_addresses_do_not_fill_the_trail(store: Store) -> None:
    refusals = Refusals(store)
    for number in range(5 * MAX_PAIRS):
        refusals.add(stranger(f"2001:db8::{number:x}"), KEY, Unauthorized())
    await refusals.close()
    entries = await entries_of(store)
    assert len(entries) == MAX_PAIRS + 2
    assert entries[-1] == (
        "stranger",
        "several",
        "keys/unknown",
        "unauthorized",
        f"{4 * MAX_PAIRS - 1} more within 60 seconds",
    )


def test_the_service_records_wrong_credentials_and_forbidden_requests(tmp_path: Path) -> None:
    server = SunshineServer()
    try:
        import http.client

        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
        keys = f"/v2/apps/{server.app_id}/integrations/{server.integration_id}/keys"
        for authorization, status in (
            ("Basic aW50XzAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzp3cm9uZw==", 401),  # the id above and a wrong secret
            (f"Bearer {server.key.token()}", 403),
            ("Basic nonsense", 401),
        ):
            connection.request("GET", keys, headers={"Authorization": authorization})
            response = connection.getresponse()
            response.read()
            assert response.status == status
        connection.close()
        server._run(server._service.close())

        async def entries() -> list[tuple[str, str, str, str, str]]:
            async with opened_store(Settings(server._folder)) as store:
                return await entries_of(store)

        assert asyncio.run(entries())[1:] == [
            (
                "stranger",
                "127.0.0.1",
                f"keys/{KEY}",
                "unauthorized",
                "Key id or secret is wrong, or the key has been deleted",
            ),
            (
                server.key.id,
                "127.0.0.1",
                f"keys/{server.key.id}",
                "forbidden",
                "scope integration where account or app is needed",
            ),
        ]
    finally:
        server.close()
