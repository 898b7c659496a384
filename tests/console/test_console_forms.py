"""Forged, invalid, stale and too large forms change nothing, and the response is a page. A form sent twice creates one object."""

from __future__ import annotations

import html

import pytest
from support.visitor import Visitor
from support.wire import Service, Tenant, Wire

from sunshine_keys.wire.request import DISCARDED_BYTES


def test_a_form_without_the_sessions_token_changes_nothing(owner: Visitor, service: Service) -> None:
    form = owner.get("/console/apps").form("/console/apps").fields | {"name": "Forged"}
    other = Visitor(service.url).signed_in(service.account)
    others = other.get("/console/apps").form("/console/apps").fields["form_token"]
    for token in ("", "0" * 64, others, "é"):
        page = owner.post("/console/apps", form | {"form_token": token})
        assert page.status == 403 and "The form is out of date" in page.text
    assert "Forged" not in owner.get("/console/apps").text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
    ids=str,
)
def test_a_form_from_another_site_changes_nothing(owner: Visitor, headers: dict[str, str]) -> None:
    form = owner.get("/console/apps").form("/console/apps").fields | {"name": "From elsewhere"}
    page = owner.post("/console/apps", form, headers)
    assert page.status == 403 and "The form was sent by a page of another site" in page.text
    assert "From elsewhere" not in owner.get("/console/apps").text


def test_a_form_of_the_console_itself_is_accepted(owner: Visitor, service: Service) -> None:
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": service.url}):
        form = owner.get("/console/apps").form("/console/apps").fields | {"name": "From here"}
        assert owner.post("/console/apps", form, headers).status == 303


def test_a_form_of_another_site_cannot_sign_anyone_in(visitor: Visitor, service: Service) -> None:
    credentials = {"key_id": service.account.id, "secret": service.account.secret}
    assert visitor.post("/console/sign-in", credentials).status == 403
    token = Visitor(service.url).get("/console/sign-in").form("/sign-in").fields["form_token"]
    visitor.get("/console/sign-in")
    assert visitor.post("/console/sign-in", credentials | {"form_token": token}).status == 403
    own = visitor.get("/console/sign-in").form("/sign-in").fields
    assert visitor.post("/console/sign-in", own | credentials, {"Sec-Fetch-Site": "cross-site"}).status == 403


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"name=x", "multipart/form-data; boundary=x", 415),
        (b"name=" + b"x" * 140_000, "application/x-www-form-urlencoded", 413),
        (b"name=x" * 400_000, "application/x-www-form-urlencoded", 413),
        (b"name=a&name=b", "application/x-www-form-urlencoded", 400),
        (b"name=%ff", "application/x-www-form-urlencoded", 400),
        ("name=é".encode(), "application/x-www-form-urlencoded", 400),
        (b"&".join(b"x%d=1" % number for number in range(201)), "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 403),
    ],
    ids=["json", "multipart", "large", "huge", "twice", "not UTF-8", "not encoded", "many", "empty"],
)
def test_an_invalid_form_is_refused_with_a_page(owner: Visitor, content: bytes, media_type: str, status: int) -> None:
    page = owner.send("POST", "/console/apps", content, {"Content-Type": media_type})
    assert page.status == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>" in page.html and page.headers["x-request-id"] in page.text
    assert ("connection" in page.headers) == (len(content) > DISCARDED_BYTES)  # a smaller rest was read and discarded
    assert owner.get("/console/apps").status == 200


def test_a_large_body_for_a_missing_page_is_refused_unread(owner: Visitor, tenant: Tenant) -> None:
    page = owner.send("POST", "/console/nothing", b"x" * 3_000_000, {"Content-Type": "text/plain"})
    assert (page.status, page.headers["connection"]) == (404, "close")


def test_a_method_that_a_page_does_not_have_is_refused(owner: Visitor) -> None:
    for method, path, allowed in (
        ("POST", "/console/audit", "GET, HEAD"),
        ("DELETE", "/console/apps", "GET, HEAD, POST"),
        ("GET", "/console/sign-out", "POST"),
        ("PUT", "/console/static/console.css", "GET, HEAD"),
    ):
        page = owner.send(method, path)
        assert (page.status, page.headers["allow"]) == (405, allowed)
    assert owner.send("HEAD", "/console/apps").html == ""


@pytest.mark.parametrize(
    "path",
    [
        "/console/nothing", "/console/apps/000000000000000000000000", "/console/apps/%00", "/console/apps/..%2f..",
        "/console/apps//integrations", "/console/apps/x/keys/y", "/console/static/..%2fentry.py",
        "/console/static/nothing.css", "/console/apps/%C3%A9", "/console/apps/%ff",
    ],
)  # fmt: skip
def test_a_missing_page_is_answered_with_a_page(owner: Visitor, path: str) -> None:
    page = owner.get(path)
    assert page.status == 404
    assert "<h1>Not found</h1>" in page.html


def test_ids_of_another_app_are_not_found(owner: Visitor, tenant: Tenant, other: Tenant) -> None:
    wrong = f"/console/apps/{tenant.app_id}/integrations/{other.integration_id}"
    for path in (wrong, f"{wrong}/keys/{other.key.id}", f"/console/apps/{tenant.app_id}/keys/{other.app_key.id}"):
        for page in (path, f"{path}/delete"):
            assert owner.get(page).status == 404, page
    right = owner.get(f"/console/apps/{tenant.app_id}/integrations/{tenant.integration_id}/keys/{tenant.key.id}/delete")
    form = right.form("/delete").fields | {"name": "A key"}
    assert owner.post(f"{wrong}/keys/{other.key.id}/delete", form).status == 404


def test_a_form_sent_twice_creates_one_key(owner: Visitor, tenant: Tenant, wire: Wire) -> None:
    page = owner.get(f"/console{tenant.integration.removeprefix('/v2')}")
    form = page.form("/keys")
    answers = [owner.post(form.action, form.fields | {"name": "Once"}) for _ in range(2)]
    assert [answer.status for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    listed = wire.get(tenant.keys, tenant.app_key).json["keys"]
    assert [key["displayName"] for key in listed] == ["A key", "Once"]


def test_the_same_form_with_another_name_is_refused(owner: Visitor, tenant: Tenant, wire: Wire) -> None:
    form = owner.get(f"/console{tenant.integration.removeprefix('/v2')}").form("/keys")
    assert owner.post(form.action, form.fields | {"name": "One"}).status == 303
    assert owner.post(form.action, form.fields | {"name": "Two"}).status == 409
    assert owner.post(form.action, form.fields | {"name": "Three", "once": "mine"}).status == 400
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 2


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467 family", "\U0001f468\U0001f469\U0001f467 family"),
        ("soft\u00adhyphen", "softhyphen"),
        ("no\u00a0break", "no break"),
        ("Zo\u0065\u0308", "Zo\u00eb"),
        ("\ue000 private use", "\ue000 private use"),
        ("\u2764\ufe0f", "\u2764"),
    ],
    ids=["joined emoji", "soft hyphen", "no-break space", "decomposed", "private use", "variant"],
)
def test_a_name_of_the_api_is_accepted_shown_and_confirmed_as_it_is_seen(
    owner: Visitor, tenant: Tenant, name: str, typed: str
) -> None:
    integration = f"/console{tenant.integration.removeprefix('/v2')}"
    page = owner.follow(owner.submit(owner.get(integration), "/keys", name=name))
    assert name in html.unescape(page.html)
    deletion = owner.get(f"{integration}/keys/{page.of('key-id')}/delete")
    assert owner.submit(deletion, "/delete", name="another").status == 422
    assert owner.submit(deletion, "/delete", name=typed).status == 303


def test_an_object_whose_name_shows_nothing_is_shown_and_confirmed_by_its_id(
    owner: Visitor, tenant: Tenant, wire: Wire
) -> None:
    key = wire.post(tenant.keys, tenant.app_key, {"displayName": "\u200b\u3164"}).json["key"]
    path = f"/console{tenant.keys.removeprefix('/v2')}/{key['id']}"
    assert f"<h1>{key['id']}</h1>" in owner.get(path).html
    deletion = owner.get(f"{path}/delete")
    assert owner.submit(deletion, "/delete", name="").status == 422
    assert owner.submit(deletion, "/delete", name=key["id"]).status == 303


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "The name is empty. Enter a name."),
        ("   ", "The name is empty. Enter a name."),
        ("x" * 101, "The name has 101 characters. Use at most 100."),
        ("a\0b", "The name has control characters. Remove them."),
        ("a\nb", "The name has control characters. Remove them."),
        ("a\u202eb", "The name has control characters. Remove them."),
        ("a\u2067b", "The name has control characters. Remove them."),
        ("a\U000e0fffb", "The name has control characters. Remove them."),
    ],
    ids=["empty", "blank", "long", "NUL", "two lines", "override", "isolate", "unassigned"],
)
def test_an_invalid_name_is_reported_beside_its_field(
    owner: Visitor, tenant: Tenant, wire: Wire, name: str, fault: str
) -> None:
    app, integration = f"/console/apps/{tenant.app_id}", f"/console{tenant.integration.removeprefix('/v2')}"
    for page, action, id in (
        ("/console/apps", "/console/apps", "app-name"),
        (app, "/integrations", "integration-name"),
        (app, "/keys", "key-name"),
        (integration, "/keys", "key-name"),
    ):
        target = {"target": "https://bot.example/hook"} if id == "integration-name" else {}
        answer = owner.submit(owner.get(page), action, name=name, **target)
        assert answer.status == 422
        assert answer.of(f"{id}-fault") == fault
        assert f'aria-describedby="{id}-fault' in answer.html
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 1
