"""Chromium for the tests of the console, and what it reports of a page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from support.wire import Key

LOOKS: tuple[tuple[ViewportSize, Literal["light", "dark"]], ...] = (
    ({"width": 360, "height": 740}, "dark"),
    ({"width": 1440, "height": 900}, "light"),
)
"""A phone and a large screen, one in the dark."""


@contextmanager
def launched() -> Iterator[Browser]:
    """Run Chromium."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "the tests of the console need chromium on the PATH"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield browser
        browser.close()


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


def watch(context: BrowserContext, url: str) -> Watched:
    watched = Watched(context.new_page(), url)
    watched.page.on("request", lambda request: watched.hosts.add(urlsplit(request.url).netloc))
    watched.page.on("console", lambda message: watched.complaints.append(message.text))
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    return watched


def require_sound(axe: Axe, page: Page, path: str) -> None:
    """Assert that axe reports nothing, and that the page does not scroll sideways, on a dark phone and a large light screen.

    The second look is at the same document: only its contrasts and its layout can be different.
    """
    rules: list[str] = []
    for viewport, scheme in LOOKS:
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=scheme)
        if not rules:
            # Playwright injects axe through the browser's protocol, to which the page's CSP does not apply.
            page.evaluate(axe.axe_script)
        options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
        result = AxeResults(page.evaluate("options => axe.run(options)", options))
        assert result.violations_count == 0, f"{path}, {scheme}\n{result.generate_report()}"
        widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert widths[0] <= widths[1], (path, widths)
        rules = ["color-contrast"]
