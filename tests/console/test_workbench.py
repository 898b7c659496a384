"""The whole way of a developer, in a real browser: `dev`, a bot, its customer and its agent, and a webhook that fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from support.browsing import Watched, require_sound, watch
from support.dev import Dev, bot, dev
from support.machine import needs

pytestmark = [
    needs("chromium"),
    # Playwright does not close its event loop before the process ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


class Workbench:
    """`dev` with a bot on `port`, and a browser that its link has opened."""

    def __init__(self, dev: Dev, port: int, browser: Browser) -> None:
        self.dev = dev
        self.port = port
        self.variables = dev.bot_variables()
        self.watched: Watched = watch(browser.new_context(), self.variables["SUNSHINE_CONVERSATIONS_HOST"])
        self.page: Page = self.watched.page
        link = re.search(r"http://\S+#token=\S+", dev.said)
        assert link is not None
        self.page.goto(link[0])
        self.page.wait_for_url("**/chat")

    def tab(self, name: str) -> None:
        self.page.get_by_role("navigation", name="Pages of the app").get_by_role("link", name=name).click()

    def say(self, text: str) -> None:
        self.page.get_by_label("Message", exact=True).fill(text)
        self.page.keyboard.press("Enter")

    def hear(self, text: str) -> None:
        self.page.get_by_role("log").get_by_text(text).last.wait_for()


@pytest.fixture
def bench(browser: Browser, tmp_path: Path, unused_port: int) -> Iterator[Workbench]:
    with dev(tmp_path, "--forward-to", f"http://localhost:{unused_port}/webhook") as running:
        bench = Workbench(running, unused_port, browser)
        yield bench
        bench.page.context.close()


def test_developer_talks_to_a_bot_and_finds_out_what_fails(bench: Workbench) -> None:
    page = bench.page
    bench.tab("Switchboard")
    page.get_by_role("button", name="Create switchboard").click()
    bench.tab("Chat")
    with bot(bench.variables, bench.port):
        page.get_by_label("Name of a new person").fill("Jane")
        page.get_by_role("button", name="Start a conversation").click()

        # A quick reply, a form, and a text
        page.get_by_role("button", name="Contact form").click()
        page.get_by_label("Your name").fill("Jane")
        page.get_by_label("Your e-mail").fill("jane@example.com")
        page.get_by_role("button", name="Send form").click()
        bench.hear("Thank you, Jane!")
        require_sound(Axe(), page, "chat")

        # To an agent and back, once by the agent and once by the bot
        page.get_by_role("link", name="Agent", exact=True).click()
        page.get_by_role("button", name="Pass to agents").click()
        page.get_by_text("agents has control").wait_for()
        bench.say("I am Ann.")
        bench.hear("I am Ann.")
        page.get_by_role("button", name="Pass to Bot").click()
        bench.hear("How can I help?")
        page.get_by_role("navigation", name="Who you are").get_by_role("link", name="Jane").click()
        page.get_by_role("button", name="Talk to a person").click()
        page.get_by_text("agents has control").wait_for()
        page.get_by_role("button", name="Pass to Bot").click()
        page.get_by_text("Bot has control").wait_for()

    # The bot stops: its webhook fails, and what it missed is delivered once more
    bench.say("Are you there?")
    bench.hear("Are you there?")
    conversation = page.url
    bench.tab("Deliveries")
    failed = page.get_by_role("row").filter(has_text="conversation:message").first
    expect(failed).to_contain_text("pending")
    failed.get_by_role("link").first.click()
    page.get_by_text("no answer").first.wait_for()
    page.get_by_text("Are you there?").first.wait_for()
    require_sound(Axe(), page, "delivery")
    with bot(bench.variables, bench.port):
        page.get_by_role("button", name="Redeliver").click()
        page.goto(conversation)
        bench.hear("You said: Are you there?")

        # The bot's key is revoked meanwhile
        bench.tab("Integrations and keys")
        page.get_by_role("link", name="Bot", exact=True).click()
        page.get_by_role("table").get_by_role("link", name="Bot", exact=True).click()
        page.get_by_role("link", name=re.compile("Delete")).click()
        page.get_by_label("Type the name of the key").fill("Bot")
        page.get_by_role("button", name="Delete key").click()
        page.get_by_text("Every node refuses it from now on").wait_for()
        page.goto(conversation)
        bench.say("And now?")
        bench.hear("And now?")
        bench.dev.wait_for("401 unauthorized")
    bench.watched.require_quiet()
    assert bench.dev.stop() == 0
