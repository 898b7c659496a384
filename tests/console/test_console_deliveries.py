"""The pages about deliveries: list, filter, one delivery, another delivery, test events."""

from __future__ import annotations

import re

import pytest
from support.messaging import TEXT, chat, create_user, post
from support.stores import STORES
from support.targets import Target
from support.visitor import Page, Visitor
from support.waiting import wait_until
from support.wire import Service, Tenant, Wire, make_tenant

from sunshine_messaging.delivery import operations

pytestmark = pytest.mark.parametrize("service", STORES, indirect=True, scope="session")


@pytest.fixture
def conversation(wire: Wire, tenant: Tenant) -> str:
    return chat(wire, tenant, create_user(wire, tenant))


def list_of(tenant: Tenant) -> str:
    return f"/console/apps/{tenant.app_id}/deliveries"


def attempted(wire: Wire, tenant: Tenant, number: int | str = "") -> int:
    """Return the number of a delivery, by default of the newest, once its first attempt has ended."""
    path = f"/sunshine/v1/apps/{tenant.app_id}/deliveries"
    if not number:
        number = wire.get(path, tenant.app_key).json["deliveries"][0]["number"]
    wait_until(lambda: wire.get(f"{path}/{number}", tenant.app_key).json["delivery"]["attempts"])
    return int(number)


def numbers(page: Page) -> list[int]:
    return [int(number) for number in re.findall(r'href="[^"]*/deliveries/(\d+)"', page.html)]


def link(page: Page, text: str) -> str:
    """Return the target of the link with this text; empty if there is none."""
    links = re.findall(r'href="([^"]*)"[^>]*>([^<]*)<', page.html)
    return next((target.replace("&amp;", "&") for target, shown in links if text in shown), "")


def test_list_shows_what_was_sent_where_and_how_it_ended(
    member: Visitor, wire: Wire, tenant: Tenant, target: Target, webhook: str, conversation: str
) -> None:
    target.answer = lambda call: 403
    post(wire, tenant, conversation, TEXT)
    number = attempted(wire, tenant)
    page = member.get(list_of(tenant))
    assert page.status == 200 and numbers(page) == [number]
    assert f"conversation:message in {conversation} Mine {target.url} failed 1 403 after" in page.text
    assert f'href="/console/apps/{tenant.app_id}/chat/{conversation}"' in page.html


def test_delivery_shows_its_request_without_the_secret_and_every_attempt(
    member: Visitor, wire: Wire, tenant: Tenant, target: Target, webhook: str, conversation: str
) -> None:
    target.answer = lambda call: 503
    target.content = "<b>not \u202enow</b>".encode()
    message = post(wire, tenant, conversation, TEXT)
    page = member.get(f"{list_of(tenant)}/{attempted(wire, tenant)}")
    secret = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"][0]["secret"]
    assert page.status == 200 and secret not in page.html
    assert f"POST {target.url}" in page.text and re.search("X-API-Key: [(]the webhook.s secret[)]", page.text)
    assert f'"id": "{message["id"]}"' in page.of("body") and f'"id": "{webhook}"' in page.of("body")
    assert "503" in page.text and "<b>not \\u202enow</b>" in page.text and "\u202e" not in page.html
    assert "Next attempt" in page.text and "pending" in page.text


def test_failed_delivery_is_redelivered_once_by_a_form_sent_twice(
    member: Visitor, wire: Wire, tenant: Tenant, target: Target, webhook: str, conversation: str
) -> None:
    target.answer = lambda call: 403 if len(target.calls) == 1 else 200
    post(wire, tenant, conversation, TEXT)
    number = attempted(wire, tenant)
    page = member.get(f"{list_of(tenant)}/{number}")
    sent, repeated = (member.submit(page, "/redeliver") for _ in range(2))
    assert sent.headers["location"] == repeated.headers["location"]
    shown = member.follow(sent)
    new = int(sent.headers["location"].rpartition("/")[2])
    assert new > number and "Sent once more. This is the new delivery" in shown.text
    attempted(wire, tenant, new)
    assert numbers(member.get(f"{list_of(tenant)}?state=delivered")) == [new]
    first, second = target.wait_for(2)
    assert first.body == second.body


def test_test_event_is_sent_to_the_chosen_webhook(
    member: Visitor, wire: Wire, tenant: Tenant, target: Target, webhook: str
) -> None:
    page = member.get(f"{list_of(tenant)}?webhook={webhook}")
    assert "No delivery matches the filter." in page.text
    shown = member.follow(member.submit(page, "/test", webhook_id=webhook))
    assert "Test event sent." in shown.text
    attempted(wire, tenant)
    assert target.events("conversation:message")
    assert "/chat/" not in member.get(list_of(tenant)).html.replace('"/console/apps/' + tenant.app_id + '/chat"', "")


def test_pages_of_integrations_conversations_and_users_lead_to_each_other(
    member: Visitor, wire: Wire, tenant: Tenant, webhook: str
) -> None:
    user = create_user(wire, tenant)
    conversation = chat(wire, tenant, user)
    app = f"/console/apps/{tenant.app_id}"
    page = member.get(f"{app}/integrations/{tenant.integration_id}")
    chosen = member.get(link(page, "Send a test event").partition("#")[0])
    assert f'<option value="{webhook}" selected>' in chosen.html
    page = member.get(f"{app}/chat/{conversation}")
    for path in (
        f"{app}/switchboard/{conversation}", f"{app}/deliveries?conversation={conversation}", f"{app}/users/{user['id']}",
    ):  # fmt: skip
        assert f'href="{path}"' in page.html and member.get(path).status == 200, path


def test_test_event_needs_a_webhook_of_the_app(
    member: Visitor, wire: Wire, service: Service, tenant: Tenant, webhook: str
) -> None:
    other = make_tenant(wire, service.account)
    theirs = wire.get(other.webhooks, other.app_key).json["webhooks"][0]["id"]
    for chosen, fault in (
        ("", "Choose a webhook."),
        (theirs, "There is no such webhook."),
        ("x", "There is no such webhook."),
    ):
        page = member.submit(member.get(list_of(tenant)), "/test", webhook_id=chosen)
        assert page.status == 422 and fault in page.of("webhook_id-fault")
    assert wire.get(f"/sunshine/v1/apps/{tenant.app_id}/deliveries", tenant.app_key).json["deliveries"] == []


def test_list_is_paged_and_filtered_by_webhook_state_type_and_conversation(
    member: Visitor, wire: Wire, tenant: Tenant, target: Target, webhook: str, conversation: str
) -> None:
    other = chat(wire, tenant, create_user(wire, tenant))
    for place in range(60):
        post(wire, tenant, other if place == 7 else conversation, TEXT)
    first = member.get(list_of(tenant))
    assert len(numbers(first)) == 50 and not link(first, "Previous") and link(first, "Newest")
    second = member.get(link(first, "Next"))
    whole = numbers(first) + numbers(second)
    assert whole == sorted(set(whole), reverse=True) and len(whole) == 60
    assert not link(second, "Next")
    assert numbers(member.get(link(second, "Previous"))) == numbers(first)
    assert numbers(member.get(f"{list_of(tenant)}?conversation={other}")) == [whole[-8]]
    assert len(numbers(member.get(f"{list_of(tenant)}?webhook={webhook}&type=conversation:message"))) == 50
    for none in ("type=user:update", "state=cancelled", f"webhook={'0' * 24}"):
        page = member.get(f"{list_of(tenant)}?{none}")
        assert numbers(page) == [] and "No delivery matches the filter." in page.text


def test_filter_looks_at_a_bounded_number_of_deliveries(
    member: Visitor,
    wire: Wire,
    tenant: Tenant,
    webhook: str,
    conversation: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = chat(wire, tenant, create_user(wire, tenant))
    for place in range(10):
        post(wire, tenant, other if place in (0, 9) else conversation, TEXT)
    oldest, *_, newest = reversed(numbers(member.get(list_of(tenant))))
    monkeypatch.setattr(operations, "SPAN", 3)
    page = member.get(f"{list_of(tenant)}?conversation={other}")
    assert numbers(page) == [newest]
    looked = 1
    while not numbers(page := member.get(link(page, "Look further back") or link(page, "Next"))):
        assert "Older ones may." in page.text
        looked += 1
    assert (numbers(page), looked, link(page, "Look further back")) == ([oldest], 3, "")

    api = f"/sunshine/v1/apps/{tenant.app_id}/deliveries?conversationId={other}"
    after, seen = 0, []
    for _ in range(4):
        answer = wire.get(f"{api}&after={after}", tenant.app_key).json
        seen += [delivery["number"] for delivery in answer["deliveries"]]
        assert answer["hasMore"] == ("next" in answer)
        after = answer.get("next", after)
    assert seen == [oldest, newest]
    whole = wire.get(f"{api.partition('?')[0]}", tenant.app_key).json
    assert len(whole["deliveries"]) == 10  # without a filter, every row is on the page


@pytest.mark.parametrize(
    ("query", "name", "fault"),
    [
        ("webhook=x", "webhook", "The id of a webhook has 24 hex digits."),
        ("conversation=%3Cb%3E", "conversation", "The id of a conversation has 24 hex digits."),
        ("state=lost", "state", "There is no such state."),
        ("type=x", "type", "There is no such type of event."),
    ],
)
def test_invalid_filter_is_explained_beside_its_field(
    member: Visitor, tenant: Tenant, query: str, name: str, fault: str
) -> None:
    page = member.get(f"{list_of(tenant)}?{query}")
    assert page.status == 422 and fault in page.of(f"{name}-fault")


@pytest.mark.parametrize("query", ["before=x", "after=-1", "before=1&after=1", "before=" + "9" * 30])
def test_invalid_page_is_rejected(member: Visitor, tenant: Tenant, query: str) -> None:
    assert member.get(f"{list_of(tenant)}?{query}").status == 400


def test_delivery_to_a_deleted_webhook_is_shown_and_cannot_be_redelivered(
    member: Visitor, wire: Wire, tenant: Tenant, webhook: str, conversation: str
) -> None:
    post(wire, tenant, conversation, TEXT)
    path = f"{list_of(tenant)}/{attempted(wire, tenant)}"
    stale = member.get(path)
    assert wire.delete(f"{tenant.webhooks}/{webhook}", tenant.app_key).status == 200
    refused = member.submit(stale, "/redeliver")
    assert refused.status == 422 and "The webhook of this delivery has been deleted." in refused.text
    page = member.get(path)
    assert "The webhook has been deleted" in page.text and "/redeliver" not in page.html
    assert f"deleted {webhook}" in member.get(list_of(tenant)).text


def test_deliveries_of_other_apps_are_out_of_reach(
    member: Visitor, owner: Visitor, wire: Wire, service: Service, tenant: Tenant, webhook: str, conversation: str
) -> None:
    post(wire, tenant, conversation, TEXT)
    number = attempted(wire, tenant)
    other = make_tenant(wire, service.account)
    assert member.get(list_of(other)).status == 403
    assert owner.get(f"{list_of(other)}/{number}").status == 404
    stale = owner.get(f"{list_of(tenant)}/{number}").form("/redeliver")
    assert owner.post(f"{list_of(other)}/{number}/redeliver", stale.fields).status == 404
    assert owner.get(f"/console/apps/{'0' * 24}/deliveries").status == 404
    for unknown in ("0", "x", "9" * 30):
        page = owner.get(f"{list_of(tenant)}/{unknown}")
        assert page.status == 404 and "There is no such delivery." in page.text


def test_app_without_webhooks_says_what_to_do(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    assert "Send a test event below" in member.get(list_of(tenant)).text
    assert wire.delete(tenant.integration, tenant.app_key).status == 200
    page = member.get(list_of(tenant))
    assert "this app has no webhook" in page.text and "/test" not in page.html
