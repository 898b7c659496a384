"""Uploads: multipart/form-data whose file is read while it is sent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sunshine_conversations_client._messages import StreamedBody
from sunshine_conversations_client.exceptions import ApiArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO, TypeAlias

    FileSource: TypeAlias = "str | os.PathLike[str] | bytes | tuple[Any, ...] | IO[bytes] | Upload"
    """What `upload_attachment` takes: a path, bytes, a tuple (file name, file, type), an open file, or an `Upload`."""

_READ_AT_ONCE = 65536


class Upload:
    """A file to upload, as the `source` of `upload_attachment`.

    file: a path, bytes, or a file that is open for reading bytes; it is sent from its position.
    filename: the name that the service sees. Default: the name of the path or of the open file.
    content_type: the media type. Default: the type that the filename suggests, else application/octet-stream.
    on_progress: a function that is called with two numbers of bytes while the file is sent: those that were handed to the
    network, and all, or None if the length is unknown. A repetition starts at 0 again.

    Raises ApiArgumentError for a file of another type, and for an invalid content type.
    """

    def __init__(
        self,
        file: Any,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> None:
        if isinstance(file, str | os.PathLike):
            name: Any = os.path.basename(os.fspath(file))  # noqa: PTH119 - pathlib takes longer to import than this package
        elif isinstance(file, bytes | bytearray | memoryview):
            name = "source"
        elif callable(getattr(file, "read", None)):
            name = getattr(file, "name", None)
            name = os.path.basename(name) if isinstance(name, str) else "source"  # noqa: PTH119 - the same
        else:
            raise ApiArgumentError(
                "source should be a path, bytes, a tuple (file name, bytes, type), an open file or an Upload, not "
                f"{type(file).__name__}"
            )
        self.file = file
        self.filename = str(filename or name or "source")
        self.content_type = content_type or _guessed_type(self.filename)
        self.on_progress = on_progress
        if not (isinstance(self.content_type, str) and self.content_type.isascii() and self.content_type.isprintable()):
            raise ApiArgumentError("The content type of the source should be a media type such as image/png")

    @classmethod
    def of(cls, source: Any) -> Upload:
        """Return an upload of a path, bytes, an open file, or a tuple of a file's name, its file and optionally its type."""
        if isinstance(source, Upload):
            return source
        if isinstance(source, tuple) and len(source) in (2, 3) and not isinstance(source[1], str):
            return cls(source[1], filename=source[0], content_type=source[2] if len(source) == 3 else None)
        return cls(source)


def _guessed_type(filename: str) -> str:
    from mimetypes import guess_type

    return guess_type(filename)[0] or "application/octet-stream"


class MultipartBody(StreamedBody):
    """The body of a request with one file. `content_type` has the boundary. Raises OSError for a path that cannot be read."""

    def __init__(self, name: str, source: Any) -> None:
        self._upload = Upload.of(source)
        boundary = os.urandom(16).hex()
        filename = (
            self._upload.filename.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        )
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
            f"Content-Type: {self._upload.content_type}\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._start, self._size = _extent(self._upload.file)
        self._consumed = False
        self.length = None if self._size is None else len(self._head) + self._size + len(self._tail)

    @property
    def can_repeat(self) -> bool:
        return not self._consumed or self._start is not None

    def __iter__(self) -> Iterator[bytes]:
        self.error = None
        try:
            yield from self._parts()
        except GeneratorExit:
            raise
        except BaseException as error:
            self.error = error
            raise

    def _parts(self) -> Iterator[bytes]:
        sent, report = 0, self._upload.on_progress
        yield self._head
        for part in self._content():
            yield part
            sent += len(part)
            if report is not None:
                report(sent, self._size)
        yield self._tail

    def _content(self) -> Iterator[bytes]:
        file = self._upload.file
        if isinstance(file, bytes | bytearray | memoryview):
            with memoryview(file).cast("B") as content:
                for start in range(0, len(content), _READ_AT_ONCE):
                    yield bytes(content[start : start + _READ_AT_ONCE])
        elif isinstance(file, str | os.PathLike):
            with open(file, "rb") as opened:  # noqa: PTH123 - pathlib takes longer to import than this package
                yield from self._read(opened)
        else:
            if self._start is not None:
                file.seek(self._start)
            elif self._consumed:
                raise ApiArgumentError("The source cannot be read twice. Pass a file that can seek, a path or bytes.")
            yield from self._read(file)

    def _read(self, file: Any) -> Iterator[bytes]:
        """Read as many bytes as were announced. Raises ApiArgumentError if the file cannot be read or became shorter."""
        remaining = self._size
        while remaining is None or remaining > 0:
            self._consumed = True
            try:
                part = file.read(_READ_AT_ONCE if remaining is None else min(remaining, _READ_AT_ONCE))
            except (OSError, ValueError) as error:  # a network library would take them for its own
                raise ApiArgumentError(f"The source cannot be read ({type(error).__name__}).") from error
            if not isinstance(part, bytes):
                raise ApiArgumentError(
                    f"The source should return bytes, not {type(part).__name__}. Open it with mode 'rb'."
                )
            if not part:
                if remaining is None:
                    return
                raise ApiArgumentError("The source became shorter while it was read.")
            if remaining is not None:
                remaining -= len(part)
            yield part


def _extent(file: Any) -> tuple[int | None, int | None]:
    """Return where a file starts, or None if it cannot be read twice, and its size in bytes, or None if it is unknown."""
    if isinstance(file, bytes | bytearray | memoryview):
        return 0, memoryview(file).nbytes
    if isinstance(file, str | os.PathLike):
        return 0, os.stat(file).st_size  # noqa: PTH116 - pathlib takes longer to import than this package
    try:
        start: int = file.tell()
        end: int = file.seek(0, os.SEEK_END)
        file.seek(start)
    except (AttributeError, OSError, ValueError, TypeError):
        return None, None
    return start, max(0, end - start)
