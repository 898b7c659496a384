"""The store accepts only secrets sealed under its current key, and reseals the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from support.stores import CUSTOM, HOOK, KEY, SEALING_KEY_ID, fill, key, opened

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.changes import CreateApp
from sunshine_keys.apps.model import App
from sunshine_keys.apps.table import APPS
from sunshine_keys.integrations.changes import CreateIntegration
from sunshine_keys.integrations.model import Integration
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.table import KEYS, keys_of_integration
from sunshine_keys.sealing.changes import FinishResealing, Reseal, RetireSealingKey, RotateSealing
from sunshine_keys.store import OPERATOR, Origin, Store, answers
from sunshine_keys.store.change import Change, Idempotency
from sunshine_keys.store.sealing import Resealed, Sealing, SealingKeyChanged
from sunshine_keys.webhooks.changes import CreateWebhook, UpdateWebhook
from sunshine_keys.webhooks.model import Webhook, WebhookPatch
from sunshine_keys.webhooks.table import WEBHOOKS, webhooks_of

NEW = b"anew"
NEW_ID = NEW.hex()


async def rotate(store: Store) -> None:
    await store.transact(OPERATOR, RotateSealing(NEW_ID, SEALING_KEY_ID))


async def test_the_current_sealing_key_is_recorded(open_store: Callable[[], Store]) -> None:
    async with opened(open_store) as store:
        assert await store.sealing() is None
        await fill(store)
        assert await store.sealing() == Sealing(SEALING_KEY_ID)
        await rotate(store)
        assert await store.sealing() == Sealing(NEW_ID, frozenset({SEALING_KEY_ID}), resealing=True)
        await store.transact(OPERATOR, FinishResealing(NEW_ID, ""))
        assert await store.sealing() == Sealing(NEW_ID, frozenset({SEALING_KEY_ID}))
        await store.transact(OPERATOR, RotateSealing(SEALING_KEY_ID, NEW_ID))
        assert await store.sealing() == Sealing(SEALING_KEY_ID, frozenset({NEW_ID}), resealing=True)
        await store.transact(OPERATOR, RetireSealingKey(NEW_ID, SEALING_KEY_ID))
    async with opened(open_store) as store:
        assert await store.sealing() == Sealing(SEALING_KEY_ID, resealing=True)


@pytest.mark.parametrize(
    "change",
    [
        CreateKey(key("int_2")),
        CreateWebhook("a", Webhook("g", "i", "", [], False, False, b"sealed")),
        CreateIntegration(
            Integration("j", "a", "custom", {}),
            [
                Webhook("g", "j", "", [], False, False, NEW),
                Webhook("f", "j", "", [], False, False, b"sealed"),
            ],
        ),
        Reseal(KEYS, [Resealed("int_1", KEY.sealed_secret, b"sealed otherwise")]),
    ],
)
async def test_a_secret_sealed_under_an_older_key_is_rejected(store: Store, change: Change[object]) -> None:
    await rotate(store)
    with pytest.raises(SealingKeyChanged) as caught:
        await store.transact(OPERATOR, change)
    assert caught.value.current == NEW_ID
    assert await keys_of_integration(store, "i") == [KEY]
    assert await store.read(webhooks_of(["i", "j"])) == [HOOK]
    assert [entry.action for entry in await store.audit_entries(1, 9)] == ["sealing.rotate"]


async def test_an_answer_sealed_under_an_older_key_is_not_stored(store: Store) -> None:
    await rotate(store)
    origin = Origin("act_1", idempotency=Idempotency.of("act_1", "once", b"body"))
    other = App("b", "Another", {}, None)
    with pytest.raises(SealingKeyChanged):
        await store.transact_once(origin, CreateApp(other), b"sealed answer")
    assert await store.get(APPS, "b") is None
    assert await store.transact_once(origin, CreateApp(other), NEW + b"answer") is None


async def test_changes_concurrent_with_a_rotation_are_checked_against_the_key_before_or_after_it(
    store: Store,
) -> None:
    def create(number: int, sealed: bytes) -> asyncio.Future[Key]:
        account = Key(f"act_{number}", Scope.ACCOUNT, None, None, "", sealed)
        return asyncio.ensure_future(store.transact(OPERATOR, CreateKey(account)))

    before = [create(number, b"sealed") for number in range(2, 5)]
    rotation = asyncio.ensure_future(rotate(store))
    late, after = create(5, b"sealed"), create(6, NEW)
    await asyncio.gather(*before, rotation, after)
    with pytest.raises(SealingKeyChanged):
        await late
    assert (await store.sealed_counts())["keys"] == {SEALING_KEY_ID: 6, NEW_ID: 1}


async def test_only_the_current_key_is_rotated_and_only_once(store: Store) -> None:
    await rotate(store)
    before = await store.sealing()
    changes = (
        RotateSealing("12345678", SEALING_KEY_ID),
        FinishResealing(SEALING_KEY_ID, ""),
        RetireSealingKey("12345678", SEALING_KEY_ID),
    )
    for change in changes:
        with pytest.raises(SealingKeyChanged):
            await store.transact(OPERATOR, change)
    assert await store.sealing() == before


async def test_a_sealed_value_is_replaced_only_if_it_is_unchanged(store: Store) -> None:
    await rotate(store)
    rows = [
        Resealed("act_1", b"sealed-act_1", NEW + b"1"),
        Resealed("app_1", b"sealed otherwise", NEW + b"2"),
        Resealed("int_1", b"sealed-int_1", NEW + b"3"),
    ]
    await store.transact(OPERATOR, DeleteKey("a", "i", "int_1"))
    assert await store.transact(OPERATOR, Reseal(KEYS, rows)) == 1
    assert await keys_of_integration(store, "i") == []
    left = await store.sealed_otherwise(KEYS, NEW_ID, "", 10)
    assert [(row.id, row.sealed) for row in left] == [("app_1", b"sealed-app_1")]
    assert [entry.action for entry in await store.audit_entries(2, 9)] == ["key.delete"]


async def test_sealed_values_are_counted_and_paged(store: Store) -> None:
    for number in range(3):
        origin = Origin("act_1", idempotency=Idempotency.of("act_1", str(number), b"body"))
        await store.transact_once(origin, CreateKey(key(f"act_{number}x", Scope.ACCOUNT, None, None)), b"sealed")
    await rotate(store)
    assert await store.sealed_counts() == {
        "keys": {SEALING_KEY_ID: 6}, "webhooks": {SEALING_KEY_ID: 1}, "answers": {SEALING_KEY_ID: 3}
    }  # fmt: skip
    for table, expected in ((KEYS, 6), (WEBHOOKS, 1), (answers.TABLE, 3)):
        after, walked = table.first, []
        while rows := await store.sealed_otherwise(table, NEW_ID, after, 2):
            after = rows[-1].id
            walked += [Resealed(row.id, row.sealed, NEW + row.sealed) for row in rows]
        assert len({row.id for row in walked}) == len(walked) == expected
        assert await store.transact(OPERATOR, Reseal(table, walked)) == expected
        assert await store.sealed_otherwise(table, NEW_ID, table.first, 2) == []


async def test_an_update_of_a_webhook_leaves_its_sealed_secret(store: Store) -> None:
    await rotate(store)
    changed = await store.transact(OPERATOR, UpdateWebhook("a", CUSTOM.id, "h", WebhookPatch(target="x")))
    assert (changed.target, changed.sealed_secret) == ("x", HOOK.sealed_secret)
