"""The console in a real browser, by mouse and by keyboard, at two widths and in both colour schemes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from support.machine import needs
from support.wire import Key, Service, Tenant, Wire

CHROMIUM = shutil.which("chromium")
SIZES = ((360, 740), (1440, 900))

pytestmark = [
    needs("chromium"),
    # Playwright does not close its event loop before the process ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def browser(service: Service) -> Iterator[Browser]:
    assert CHROMIUM is not None, "the tests of the console need chromium on the PATH"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield launched
        launched.close()


@dataclass
class Watched:
    """A page, the hosts that it sent requests to, and the errors and console messages of the browser."""

    page: Page
    url: str
    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        answer = self.page.goto(f"{self.url}{path}")
        assert answer is not None and answer.status == 200, path
        assert "unsafe" not in answer.headers["content-security-policy"]

    def sign_in(self, key: Key) -> None:
        self.open("/console/sign-in")
        self.page.get_by_label("Key id").fill(key.id)
        self.page.get_by_label("Secret").fill(key.secret)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/console/apps**")

    def require_quiet(self) -> None:
        """Assert that the page used no other host, and that the browser reported nothing."""
        assert self.hosts == {urlsplit(self.url).netloc}
        assert self.complaints == []


@pytest.fixture
def watched(browser: Browser, service: Service) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield watch(context, service.url)
    context.close()


def watch(context: BrowserContext, url: str) -> Watched:
    watched = Watched(context.new_page(), url)
    watched.page.on("request", lambda request: watched.hosts.add(urlsplit(request.url).netloc))
    watched.page.on("console", lambda message: watched.complaints.append(message.text))
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    return watched


def test_sign_in_create_a_key_use_it_and_delete_it(watched: Watched, service: Service, wire: Wire) -> None:
    page = watched.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service.url)
    watched.sign_in(service.account)
    page.get_by_label("Name").fill("Shop")
    page.get_by_role("button", name="Create app").click()
    page.get_by_label("Name of a new custom integration").fill("Support bot")
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

    page.get_by_role("link", name="Delete key").click()
    page.get_by_label("Type the name of the key").fill("CI worker")
    page.get_by_role("button", name="Delete key").click()
    assert "Every node refuses it from now on" in page.get_by_role("status").first.inner_text()
    assert wire.get("/v2/tokenInfo", key).status == 401

    page.get_by_role("link", name="Audit trail").click()
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
        if page.evaluate("document.activeElement.id") == "key-name":
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
    page.get_by_label("Name of a new key").fill("Scriptless")
    page.get_by_role("button", name="Create key").click()
    assert len(page.locator("#secret").inner_text()) == 86
    assert page.get_by_role("button", name="Copy").count() == 0
    context.close()


def test_without_a_clipboard_the_copy_button_selects_the_text(watched: Watched, tenant: Tenant) -> None:
    watched.page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    watched.sign_in(tenant.app_key)
    watched.page.get_by_role("button", name="Copy The app").click()
    watched.page.get_by_text("Selected; press Ctrl+C to copy").wait_for()
    assert watched.page.evaluate("getSelection().toString()") == tenant.app_id


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_violates_axe_rules_or_scrolls_sideways(
    browser: Browser, service: Service, tenant: Tenant, scheme: str
) -> None:
    app = f"/console/apps/{tenant.app_id}"
    integration = f"{app}/integrations/{tenant.integration_id}"
    key = f"{integration}/keys/{tenant.key.id}"
    pages = [
        "/console/apps", app, f"{app}/delete", integration, f"{app}/integrations/{tenant.web_id}", key,
        f"{key}/secret", f"{key}/delete", "/console/account-keys", "/console/audit",
    ]  # fmt: skip
    axe = Axe()
    for width, height in SIZES:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        watched = watch(context, service.url)
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
        watched.page.get_by_label("Name of a new key").fill(" ")
        watched.page.get_by_role("button", name="Create key").click()
        require_sound(axe, watched.page, "a fault")
        watched.page.get_by_label("Name of a new key").fill("A name of many words, " * 4)
        watched.page.get_by_role("button", name="Create key").click()
        require_sound(axe, watched.page, "a secret")
        context.close()


def require_sound(axe: Axe, page: Page, path: str) -> None:
    # Playwright injects axe through the browser's protocol, to which the page's CSP does not apply.
    result = axe.run(page, options={"resultTypes": ["violations"]})
    assert result.violations_count == 0, f"{path}\n{result.generate_report()}"
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1], (path, widths)
