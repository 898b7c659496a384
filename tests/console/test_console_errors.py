"""Pages about errors keep the navigation of a person who is signed in, and lead on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.visitor import Page, Visitor
from support.wire import Key, Service, Tenant, first_run

from sunshine_keys import server
from sunshine_keys.console import apps
from sunshine_keys.settings import Settings
from sunshine_keys.wire.limits import RateLimits

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MISSING = "0" * 24


def require_navigation(page: Page, status: int, visitor: str = "account") -> None:
    assert page.status == status, page.text
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    navigation = re.search('<nav aria-label="Console">.*?</nav>', page.html, re.DOTALL)
    assert navigation, page.text
    assert ('href="/console/apps"' in navigation[0]) == (visitor == "account")
    assert 'href="/console/audit"' in navigation[0]
    assert 'action="/console/sign-out"' in page.html and "Signed in as" in page.text
    assert links(page)
    request_id = page.headers["x-request-id"]
    assert f'<a href="/console/audit?request={request_id}"><code>{request_id}</code></a>' in page.html


def links(page: Page) -> list[str]:
    """Return where the page's text leads, except to the entries of its request."""
    main = page.html[page.html.index("<main") :]
    return [link for link in re.findall(r'href="([^"]*)"', main) if "?request=" not in link]


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status"),
    [
        ("GET", "/console/nothing", None, {}, 404),
        ("GET", "/console/apps/%ff", None, {}, 404),
        ("GET", "/console/static/nothing.css", None, {}, 404),
        ("GET", f"/console/apps/{MISSING}", None, {}, 404),
        ("GET", "/console/apps?after=x", None, {}, 400),
        ("GET", "/console/sign-out", None, {}, 405),
        ("DELETE", "/console/apps", None, {}, 405),
        ("POST", "/console/nothing", b"name=x", FORM, 404),
        ("POST", "/console/apps", b"name=" + b"x" * 140_000, FORM, 413),
        ("POST", "/console/apps", b"{}", {"Content-Type": "application/json"}, 415),
        ("POST", "/console/apps", b"name=a&name=b", FORM, 400),
        ("POST", "/console/apps", b"name=a", FORM, 403),
        ("POST", "/console/apps", b"name=a", FORM | {"Origin": "https://evil.example"}, 403),
    ],
)
def test_error_of_a_request_keeps_the_navigation(
    owner: Visitor, method: str, path: str, content: bytes | None, headers: dict[str, str], status: int
) -> None:
    require_navigation(owner.send(method, path, content, headers), status)


def test_forbidden_page_keeps_the_navigation_of_the_app(member: Visitor, tenant: Tenant, other: Tenant) -> None:
    app = f"/console/apps/{tenant.app_id}"
    for path in ("/console/apps", f"/console/apps/{other.app_id}", "/console/account-keys"):
        page = member.get(path)
        require_navigation(page, 403, "member")
        assert links(page) == ["/console"]
    page = member.get(f"{app}/delete")
    require_navigation(page, 403, "member")
    assert links(page) == [app, "/console"]


def test_missing_object_leads_to_what_contains_it(owner: Visitor, tenant: Tenant) -> None:
    app = f"/console/apps/{tenant.app_id}"
    integration = f"{app}/integrations/{tenant.integration_id}"
    for path, expected in (
        (f"/console/apps/{MISSING}/integrations/{MISSING}", ["/console"]),
        (f"{app}/integrations/{MISSING}", [app, "/console"]),
        (f"{app}/integrations/{MISSING}/keys/int_{MISSING}", [app, "/console"]),
        (f"{app}/keys/app_{MISSING}", [app, "/console"]),
        (f"{integration}/keys/int_{MISSING}", [integration, app, "/console"]),
    ):
        page = owner.get(path)
        require_navigation(page, 404)
        assert links(page) == expected
        assert [owner.get(link).status for link in links(page)[:-1]] == [200] * (len(expected) - 1)


def test_internal_error_keeps_the_navigation(owner: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(apps, "listed", broken)
    page = owner.get("/console/apps")
    require_navigation(page, 500)
    assert "ZeroDivisionError" not in page.html


def test_form_sent_before_keeps_the_navigation(owner: Visitor) -> None:
    form = owner.get("/console/apps").form("/console/apps")
    owner.post(form.action, form.fields | {"name": "Once"})
    require_navigation(owner.post(form.action, form.fields | {"name": "Twice"}), 409)


@pytest.mark.parametrize(
    "limits", [RateLimits.of(None, "4/hour", None), RateLimits.of("2/hour", None, None)], ids=["address", "key"]
)
def test_rate_limit_keeps_the_navigation(tmp_path: Path, limits: RateLimits) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    with server.running(Settings(tmp_path, rate_limits=limits)) as url:
        owner = Visitor(url).signed_in(account)
        pages = [owner.get("/console/apps") for _ in range(3)]
        assert pages[0].status == 200
        require_navigation(pages[-1], 429)
        assert int(pages[-1].headers["retry-after"]) > 0


def test_stranger_gets_no_navigation(visitor: Visitor, service: Service) -> None:
    page = visitor.get("/console/nothing")
    assert page.status == 404 and "<nav" not in page.html and links(page) == ["/console"]
    assert "/console/audit" not in page.html and page.headers["x-request-id"] in page.text
    name = next(name for name in Visitor(service.url).signed_in(service.account).cookies if "session" in name)
    visitor.cookies[name] = "forged"
    assert "<nav" not in visitor.get("/console/nothing").html


def test_error_does_not_use_up_the_notice_of_the_next_page(owner: Visitor) -> None:
    created = owner.submit(owner.get("/console/apps"), "/console/apps", name="Shop")
    assert "App created" not in owner.get("/console/nothing").text
    assert "App created" in owner.follow(created).text
