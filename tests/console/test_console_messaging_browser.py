"""The pages about deliveries, the switchboard and users in a real browser, at two widths and in both colour schemes."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from support import targets
from support.browsing import Watched, require_sound
from support.machine import needs
from support.messaging import TEXT, chat, create_switchboard, create_user, post
from support.targets import Target
from support.waiting import wait_until
from support.wire import Service, Tenant, Wire, make_tenant

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
    assert page.get_by_text("403", exact=True).count() == 1
    assert page.get_by_text(target.content.decode()).count() == 1
    page.get_by_role("button", name="Redeliver").click()
    assert "This is the new delivery" in page.get_by_role("status").first.inner_text()
    wait_for_end(wire, tenant)
    page.reload()
    assert page.get_by_text("delivered", exact=True).count() == 1
    first, second = target.wait_for(2)
    assert first.body == second.body
    watched.require_quiet()


def test_switchboard_is_created_and_control_handed_over(watched: Watched, wire: Wire, tenant: Tenant) -> None:
    page = watched.page
    watched.sign_in(tenant.app_key)
    page.get_by_role("link", name="Switchboard").click()
    page.get_by_role("button", name="Create switchboard").click()
    assert "Switchboard created and turned on." in page.get_by_role("status").first.inner_text()
    conversation = chat(wire, tenant, create_user(wire, tenant))
    page.get_by_label("Conversation’s id").fill(conversation)  # noqa: RUF001 - the label's text
    page.get_by_role("button", name="Show").click()
    assert page.locator("#active").inner_text() == "Mine"
    page.get_by_label("Offer control to").select_option("agents")
    page.get_by_role("button", name="Offer control").click()
    page.get_by_role("button", name="Accept for agents").click()
    assert page.locator("#active").inner_text() == "agents"
    page.get_by_label("Pass control to").select_option("Mine")
    page.get_by_role("button", name="Pass control").click()
    assert page.locator("#active").inner_text() == "Mine"
    assert page.locator("table").inner_text().count("control passed to Mine") == 1
    page.get_by_role("button", name="Release control").click()
    assert page.locator("#active").count() == 0
    watched.require_quiet()


def test_person_is_looked_up_renamed_and_forgotten(watched: Watched, wire: Wire, tenant: Tenant) -> None:
    create_user(wire, tenant, externalId="jane", profile={"givenName": "Jane", "surname": "Doe"})
    page = watched.page
    watched.sign_in(tenant.app_key)
    page.get_by_role("link", name="Users").click()
    page.get_by_label("Search users").fill("jane")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Jane Doe").click()
    page.get_by_role("link", name="Edit profile").click()
    page.get_by_label("Surname").fill("Smith")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Jane Smith").wait_for()
    page.get_by_role("link", name="Delete personal information").click()
    page.get_by_label("Type the name of the user").fill("Jane Smith")
    page.get_by_role("button", name="Delete personal information").click()
    page.get_by_role("heading", name="jane", exact=True).wait_for()
    page.get_by_role("link", name="Delete user").click()
    page.get_by_label("Type the name of the user").fill("jane")
    page.get_by_role("button", name="Delete user").click()
    page.get_by_text("There are no users yet.").wait_for()
    watched.require_quiet()


def test_pages_about_conversations_violate_no_axe_rules_and_do_not_scroll_sideways(
    watched: Watched, service: Service, wire: Wire, tenant: Tenant, target: Target
) -> None:
    wire.patch(tenant.integration, tenant.app_key, {"displayName": "x" * 100})
    (webhook,) = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"]
    wire.patch(f"{tenant.webhooks}/{webhook['id']}", tenant.app_key, {"target": f"{target.url}/{'x' * 500}"})
    target.answer = lambda call: 503
    target.content = b"x" * 3000
    post(wire, tenant, chat(wire, tenant, create_user(wire, tenant)), TEXT)
    number = wait_for_end(wire, tenant)
    app = f"/console/apps/{tenant.app_id}"
    bare = f"/console/apps/{make_tenant(wire, service.account).app_id}"
    conversation = chat(wire, tenant, create_user(wire, tenant))
    entry = create_switchboard(wire, tenant, messageHistoryCount=10)[1]
    long = {"name": "y" * 128}
    board = wire.get(f"{tenant.app}/switchboards", tenant.app_key).json["switchboards"][0]["id"]
    wire.patch(f"{tenant.app}/switchboards/{board}/switchboardIntegrations/{entry['id']}", tenant.app_key, long)
    for action, body in (
        ("pass", {"switchboardIntegration": entry["id"]}),
        ("offer", {"switchboardIntegration": "bot"}),
    ):
        answer = wire.post(f"{tenant.conversations}/{conversation}/{action}Control", tenant.app_key, body)
        assert answer.status == 200, answer
    profile = {"givenName": "x" * 60, "surname": "y" * 30, "email": f"{'z' * 60}@example.com"}
    person = create_user(wire, tenant, externalId="e" * 900, profile=profile, metadata={"n" * 100: "v" * 900})
    user = f"{app}/users/{person['id']}"
    login = {"externalId": "e" * 900, "email": f"{'z' * 60}@example.com"}
    wire.post(f"/simulator/v1/apps/{tenant.app_id}/users/{person['id']}/login", tenant.app_key, login)
    wire.post(f"/simulator/v1/apps/{tenant.app_id}/conversations", tenant.app_key, {"userId": person["id"]})
    pages = {
        f"{app}/users": 200,
        f"{app}/users?search=nobody": 200,
        f"{app}/users?search={'x' * 1025}": 422,
        f"{bare}/users": 200,
        user: 200,
        f"{user}/profile": 200,
        f"{user}/personal-information": 200,
        f"{user}/delete": 200,
        f"{bare}/switchboard": 200,
        f"{app}/switchboard": 200,
        f"{app}/switchboard?conversation=x": 422,
        f"{app}/switchboard/entries/{entry['id']}": 200,
        f"{app}/switchboard/entries/{entry['id']}/delete": 200,
        f"{app}/switchboard/{conversation}": 200,
        f"{app}/deliveries": 200,
        f"{app}/deliveries?state=cancelled": 200,
        f"{app}/deliveries?webhook=x&state=lost": 422,
        f"{app}/deliveries/{number}": 200,
        f"{app}/deliveries/0": 404,
    }
    axe = Axe()
    watched.sign_in(service.account)
    for path, status in pages.items():
        answer = watched.page.goto(f"{service.url}{path}")
        assert answer is not None and answer.status == status, path
        require_sound(axe, watched.page, path)
    assert watched.hosts == {urlsplit(service.url).netloc}
