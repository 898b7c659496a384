"""The contents of the pages, their permissions and their headers."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.machine import needs
from support.servers import Server
from support.visitor import Page, Visitor
from support.wire import WEBHOOK, Key, Service, Tenant, Wire, first_run

from sunshine_keys.errors import StoreUnavailable
from sunshine_keys.keys.usage import KeyHour
from sunshine_keys.opening import open_store
from sunshine_keys.settings import Settings


def path_of(path: str) -> str:
    """Return the path of the page about the object that the API has at `path`."""
    return f"/console{path.removeprefix('/v2')}"


def created_page(visitor: Visitor, page: Page) -> Page:
    """The page that a form which was taken leads to."""
    return visitor.follow(page)


def test_an_account_creates_and_deletes_an_app_an_integration_and_a_key(
    owner: Visitor, wire: Wire, service: Service
) -> None:
    page = created_page(owner, owner.submit(owner.get("/console/apps"), "/console/apps", name="A shop that goes again"))
    assert "App created. Next, create an integration in it." in page.text
    assert "No integrations yet." in page.text and "No keys of the app yet." in page.text
    page = created_page(owner, owner.submit(page, "/integrations", name="Bot", target="https://bot.example/hook"))
    assert "Integration created. Copy the webhook\u2019s secret now. Next, create a key." in page.text
    assert "No keys yet." in page.text and "0 of 10 keys, 10 free" in page.text
    page = created_page(owner, owner.submit(page, "/keys", name="CI worker"))
    key = Key(page.of("key-id"), page.of("secret"))
    assert wire.get("/v2/tokenInfo", key).json["app"]["displayName"] == "A shop that goes again"

    deletion = owner.get(re.search(r'href="(/console/[^"]*/keys/[^"]*/delete)"', page.html)[1])  # type: ignore[index]
    page = created_page(owner, owner.submit(deletion, "/delete", name="CI worker"))
    assert "Every node refuses it from now on." in page.text and "0 of 10 keys" in page.text
    assert wire.get("/v2/tokenInfo", key).status == 401

    deletion = owner.get(re.search(r'href="(/console/[^"]*/delete)"', page.html)[1])  # type: ignore[index]
    page = created_page(owner, owner.submit(deletion, "/delete", name=" Bot  "))
    assert "Integration deleted" in page.text
    deletion = owner.get(re.search(r'href="(/console/apps/[0-9a-f]+/delete)"', page.html)[1])  # type: ignore[index]
    page = created_page(owner, owner.submit(deletion, "/delete", name="A shop that goes again"))
    assert "App deleted" in page.text and "A shop that goes again" not in page.text


def test_pages_link_to_the_api_reference(owner: Visitor) -> None:
    (path,) = re.findall(r'href="([^"]*)">API reference<', owner.get("/console/apps").html)
    assert "<h1>API reference</h1>" in owner.get(path).html


def test_a_new_secret_is_shown_once(owner: Visitor, tenant: Tenant, wire: Wire) -> None:
    shown = created_page(owner, owner.submit(owner.get(path_of(tenant.integration)), "/keys", name="Once"))
    key = Key(shown.of("key-id"), shown.of("secret"))
    assert wire.get(tenant.webhooks, key).status == 200
    reloaded = owner.get(path_of(f"{tenant.keys}/{key.id}"))
    assert (
        reloaded.status == 200
        and key.secret not in reloaded.html
        and "The secret is sealed in the store." in reloaded.text
    )


def test_a_notice_of_another_session_or_key_shows_no_secret(owner: Visitor, tenant: Tenant, service: Service) -> None:
    path = path_of(f"{tenant.keys}/{tenant.key.id}")
    created = owner.submit(owner.get(path_of(tenant.integration)), "/keys", name="Another")
    (name,) = (name for name in owner.cookies if "notice" in name)
    notice = owner.cookies[name]
    assert tenant.key.secret not in owner.get(path).html
    other = Visitor(service.url).signed_in(service.account)
    for forged in (notice, notice.replace("key-created", "secret-shown"), "secret-shown..", "x", "a.b.c.d.e", "é"):
        other.cookies[name] = forged.encode().decode("latin-1")
        page = other.get(created.headers["location"])
        assert page.status == 200 and not page.of("secret"), forged


def test_urls_and_lists_contain_no_secret(owner: Visitor, tenant: Tenant) -> None:
    created = owner.submit(owner.get(path_of(tenant.integration)), "/keys", name="Fresh")
    secret = owner.follow(created).of("secret")
    assert secret and secret not in created.headers["location"]
    page = owner.get(path_of(tenant.integration))
    assert tenant.key.secret not in page.html and secret not in page.html


def test_a_secret_is_shown_once_more_after_entering_ones_own(
    member: Visitor, tenant: Tenant, wire: Wire, service: Service
) -> None:
    path = path_of(f"{tenant.keys}/{tenant.key.id}")
    for wrong, fault, status in (
        ("", "The secret is empty. Enter the secret of the key that you signed in with.", 422),
        (tenant.key.secret, "This is not the secret of the key that you signed in with. Try again.", 401),
    ):
        page = member.submit(member.get(f"{path}/secret"), "/secret", secret=wrong)
        assert (page.status, page.of("own-secret-fault")) == (status, fault)
        assert tenant.key.secret not in page.html
    page = created_page(member, member.submit(member.get(f"{path}/secret"), "/secret", secret=tenant.app_key.secret))
    assert page.of("secret") == tenant.key.secret
    assert tenant.key.secret not in member.get(path).html
    trail = member.get(f"/console/audit?key={tenant.key.id}&action=key.show")
    assert trail.text.count("key.show An app / Mine / A key") == 1


def test_a_different_name_deletes_nothing(owner: Visitor, tenant: Tenant, wire: Wire) -> None:
    for path, name in (
        (f"{tenant.keys}/{tenant.key.id}", "a key"),
        (tenant.integration, "Mine!"),
        (tenant.app, ""),
        (f"{tenant.app}/keys/{tenant.app_key.id}", tenant.app_key.id),
    ):
        page = owner.submit(owner.get(f"{path_of(path)}/delete"), "/delete", name=name)
        assert page.status == 422 and "Nothing was deleted" in page.of("typed-name-fault")
        assert owner.get(path_of(path)).status == 200
    assert wire.get(tenant.webhooks, tenant.key).status == 200


def test_an_app_key_sees_only_its_app(member: Visitor, tenant: Tenant, other: Tenant) -> None:
    app = path_of(tenant.app)
    page = member.get(app)
    assert page.status == 200 and "Keys of the app" not in page.text and "Delete app" not in page.text
    assert member.get(path_of(f"{tenant.keys}/{tenant.key.id}")).status == 200
    forbidden = [
        "/console/apps", f"{app}/delete", f"{app}/keys/{tenant.app_key.id}", f"{app}/keys/{tenant.app_key.id}/delete",
        f"{app}/keys/{tenant.app_key.id}/secret", path_of(other.app), path_of(other.integration),
        path_of(f"{other.keys}/{other.key.id}"), path_of(f"{other.keys}/{other.key.id}/secret"),
        "/console/apps/000000000000000000000000",
    ]  # fmt: skip
    for path in forbidden:
        page = member.get(path)
        assert page.status == 403 and "Not allowed" in page.text, path
    token = member.get(app).form("/integrations").fields
    for path in ("/console/apps", f"{app}/keys", f"{app}/delete", f"{path_of(other.app)}/integrations"):
        assert member.post(path, token | {"name": "An app"}).status == 403, path
    assert member.get(app).status == 200


def test_an_eleventh_key_is_refused(owner: Visitor, tenant: Tenant, wire: Wire) -> None:
    stale = owner.get(path_of(tenant.integration))
    for number in range(9):
        assert wire.post(tenant.keys, tenant.app_key, {"displayName": f"Key {number}"}).status == 201
    page = owner.get(path_of(tenant.integration))
    assert "10 of 10 keys, 0 free" in page.text and "All 10 are used." in page.text
    refused = owner.submit(stale, "/keys", name="One more")
    assert refused.status == 422
    assert "An integration is limited to 10 API keys; delete one first." in refused.text


def test_only_custom_integrations_have_keys(owner: Visitor, tenant: Tenant) -> None:
    path = f"{path_of(tenant.app)}/integrations/{tenant.web_id}"
    page = owner.get(path)
    assert "Only integrations of type custom have keys." in page.text and "/keys" not in page.html
    form = owner.get(path_of(tenant.integration)).form("/keys").fields
    refused = owner.post(f"{path}/keys", form | {"name": "No"})
    assert refused.status == 422 and "API keys are available only for custom integrations." in refused.text


@pytest.mark.parametrize("page", ["", "/secret", "/delete"])
def test_a_key_under_an_integration_that_is_not_custom_is_not_found(owner: Visitor, tenant: Tenant, page: str) -> None:
    answer = owner.get(f"{path_of(tenant.app)}/integrations/{tenant.web_id}/keys/{tenant.key.id}{page}")
    assert answer.status == 404 and "There is no such key; it may have been deleted" in answer.text


def test_lists_have_pages(owner: Visitor, tenant: Tenant, wire: Wire) -> None:
    for number in range(30):
        wire.post(
            f"{tenant.app}/integrations",
            tenant.app_key,
            {"type": "custom", "displayName": f"Number {number}", "webhooks": [WEBHOOK]},
        )
    first = owner.get(path_of(tenant.app))
    later = re.search(r'href="([^"]*after=[^"]*)" rel="next">Next →<', first.html)
    assert later and "before=" not in first.html
    second = owner.get(later[1])
    earlier = re.search(r'href="([^"]*before=[^"]*)" rel="prev">← Previous<', second.html)
    assert earlier and "after=" not in second.html
    names = re.findall(r">(Number \d+|Mine)<", first.html + second.html)
    assert sorted(names) == sorted(["Mine", *(f"Number {number}" for number in range(30))])
    assert re.findall(r">(Number \d+|Mine)<", owner.get(earlier[1]).html) == re.findall(
        r">(Number \d+|Mine)<", first.html
    )
    for wrong in ("after=x", "before=%00"):
        assert owner.get(f"{path_of(tenant.app)}?{wrong}").status == 400


def test_names_are_escaped_on_every_page(owner: Visitor, tenant: Tenant, wire: Wire) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>"
    app_id = wire.post("/v2/apps", tenant.account, {"displayName": evil}).json["app"]["id"]
    integration = wire.post(
        f"/v2/apps/{app_id}/integrations",
        tenant.account,
        {"type": "custom", "displayName": evil, "webhooks": [WEBHOOK]},
    ).json["integration"]["id"]
    base = f"/v2/apps/{app_id}/integrations/{integration}"
    key = wire.post(f"{base}/keys", tenant.account, {"displayName": evil}).json["key"]["id"]
    base = path_of(base)
    for path in (
        f"/console/apps/{app_id}", f"/console/apps/{app_id}/delete", base, f"{base}/delete", f"{base}/keys/{key}",
        f"{base}/keys/{key}/delete", f"{base}/keys/{key}/secret",
    ):  # fmt: skip
        page = owner.get(path)
        assert evil in page.text or path.endswith("secret"), path
        assert "<img src=x" not in page.html and "<script>" not in page.html, path
    page = owner.submit(owner.get(base), "/keys", name=evil * 3)
    assert page.status == 422 and "<img src=x" not in page.html
    trail = owner.get("/console/audit?key=%3Cscript%3E%22x")
    assert trail.status == 422 and 'value="&lt;script&gt;&#34;x"' in trail.html
    assert owner.get("/console/apps/%3Cscript%3E").status == 404


def test_an_object_without_a_name_is_shown_by_its_id(owner: Visitor, tenant: Tenant, wire: Wire) -> None:
    bare = wire.post(f"{tenant.app}/integrations", tenant.app_key, {"type": "custom", "webhooks": [WEBHOOK]}).json[
        "integration"
    ]["id"]
    path = f"{path_of(tenant.app)}/integrations/{bare}"
    assert f"<h1>{bare}</h1>" in owner.get(path).html
    assert owner.submit(owner.get(f"{path}/delete"), "/delete", name=bare).status == 303


def test_the_use_of_a_key_is_shown_as_a_chart_and_as_text(
    owner: Visitor, tenant: Tenant, wire: Wire, service: Service
) -> None:
    now = time.time()
    hour = int(now // 3600 * 3600)
    hours = [
        KeyHour(tenant.key.id, hour, 1234, now, "192.0.2.7"),
        KeyHour(tenant.key.id, hour - 24 * 3600, 2, now - 24 * 3600, "192.0.2.8"),
    ]

    async def count() -> None:
        store = await open_store(Settings(service.data))
        await store.count_usage(hours)
        await store.close()

    asyncio.run(count())
    page = owner.get(path_of(f"{tenant.keys}/{tenant.key.id}"))
    assert "Requests in 7 days 1,236 Busiest hour 1,234" in page.text
    assert f"Last used {datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ} from 192.0.2.7" in page.text
    assert 'role="img" aria-label="Requests an hour: 1,236 in the last 7 days, at most 1,234 in 1 hour"' in page.html
    assert page.html.count('class="bar"') == 2
    start = datetime.fromtimestamp(hour, UTC)
    end = start + timedelta(hours=1)
    value = f"{start:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ}: 1,234 requests"
    assert f"<title>{value}</title>" in page.html
    day = start.date() - timedelta(days=1)
    assert f">{day:%m-%d}</text>" in page.html and f"{day} 2 " in page.text
    assert re.findall(r'text-anchor="end">([\d,]+)</text>', page.html) == ["0", "500", "1,000", "1,500"]
    listed = owner.get(path_of(tenant.integration))
    assert 'aria-label="Requests: 1236 in the last 7 days' in listed.html and "from 192.0.2.7" in listed.text
    fresh = wire.post(tenant.keys, tenant.account, {"displayName": "Fresh"}).json["key"]["id"]
    assert "not seen yet" in owner.get(path_of(f"{tenant.keys}/{fresh}")).text


@pytest.mark.parametrize(
    ("snippet", "expected"),
    [
        pytest.param("curl", '"id"', marks=needs("curl")),
        pytest.param("token", '"id"', marks=needs("curl")),
        ("python", "id"),
        ("jwt", "."),
    ],
)
def test_a_snippet_runs_unchanged(
    owner: Visitor, tenant: Tenant, service: Service, snippet: str, expected: str
) -> None:
    for key, path in (
        (tenant.key, f"{tenant.keys}/{tenant.key.id}"),
        (tenant.app_key, f"{tenant.app}/keys/{tenant.app_key.id}"),
    ):
        page = owner.get(path_of(path))
        assert key.secret not in page.html
        environment = {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "SUNSHINE_KEYS_SECRET": key.secret}
        code = page.of(snippet)
        assert "SUNSHINE_KEYS_SECRET" in code or snippet == "token"
        program = [sys.executable, "-c", code] if snippet in ("python", "jwt") else ["bash", "-euc", code]
        ran = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60, check=True)
        assert expected in ran.stdout, (ran.stdout, ran.stderr)


def test_headers_restrict_pages_to_their_own_origin(owner: Visitor, tenant: Tenant) -> None:
    for path in (
        "/console/sign-in",
        "/console/apps",
        path_of(f"{tenant.keys}/{tenant.key.id}"),
        "/console/nothing",
        "/console",
    ):
        headers = owner.get(path).headers
        assert headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert headers["cache-control"] == "no-store"  # the back button shows nothing after a sign-out
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert re.fullmatch("[0-9a-f]{24}", headers["x-request-id"])


def test_pages_contain_no_inline_style_or_script_and_no_foreign_address(owner: Visitor, tenant: Tenant) -> None:
    for path in ("/console/sign-in", "/console/apps", path_of(f"{tenant.keys}/{tenant.key.id}"), "/console/audit"):
        text = owner.get(path).html
        assert not re.search(r"<style|<[^>]*\sstyle=|<script(?! src)|<[^>]*\son[a-z]+=", text), path
        addresses = re.findall(r'(?:src|href|action)="([^"]*)"', text)
        assert all(address.startswith(("/console", "/docs", "#main")) for address in addresses), path


def test_static_files_are_cached_and_revalidated(visitor: Visitor) -> None:
    html = visitor.get("/console/sign-in").html
    for kind in ("console.css", "console.js", "icon.svg"):
        (path, *_) = re.findall(rf'"(/console/static/{kind}[^"]*)"', html)
        answer = visitor.get(path)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        plain = visitor.get(path.partition("?")[0])
        assert plain.headers["cache-control"] == "no-cache" and plain.html == answer.html
        for etag in (plain.headers["etag"], f'"other", W/{plain.headers["etag"]}', "*"):
            unchanged = visitor.get(path, {"If-None-Match": etag})
            assert (unchanged.status, unchanged.html) == (304, "")
        assert visitor.get(path, {"If-None-Match": '"other"'}).status == 200


def test_an_unavailable_store_is_reported_on_a_page(tmp_path: Path) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    with Server(tmp_path) as running:
        owner = Visitor(running.wire.url).signed_in(account)
        (tmp_path / "sunshine-keys.sqlite3").rename(tmp_path / "elsewhere")
        page = owner.get("/console/apps")
        assert page.status == StoreUnavailable.status and page.headers["retry-after"] == "1"
        assert "Not available at the moment" in page.text
        (tmp_path / "elsewhere").rename(tmp_path / "sunshine-keys.sqlite3")
        assert owner.get("/console/apps").status == 200
