"""Forms: read within bounds, and held to what a browser would send for one of ours."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.requests import Request

from sunshine_keys.errors import BadRequest, Forbidden, PayloadTooLarge, UnsupportedMediaType
from sunshine_keys.ids import DISPLAY_NAME_LENGTH

FORM_BYTES = 16 * 1024
"""The most bytes that a form may have: the longest of ours takes less than two thousand."""

_MEDIA_TYPE = "application/x-www-form-urlencoded"


class Form(msgspec.Struct, frozen=True):
    """A form's fields as they were sent; empty where none was."""

    fields: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Form({', '.join(self.fields)})"

    def text(self, name: str) -> str:
        """A field without the space around it; empty where it is missing."""
        return self.fields.get(name, "").strip()


def new_once() -> str:
    """What tells one rendering of a form from another."""
    return secrets.token_hex(16)


async def read(request: Request) -> Form:
    """Raises UnsupportedMediaType, PayloadTooLarge, BadRequest."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _MEDIA_TYPE:
        raise UnsupportedMediaType(f"Content-Type should be {_MEDIA_TYPE}")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_BYTES:
            raise PayloadTooLarge(f"A form is limited to {FORM_BYTES // 1024} kB")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise BadRequest("The form cannot be read") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise BadRequest("The form names a field twice")
    return Form(fields)


def require_same_origin(request: Request) -> None:
    """Raises Forbidden where the browser says that another site's page sent the form.

    Browsers tell of it over https and on this machine by Sec-Fetch-Site, otherwise by Origin. A proxy may have changed
    the Host that Origin would be held against, so the former goes first.
    """
    fetched_from = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if fetched_from is not None:
        is_ours = fetched_from == "same-origin"
    elif origin is not None:
        is_ours = _authority(origin) == request.headers.get("host", "").lower() != ""
    else:
        is_ours = True  # no browser: what the form itself holds has to do
    if not is_ours:
        raise Forbidden("The form was sent by a page of another site")


def _authority(origin: str) -> str:
    """Host and port; empty where it names none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # an IPv6 address that is none
        return ""


def name_fault(name: str) -> str:
    """What is wrong with a display name, in words for the person who typed it; empty where nothing is."""
    if not name:
        return "Give it a name."
    if len(name) > DISPLAY_NAME_LENGTH:
        return f"The name has {len(name)} characters; {DISPLAY_NAME_LENGTH} are the most."
    if not name.isprintable():
        return "The name holds characters that cannot be shown."
    return ""
