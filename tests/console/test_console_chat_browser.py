"""The chat in a real browser: what happens appears at once, and every kind of message can be sent and is shown."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from support.browsing import Watched
from support.machine import needs
from support.messaging import chat, create_user, post
from support.wire import Tenant, Wire

pytestmark = [
    needs("chromium"),
    # Playwright does not close its event loop before the process ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

BUSINESS = {"author": {"type": "business"}}


def test_chat_shows_what_happens_and_sends_every_kind_of_message(watched: Watched, wire: Wire, tenant: Tenant) -> None:
    page = watched.page
    watched.sign_in(tenant.app_key)
    watched.open(f"/console/apps/{tenant.app_id}/chat")
    page.get_by_label("Name of a new person").fill("Jane")
    page.get_by_role("button", name="Start a conversation").click()
    page.get_by_text("Live: what happens appears at once.").wait_for()
    conversation = page.locator("#conversation-id").inner_text()
    thread = page.get_by_role("log")

    page.get_by_label("Message", exact=True).fill("Hello")
    page.keyboard.press("Enter")
    thread.get_by_text("Hello").wait_for()
    expect(page.get_by_label("Message", exact=True)).to_have_value("")

    choice = {"type": "reply", "text": "Order", "payload": "ORDER"}
    post(wire, tenant, conversation, BUSINESS | {"content": {"type": "text", "text": "What?", "actions": [choice]}})
    page.get_by_role("button", name="Order").click()
    expect(page.get_by_role("button", name="Order")).to_have_count(0)
    expect(thread.locator(".mine")).to_have_count(2)

    form = {"type": "form", "fields": [{"type": "email", "name": "mail", "label": "Your e-mail"}]}
    post(wire, tenant, conversation, BUSINESS | {"content": form})
    page.get_by_label("Your e-mail").fill("jane")
    page.evaluate("document.querySelector('.answer').noValidate = true")
    page.get_by_role("button", name="Send form").click()
    expect(page.locator("#fault")).to_have_text("fields.mail should be an e-mail address.")
    page.get_by_label("Your e-mail").fill("jane@example.com")
    page.get_by_role("button", name="Send form").click()
    thread.get_by_text("jane@example.com").wait_for()
    expect(page.locator("#fault")).to_be_hidden()

    page.get_by_text("Send something else").click()
    page.get_by_label("A file or an image").set_input_files(
        {"name": "hat.svg", "mimeType": "image/svg+xml", "buffer": b'<svg xmlns="http://www.w3.org/2000/svg"/>'}
    )
    page.get_by_role("button", name="Send file").click()
    thread.locator("img").wait_for()
    page.get_by_role("button", name="Send location").click()
    thread.get_by_text("48.8584, 2.2945").wait_for()

    thread.get_by_role("link", name="JSON").last.click()
    page.get_by_role("heading", name="Message as JSON").wait_for()
    activity = f"{tenant.conversations}/{conversation}/activity"
    wire.post(activity, tenant.app_key, {"author": {"type": "business"}, "type": "typing:start"})
    page.get_by_text("The business is typing").wait_for()
    page.get_by_text("Read by Jane").wait_for()  # the page is visible, so Jane has read everything
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    watched.require_quiet()


def test_chat_goes_on_after_it_was_hidden(watched: Watched, wire: Wire, tenant: Tenant) -> None:
    page = watched.page
    conversation = chat(wire, tenant, create_user(wire, tenant))
    watched.sign_in(tenant.app_key)
    watched.open(f"/console/apps/{tenant.app_id}/chat/{conversation}")
    page.get_by_text("Live: what happens appears at once.").wait_for()
    hide = "state => {Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});"
    page.evaluate(hide + "document.dispatchEvent(new Event('visibilitychange'))}", "hidden")
    post(wire, tenant, conversation, BUSINESS | {"content": {"type": "text", "text": "While away"}})
    page.evaluate(hide + "document.dispatchEvent(new Event('visibilitychange'))}", "visible")
    page.get_by_role("log").get_by_text("While away").wait_for()
    watched.require_quiet()


def test_chat_shows_what_is_there_after_it_was_hidden(watched: Watched, wire: Wire, tenant: Tenant) -> None:
    page = watched.page
    conversation = chat(wire, tenant, create_user(wire, tenant))
    said = [
        post(wire, tenant, conversation, BUSINESS | {"content": {"type": "text", "text": f"Message {number:03}"}})["id"]
        for number in range(101)
    ]
    watched.sign_in(tenant.app_key)
    watched.open(f"/console/apps/{tenant.app_id}/chat/{conversation}")
    page.get_by_text("Live: what happens appears at once.").wait_for()
    shown = page.locator("#thread > *")
    expect(shown).to_have_count(100)
    expect(shown.first).to_contain_text("Message 001")
    hide = "state => {Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});"
    page.evaluate(hide + "document.dispatchEvent(new Event('visibilitychange'))}", "hidden")
    assert wire.delete(f"{tenant.conversations}/{conversation}/messages/{said[50]}", tenant.app_key).status == 200
    page.evaluate(hide + "document.dispatchEvent(new Event('visibilitychange'))}", "visible")
    expect(shown.first).to_contain_text("Message 000")  # the place of a message is that of its id
    expect(shown.last).to_contain_text("Message 100")
    expect(page.get_by_text("Message 050")).to_have_count(0)
    assert wire.delete(f"{tenant.conversations}/{conversation}/messages", tenant.app_key).status == 200
    page.locator("#nothing").wait_for()
    watched.require_quiet()


def test_chat_tries_again_after_a_stream_was_refused(watched: Watched, wire: Wire, tenant: Tenant) -> None:
    page = watched.page
    conversation = chat(wire, tenant, create_user(wire, tenant))
    watched.sign_in(tenant.app_key)
    page.route("**/live?*", lambda route: route.fulfill(status=503), times=1)
    watched.open(f"/console/apps/{tenant.app_id}/chat/{conversation}")
    page.get_by_text("The page is no longer live").wait_for()
    page.get_by_text("Live: what happens appears at once.").wait_for()


def test_focus_stays_when_its_part_changes(watched: Watched, wire: Wire, tenant: Tenant) -> None:
    page = watched.page
    conversation = chat(wire, tenant, create_user(wire, tenant))
    watched.sign_in(tenant.app_key)
    watched.open(f"/console/apps/{tenant.app_id}/chat/{conversation}")
    page.get_by_text("Live: what happens appears at once.").wait_for()
    line = page.locator(f'#chats a[href$="{conversation}"]')
    line.focus()
    post(wire, tenant, conversation, BUSINESS | {"content": {"type": "text", "text": "News"}})
    expect(line).to_contain_text("News")
    expect(line).to_be_focused()
    watched.require_quiet()
