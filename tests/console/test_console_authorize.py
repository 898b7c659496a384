"""The consent page, on which a person decides whether a partner may open an app."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.oauth import CALLBACK, CLIENTS, Partner, new_partner, returned
from support.visitor import Page, Visitor
from support.wire import Answer, Key, Service, Tenant, Wire, first_run, make_tenant

from sunshine_keys import server
from sunshine_keys.settings import Settings

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def partner(wire: Wire, service: Service) -> Partner:
    return new_partner(wire, service.account, displayName="Acme <bots>")


def link(partner: Partner, **query: str) -> str:
    return "/oauth/authorize?" + urlencode({"client_id": partner.id, "response_type": "code"} | query)


def opened(visitor: Visitor, path: str) -> Page:
    """Open a partner's link as a browser does, up to the first page that is not of the way there."""
    page = visitor.get(path, BROWSER)
    assert (page.status, page.headers["content-type"]) == (302, "text/plain; charset=utf-8"), page.text
    page = visitor.get(page.headers["location"], BROWSER)
    if target := re.search(r'content="0; url=([^"]*)"', page.html):
        page = visitor.get(target[1].replace("&amp;", "&"), BROWSER)
    return page


def code_of(page: Page) -> str:
    assert page.status == 303, page.text
    return returned_of(page)["code"]


def returned_of(page: Page) -> dict[str, str]:
    return returned(Answer(page.status, page.headers, b""))


def test_member_consents_for_the_app_of_the_key(member: Visitor, tenant: Tenant, wire: Wire, partner: Partner) -> None:
    state = ' a&b="<é>\n\r\n'
    page = opened(member, link(partner, state=state))
    assert page.status == 200
    assert "Connect “Acme <bots>”?" in page.text
    assert tenant.app_id in page.text and CALLBACK in page.text
    allowed = member.submit(page, "/authorize", decision="allow")
    assert returned_of(allowed)["state"] == state
    token = partner.exchange(code_of(allowed)).json["access_token"]
    assert wire.get("/v2/tokenInfo", f"Bearer {token}").json["app"]["id"] == tenant.app_id
    entries = wire.get(f"/sunshine/v1/apps/{tenant.app_id}/audit", tenant.account).json["entries"]
    consent = next(entry for entry in entries if entry["action"] == "oauth_code.create")
    assert (consent["actor"], consent["outcome"]) == (tenant.app_key.id, "done")


def test_refusal_is_sent_back(member: Visitor, partner: Partner) -> None:
    page = opened(member, link(partner, state="s"))
    refused = member.submit(page, "/authorize", decision="deny")
    assert returned_of(refused) == {"error": "access_denied", "state": "s"}


def test_owner_chooses_the_app(owner: Visitor, tenant: Tenant, other: Tenant, wire: Wire, partner: Partner) -> None:
    page = opened(owner, link(partner))
    empty = owner.submit(page, "/authorize", decision="allow", app_id="")
    assert (empty.status, "Choose an app." in empty.text) == (422, True)
    gone = owner.submit(page, "/authorize", decision="allow", app_id="0" * 24)
    assert (gone.status, "There is no such app." in gone.text) == (422, True)
    token = partner.exchange(code_of(owner.submit(page, "/authorize", decision="allow", app_id=other.app_id))).json
    info = wire.get("/v2/tokenInfo", f"Bearer {token['access_token']}").json
    assert info["app"]["id"] == other.app_id


def test_member_cannot_consent_for_another_app(member: Visitor, other: Tenant, partner: Partner, wire: Wire) -> None:
    page = opened(member, link(partner))
    refused = member.submit(page, "/authorize", decision="allow", app_id=other.app_id)
    assert (refused.status, "location" in refused.headers) == (403, False)
    connections = f"/sunshine/v1/apps/{other.app_id}/oauthConnections"
    assert wire.get(connections, other.app_key).json == {"oauthConnections": []}


def test_stranger_signs_in_first_and_gets_to_the_page(visitor: Visitor, tenant: Tenant, partner: Partner) -> None:
    state = "é" * 2048  # the longest in the longest form
    page = opened(visitor, link(partner, state=state, redirect_uri=CALLBACK))
    assert (page.status, "/console/sign-in?to=/console/authorize%3F" in page.headers["location"]) == (303, True)
    form = visitor.follow(page)
    signed_in = visitor.submit(form, "/sign-in", key_id=tenant.app_key.id, secret=tenant.app_key.secret)
    consent = visitor.follow(signed_in)
    allowed = visitor.submit(consent, "/authorize", decision="allow")
    assert returned_of(allowed)["state"] == state


def test_first_request_of_a_browser_has_no_session_and_is_repeated(member: Visitor, partner: Partner) -> None:
    """A browser sends no cookie with the request that a partner's page has caused."""
    page = member.get(link(partner), BROWSER)
    first = Visitor(member.url).get(page.headers["location"], BROWSER)
    assert (first.status, first.set_cookies) == (200, [])
    target = re.search(r'content="0; url=([^"]*)"', first.html)
    assert target is not None
    assert member.get(target[1].replace("&amp;", "&")).status == 200


def test_wrong_link_is_a_page_and_leads_nowhere(visitor: Visitor, partner: Partner) -> None:
    for path, text in (
        (link(partner, client_id="0" * 24), "client_id should be the id of a registered client."),
        (
            link(partner, redirect_uri=CALLBACK + "/"),
            "redirect_uri should be exactly as it is registered for the client.",
        ),
        (link(partner, state="x" * 4097), "state should NOT be longer than 4096 bytes."),
        (link(partner) + "&state=1&state=2", "Invalid query parameters."),
        ("/sc" + link(partner, client_id=""), "client_id should be the id of a registered client."),
    ):
        page = visitor.get(path, BROWSER)
        assert (page.status, "location" in page.headers) == (400, False)
        assert text in page.text
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    wrong = visitor.get(link(partner, response_type="token", state="s"), BROWSER)
    assert wrong.headers["location"] == f"{CALLBACK}?error=unsupported_response_type&state=s"
    assert visitor.send("POST", "/oauth/authorize", headers=BROWSER).status == 405


def test_page_checks_the_request_again(member: Visitor, partner: Partner) -> None:
    for changes in ({"client_id": "x"}, {"redirect_uri": "https://evil.example/"}, {"response_type": "token"}):
        query = urlencode({"client_id": partner.id, "response_type": "code"} | changes)
        page = member.get(f"/console/authorize?{query}")
        assert (page.status, "location" in page.headers) == (400, False)
        form = opened(member, link(partner)).form("/authorize")
        for decision in ("allow", "deny"):
            page = member.post(form.action, form.fields | {"request": query, "decision": decision})
            assert (page.status, "location" in page.headers) == (400, False)


def test_consent_needs_the_form_of_the_session(
    member: Visitor, owner: Visitor, service: Service, partner: Partner
) -> None:
    form = opened(member, link(partner)).form("/authorize")
    fields = form.fields | {"decision": "allow"}
    assert Visitor(service.url).post(form.action, fields).headers["location"] == "/console/sign-in"
    assert owner.post(form.action, fields).status == 403
    assert member.post(form.action, fields | {"form_token": ""}).status == 403
    assert member.post(form.action, fields, {"Sec-Fetch-Site": "cross-site"}).status == 403
    assert member.post(form.action, fields, {"Origin": "https://evil.example"}).status == 403
    assert member.post(form.action, form.fields | {"decision": "perhaps"}).status == 400
    assert member.post(form.action, fields).status == 303


def test_redirect_uri_that_is_removed_meanwhile_gets_no_code(
    member: Visitor, wire: Wire, service: Service, partner: Partner
) -> None:
    page = opened(member, link(partner))
    body = {"redirectUris": ["https://partner.example/another"]}
    assert wire.patch(f"{CLIENTS}/{partner.id}", service.account, body).status == 200
    assert member.submit(page, "/authorize", decision="allow").status == 400


def test_policy_names_only_the_origin_of_the_redirect(member: Visitor, wire: Wire, service: Service) -> None:
    for uri, source in (
        ("https://partner.example/callback?x=1", "https://partner.example"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http:"),
    ):
        partner = new_partner(wire, service.account, redirectUris=[uri])
        policy = opened(member, link(partner)).headers["content-security-policy"]
        assert f"form-action 'self' {source};" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy


def test_account_with_many_apps_types_the_id(tmp_path: Path) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    with server.running(Settings(tmp_path)) as url:
        wire, owner = Wire(url), Visitor(url).signed_in(account)
        partner = new_partner(wire, account)
        empty = opened(owner, link(partner))
        assert "There are no apps yet." in empty.text
        tenant = make_tenant(wire, account)
        assert tenant.app_id in opened(owner, link(partner)).form("/authorize").fields.values()
        for _ in range(100):
            assert wire.post("/v2/apps", account, {"displayName": "An app"}).status == 201
        page = opened(owner, link(partner))
        assert page.form("/authorize").fields["app_id"] == ""
        allowed = owner.submit(page, "/authorize", app_id=tenant.app_id, decision="allow")
        assert partner.exchange(code_of(allowed)).status == 200


def test_code_of_a_deleted_key_is_void(tenant: Tenant, wire: Wire, service: Service, partner: Partner) -> None:
    created = wire.post(f"{tenant.app}/keys", tenant.account, {"displayName": "A person"}).json["key"]
    person = Visitor(service.url).signed_in(Key.of(created))
    code = code_of(person.submit(opened(person, link(partner)), "/authorize", decision="allow"))
    assert wire.delete(f"{tenant.app}/keys/{created['id']}", tenant.account).status == 200
    assert partner.exchange(code).json["error"] == "invalid_grant"
