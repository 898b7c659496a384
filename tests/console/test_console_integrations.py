"""Integrations in the console: the webhook that a new one has, its secret, the page, and a new name."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from support.visitor import Page, Visitor
from support.wire import WEBHOOK, Tenant, Wire

from sunshine_keys.webhooks.model import TRIGGERS

TARGET = "https://bot.example/hook?a=1&b=2"


def form_of(visitor: Visitor, tenant: Tenant) -> Page:
    return visitor.get(f"/console/apps/{tenant.app_id}")


def page_of(visitor: Visitor, tenant: Tenant) -> Page:
    return visitor.get(f"/console{tenant.integration.removeprefix('/v2')}")


def test_new_integration_has_a_webhook_with_all_triggers(member: Visitor, tenant: Tenant, wire: Wire) -> None:
    created = member.submit(form_of(member, tenant), "/integrations", name="Bot", target=TARGET)
    integration_id = created.headers["location"].rpartition("/")[2]
    integration = wire.get(f"{tenant.app}/integrations/{integration_id}", tenant.app_key).json["integration"]
    assert (integration["type"], integration["displayName"]) == ("custom", "Bot")
    (webhook,) = integration["webhooks"]
    assert (webhook["target"], webhook["triggers"]) == (TARGET, list(TRIGGERS))


def test_new_integration_has_the_marked_triggers(member: Visitor, tenant: Tenant, wire: Wire) -> None:
    marked = {f"trigger.{trigger}": "on" for trigger in ("conversation:postback", "conversation:message")}
    fields = {"name": "Bot", "target": TARGET, "events": "chosen"} | marked
    created = member.submit(form_of(member, tenant), "/integrations", **fields)
    page = member.follow(created)
    assert "Events conversation:message, conversation:postback Id" in page.text
    webhooks = f"{tenant.app}/integrations/{created.headers['location'].rpartition('/')[2]}/webhooks"
    (webhook,) = wire.get(webhooks, tenant.app_key).json["webhooks"]
    assert webhook["triggers"] == ["conversation:message", "conversation:postback"]


@pytest.mark.parametrize(
    ("fields", "id", "fault"),
    [
        ({"target": ""}, "target", "The URL is empty. Enter the address that the service sends events to."),
        ({"target": "ftp://bot.example"}, "target", "This is not a URL with http or https and a host."),
        ({"target": "https://"}, "target", "This is not a URL with http or https and a host."),
        ({"target": "https://bot.example/a b"}, "target", "This is not a URL with http or https and a host."),
        ({"target": "https://[bot"}, "target", "This is not a URL with http or https and a host."),
        ({"target": "https://bot.example/" + "x" * 2048}, "target", "The URL has 2068 characters. Use at most 2048."),
        ({"events": "chosen"}, "events", "No event is marked. Mark at least one, or choose all events."),
        ({"events": "other"}, "events", "Choose all events, or mark those that the webhook hears."),
        ({"name": ""}, "integration-name", "The name is empty. Enter a name."),
    ],
    ids=["empty", "scheme", "no host", "blank", "brackets", "long", "no event", "other events", "name"],
)
def test_invalid_field_is_reported_beside_it_and_nothing_is_created(
    member: Visitor, tenant: Tenant, wire: Wire, fields: dict[str, str], id: str, fault: str
) -> None:
    before = wire.get(f"{tenant.app}/integrations", tenant.app_key).json["integrations"]
    sent = {"name": "Bot", "target": TARGET} | fields
    page = member.submit(form_of(member, tenant), "/integrations", **sent)
    assert page.status == 422 and page.of(f"{id}-fault").startswith(fault)
    assert page.html.count('class="fault"') == 1
    form = page.form("/integrations").fields
    assert (form["name"], form["target"]) == (sent["name"], sent["target"])
    assert '<details class="creation" open>' in page.html
    assert wire.get(f"{tenant.app}/integrations", tenant.app_key).json["integrations"] == before


def test_same_form_with_another_target_is_refused(member: Visitor, tenant: Tenant) -> None:
    form = form_of(member, tenant).form("/integrations")
    fields = form.fields | {"name": "Bot", "target": TARGET}
    answers = [member.post(form.action, fields) for _ in range(2)]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    assert member.post(form.action, fields | {"target": "https://bot.example/other"}).status == 409


def test_secret_of_a_new_webhook_is_shown_once(member: Visitor, tenant: Tenant, wire: Wire) -> None:
    created = member.submit(form_of(member, tenant), "/integrations", name="Bot", target=TARGET)
    path = created.headers["location"]
    (webhook,) = wire.get(f"/v2{path.removeprefix('/console')}/webhooks", tenant.app_key).json["webhooks"]
    page = member.follow(created)
    assert page.of(f"secret-{webhook['id']}") == webhook["secret"]
    assert f'data-copy="secret-{webhook["id"]}"' in page.html
    assert webhook["secret"] not in member.get(path).html
    assert webhook["secret"] not in page_of(member, tenant).html


def test_secret_of_a_webhook_is_shown_after_entering_ones_own(member: Visitor, tenant: Tenant, wire: Wire) -> None:
    webhook, other = (wire.post(tenant.webhooks, tenant.app_key, WEBHOOK).json["webhook"] for _ in range(2))
    path = f"/console{tenant.webhooks.removeprefix('/v2')}/{webhook['id']}/secret"
    assert f'href="{path}"' in page_of(member, tenant).html
    for wrong, status in (("", 422), (tenant.key.secret, 401)):
        page = member.submit(member.get(path), "/secret", secret=wrong)
        assert page.status == status and page.of("own-secret-fault") and webhook["secret"] not in page.html
    shown = member.follow(member.submit(member.get(path), "/secret", secret=tenant.app_key.secret))
    assert shown.of(f"secret-{webhook['id']}") == webhook["secret"]
    assert other["secret"] not in shown.html
    assert webhook["secret"] not in page_of(member, tenant).html
    trail = member.get("/console/audit?action=webhook.show")
    assert trail.html.count('<span class="kind">webhook.show</span>') == 1


def test_secret_of_a_webhook_elsewhere_is_not_found(
    member: Visitor, owner: Visitor, tenant: Tenant, other: Tenant, wire: Wire
) -> None:
    webhook = wire.post(other.webhooks, other.app_key, WEBHOOK).json["webhook"]["id"]
    own, others = (f"/console{t.integration.removeprefix('/v2')}/webhooks/{webhook}/secret" for t in (tenant, other))
    assert [member.get(own).status, member.get(others).status, owner.get(own).status] == [404, 403, 404]
    web = f"/console/apps/{tenant.app_id}/integrations/{tenant.web_id}/webhooks/{webhook}/secret"
    assert owner.get(web).status == 404


def test_page_shows_type_status_creation_and_webhooks(member: Visitor, tenant: Tenant, wire: Wire) -> None:
    webhook = {"target": TARGET, "triggers": list(TRIGGERS[:4])}
    id = wire.post(tenant.webhooks, tenant.app_key, webhook).json["webhook"]["id"]
    page = page_of(member, tenant)
    created = datetime.fromtimestamp(int(tenant.integration_id[:8], 16), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert f"Type custom Status active Created {created}" in page.text
    assert f'<time datetime="{created}">{created}</time>' in page.html
    assert page.of(f"target-{id}") == TARGET
    deliveries = f"/console/apps/{tenant.app_id}/deliveries?webhook={id}"
    assert f'href="{deliveries}"' in page.html and member.get(deliveries).status == 200
    assert f"Events {', '.join(TRIGGERS[:2])} and 2 more Id {id}" in page.text
    web = member.get(f"/console/apps/{tenant.app_id}/integrations/{tenant.web_id}")
    assert "Type web Status active" in web.text and "Webhooks" not in web.text


def test_integration_is_renamed(member: Visitor, tenant: Tenant, wire: Wire) -> None:
    page = member.submit(page_of(member, tenant), "/name", name="  Night shift  ")
    renamed = member.follow(page)
    assert "Integration renamed." in renamed.text and "<h1>Night shift</h1>" in renamed.html
    assert wire.get(tenant.integration, tenant.app_key).json["integration"]["displayName"] == "Night shift"
    trail = member.get(f"/console/audit?owner={tenant.integration_id}&action=integration.update")
    assert trail.html.count('<span class="kind">integration.update</span>') == 1


@pytest.mark.parametrize(
    ("name", "fault"),
    [("", "The name is empty. Enter a name."), ("x" * 101, "The name has 101 characters. Use at most 100.")],
    ids=["empty", "long"],
)
def test_invalid_new_name_changes_nothing(member: Visitor, tenant: Tenant, wire: Wire, name: str, fault: str) -> None:
    page = member.submit(page_of(member, tenant), "/name", name=name)
    assert (page.status, page.of("new-name-fault")) == (422, fault)
    assert page.form("/name").fields["name"] == name
    assert wire.get(tenant.integration, tenant.app_key).json["integration"]["displayName"] == "Mine"


def test_integration_of_another_app_cannot_be_renamed(member: Visitor, tenant: Tenant, other: Tenant) -> None:
    fields = page_of(member, tenant).form("/name").fields | {"name": "Stolen"}
    path = f"/console{other.integration.removeprefix('/v2')}/name"
    assert member.post(path, fields).status == 403
    wrong = f"/console/apps/{tenant.app_id}/integrations/{other.integration_id}/name"
    assert member.post(wrong, fields).status == 404


def test_deletion_is_offered_only_on_the_page_of_the_object(owner: Visitor, tenant: Tenant) -> None:
    app, integration = f"/console/apps/{tenant.app_id}", f"/console{tenant.integration.removeprefix('/v2')}"
    key = f"{integration}/keys/{tenant.key.id}"
    for path in (app, integration, key):
        page = owner.get(path)
        assert re.findall(r'href="([^"]*/delete)"', page.html) == [f"{path}/delete"]
        copies = [place.start() for place in re.finditer("data-copy=", page.html)]
        assert copies and max(copies) < page.html.index("/delete")
        assert 'class="danger"' not in page.html
    assert "/delete" not in owner.get("/console/apps").html
