"""A browser without a screen: it stores cookies, reads forms and submits them."""

from __future__ import annotations

import contextlib
import html
import http.client
import re
import ssl
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from support.wire import Key

_TAG = re.compile(r"<(form|input|select|button)\b([^>]*)>", re.DOTALL)
_ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')


@dataclass(frozen=True)
class Form:
    """`choices` are the names of lists, buttons and boxes without a mark, which a person adds to the fields."""

    action: str
    fields: dict[str, str]
    choices: set[str] = field(default_factory=set)
    is_search: bool = False


@dataclass(frozen=True)
class Page:
    status: int
    headers: dict[str, str]
    set_cookies: list[str]
    html: str

    @property
    def text(self) -> str:
        """The visible text of the page."""
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", self.html)).split())

    def form(self, action: str) -> Form:
        """Return the form whose action ends with `action`, other than a search."""
        forms = [form for form in _forms(self.html) if form.action.endswith(action) and not form.is_search]
        assert len(forms) == 1, (action, [form.action for form in _forms(self.html)], self.text)
        return forms[0]

    def of(self, id: str) -> str:
        """Return the text of the element with this id, or an empty string."""
        element = re.search(rf'id="{id}">([^<]*)<', self.html)
        return html.unescape(element[1]) if element else ""


def _forms(text: str) -> list[Form]:
    forms: list[Form] = []
    for kind, attributes in _TAG.findall(text):
        named = {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(attributes)}
        if kind == "form":
            forms.append(Form(named["action"], {}, is_search=named.get("role") == "search"))
        elif forms and (kind in ("select", "button") or _is_unmarked(named, attributes)):
            forms[-1].choices.update([named["name"]] if "name" in named else [])
        elif forms:
            forms[-1].fields[named["name"]] = named.get("value", "")
    return forms


def _is_unmarked(named: dict[str, str], attributes: str) -> bool:
    """Return True for a radio button or a checkbox that is not checked: a browser does not send it."""
    return named.get("type") in ("radio", "checkbox") and not attributes.rstrip("/ ").endswith(" checked")


@dataclass
class Visitor:
    """`authority` is the certificate that signs the one of an https URL."""

    url: str
    authority: Path | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    def cookie(self, kind: str) -> str:
        """Return the value of the console's cookie for the session, the form or the notice; empty if there is none."""
        values = [value for name, value in self.cookies.items() if f"sunshine_keys_{kind}_" in name]
        assert len(values) <= 1
        return "".join(values)

    def send(self, method: str, path: str, content: bytes | None = None, headers: dict[str, str] | None = None) -> Page:
        """Send one request with the cookies. Redirects are not followed."""
        address = urlsplit(self.url).netloc
        if self.authority is None:
            connection = http.client.HTTPConnection(address, timeout=30)
        else:
            context = ssl.create_default_context(cafile=self.authority)
            connection = http.client.HTTPSConnection(address, timeout=30, context=context)
        named = dict(headers or {})
        if self.cookies:
            named["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            # The server may refuse a large body and close before it has all of it. The answer is still readable.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, content, named)
            response = connection.getresponse()
            response_headers = {name.lower(): value for name, value in response.getheaders()}
            set_cookies = response.headers.get_all("set-cookie") or []
            page = Page(response.status, response_headers, set_cookies, response.read().decode())
        finally:
            connection.close()
        for cookie in set_cookies:
            for name, morsel in SimpleCookie(cookie).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return page

    def get(self, path: str, headers: dict[str, str] | None = None) -> Page:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> Page:
        named = {"Content-Type": "application/x-www-form-urlencoded"} | (headers or {})
        return self.send("POST", path, urlencode(fields).encode(), named)

    def submit(self, page: Page, action: str, **fields: str) -> Page:
        """Submit a form of a page with these fields filled in."""
        form = page.form(action)
        assert fields.keys() <= form.fields.keys() | form.choices
        return self.post(form.action, form.fields | fields)

    def follow(self, page: Page) -> Page:
        assert page.status == 303, page.text
        return self.get(page.headers["location"])

    def sign_in(self, key: Key) -> Page:
        return self.submit(self.get("/console/sign-in"), "/sign-in", key_id=key.id, secret=key.secret)

    def signed_in(self, key: Key) -> Visitor:
        page = self.sign_in(key)
        assert page.status == 303, page.text
        return self
