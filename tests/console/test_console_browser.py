"""The console in a real browser, by mouse and by keyboard, at two widths and in both colour schemes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect
from support.browsing import LOOKS, Watched, require_sound, watch
from support.machine import needs
from support.oauth import new_partner
from support.rotations import rotation_path
from support.wire import Key, Service, Tenant, Wire

from sunshine_keys.cli.remote.sign_in_links import sign_in_link
from sunshine_keys.keys.usage import KeyHour
from sunshine_keys.opening import open_store
from sunshine_keys.settings import Settings

pytestmark = [
    needs("chromium"),
    # Playwright does not close its event loop before the process ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def open_form(page: Page, summary: str) -> None:
    """Open the form of a new object, unless it is open because there is no object yet."""
    details = page.locator("details.creation", has=page.get_by_text(summary, exact=True))
    if details.get_attribute("open") is None:
        details.locator("summary").click()


def test_sign_in_create_a_key_use_it_and_delete_it(watched: Watched, service: Service, wire: Wire) -> None:
    page = watched.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service.url)
    watched.sign_in(service.account)
    open_form(page, "New app")
    page.get_by_label("Name of a new app").fill("Shop")
    page.get_by_role("button", name="Create app").click()
    page.get_by_label("Name of a new custom integration").fill("Support bot")
    page.get_by_label("Webhook URL").fill("https://bot.example/hook")
    page.get_by_role("button", name="Create integration").click()
    page.get_by_label("Name of a new key").fill("CI worker")
    page.get_by_role("button", name="Create key").click()
    assert "Copy the secret now" in page.get_by_role("status").first.inner_text()

    page.get_by_role("button", name="Copy The secret", exact=True).click()
    page.get_by_text("The secret copied").wait_for()
    key = Key(page.locator("#key-id").inner_text(), page.evaluate("navigator.clipboard.readText()"))
    assert key.secret == page.locator("#secret").inner_text()
    assert wire.get("/v2/tokenInfo", key).json["app"]["displayName"] == "Shop"

    page.reload()
    assert page.locator("#secret").count() == 0
    page.get_by_role("link", name="Show the secret once more").click()
    page.get_by_label("Your own secret").fill(service.account.secret)
    page.get_by_role("button", name="Show the secret").click()
    assert page.locator("#secret").inner_text() == key.secret

    page.get_by_role("link", name="Delete key…").click()
    page.get_by_label("Type the name of the key").fill("CI worker")
    page.get_by_role("button", name="Delete key").click()
    assert "Every node refuses it from now on" in page.get_by_role("status").first.inner_text()
    assert wire.get("/v2/tokenInfo", key).status == 401

    page.get_by_role("link", name="Audit trail", exact=True).click()
    assert "key.delete" in page.locator("table").inner_text()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("You have signed out.").wait_for()
    page.go_back()
    page.get_by_label("Key id").wait_for()  # the browser does not show the earlier pages
    watched.require_quiet()


def test_keyboard_suffices_to_sign_in_and_create_a_key(watched: Watched, tenant: Tenant) -> None:
    page, press = watched.page, watched.page.keyboard.press
    watched.open("/console/sign-in")
    expect(page.get_by_label("Key id")).to_be_focused()  # the browser sets the focus a moment after it shows the page
    page.keyboard.type(tenant.app_key.id)
    press("Tab")
    page.keyboard.type(tenant.app_key.secret)
    press("Enter")
    page.wait_for_url("**/console/apps/*")
    press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    press("Enter")
    for _ in range(20):
        press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", page.evaluate("document.activeElement.outerHTML")
        if page.evaluate("document.activeElement.textContent") == "Mine":
            break
    press("Enter")
    page.wait_for_url("**/integrations/*")
    for _ in range(20):
        press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == "New key":
            press("Enter")
            press("Tab")
            break
    expect(page.get_by_label("Name of a new key")).to_be_focused()
    page.keyboard.type("By keyboard")
    press("Enter")
    page.get_by_role("heading", name="By keyboard").wait_for()
    watched.require_quiet()


def test_pages_work_without_scripts_except_for_copying(browser: Browser, service: Service, tenant: Tenant) -> None:
    context = browser.new_context(java_script_enabled=False)
    watched = watch(context, service.url)
    watched.sign_in(tenant.app_key)
    page = watched.page
    page.get_by_role("link", name="Mine", exact=True).click()
    open_form(page, "New key")
    page.get_by_label("Name of a new key").fill("Scriptless")
    page.get_by_role("button", name="Create key").click()
    assert len(page.locator("#secret").inner_text()) == 86
    assert page.get_by_role("button", name="Copy").count() == 0
    context.close()


def test_sign_in_link_signs_in_and_leaves_the_address_bar(
    browser: Browser, watched: Watched, service: Service, tenant: Tenant
) -> None:
    key, app = tenant.app_key, f"/console/apps/{tenant.app_id}"
    link = sign_in_link(service.url, key.id, key.secret, key.scope, app)
    page = watched.page
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_url(f"{service.url}{app}")
    page.go_back()  # the form with the link has no entry in the history
    assert page.url == "about:blank"

    page.goto(link + "x")
    page.get_by_text("The sign-in link is invalid").wait_for()
    assert "token" not in page.url
    assert watched.hosts <= {urlsplit(service.url).netloc, ""}

    context = browser.new_context(java_script_enabled=False)
    without_scripts = context.new_page()
    without_scripts.goto(link)
    without_scripts.get_by_label("Key id").fill(key.id)
    without_scripts.get_by_label("Secret").fill(key.secret)
    without_scripts.get_by_role("button", name="Sign in").click()
    without_scripts.wait_for_url(f"{service.url}{app}")
    context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_programs_of_a_key_are_in_tabs_that_the_keyboard_reaches(
    browser: Browser, service: Service, tenant: Tenant, scripts: bool
) -> None:
    context = browser.new_context(java_script_enabled=scripts)
    watched = watch(context, service.url)
    watched.sign_in(tenant.app_key)
    page = watched.page
    watched.open(f"/console/apps/{tenant.app_id}/integrations/{tenant.integration_id}/keys/{tenant.key.id}")
    programs = page.locator(".shown pre")
    assert programs.count() == 5
    expect(page.locator("#environment")).to_be_visible()
    assert [program.is_visible() for program in programs.all()] == [True, False, False, False, False]
    page.get_by_role("radio", name="Environment").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#curl")).to_be_visible()
    assert [program.is_visible() for program in programs.all()] == [False, True, False, False, False]
    assert page.evaluate("getComputedStyle(document.querySelector('#show-curl + label')).outlineStyle") == "solid"
    page.locator("label", has_text="Token in Python").click()
    expect(page.locator("#jwt")).to_be_visible()
    assert page.get_by_role("button", name="Copy Token in Python").count() == (1 if scripts else 0)
    context.close()


def test_chart_fits_and_its_labels_do_not_overlap(watched: Watched, service: Service, tenant: Tenant) -> None:
    now = time.time()
    hour = int(now // 3600 * 3600)

    async def count() -> None:
        store = await open_store(Settings(service.data))
        await store.count_usage(
            [KeyHour(tenant.key.id, hour - back * 3600, 900 + back, now, "") for back in range(168)]
        )
        await store.close()

    with ThreadPoolExecutor() as threads:  # this one has the event loop of Playwright
        threads.submit(lambda: asyncio.run(count())).result()
    watched.sign_in(tenant.app_key)
    watched.open(f"/console/apps/{tenant.app_id}/integrations/{tenant.integration_id}/keys/{tenant.key.id}")
    page = watched.page
    require_sound(Axe(), page, "chart")
    for viewport, _ in LOOKS:
        page.set_viewport_size(viewport)
        figure = box(page.locator("figure"))
        bars = [box(bar) for bar in (page.locator(".hours .bar").first, page.locator(".hours .bar").last)]
        assert figure.left < bars[0].left < bars[0].right <= bars[1].left < bars[1].right < figure.right
        days = [box(text) for text in page.locator(".hours text").all() if text.is_visible()]
        assert len(days) >= 3
        assert all(left.right < right.left for left, right in pairwise(days))
        values = [box(text) for text in page.locator(".scale text").all()]
        assert len(values) >= 3
        assert all(upper.bottom <= lower.top for lower, upper in pairwise(values))
        assert figure.left < values[0].left and max(value.right for value in values) <= bars[0].left
        page.locator(".hours .hour").first.hover()
        assert (
            page.locator(".hours .hour:hover title").text_content() == page.locator(".hour title").first.text_content()
        )


def test_audit_trail_has_one_column_on_a_phone(browser: Browser, service: Service, tenant: Tenant) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    watched = watch(context, service.url)
    watched.sign_in(tenant.app_key)
    watched.open("/console/audit")
    cells = watched.page.locator(".trail tbody tr").nth(1).locator("td:not(.outcome)")
    boxes = sorted((box(cell) for cell in cells.all()), key=lambda cell: cell.top)
    assert len(boxes) == 4 and len({cell.left for cell in boxes}) == 1
    assert all(upper.bottom <= lower.top for upper, lower in pairwise(boxes))
    assert watched.page.evaluate("document.documentElement.scrollWidth") == 360
    context.close()


def test_events_of_a_new_webhook_are_marked_in_the_form(watched: Watched, tenant: Tenant, wire: Wire) -> None:
    watched.sign_in(tenant.app_key)
    page = watched.page
    open_form(page, "New integration")
    page.get_by_label("Name of a new custom integration").fill("Bot")
    expect(page.get_by_label("conversation:message", exact=True)).to_be_hidden()
    page.get_by_label("Only the events that I mark").check()
    page.get_by_label("conversation:message", exact=True).check()
    page.get_by_label("Webhook URL").fill("bot.example")
    page.get_by_role("button", name="Create integration").click()
    expect(page.locator("#target-fault")).to_contain_text("This is not a URL with http or https")
    expect(page.get_by_label("conversation:message", exact=True)).to_be_checked()
    page.get_by_label("Webhook URL").fill("https://bot.example/hook")
    page.get_by_role("button", name="Create integration").click()
    page.get_by_role("heading", name="Bot", exact=True).wait_for()
    webhooks = f"{tenant.app}/integrations/{page.locator('#integration-id').inner_text()}/webhooks"
    assert wire.get(webhooks, tenant.app_key).json["webhooks"][0]["triggers"] == ["conversation:message"]


@dataclass(frozen=True)
class Box:
    """Where an element is on the page, in pixels."""

    left: float
    top: float
    right: float
    bottom: float


def box(element: Locator) -> Box:
    measured = element.bounding_box()
    assert measured is not None
    left, top = measured["x"], measured["y"]
    return Box(left, top, left + measured["width"], top + measured["height"])


@contextmanager
def partners_site(service: Service, links: dict[str, str]) -> Iterator[str]:
    """Serve a partner's pages from another site: one with a link for each path in `links`, and an empty one elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = links.get(self.path, "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    site = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    assert urlsplit(service.url).hostname == "127.0.0.1"
    try:
        yield f"http://localhost:{site.server_port}"
    finally:
        site.shutdown()
        site.server_close()


def test_sign_in_link_on_a_page_of_another_site_shows_the_form(
    watched: Watched, service: Service, tenant: Tenant
) -> None:
    key = tenant.app_key
    link = sign_in_link(service.url, key.id, key.secret, key.scope)
    with partners_site(service, {"/": f'<a href="{link}">Free hats</a>'}) as site:
        watched.page.goto(site)
        watched.page.get_by_role("link").click()
        watched.page.get_by_label("Key id").wait_for()
        watched.page.wait_for_url(lambda url: "token" not in url)  # the script may run after the form is shown
        watched.page.wait_for_timeout(500)
        assert watched.page.get_by_label("Key id").is_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_partner_of_another_site_is_connected(
    browser: Browser, service: Service, wire: Wire, tenant: Tenant, scripts: bool
) -> None:
    """The session's cookie does not come with the request from the other site, and the answer leads back to it."""
    context = browser.new_context(java_script_enabled=scripts)
    watched = watch(context, service.url)
    links: dict[str, str] = {}
    with partners_site(service, links) as site:
        partner = new_partner(wire, service.account, redirectUris=[f"{site}/callback"])
        asked = f"{service.url}/oauth/authorize?client_id={partner.id}&response_type=code&state=a%26b"
        links["/"] = f'<a href="{asked.replace("&", "&amp;")}">Connect</a>'
        if scripts:
            watched.sign_in(tenant.app_key)
        page = watched.page
        page.goto(site)
        page.get_by_role("link", name="Connect").click()
        if not scripts:
            page.get_by_label("Key id").fill(tenant.app_key.id)
            page.get_by_label("Secret").fill(tenant.app_key.secret)
            page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Connect “A partner”?").wait_for()
        page.get_by_role("button", name="Allow").click()
        page.wait_for_url(f"{site}/callback?**")
        query = parse_qs(urlsplit(page.url).query)
        assert query["state"] == ["a&b"]
        token = partner.exchange(query["code"][0]).json["access_token"]
        assert wire.get("/v2/tokenInfo", f"Bearer {token}").json["app"]["id"] == tenant.app_id

        page.goto(site)  # once more, to refuse; the person is signed in now
        page.get_by_role("link", name="Connect").click()
        page.get_by_role("button", name="Refuse").click()
        page.wait_for_url(f"{site}/callback?error=access_denied&state=a%26b")
        assert watched.complaints == []
    context.close()


def test_consent_page_is_not_shown_in_a_frame(watched: Watched, service: Service, wire: Wire, tenant: Tenant) -> None:
    links: dict[str, str] = {}
    with partners_site(service, links) as site:
        partner = new_partner(wire, service.account, redirectUris=[f"{site}/callback"])
        consent = f"{service.url}/console/authorize?client_id={partner.id}&amp;response_type=code"
        links["/"] = f'<iframe src="{consent}"></iframe>'
        watched.sign_in(tenant.app_key)
        watched.page.goto(site)
        (frame,) = watched.page.main_frame.child_frames
        frame.wait_for_load_state()
        assert frame.get_by_role("button", name="Allow").count() == 0
        assert any("frame-ancestors" in complaint for complaint in watched.complaints)


def test_without_a_clipboard_the_copy_button_selects_the_text(watched: Watched, tenant: Tenant) -> None:
    watched.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    watched.sign_in(tenant.app_key)
    watched.page.get_by_role("button", name="Copy The app").click()
    watched.page.get_by_text("Selected; press Ctrl+C to copy").wait_for()
    assert watched.page.evaluate("getSelection().toString()") == tenant.app_id


def test_key_with_an_end_is_created_rotated_and_ended(watched: Watched, wire: Wire, tenant: Tenant) -> None:
    page = watched.page
    watched.sign_in(tenant.app_key)
    watched.open(f"/console/apps/{tenant.app_id}/integrations/{tenant.integration_id}")
    open_form(page, "New key")
    moment = page.get_by_label("Date and time of its end")
    expect(moment).to_be_hidden()
    page.get_by_label("It expires").select_option("At a date and time…")
    page.get_by_label("Name of a new key").fill("Bot")
    moment.fill("2020-01-31T18:00")
    page.get_by_role("button", name="Create key").click()
    expect(moment).to_be_focused()
    expect(moment).to_have_value("2020-01-31T18:00")
    expect(page.get_by_label("Name of a new key")).to_have_value("Bot")
    page.get_by_text("This time has passed. Enter a later one, in UTC.").wait_for()
    watched.complaints.clear()  # the browser reports the status 422
    moment.fill("2099-01-31T18:00")
    page.get_by_role("button", name="Create key").click()
    page.get_by_text("2099-01-31T18:00:00Z").wait_for()
    key = Key(page.locator("#key-id").inner_text(), page.locator("#secret").inner_text())

    page.get_by_role("link", name="Rotate key…").click()
    page.get_by_label("The old key works for").select_option("1 day")
    page.get_by_label("End it early").select_option("1 hour")
    page.get_by_role("button", name="Rotate key").click()
    page.get_by_text("Key rotated.").wait_for()
    successor = Key(page.locator("#key-id").inner_text(), page.locator("#secret").inner_text())
    assert successor.id != key.id
    assert wire.get(tenant.webhooks, key, headers={"User-Agent": "a program"}).status == 200
    page.get_by_role("link", name=key.id).click()
    page.get_by_text("being replaced").wait_for()
    page.get_by_role("link", name="End now…").click()
    page.get_by_role("button", name="End the key now").click()
    page.get_by_text("Key ended.").wait_for()
    assert [wire.get(tenant.webhooks, used).status for used in (key, successor)] == [401, 200]
    page.get_by_role("link", name="Mine").click()
    page.get_by_role("link", name="Expiring within 30 days, or expired (1)").click()
    row = page.get_by_role("row").filter(has_text=key.id)
    expect(row).to_contain_text("expired")
    expect(page.get_by_role("row")).to_have_count(2)
    watched.require_quiet()


def test_no_page_violates_axe_rules_or_scrolls_sideways(
    watched: Watched, service: Service, wire: Wire, tenant: Tenant
) -> None:
    partner = new_partner(wire, service.account, displayName="A partner of many words, " * 4)
    app = f"/console/apps/{tenant.app_id}"
    integration = f"{app}/integrations/{tenant.integration_id}"
    key = f"{integration}/keys/{tenant.key.id}"
    ending = wire.post(tenant.keys, tenant.app_key, {"displayName": "x" * 100, "expiresAt": "2099-12-31T18:00:00Z"})
    old = Key.of(ending.json["key"])
    assert wire.send("PUT", rotation_path(tenant, old), tenant.account, body={"whenQuietSeconds": 86400}).status == 200
    agent = {"User-Agent": "y" * 200}
    assert wire.get(tenant.webhooks, old, headers=agent).status == 200
    pages = [
        f"{integration}/keys/{old.id}", f"{integration}/keys/{old.id}/rotate", f"{integration}/keys/{old.id}/end",
        f"{key}/rotate", f"{integration}?keys=expiring", f"{integration}?keys=unused",
        "/console/apps", app, f"{app}/delete", integration, f"{app}/integrations/{tenant.web_id}", key,
        f"{key}/secret", f"{key}/delete", f"{app}?search=mine", f"{app}?search=nothing", "/console/account-keys",
        f"/console/account-keys/{service.account.id}", "/console/audit",
        f"/console/authorize?client_id={partner.id}&response_type=code",
    ]  # fmt: skip
    axe = Axe()
    watched.open("/console/sign-in")
    require_sound(axe, watched.page, "sign-in")
    watched.sign_in(service.account)
    for path in pages:
        watched.open(path)
        require_sound(axe, watched.page, path)
    watched.require_quiet()
    for path, status in (("/console/nothing", 404), ("/console/audit?key=x", 422)):
        answer = watched.page.goto(f"{service.url}{path}")
        assert answer is not None and answer.status == status
        require_sound(axe, watched.page, path)
    watched.open(integration)
    open_form(watched.page, "New key")
    watched.page.get_by_label("Name of a new key").fill(" ")
    watched.page.get_by_role("button", name="Create key").click()
    require_sound(axe, watched.page, "a fault")
    watched.page.get_by_label("Name of a new key").fill("A name of many words, " * 4)
    watched.page.get_by_role("button", name="Create key").click()
    require_sound(axe, watched.page, "a secret")
