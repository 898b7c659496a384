"""Attachments: the struct that the store holds, its JSON, and the URL of its file."""

from __future__ import annotations

import mimetypes
import os
import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec

from sunshine_messaging.moments import Milliseconds

UNKNOWN_TYPE = "application/octet-stream"

NAME_LENGTH = 128
"""The most characters in the name of a file. A longer name keeps its extension."""

_EXTENSION_LENGTH = 16
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_ULID = re.compile(f"[0-7][{_ALPHABET}]{{25}}", re.ASCII)
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}", re.ASCII)
_CHARSET = re.compile(r"[A-Za-z0-9_.:-]{1,32}", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_TYPES = mimetypes.MimeTypes()  # without the files of this machine


class Attachment(msgspec.Struct, frozen=True):
    """An uploaded file. `base` is the URL that its own begins with.

    `sha256` is the digest of its bytes. With `goes_with_message`, it is deleted together with the message that shows it
    (`message_key`) and with its conversation; the others have neither. Until `is_complete`, its bytes are being written and nobody can see it.
    """

    id: str
    app_id: str
    conversation_id: str | None
    message_key: str | None
    goes_with_message: bool
    is_complete: bool
    name: str
    media_type: str
    size: int
    sha256: bytes
    base: str

    @property
    def url(self) -> str:
        return f"{self.base}/attachments/v2/{self.id}/{quote(self.name, safe='')}"


class Chunk(msgspec.Struct, frozen=True):
    """A part of a file that the database holds. Parts are numbered from 0."""

    attachment_id: str
    number: int
    data: bytes


class MediaUrl(msgspec.Struct, frozen=True):
    """The parts of a URL that has the form of an attachment's."""

    host: str
    id: str
    name: str


def attachment_view(attachment: Attachment) -> dict[str, Any]:
    """Return the attachment as JSON of the API."""
    return {"attachment": {"mediaUrl": attachment.url, "mediaType": attachment.media_type}}


def new_ulid(moment: Milliseconds) -> str:
    """Return a new id of 26 characters. Ids sort by their moment."""
    return _base32(moment << 80 | int.from_bytes(os.urandom(10)))


def first_ulid(moment: Milliseconds) -> str:
    """Return the lowest id of a moment."""
    return _base32(max(moment, 0) << 80)


def is_ulid(text: str) -> bool:
    return _ULID.fullmatch(text) is not None


def _base32(number: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def parsed_url(url: str) -> MediaUrl | None:
    """Return the parts of a URL; None unless it has the form of an attachment's."""
    try:
        split = urlsplit(url)
        path = split.path.split("/")
        is_plain = split.scheme in ("http", "https") and split.username is None
    except ValueError:
        return None
    if not is_plain or path[-4:-2] != ["attachments", "v2"] or not is_ulid(path[-2]):
        return None
    return MediaUrl(split.netloc.lower(), path[-2], unquote(path[-1]))


def file_name(written: str) -> str:
    """Return the name of a file as its URL shows it, without folders and characters that cannot be seen."""
    name = _UNPRINTABLE.sub("", re.split(r"[/\\]", written)[-1]).strip()
    if not name.strip("."):
        return "file"
    stem, dot, extension = name.rpartition(".")
    if len(name) <= NAME_LENGTH or not stem or len(extension) > _EXTENSION_LENGTH:
        return name[:NAME_LENGTH]
    return stem[: NAME_LENGTH - len(extension) - 1] + dot + extension


def media_type(written: str, name: str) -> str:
    """Return the media type that a part names, else that of the name's extension, else UNKNOWN_TYPE.

    Of its parameters only the charset is kept.
    """
    essence, *parameters = written.split(";")
    essence = essence.strip().lower()
    if not _MEDIA_TYPE.fullmatch(essence):
        return _TYPES.guess_type(f"/{name}", strict=True)[0] or UNKNOWN_TYPE
    for parameter in parameters:
        key, _, value = parameter.strip().partition("=")
        if key.lower() == "charset" and _CHARSET.fullmatch(value := value.strip('"')):
            return f"{essence}; charset={value.lower()}"
    return essence
