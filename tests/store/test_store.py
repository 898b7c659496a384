"""The behaviour that all stores share."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from support.stores import (
    ACCOUNT_KEY,
    APP,
    APP_KEY,
    CUSTOM,
    HOOK,
    KEY,
    WEB,
    Open,
    fill,
    key,
    opened,
)

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.changes import CreateApp, DeleteApp, UpdateApp
from sunshine_keys.apps.model import App, AppPatch
from sunshine_keys.apps.table import APPS, apps_page
from sunshine_keys.errors import AppNotFound, BadRequest, IntegrationNotFound, NotFound, Unauthorized
from sunshine_keys.first_run import Initialise
from sunshine_keys.integrations.changes import CreateIntegration, DeleteIntegration, UpdateIntegration
from sunshine_keys.integrations.model import Integration
from sunshine_keys.integrations.table import find_integration, integrations_page
from sunshine_keys.keys.changes import CreateKey, DeleteKey
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.table import KEYS, keys_after, keys_of_app, keys_of_integration
from sunshine_keys.store import OPERATOR, Origin, Store
from sunshine_keys.store.page import Page
from sunshine_keys.webhooks.changes import CreateWebhook, DeleteWebhook, UpdateWebhook
from sunshine_keys.webhooks.model import Webhook, WebhookPatch
from sunshine_keys.webhooks.table import WEBHOOKS, webhooks_of


async def test_written_objects_are_read_back(store: Store) -> None:
    assert await store.get(APPS, "a") == APP
    assert await store.read(find_integration("a", "i")) == CUSTOM
    assert await store.read(find_integration("b", "i")) is None
    assert await store.get(WEBHOOKS, "h") == HOOK
    assert await store.read(webhooks_of(["i", "w"])) == [HOOK]
    assert await store.read(webhooks_of([])) == []
    assert [await store.get(KEYS, written.id) for written in (ACCOUNT_KEY, APP_KEY, KEY)] == [ACCOUNT_KEY, APP_KEY, KEY]
    assert await keys_of_app(store, "a") == [APP_KEY]
    assert await keys_of_integration(store, "i") == [KEY]


async def test_missing_objects_are_none(store: Store) -> None:
    assert await store.get(KEYS, "int_2") is None
    assert await store.get(APPS, "b") is None
    assert await store.read(find_integration("a", "x")) is None
    assert await store.read(webhooks_of(["w"])) == []
    assert await keys_of_app(store, "b") == []
    assert await keys_of_integration(store, "w") == []


async def test_everything_is_present_after_reopening(open_store: Open) -> None:
    async with opened(open_store) as store:
        await fill(store)
        await store.transact(Origin("app_1"), CreateKey(key("int_2")))
        await store.transact(Origin("app_1"), DeleteKey("a", "i", "int_1"))
    async with opened(open_store) as store:
        assert await store.get(KEYS, "int_1") is None
        assert await store.get(KEYS, "int_2") == key("int_2")


async def test_a_store_is_initialised_once(store: Store) -> None:
    assert (
        await store.transact(OPERATOR, Initialise("other", [], [], [], [key("act_2", Scope.ACCOUNT, None, None)]))
        is False
    )
    assert await store.get(KEYS, "act_2") is None


async def test_an_app_is_created_updated_and_deleted_with_its_contents(store: Store) -> None:
    other = App("b", "Other", {}, None)
    assert await store.transact(Origin("act_1"), CreateApp(other)) == other
    changed = await store.transact(
        Origin("act_1"), UpdateApp("a", AppPatch(settings={"useAnimalNames": True}, metadata=None))
    )
    assert changed == App("a", "An app", {"echoPostback": False, "useAnimalNames": True}, None)
    assert await store.get(APPS, "a") == changed

    await store.transact(Origin("act_1"), DeleteApp("a"))
    assert await store.get(APPS, "a") is None
    assert await store.read(find_integration("a", "i")) is None
    assert await store.get(WEBHOOKS, "h") is None
    assert [await store.get(KEYS, deleted.id) for deleted in (APP_KEY, KEY)] == [None, None]
    assert await store.get(KEYS, "act_1") == ACCOUNT_KEY
    assert await store.get(APPS, "b") == other


async def test_an_integration_is_created_updated_and_deleted_with_its_contents(store: Store) -> None:
    created = Integration("j", "a", "custom", {"displayName": "New"})
    hook = Webhook("g", "j", "https://example.com", [], False, True, b"sealed")
    await store.transact(Origin("app_1"), CreateIntegration(created, [hook]))
    assert await store.read(webhooks_of(["j"])) == [hook]
    changed = await store.transact(
        Origin("app_1"), UpdateIntegration("a", "j", {"displayName": None, "showAIDisclaimer": True})
    )
    assert changed == Integration("j", "a", "custom", {"showAIDisclaimer": True})
    assert await store.read(find_integration("a", "j")) == changed

    await store.transact(Origin("app_1"), DeleteIntegration("a", "i"))
    assert await store.read(find_integration("a", "i")) is None
    assert await store.get(WEBHOOKS, "h") is None
    assert await store.get(KEYS, "int_1") is None
    assert await store.get(KEYS, "app_1") == APP_KEY
    assert await store.get(WEBHOOKS, "g") == hook


async def test_a_webhook_is_created_updated_and_deleted(store: Store) -> None:
    hook = Webhook("g", "i", "https://example.com", [], False, True, b"sealed")
    assert await store.transact(Origin("int_1"), CreateWebhook("a", hook)) == hook
    changed = await store.transact(Origin("int_1"), UpdateWebhook("a", "i", "g", WebhookPatch(triggers=["x"])))
    assert changed == Webhook("g", "i", "https://example.com", ["x"], False, True, b"sealed")
    assert await store.read(webhooks_of(["i"])) == [changed, HOOK]
    await store.transact(Origin("int_1"), DeleteWebhook("a", "i", "g"))
    assert await store.read(webhooks_of(["i"])) == [HOOK]


async def test_racing_creates_never_exceed_ten_keys(store: Store) -> None:
    changes = [store.transact(Origin("app_1"), CreateKey(key(f"int_r{number}"))) for number in range(30)]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(outcome, Key) for outcome in outcomes) == 9
    assert sum(isinstance(outcome, BadRequest) for outcome in outcomes) == 21
    assert len(await keys_of_integration(store, "i")) == 10

    changes = [
        store.transact(Origin("act_1"), CreateKey(key(f"app_r{number}", Scope.APP, "a", None))) for number in range(30)
    ]
    outcomes = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(outcome, Key) for outcome in outcomes) == 9
    assert len(await keys_of_app(store, "a")) == 10
    for number in range(20):
        await store.transact(Origin("act_1"), CreateKey(key(f"act_r{number}", Scope.ACCOUNT, None, None)))


async def test_two_stores_on_one_database_share_the_limit_and_see_each_others_keys(open_store: Open) -> None:
    async with opened(open_store) as first, opened(open_store) as second:
        await fill(first)
        changes = [
            (first, second)[number % 2].transact(Origin("app_1"), CreateKey(key(f"int_r{number}")))
            for number in range(40)
        ]
        outcomes = await asyncio.gather(*changes, return_exceptions=True)
        assert sum(isinstance(outcome, Key) for outcome in outcomes) == 9
        created = next(outcome for outcome in outcomes if isinstance(outcome, Key))
        for writer, reader in ((first, second), (second, first)):
            assert await reader.get(KEYS, created.id) == created
            await writer.transact(Origin("app_1"), DeleteKey("a", "i", created.id))
            assert await reader.get(KEYS, created.id) is None
            await writer.transact(Origin("app_1"), CreateKey(created))


async def test_a_deleted_key_can_change_nothing(store: Store) -> None:
    await store.transact(Origin("app_1"), DeleteKey("a", "i", "int_1"))
    with pytest.raises(Unauthorized):
        await store.transact(Origin("int_1"), DeleteWebhook("a", "i", "h"))
    assert await store.get(WEBHOOKS, "h") == HOOK


async def test_a_failing_change_fails_alone(store: Store) -> None:
    outcomes = await asyncio.gather(
        store.transact(Origin("app_1"), CreateKey(key("int_2"))),
        store.transact(Origin("app_1"), DeleteKey("a", "i", "nothing")),
        store.transact(Origin("app_1"), CreateIntegration(Integration("k", "nowhere", "custom", {}), [])),
        store.transact(Origin("app_1"), CreateKey(key("int_3"))),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Key, NotFound, AppNotFound, Key]
    assert await keys_of_integration(store, "i") == [KEY, key("int_2"), key("int_3")]


async def test_a_change_that_fails_half_way_leaves_nothing(store: Store) -> None:
    taken = Webhook("h", "j", "https://example.com", [], False, False, b"sealed")  # this webhook id exists
    outcomes = await asyncio.gather(
        store.transact(Origin("app_1"), CreateIntegration(Integration("j", "a", "custom", {}), [taken])),
        store.transact(Origin("app_1"), CreateIntegration(Integration("k", "a", "custom", {}), [])),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], Exception)
    assert isinstance(outcomes[1], Integration)
    assert await store.read(find_integration("a", "j")) is None
    assert await store.get(WEBHOOKS, "h") == HOOK


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (UpdateApp("b", AppPatch()), AppNotFound),
        (DeleteApp("b"), AppNotFound),
        (CreateIntegration(Integration("j", "b", "web", {}), []), AppNotFound),
        (UpdateIntegration("b", "i", {}), AppNotFound),
        (UpdateIntegration("a", "x", {}), IntegrationNotFound),
        (DeleteIntegration("b", "i"), AppNotFound),
        (DeleteIntegration("a", "x"), IntegrationNotFound),
        (CreateKey(key("int_2", app="b")), AppNotFound),
        (CreateKey(key("int_2", integration="x")), IntegrationNotFound),
        (CreateKey(key("int_2", integration="w")), BadRequest),
        (CreateKey(key("app_2", Scope.APP, "b", None)), AppNotFound),
        (DeleteKey("b", None, "app_1"), AppNotFound),
        (DeleteKey("a", None, "int_1"), NotFound),
        (DeleteKey("a", "i", "app_1"), NotFound),
        (DeleteKey("a", "w", "int_1"), BadRequest),
        (DeleteKey("b", "i", "int_1"), AppNotFound),
        (CreateWebhook("b", HOOK), AppNotFound),
        (CreateWebhook("a", Webhook("g", "w", "", [], False, False, b"sealed")), BadRequest),
        (UpdateWebhook("a", "i", "x", WebhookPatch()), NotFound),
        (UpdateWebhook("a", "x", "h", WebhookPatch()), IntegrationNotFound),
        (UpdateWebhook("a", "w", "h", WebhookPatch()), BadRequest),
        (DeleteWebhook("a", "i", "x"), NotFound),
        (DeleteWebhook("b", "i", "h"), AppNotFound),
        (DeleteWebhook("a", "w", "h"), BadRequest),
    ],
    ids=repr,
)
async def test_a_rejected_change_changes_nothing(store: Store, change: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        await store.transact(Origin("act_1"), change)
    assert type(raised.value) is error
    assert await store.get(APPS, "a") == APP
    assert (await store.read(integrations_page("a", Page(), None)))[0] == [CUSTOM, WEB]
    assert await keys_of_integration(store, "i") == [KEY]
    assert await keys_of_app(store, "a") == [APP_KEY]
    assert await store.read(webhooks_of(["i", "w"])) == [HOOK]


async def test_pages_go_both_ways(store: Store) -> None:
    for number in range(5):
        await store.transact(Origin("act_1"), CreateApp(App(f"b{number}", "x", {}, None)))

    async def page(**options: Any) -> tuple[list[str], bool]:
        apps, more = await store.read(apps_page(Page(**options)))
        return [app.id for app in apps], more

    assert await page(size=2) == (["a", "b0"], True)
    assert await page(size=2, after="b0") == (["b1", "b2"], True)
    assert await page(size=2, after="b2") == (["b3", "b4"], False)
    assert await page(size=2, before="b3") == (["b1", "b2"], True)
    assert await page(size=9, before="b1") == (["a", "b0"], False)
    assert await page(after="b4") == ([], False)
    integrations, more = await store.read(integrations_page("a", Page(size=1), frozenset({"web", "custom"})))
    assert (integrations, more) == ([CUSTOM], True)
    assert await store.read(integrations_page("a", Page(), frozenset({"web"}))) == ([WEB], False)
    assert await store.read(integrations_page("a", Page(), frozenset({"ios"}))) == ([], False)


async def test_all_keys_can_be_read_in_pages(store: Store) -> None:
    whole = await store.read(keys_after("", 1000))
    assert len(whole) > 1
    assert [key.id for key in whole] == sorted(key.id for key in whole)
    walked: list[Key] = []
    while page := await store.read(keys_after(walked[-1].id if walked else "", 1)):
        walked += page
    assert walked == whole
