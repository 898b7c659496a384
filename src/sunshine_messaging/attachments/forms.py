"""The form of an upload: one file, written to disk while it arrives."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterable
from typing import IO, TYPE_CHECKING

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sunshine_keys.errors import BadRequest, PayloadTooLarge, UnsupportedMediaType
from sunshine_messaging.attachments.model import file_name, media_type

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_HEADER_BYTES = 8 * 1024
"""The most bytes in the headers of a part."""

_WRITTEN = 256 * 1024
"""Bytes that are written to the file together, in a thread."""


class Upload(msgspec.Struct, frozen=True):
    """A file that has arrived."""

    name: str
    media_type: str
    size: int
    sha256: bytes


class _Form:
    """What the parser reports of a form. A part other than a single `source` with a file is refused."""

    def __init__(self) -> None:
        self.is_whole = False
        self.part: tuple[str, str] | None = None
        """The file name and the Content-Type of the part."""
        self.arrived = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._size = 0

    def on_part_begin(self) -> None:
        if self.part is not None:
            raise BadRequest("The form should have one part, named source")

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += self._counted(data[start:end])

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += self._counted(data[start:end])

    def _counted(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size > _HEADER_BYTES:
            raise BadRequest(f"The headers of a part are limited to {_HEADER_BYTES // 1024} kB")
        return data

    def on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if options.get(b"name") != b"source":
            raise BadRequest("The form should have one part, named source")
        if self._headers.get(b"content-transfer-encoding", b"binary").lower() not in (b"binary", b"7bit", b"8bit"):
            raise BadRequest("Content-Transfer-Encoding should be binary")
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        self.part = name, self._headers.get(b"content-type", b"").decode("latin-1")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.arrived += memoryview(data)[start:end]

    def on_end(self) -> None:
        self.is_whole = True


async def receive(content_type: bytes, body: AsyncIterable[bytes], most: int, file: IO[bytes]) -> Upload:
    """Write the file of a form, at most `most` bytes, into `file`, while the form arrives.

    Raises BadRequest, PayloadTooLarge, UnsupportedMediaType, OSError, and what `body` raises.
    """
    form = _Form()
    parser = _parser(content_type, form)
    digest, size = hashlib.sha256(), 0

    def write(data: bytearray) -> None:
        digest.update(data)
        file.write(data)

    async for data in body:
        try:
            parser.write(data)
        except FormParserError:
            raise BadRequest from None
        if size + len(form.arrived) > most:
            raise PayloadTooLarge(f"Uploads are limited to {most // 2**20} MB")
        if len(form.arrived) >= _WRITTEN:
            size += len(form.arrived)
            await asyncio.to_thread(write, form.arrived)
            form.arrived = bytearray()
    size += len(form.arrived)
    await asyncio.to_thread(write, form.arrived)
    if not form.is_whole:
        raise BadRequest
    if form.part is None:
        raise BadRequest("The form should have one part, named source")
    if size == 0:
        raise BadRequest("source should NOT be an empty file")
    name = file_name(form.part[0])
    return Upload(name, media_type(form.part[1], name), size, digest.digest())


def _parser(content_type: bytes, form: _Form) -> MultipartParser:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise UnsupportedMediaType("Content-Type should be multipart/form-data")
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise BadRequest("Content-Type should have a boundary")
    callbacks: MultipartCallbacks = {
        "on_part_begin": form.on_part_begin,
        "on_part_data": form.on_part_data,
        "on_header_field": form.on_header_field,
        "on_header_value": form.on_header_value,
        "on_header_end": form.on_header_end,
        "on_headers_finished": form.on_headers_finished,
        "on_end": form.on_end,
    }
    try:
        return MultipartParser(boundary, callbacks)
    except FormParserError:
        raise BadRequest from None
