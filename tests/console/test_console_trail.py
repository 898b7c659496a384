"""The audit trail in the console: names and links, filters, the causes of refusals, pages, and the file for spreadsheets."""

from __future__ import annotations

import csv
import io
import re

import pytest
from support.visitor import Page, Visitor
from support.waiting import wait_until
from support.wire import WEBHOOK, Key, Service, Tenant, Wire

from sunshine_keys.console import trail

UNKNOWN = "f" * 24


def kinds(page: Page) -> list[str]:
    assert page.status == 200, page.text
    return re.findall(r'<span class="kind">([a-z._]+)</span>', page.html)


def rows(page: Page) -> list[str]:
    """Return the text of each entry."""
    return [Page(200, {}, [], row).text for row in re.findall("<tr>.*?</tr>", page.html, re.DOTALL)[1:]]


def links(page: Page) -> dict[str, str]:
    """Return the pages of the names in the table."""
    return {name: path for path, name in re.findall(r'<a href="([^"]*)" title="[^"]*"><bdi>([^<]*)</bdi>', page.html)}


def exported(visitor: Visitor, query: str = "") -> list[list[str]]:
    page = visitor.get(f"/console/audit/export{query}")
    assert page.status == 200, page.text
    assert page.headers["content-type"] == "text/csv; charset=utf-8"
    assert page.headers["content-disposition"] == 'attachment; filename="audit-trail.csv"'
    assert page.headers["cache-control"] == "no-store"
    return list(csv.reader(io.StringIO(page.html, newline="")))


def test_entries_name_their_actor_and_their_resource(owner: Visitor, tenant: Tenant, service: Service) -> None:
    page = owner.get(f"/console/audit?key={tenant.key.id}")
    (row,) = rows(page)
    assert "An app key key.create An app / Mine / A key done" in row
    assert tenant.key.id not in row and tenant.app_id not in row
    app = f"/console/apps/{tenant.app_id}"
    assert links(page) == {
        "An app": app,
        "Mine": f"{app}/integrations/{tenant.integration_id}",
        "A key": f"{app}/integrations/{tenant.integration_id}/keys/{tenant.key.id}",
        "An app key": f"{app}/keys/{tenant.app_key.id}",
    }
    assert {owner.get(path).status for path in links(page).values()} == {200}
    created = owner.get(f"/console/audit?owner={tenant.app_id}&action=app.create")
    assert links(created)["Account key"] == f"/console/account-keys/{service.account.id}"


def test_pages_of_objects_lead_to_their_entries(member: Visitor, tenant: Tenant) -> None:
    app = f"/console/apps/{tenant.app_id}"
    integration = f"{app}/integrations/{tenant.integration_id}"
    for path, created in (
        (app, ["integration.create", "key.create", "integration.create", "key.create"]),
        (integration, ["key.create", "integration.create"]),
        (f"{integration}/keys/{tenant.key.id}", ["key.create"]),
    ):
        (link,) = re.findall(r'href="(/console/audit\?[a-z]+=[^"]*)"', member.get(path).html)
        assert [kind for kind in kinds(member.get(link)) if kind.startswith(("key", "integration"))] == created


def test_entries_name_webhooks_by_their_target(member: Visitor, tenant: Tenant, wire: Wire) -> None:
    wire.post(tenant.webhooks, tenant.app_key, WEBHOOK | {"target": "https://bot.example/<hook>"})
    page = member.get("/console/audit?action=webhook.create")
    assert "webhook.create An app / Mine / https://bot.example/<hook> done" in page.text
    assert links(page)["https://bot.example/&lt;hook&gt;"].endswith(f"/integrations/{tenant.integration_id}")


def test_deleted_objects_are_shown_by_their_ids(member: Visitor, tenant: Tenant, wire: Wire) -> None:
    wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key)
    page = member.get(f"/console/audit?key={tenant.key.id}&action=key.delete")
    assert f"key.delete An app / Mine / {tenant.key.id} done" in page.text and "A key" not in links(page)


def test_key_of_an_app_sees_no_names_of_keys_that_it_does_not_manage(
    member: Visitor, tenant: Tenant, service: Service, wire: Wire
) -> None:
    second = wire.post(f"{tenant.app}/keys", tenant.account, {"displayName": "Colleague"}).json["key"]["id"]
    page = member.get("/console/audit")
    assert f"{service.account.id} key.create An app / {second}" in page.text
    assert "Account key" not in page.text and "Colleague" not in page.text
    assert links(page)["A key"].endswith(f"/keys/{tenant.key.id}")
    assert "An app key" not in links(page) and "An app key key.create" in page.text
    assert {member.get(path).status for path in links(page).values()} == {200}


@pytest.mark.parametrize("who", ["owner", "member"])
def test_an_app_key_sees_only_its_own_entries(
    request: pytest.FixtureRequest, who: str, tenant: Tenant, other: Tenant, wire: Wire
) -> None:
    visitor: Visitor = request.getfixturevalue(who)
    wire.patch(tenant.app, tenant.account, {"displayName": "Ours"})
    wire.patch(other.app, tenant.account, {"displayName": "Theirs"})
    for read in (lambda: visitor.get("/console/audit").text, lambda: visitor.get("/console/audit/export").html):
        text = read()
        assert "Ours" in text and ("Theirs" in text) == (who == "owner")
    oldest = visitor.get("/console/audit?before=2").html
    assert ('<span class="kind">store.initialise</span>' in oldest) == (who == "owner")


def test_the_audit_trail_is_filtered(owner: Visitor, tenant: Tenant, other: Tenant, wire: Wire) -> None:
    def listed(query: str) -> list[str]:
        return kinds(owner.get(f"/console/audit?{query}"))

    assert listed(f"key={tenant.key.id}") == ["key.create"]
    created = ["integration.create", "key.create", "integration.create", "key.create"]
    assert listed(f"key={tenant.app_key.id}") == created
    assert listed(f"key={tenant.app_key.id}&action=key.create") == ["key.create", "key.create"]
    assert listed(f"key={tenant.app_key.id}&outcome=done") == created
    assert listed(f"key={tenant.app_key.id}&outcome=refused") == []
    assert listed(f"owner={tenant.integration_id}") == ["key.create", "integration.create"]
    assert len(listed(f"owner={tenant.app_id}")) == 5
    assert listed(f"owner={tenant.app_id}&until=2020-01-01T00:00") == []
    assert listed(f"owner={tenant.app_id}&since=2999-01-01T00:00") == []
    assert len(listed(f"owner={tenant.app_id}&since=2020-01-01T00:00&until=2999-01-01T00:00")) == 5


@pytest.mark.parametrize("field", ["key", "owner", "since", "until", "action", "outcome", "request"])
def test_invalid_field_of_the_filter_is_reported_beside_it(owner: Visitor, field: str) -> None:
    for path in ("/console/audit", "/console/audit/export"):
        page = owner.get(f"{path}?{field}=x")
        assert page.status == 422 and page.of(f"{field}-fault")
        assert page.headers["content-type"] == "text/html; charset=utf-8"


def test_failed_change_has_the_code_of_its_error_as_outcome(member: Visitor, tenant: Tenant, wire: Wire) -> None:
    assert wire.delete(f"{tenant.keys}/int_{UNKNOWN}", tenant.app_key).status == 404
    for outcome in ("refused", "not_found"):
        page = member.get(f"/console/audit?outcome={outcome}")
        assert rows(page) and all("not_found" in row for row in rows(page))
        assert f"key.delete An app / Mine / int_{UNKNOWN} not_found" in page.text


def test_entries_of_a_request_are_listed_by_its_id(member: Visitor, tenant: Tenant, wire: Wire) -> None:
    answer = wire.post(tenant.keys, tenant.app_key, {"displayName": "Traced"})
    request_id = answer.headers["x-request-id"]
    page = member.get(f"/console/audit?request={request_id}")
    assert kinds(page) == ["key.create"] and "Traced" in page.text and request_id in rows(page)[0]
    everything = member.get("/console/audit")
    assert f'<a class="request" href="/console/audit?request={request_id}"' in everything.html
    assert page.text.count(request_id) < everything.text.count("key.create")


def test_page_about_an_error_leads_to_its_cause(member: Visitor, other: Tenant, owner: Visitor) -> None:
    refused = member.get(f"/console/apps/{other.app_id}")
    (link,) = re.findall(r'href="(/console/audit\?request=[0-9a-f]{24})"', refused.html)

    wait_until(lambda: "Why this request was refused" in member.get(link).text)
    page = member.get(link)
    assert "Answer forbidden Time 2" in page.text
    assert kinds(page) == ["request"]
    assert "Why this request was refused" in owner.get(link).text


def test_cause_of_a_refusal_in_another_app_is_not_shown(
    member: Visitor, owner: Visitor, other: Tenant, tenant: Tenant, wire: Wire
) -> None:
    answer = wire.get(tenant.app, other.app_key)
    assert answer.status == 403
    link = f"/console/audit?request={answer.headers['x-request-id']}"
    wait_until(lambda: "Why this request was refused" in owner.get(link).text)
    page = member.get(link)
    assert "Why this request was refused" not in page.text and kinds(page) == []
    assert other.app_key.id not in page.html


def test_request_without_an_entry_is_explained(member: Visitor) -> None:
    page = member.get(f"/console/audit?request={UNKNOWN}")
    assert "The service\u2019s log has a line for every request" in page.text and page.text.count(UNKNOWN) >= 1


def test_the_audit_trail_has_pages(owner: Visitor, tenant: Tenant, wire: Wire) -> None:
    for _ in range(30):
        integration_id = wire.post(f"{tenant.app}/integrations", tenant.app_key, {"type": "web"}).json["integration"][
            "id"
        ]
        wire.delete(f"{tenant.app}/integrations/{integration_id}", tenant.app_key)
    first = owner.get(f"/console/audit?owner={tenant.app_id}")
    older = re.search(r'href="(/console/audit[^"]*before=\d+)"', first.html)
    assert older and len(rows(first)) == 50
    second = owner.get(older[1].replace("&amp;", "&"))
    assert len(rows(second)) == 15
    requests = [re.findall(r'href="/console/audit\?request=([0-9a-f]+)"', page.html) for page in (first, second)]
    assert len({*requests[0], *requests[1]}) == 65  # no entry is on both pages
    assert "Newest" in second.text


def test_export_has_the_entries_of_the_filter(member: Visitor, tenant: Tenant, wire: Wire) -> None:
    page = member.get(f"/console/audit?key={tenant.key.id}")
    assert f'href="/console/audit/export?key={tenant.key.id}"' in page.html
    headings, entry = exported(member, f"?key={tenant.key.id}")
    assert dict(zip(headings, entry, strict=True)) | {"sequence": "", "time": "", "source": "", "request_id": ""} == {
        "sequence": "",
        "time": "",
        "actor": tenant.app_key.id,
        "actor_name": "An app key",
        "action": "key.create",
        "resource": f"{tenant.keys.removeprefix('/v2/')}/{tenant.key.id}",
        "resource_name": "An app / Mine / A key",
        "outcome": "done",
        "note": "",
        "source": "",
        "request_id": "",
    }
    entries = wire.get(f"/sunshine/v1/apps/{tenant.app_id}/audit", tenant.app_key).json["entries"]
    assert [row[0] for row in exported(member)[1:]] == [str(entry["sequence"]) for entry in entries]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(1)", '=HYPERLINK("https://evil.example";"x")'])
def test_export_contains_no_formula(owner: Visitor, tenant: Tenant, wire: Wire, name: str) -> None:
    wire.patch(tenant.app, tenant.account, {"displayName": name})
    key = Key.of(wire.post(f"{tenant.app}/keys", tenant.account, {"displayName": name}).json["key"])
    wire.post(f"{tenant.app}/integrations", key, {"type": "web", "displayName": "a,\r\nb"})
    cells = exported(owner, f"?owner={tenant.app_id}")
    named = [row for row in cells if row[6].startswith(f"'{name}")]
    assert len(named) == len(cells) - 1 > 0
    assert [row[3] for row in cells if row[4] == "integration.create" and row[2] == key.id] == [f"'{name}"]
    assert not [cell for row in cells for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert {len(row) for row in cells} == {11}


def test_export_is_bounded_and_names_what_it_leaves_out(
    member: Visitor, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = exported(member)
    assert len(whole) > 5
    monkeypatch.setattr(trail, "EXPORTED", 3)
    monkeypatch.setattr(trail, "_EXPORTED_AT_ONCE", 2)
    assert exported(member)[:4] == whole[:4]
    (note,) = exported(member)[4:]
    assert note[8] == f"Entries before number {whole[3][0]} are not in this file"
    monkeypatch.setattr(trail, "EXPORTED", 100)
    assert exported(member) == whole
    monkeypatch.setattr(trail, "SPAN", 1)
    monkeypatch.setattr(trail, "_SEARCHED_SPANS", 2)
    assert "are not in this file" in exported(member)[-1][8]
