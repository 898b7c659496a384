"""Render templates, and serve the static files. All are read once, at the first request for the console."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sunshine_keys.console import conversation_lines, sessions
from sunshine_keys.console.forms import legible, named, new_once
from sunshine_keys.console.moments import clock, moment, span
from sunshine_keys.console.requests import AnonymousRequest, SignedInRequest
from sunshine_keys.errors import NotFound
from sunshine_keys.ids import created
from sunshine_keys.wire.reference import colours

_FOLDER = Path(__file__).parent
_PATH_ATTRIBUTE = re.compile(rb'<[^>]* (?:href|action|src|data-live)="(?=/)')
_LINKS = ("http", "https", "mailto", "tel")
"""The schemes of URIs from messages that a page links to."""

_RELATIVE_LINK = re.compile(r' href="(?!https?://|mailto:|tel:)[^"]*"', re.IGNORECASE)
"""A link of the HTML of a message, as nh3 writes it, to a place on the site that shows it."""

_YEAR_SECONDS = 365 * 24 * 60 * 60

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action {form_action}; base-uri 'none'; "
    "frame-ancestors 'none'"
)

PAGE_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY.format(form_action="'self'"),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # With `no-referrer` browsers would send `Origin: null` with the console's own forms.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class _File(msgspec.Struct, frozen=True):
    content: bytes
    media_type: str
    digest: str


def _file(name: str, media_type: str) -> _File:
    content = (_FOLDER / "static" / name).read_bytes()
    if name.endswith(".css"):
        content = colours() + content
    return _File(content, media_type, hashlib.sha256(content).hexdigest()[:16])


_FILES = {
    "console.css": _file("console.css", "text/css; charset=utf-8"),
    "console.js": _file("console.js", "text/javascript; charset=utf-8"),
    "chat.css": _file("chat.css", "text/css; charset=utf-8"),
    "chat.js": _file("chat.js", "text/javascript; charset=utf-8"),
    "icon.svg": _file("icon.svg", "image/svg+xml"),
}

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


_FILTERS: dict[str, Any] = {
    "named": named,
    "legible": legible,
    "moment": moment,
    "created": created,
    "clock": clock,
    "span": span,
    "pretty": lambda value: msgspec.json.format(msgspec.json.encode(value)).decode(),
    "preview": conversation_lines.preview,
    "activity": conversation_lines.activity_line,
}
_TEMPLATES.filters.update(_FILTERS)


def _is_link(uri: str) -> bool:
    scheme, colon, _ = uri.partition(":")
    return bool(colon) and scheme.lower() in _LINKS


def _rich(html: str) -> Markup:
    """Return the HTML of a message, which was cleaned when it was posted, without links that lead into the console."""
    return Markup(_RELATIVE_LINK.sub("", html))  # noqa: S704 - cleaned by nh3


_TEMPLATES.filters["rich"] = _rich
_TESTS: dict[str, Any] = {"link": _is_link}
_TEMPLATES.tests.update(_TESTS)
_GLOBALS: dict[str, Any] = {
    "assets": {
        kind: f"/console/static/{name}?v={_FILES[name].digest}"
        for kind, name in (
            ("style", "console.css"),
            ("script", "console.js"),
            ("icon", "icon.svg"),
            ("chat_style", "chat.css"),
            ("chat_script", "chat.js"),
        )
    },
    "new_once": new_once,
}
_TEMPLATES.globals.update(_GLOBALS)


def page(visit: SignedInRequest, template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page for a person who is signed in."""
    response = _render(template, status, {"visit": visit, "form_token": visit.signed_in.form_token, **values})
    if visit.notice[0]:
        sessions.delete_notice(visit.request, response)
    return response


def allow_redirect(response: Response, origin: str) -> Response:
    """Let the forms of a page be answered by a redirect to `origin`: browsers check the targets of such redirects, too."""
    response.headers["content-security-policy"] = _POLICY.format(form_action=f"'self' {origin}")
    return response


def guest_page(template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page for a person who is not signed in."""
    return _render(template, status, {"visit": None, **values})


def redirect(path: str, visit: SignedInRequest | None = None, notice: tuple[str, str] = ("", "")) -> Response:
    """Return a redirect to a page; `notice` is the flash message that it shows: its kind, and an id."""
    response = RedirectResponse(path, 303, PAGE_HEADERS)
    if visit is not None and notice[0]:
        sessions.set_notice(visit.signed_in, visit.request, response, notice, visit.clock())
    return response


def fragment(template: str, macro: str, *values: Any) -> str:
    """Return what a macro of a template renders."""
    rendered: str = getattr(_TEMPLATES.get_template(template).module, macro)(*values)
    return rendered


def _render(template: str, status: int, values: dict[str, Any]) -> Response:
    return HTMLResponse(_TEMPLATES.get_template(template).render(values), status, PAGE_HEADERS)


def add_prefix(response: Response, prefix: str) -> None:
    """Put the path of the public URL before the paths in a page's attributes and in a redirect.

    Text cannot be taken for an attribute: quotation marks in it are escaped.
    """
    if not prefix:
        return
    if response.headers.get("location", "").startswith("/"):
        response.headers["location"] = prefix + response.headers["location"]
    if isinstance(response, HTMLResponse):
        response.body = with_prefix(bytes(response.body), prefix)
        response.headers["content-length"] = str(len(response.body))


def with_prefix(html: bytes, prefix: str) -> bytes:
    """Put a prefix before the paths in the attributes of HTML."""
    return _PATH_ATTRIBUTE.sub(rb"\g<0>" + prefix.encode(), html) if prefix else html


async def static_file(guest: AnonymousRequest) -> Response:
    """Return a static file. Its URL changes with its content, so that browsers can cache it for ever."""
    file = _FILES.get(guest.ids["name"])
    if file is None:
        raise NotFound
    is_named = guest.request.query_params.get("v") == file.digest
    headers = {
        "cache-control": f"public, max-age={_YEAR_SECONDS}, immutable" if is_named else "no-cache",
        "etag": f'"{file.digest}"',
        "content-type": file.media_type,
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
    if _has(guest.request, file.digest):
        del headers["content-type"]
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers)


def _has(request: Request, digest: str) -> bool:
    tags = request.headers.get("if-none-match", "").split(",")
    return any(tag.strip().removeprefix("W/") in ("*", f'"{digest}"') for tag in tags)
