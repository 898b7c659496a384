"""The pages about deliveries in a real browser, at two widths and in both colour schemes."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from support import targets
from support.browsing import SIZES, Watched, require_sound, watch
from support.machine import needs
from support.messaging import TEXT, chat, create_user, post
from support.targets import Target
from support.waiting import wait_until
from support.wire import Service, Tenant, Wire

pytestmark = [
    needs("chromium"),
    # Playwright does not close its event loop before the process ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def target(wire: Wire, tenant: Tenant) -> Iterator[Target]:
    """A target that the webhook of the test's app calls."""
    with targets.listening() as target:
        (webhook,) = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"]
        wire.patch(f"{tenant.webhooks}/{webhook['id']}", tenant.app_key, {"target": target.url})
        yield target


def wait_for_end(wire: Wire, tenant: Tenant) -> int:
    """Return the number of the newest delivery once its first attempt has ended."""
    path = f"/sunshine/v1/apps/{tenant.app_id}/deliveries"
    wait_until(lambda: wire.get(path, tenant.app_key).json["deliveries"][0]["attempts"])
    return int(wire.get(path, tenant.app_key).json["deliveries"][0]["number"])


def test_failing_delivery_is_looked_at_and_redelivered(
    watched: Watched, wire: Wire, tenant: Tenant, target: Target
) -> None:
    target.answer = lambda call: 403 if len(target.calls) == 1 else 200
    target.content = b"<script>document.title = 'broken'</script>"
    post(wire, tenant, chat(wire, tenant, create_user(wire, tenant)), TEXT)
    wait_for_end(wire, tenant)
    page = watched.page
    watched.sign_in(tenant.app_key)
    page.get_by_role("link", name="Deliveries").click()
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="conversation:message").click()
    assert page.get_by_text("403").count() == 1
    assert page.get_by_text(target.content.decode()).count() == 1
    page.get_by_role("button", name="Redeliver").click()
    assert "This is the new delivery" in page.get_by_role("status").first.inner_text()
    wait_for_end(wire, tenant)
    page.reload()
    assert page.get_by_text("delivered", exact=True).count() == 1
    first, second = target.wait_for(2)
    assert first.body == second.body
    watched.require_quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_about_conversations_violate_no_axe_rules_and_do_not_scroll_sideways(
    browser: Browser, service: Service, wire: Wire, tenant: Tenant, target: Target, scheme: str
) -> None:
    wire.patch(tenant.integration, tenant.app_key, {"displayName": "x" * 100})
    (webhook,) = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"]
    wire.patch(f"{tenant.webhooks}/{webhook['id']}", tenant.app_key, {"target": f"{target.url}/{'x' * 500}"})
    target.answer = lambda call: 503
    target.content = b"x" * 3000
    post(wire, tenant, chat(wire, tenant, create_user(wire, tenant)), TEXT)
    number = wait_for_end(wire, tenant)
    app = f"/console/apps/{tenant.app_id}"
    pages = {
        f"{app}/deliveries": 200,
        f"{app}/deliveries?state=cancelled": 200,
        f"{app}/deliveries?webhook=x&state=lost": 422,
        f"{app}/deliveries/{number}": 200,
        f"{app}/deliveries/0": 404,
    }
    axe = Axe()
    for width, height in SIZES:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        watched = watch(context, service.url)
        watched.sign_in(service.account)
        for path, status in pages.items():
            answer = watched.page.goto(f"{service.url}{path}")
            assert answer is not None and answer.status == status, path
            require_sound(axe, watched.page, path)
        assert watched.hosts == {urlsplit(service.url).netloc}
        context.close()
