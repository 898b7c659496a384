"""The page /docs describes every operation, and its examples work."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal

import pytest
from support import messaging, oauth, rotations
from support.machine import needs
from support.wire import Answer, Key, Service, Tenant, Wire, first_run

from sunshine_keys import errors, server
from sunshine_keys.access.scopes import Scope
from sunshine_keys.compose import OPERATIONS
from sunshine_keys.server import Connections
from sunshine_keys.settings import Settings
from sunshine_keys.wire import reference
from sunshine_keys.wire.limits import RateLimits
from sunshine_keys.wire.operation import Operation
from sunshine_keys.wire.reference import variable

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """The elements and texts of a page. Parsing fails if an element is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.handle_data(" " if tag in ("dt", "dd") else "")

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def all(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.elements if name in attributes]


@pytest.fixture(scope="module")
def answer(wire: Wire) -> Answer:
    return wire.get("/docs")


@pytest.fixture(scope="module")
def page(answer: Answer) -> Page:
    return Page(answer.content.decode())


@pytest.fixture(scope="module")
def document(wire: Wire) -> Any:
    return wire.get("/openapi.json").json


def test_the_page_needs_no_key_and_may_load_only_its_style(wire: Wire, answer: Answer) -> None:
    style = wire.get("/docs/style.css")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (style.status, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
    assert answer.headers["x-content-type-options"] == style.headers["x-content-type-options"] == "nosniff"
    assert b"url(" not in style.content and b"@import" not in style.content
    assert wire.send("HEAD", "/docs").status == 200
    assert wire.post("/docs").headers["allow"] == "GET, HEAD"
    for path in ("/docs/", "/docs/other.css", "/docs/style.css/", "/healthz/style.css"):
        assert wire.get(path).errors == [("not_found", "Resource not found")]


def test_the_page_loads_only_its_style_and_links_only_to_itself(page: Page) -> None:
    assert page.all("src") == page.all("style") == []
    assert {tag for tag, _ in page.elements} & {"script", "style", "iframe", "img"} == set()
    outside = {target for target in page.all("href") if not target.startswith("#")}
    assert outside == {"docs/style.css", "openapi.json", "console"}


def test_page_leads_to_the_console_if_there_is_one(tmp_path: Path) -> None:
    first_run(tmp_path)
    with server.running(Settings(tmp_path, console=False)) as url:
        assert "console" not in Page(Wire(url).get("/docs").content.decode()).all("href")


def test_examples_use_the_address_of_the_reader(wire: Wire, service: Service) -> None:
    assert f"export HOST={service.url} KEY_ID" in wire.get("/docs").content.decode()
    named = wire.get("/docs", headers={"Host": "keys.example:8443"}).content.decode()
    assert "export HOST=http://keys.example:8443 KEY_ID" in named and service.url not in named
    assert "host.invalid" not in named


def test_examples_use_the_public_url(tmp_path: Path) -> None:
    first_run(tmp_path)
    with server.running(Settings(tmp_path), Connections(public_url="https://chat.example/keys")) as url:
        html = Wire(url).get("/docs").content.decode()
        assert "export HOST=https://chat.example/keys KEY_ID" in html and 'href="console"' in html


def test_page_and_console_take_all_colours_from_one_file(wire: Wire) -> None:
    package = Path(reference.__file__).parents[1]
    colours = (package / "wire" / "colours.css").read_bytes()
    assert b"--accent: #" in colours and b"prefers-color-scheme: dark" in colours
    for path, file in (
        ("/docs/style.css", package / "wire" / "reference.css"),
        ("/console/static/console.css", package / "console" / "static" / "console.css"),
    ):
        assert wire.get(path).content == colours + file.read_bytes()
        assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgb|hsl", file.read_text()) == []
        used = set(re.findall(r"var\((--[a-z-]+)\)", file.read_text()))
        assert used and used <= set(re.findall(r"(--[a-z-]+):", colours.decode())), path


def test_every_link_has_one_target(page: Page) -> None:
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    targets = {target[1:] for target in page.all("href") if target.startswith("#")}
    assert targets <= set(ids)
    assert set(page.all("aria-labelledby")) <= set(ids)


def test_heading_levels_are_not_skipped(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(then <= now + 1 for now, then in itertools.pairwise(levels))


def test_the_page_describes_every_operation(page: Page, document: Any) -> None:
    articles = [article.split() for article in page.texts["article"]]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            (words,) = [
                article_words
                for article_words in articles
                if article_words[:3] == [operation["operationId"], method.upper(), path]
            ]
            article = " ".join(words)
            assert operation["summary"] in article
            assert set(operation["responses"]) <= set(words)
            for scope in operation["security"][0]["basic"] if operation["security"] else ["Needs no key"]:
                assert scope in article
            for parameter in [*methods.get("parameters", []), *operation.get("parameters", [])]:
                assert parameter["name"] in words
            assert [name for name in _properties(operation.get("requestBody", {})) if name not in article] == []


def _properties(value: Any) -> list[str]:
    """Return the names of all properties of all schemas in a value."""
    if isinstance(value, list):
        return [name for item in value for name in _properties(item)]
    if not isinstance(value, dict):
        return []
    own = list(value["properties"]) if isinstance(value.get("properties"), dict) else []
    return own + [name for item in value.values() for name in _properties(item)]


def test_the_page_describes_every_error_and_schema(page: Page, document: Any) -> None:
    terms = {" ".join(term.split()) for term in page.texts["dt"]}
    assert {f"{kind.status} {kind.code}" for kind in errors.kinds()} <= terms
    assert {f"schema-{name}" for name in document["components"]["schemas"]} <= set(page.all("id"))


@needs("curl")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_example_works(page: Page, service: Service, wire: Wire, tenant: Tenant, operation: Operation) -> None:
    (article,) = [text for text in page.texts["article"] if text.split()[0] == operation.id]
    curl = article[article.index("curl ") :]
    key: Key = tenant.account if operation.scopes == {Scope.ACCOUNT} else tenant.app_key
    webhook = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"][0]["id"]
    variables = {
        "HOST": service.url,
        "KEY_ID": key.id,
        "SECRET": key.secret,
        "APP_ID": tenant.app_id,
        "INTEGRATION_ID": tenant.integration_id,
        "KEY": tenant.key.id if "integrationId" in operation.placeholders else tenant.app_key.id,
        "WEBHOOK_ID": webhook,
    }
    if operation.is_messaging:
        ids = messaging.placeholders(wire, service, tenant)
        if operation.name == "create_switchboard":  # an app has one at most
            assert wire.delete(f"{tenant.app}/switchboards/{ids['switchboardId']}", key).status == 200
        variables |= {variable(name).removeprefix("$"): id for name, id in ids.items()}
    if operation.tag in oauth.TAGS:
        variables |= {variable(name).removeprefix("$"): text for name, text in oauth.placeholders(wire, tenant).items()}
    if operation.tag == rotations.TAG:
        rotations.begin(wire, tenant)
    asked = curl.rstrip() + " --silent --write-out '\\n%{http_code}'"
    done = subprocess.run(
        ["bash", "-euc", asked], env=os.environ | variables, capture_output=True, text=True, check=True
    )
    body, _, status = done.stdout.rpartition("\n")
    assert int(status) == operation.status, done.stdout
    assert operation.status == 302 or json.loads(body) is not None


def test_it_counts_as_a_request_of_its_address(tmp_path: Path) -> None:
    first_run(tmp_path)
    with server.running(Settings(tmp_path, rate_limits=RateLimits.of(None, "1/hour", None))) as url:
        assert [Wire(url).get("/docs").status for _ in range(2)] == [200, 429]


KEEP_ONE_OF_A_KIND = """() => {
  const kinds = new Set();
  const kind = element => element === document.body
    ? "" : `${kind(element.parentElement)} ${element.tagName}.${element.className}`;
  const visit = element => {
    if ([element, ...element.querySelectorAll("*")].map(kind).every(one => kinds.has(one))) return element.remove();
    kinds.add(kind(element));
    [...element.children].forEach(visit);
  };
  [...document.body.children].forEach(visit);
}"""
"""Remove every element from a page of which all kinds of elements, by their names, classes and parents, have occurred before."""


@needs("chromium")
def test_the_page_is_accessible(service: Service) -> None:
    """Contrast is measured on one element of a kind: it depends on no more, and takes a minute on the whole page."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    said: list[str] = []
    looks: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 360), ("dark", 1440))
    rules: dict[str, Any] = {"color-contrast": {"enabled": False}}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{service.url}/docs")
        for _, width in looks:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") == width
        report = Axe().run(page, options={"resultTypes": ["violations"], "rules": rules})
        assert report.violations_count == 0, report.generate_report()
        page.evaluate(KEEP_ONE_OF_A_KIND)
        assert page.locator("article").count() > 0
        for scheme, width in looks:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            report = Axe().run(page)
            assert any(rule["id"] == "color-contrast" for rule in report.response["passes"])
            assert report.violations_count == 0, report.generate_report()
        browser.close()
    assert said == []
