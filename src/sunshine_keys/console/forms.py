"""Forms: read within bounds, and checked to come from a page of this console."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.requests import Request

from sunshine_keys.errors import BadRequest, Forbidden, PayloadTooLarge, UnsupportedMediaType
from sunshine_keys.ids import DISPLAY_NAME_LENGTH

FORM_BYTES = 128 * 1024
"""The most bytes of a form. A message of 4,096 letters that are not Latin takes 37 thousand, most forms take two thousand."""

MOST_FIELDS = 200
"""The most fields of a form. The answer to a form of a bot has one for each of its fields."""

_MEDIA_TYPE = "application/x-www-form-urlencoded"


_REFUSED = ("Cc", "Cs", "Cn")
"""Categories of characters that a name may not have: control, surrogate, unassigned."""

_BLANKS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f]")
"""Letters, marks and symbols that show nothing: fillers, selectors of variants, an empty Braille pattern."""

_INVISIBLE = ("Cc", "Cf", "Cs", "Cn")

_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of the text after them, so that a name could look like another."""


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
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise BadRequest("The form cannot be read") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise BadRequest("The form names a field twice")
    return Form(fields)


def of_headers(request: Request) -> Form:
    """Return what a script sends beside a file: the form's token, and a value that makes the upload happen once."""
    names = {"form_token": "x-form-token", "once": "x-form-once"}
    return Form({name: request.headers.get(header, "") for name, header in names.items()})


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


def seen(text: str) -> str:
    """Return what a person sees of a text: in NFC, without invisible characters, and with single spaces."""
    normalised = unicodedata.normalize("NFC", text)
    return " ".join("".join(character for character in normalised if _is_visible(character)).split())


def _is_visible(character: str) -> bool:
    if character.isspace():
        return True
    return unicodedata.category(character) not in _INVISIBLE and not _BLANKS.match(character)


def legible(text: str) -> str:
    """Return a text of somebody else's, such as an answer, with control characters and changes of direction written as escapes."""
    return "".join(
        f"\\u{ord(character):04x}"
        if character in _OVERRIDES or (unicodedata.category(character) in _REFUSED and character not in "\n\t")
        else character
        for character in text
    )


def named(name: str, id: str) -> str:
    """Return a name to show for an object: its id if a person would see nothing of its name."""
    return name if seen(name) else id


def user_name(user: Mapping[str, Any]) -> str:
    """Return the name of a user for people: from the profile, else the e-mail address, else the external id, else the id."""
    profile = user.get("profile") or {}
    name = " ".join(profile[part] for part in ("givenName", "surname") if profile.get(part))
    for text in (name, profile.get("email", ""), user.get("externalId", "")):
        if text and named(text, "") and len(text) <= DISPLAY_NAME_LENGTH:
            return str(text)
    return str(user["id"])


def name_fault(name: str) -> str:
    """Return what is wrong with a display name, for the person who typed it; empty if nothing is."""
    if not name:
        return "The name is empty. Enter a name."
    if len(name) > DISPLAY_NAME_LENGTH:
        return f"The name has {len(name)} characters. Use at most {DISPLAY_NAME_LENGTH}."
    if any(unicodedata.category(character) in _REFUSED or character in _OVERRIDES for character in name):
        return "The name has control characters. Remove them."
    return ""
