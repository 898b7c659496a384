"""Serve the bytes of an attachment: ranges, caches, and headers that prevent a browser from running them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from urllib.parse import quote

from sunshine_keys.apps.table import require_app
from sunshine_keys.errors import AppNotFound, AttachmentNotFound, RangeNotSatisfiable
from sunshine_keys.wire.answers import Headers, Stream
from sunshine_keys.wire.request import Request
from sunshine_messaging.attachments.model import Attachment, is_ulid
from sunshine_messaging.attachments.table import require_attachment
from sunshine_messaging.calls import Plane

_SHOWN = re.compile(r"(image/(?!svg)|audio/|video/)[^+;]*|application/pdf|text/plain(;.*)?")
"""The media types that a browser shows without running any of their content."""

_POLICY = b"default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


async def serve(plane: Plane, request: Request, id: str, name: str) -> Stream:
    """Return the file, or the range of it that the request names. Raises AttachmentNotFound, RangeNotSatisfiable."""
    if not is_ulid(id):
        raise AttachmentNotFound
    attachment = await plane.store.read(require_attachment(id))
    if attachment.name != name:
        raise AttachmentNotFound
    try:
        await plane.engine.store.read(require_app(attachment.app_id))
    except AppNotFound:
        raise AttachmentNotFound from None
    tag = f'"{attachment.sha256.hex()}"'
    headers = _headers(attachment, tag)
    sent_tag = request.headers.get(b"if-none-match")
    if sent_tag is not None and _matches(sent_tag.decode("latin-1"), tag):
        return Stream(304, headers, 0, _nothing())
    wanted = request.headers.get(b"range") if request.method == "GET" else None
    condition = request.headers.get(b"if-range", tag.encode())
    span = None
    if wanted is not None and condition == tag.encode():
        span = _span(wanted.decode("latin-1"), attachment.size)
    start, end = span or (0, attachment.size)
    if span is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, attachment.size)))
    parts = _nothing() if request.method == "HEAD" else plane.files.read(id, start, end)
    return Stream(200 if span is None else 206, headers, end - start, parts)


async def _nothing() -> AsyncGenerator[bytes]:
    return
    yield b""


def _headers(attachment: Attachment, tag: str) -> Headers:
    return [
        (b"content-type", attachment.media_type.encode()),
        (b"cache-control", b"no-cache"),
        (b"etag", tag.encode()),
        (b"accept-ranges", b"bytes"),
        (b"content-disposition", _disposition(attachment)),
        (b"content-security-policy", _POLICY),
    ]


def _disposition(attachment: Attachment) -> bytes:
    """Return how a browser handles the file, and its name (RFC 6266): also in ASCII, for old programs."""
    kind = "inline" if _SHOWN.fullmatch(attachment.media_type) else "attachment"
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", attachment.name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(attachment.name, safe='')}".encode()


def _matches(condition: str, tag: str) -> bool:
    return condition.strip() == "*" or tag in (part.strip().removeprefix("W/") for part in condition.split(","))


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """Return the first byte of a range, and the byte that follows its last.

    Return None for several ranges and for a malformed one: the whole file answers these. Raises RangeNotSatisfiable.
    """
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        if int(last) == 0:
            raise RangeNotSatisfiable(size)
        return max(size - int(last), 0), size
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise RangeNotSatisfiable(size)
    return int(first), min(int(last) + 1, size) if last else size
