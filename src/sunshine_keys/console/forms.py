"""Forms: read within bounds, and checked to come from a page of this console."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.requests import Request

from sunshine_keys.errors import BadRequest, Forbidden, PayloadTooLarge, UnsupportedMediaType
from sunshine_keys.ids import DISPLAY_NAME_LENGTH

FORM_BYTES = 16 * 1024
"""The most bytes of a form: the longest of the console takes less than two thousand."""

_MEDIA_TYPE = "application/x-www-form-urlencoded"


class Form(msgspec.Struct, frozen=True):
    """A form's fields as they were sent; empty if no form was sent."""

    fields: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Form({', '.join(self.fields)})"

    def text(self, name: str) -> str:
        """Return a field without surrounding space; empty if it is missing."""
        return self.fields.get(name, "").strip()


def new_once() -> str:
    """Return a value that identifies one rendering of a form."""
    return secrets.token_hex(16)


async def read(request: Request) -> Form:
    """Read the form of a request. Raises UnsupportedMediaType, PayloadTooLarge, BadRequest."""
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
    """Raises Forbidden if a page of another site sent the form.

    Over https and on this machine browsers send Sec-Fetch-Site, otherwise Origin. A proxy may have changed the Host that
    Origin is compared with, so Sec-Fetch-Site is checked first. With --public-url, Host is the public one.
    """
    fetched_from = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if fetched_from is not None:
        is_ours = fetched_from == "same-origin"
    elif origin is not None:
        is_ours = _authority(origin) == request.headers.get("host", "").lower() != ""
    else:
        is_ours = True  # not a browser: the token in the form must suffice
    if not is_ours:
        raise Forbidden(
            "The form was sent by a page of another site. If this is the console itself behind a proxy, the operator should "
            "start the service with --public-url and the address that browsers use"
        )


def _authority(origin: str) -> str:
    """Return the host and port of an origin; empty if it has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # an invalid IPv6 address
        return ""


def name_fault(name: str) -> str:
    """Return what is wrong with a display name, for the person who typed it; empty if nothing is."""
    if not name:
        return "The name is empty. Enter a name."
    if len(name) > DISPLAY_NAME_LENGTH:
        return f"The name has {len(name)} characters. Use at most {DISPLAY_NAME_LENGTH}."
    if not name.isprintable():
        return "The name has characters that cannot be shown. Remove them."
    return ""
