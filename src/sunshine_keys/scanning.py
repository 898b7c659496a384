"""A scanner that finds this service's secrets in a stream of bytes of any length, in constant memory.

A secret has a checksum, so false alarms practically do not occur. The scanner maps each byte to whether a secret may contain
it, and searches for a run of 86 such bytes: `translate` and `find` do that at 1 GB/s, a regular expression at 70 MB/s. In a
run of up to 120 characters it checks each position, because the text around a secret may belong to the same alphabet: the
minus of a removed line, the `n` of an escaped line break, a key id.

Basic credentials are base64 of a key id and a secret. The scanner finds them by the three prefixes that a key id can have.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator

import msgspec

from sunshine_keys.access.scopes import ID_PREFIX
from sunshine_keys.keys.secrets import is_our_secret

CHUNK_BYTES = 1024 * 1024

_LENGTH = 86
_LONGEST_RUN = 120
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_IN, _OUT = b"x", b" "
_CLASSES = bytes(ord(_IN if byte in _ALPHABET else _OUT) for byte in range(256))
_RUN = _IN * _LENGTH
_LAST = b"AQgw"
"""The possible last characters of a secret: the last character carries two bits, and its other bits are zero."""

_KEY_ID_LENGTH = 28
_BASIC_LENGTH = 154
"""The length of key id, colon and secret in base64, without padding."""
_BASIC_PREFIXES = [base64.b64encode(prefix.encode() + b"0")[:5] for prefix in ID_PREFIX.values()]
_BASIC = re.compile(rb"[A-Za-z0-9+/]{%d}" % _BASIC_LENGTH)

_OVERLAP_BYTES = 256
"""The bytes at the end of a chunk that are searched again with the next chunk: more than any match."""
_PARTIAL_LINE_BYTES = 16 * 1024
"""The most bytes of an incomplete line that stay in the buffer, so that the scanner reads git's own lines whole."""

_COMMIT = re.compile(rb"commit ([0-9a-f]{40,64})\b")
_DIFF = re.compile(rb"diff --(?:git|cc|combined) ([^\n]+)")


class Leak(msgspec.Struct, frozen=True):
    """A secret in a stream. `line` and `column` count from 1, the column in bytes.

    `key_id` is the id in the same Basic credentials. `commit` and `file` come from the last lines of `git log -p` before it.
    """

    line: int
    column: int
    secret: str
    key_id: str | None = None
    commit: str | None = None
    file: str | None = None

    @property
    def masked_secret(self) -> str:
        """The first characters of the secret, which are safe to show."""
        return self.secret[:4] + "…"

    def __repr__(self) -> str:
        return f"Leak(line={self.line}, column={self.column}, secret={self.masked_secret!r})"


def scan(read: Callable[[int], bytes], *, git: bool = False) -> Iterator[Leak]:
    """Yield the secrets in a stream. `read(size)` returns b"" at its end. If `git`, read commits and files of `git log -p`."""
    scanner = _Scanner(git=git)
    while chunk := read(CHUNK_BYTES):
        yield from scanner.feed(chunk)
    yield from scanner.finish()


class _Match(msgspec.Struct, frozen=True):
    """A secret in the stream. `start` is where it begins, `end` where the run or the credentials around it end."""

    start: int
    end: int
    secret: str
    key_id: str | None = None

    def __repr__(self) -> str:
        return f"_Match(start={self.start}, end={self.end})"


class _Scanner:
    """Searches chunk by chunk. Offsets count from the start of the stream, those named `at` from the start of the buffer."""

    def __init__(self, *, git: bool) -> None:
        self._buffer = b""
        self._start = 0
        self._reported = 0  # Matches that end before this offset have been returned.
        self._position = _Position(git=git)

    def feed(self, chunk: bytes) -> list[Leak]:
        self._buffer += chunk
        leaks = self._search(at_end=False)
        overlap = max(0, len(self._buffer) - _OVERLAP_BYTES)
        line = self._buffer.rfind(b"\n", 0, overlap) + 1
        cut = line if len(self._buffer) - line <= _PARTIAL_LINE_BYTES else overlap
        self._position.advance(self._buffer, self._start, self._start + cut)
        self._start += cut
        self._buffer = self._buffer[cut:]
        return leaks

    def finish(self) -> list[Leak]:
        return self._search(at_end=True)

    def _search(self, *, at_end: bool) -> list[Leak]:
        end = self._start + len(self._buffer)
        matches = sorted([*self._bare(), *self._basic()], key=lambda match: match.start)
        # A match that touches the end may continue in the next chunk, and is checked again then.
        new = [match for match in matches if match.end >= self._reported and (at_end or match.end < end)]
        self._reported = end
        return [self._leak(match) for match in new]

    def _leak(self, match: _Match) -> Leak:
        position = self._position
        position.advance(self._buffer, self._start, match.start)
        column = match.start - position.line_start + 1
        return Leak(position.line, column, match.secret, match.key_id, position.commit, position.file)

    def _bare(self) -> Iterator[_Match]:
        buffer = self._buffer
        classes = buffer.translate(_CLASSES)
        at = classes.find(_RUN)
        while at >= 0:
            end = classes.find(_OUT, at)
            end = len(buffer) if end < 0 else end
            if end - at <= _LONGEST_RUN:
                for first in range(at, end - _LENGTH + 1):
                    if buffer[first + _LENGTH - 1] in _LAST:
                        text = buffer[first : first + _LENGTH].decode("ascii")
                        if is_our_secret(text):
                            yield _Match(self._start + first, self._start + end, text)
            at = classes.find(_RUN, end)

    def _basic(self) -> Iterator[_Match]:
        for prefix in _BASIC_PREFIXES:
            at = self._buffer.find(prefix)
            while at >= 0:
                if match := _BASIC.match(self._buffer, at):
                    decoded = base64.b64decode(match[0] + b"==").decode("latin-1")
                    key_id, colon, secret = decoded[:_KEY_ID_LENGTH], decoded[_KEY_ID_LENGTH], decoded[-_LENGTH:]
                    if colon == ":" and is_our_secret(secret):
                        yield _Match(self._start + at, self._start + match.end(), secret, key_id)
                at = self._buffer.find(prefix, at + 1)


class _Position:
    """The line of an offset in the stream and, in `git log -p`, its commit and file."""

    def __init__(self, *, git: bool) -> None:
        self.line = 1
        self.line_start = 0
        self.commit: str | None = None
        self.file: str | None = None
        self._git = git
        self._offset = 0

    def advance(self, buffer: bytes, start: int, offset: int) -> None:
        """Move to `offset`, reading the buffer that begins at `start`."""
        first, at = self._offset - start, offset - start
        if at <= first:
            return
        if self._git:
            self._read_git(buffer, first, at, at_line_start=self.line_start == self._offset)
        if lines := buffer.count(b"\n", first, at):
            self.line += lines
            self.line_start = start + buffer.rfind(b"\n", first, at) + 1
        self._offset = offset

    def _read_git(self, buffer: bytes, first: int, at: int, *, at_line_start: bool) -> None:
        def last(pattern: re.Pattern[bytes], begin: bytes) -> tuple[bytes, int] | None:
            end = at
            while (newline := buffer.rfind(b"\n" + begin, first, end)) >= 0:
                if match := pattern.match(buffer, newline + 1):
                    return match[1], newline
                end = newline
            match = pattern.match(buffer, first) if at_line_start else None
            return (match[1], first - 1) if match else None

        commit, diff = last(_COMMIT, b"commit "), last(_DIFF, b"diff --")
        if commit is not None:
            self.commit, self.file = commit[0].decode(), None
        if diff is not None and (commit is None or diff[1] > commit[1]):
            self.file = _file_name(diff[0])


def _file_name(diff: bytes) -> str:
    """Return the second of the two names in `diff --git a/NAME b/NAME`. Names may contain spaces."""
    half = len(diff) // 2
    first, second = diff[:half], diff[half + 1 :]
    if first == second:  # --no-prefix
        name = second
    elif first[2:] == second[2:] and second[1:2] == b"/":
        name = second[2:]
    else:  # a renamed or quoted file, or a merge, which has a single name
        name = diff.rpartition(b" b/")[2]
    return name.decode("utf-8", "surrogateescape")
