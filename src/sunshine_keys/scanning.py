"""Finding secrets of ours in a stream of bytes of any length, in constant memory.

A secret is told by its checksum, so there are no false alarms worth the name. Every byte is mapped to whether a secret
may hold it, and then searched for a run of 86 of those: `translate` and `find` do that at a gigabyte a second, where a
regular expression takes 70 MB. A run of up to 120 characters is looked at as a whole, since what stands around a
secret may be of its alphabet too: the minus of a removed line, the `n` of an escaped line break, a key id.

Basic credentials are base64 once more, and are found by the three prefixes a key id can have.
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
"""What a secret may end with: its last character carries two bits, and the rest of it is zero."""

_KEY_ID_LENGTH = 28
_BASIC_LENGTH = 154
"""Base64 of key id, colon and secret, without its padding."""
_BASIC_PREFIXES = [base64.b64encode(prefix.encode() + b"0")[:5] for prefix in ID_PREFIX.values()]
_BASIC = re.compile(rb"[A-Za-z0-9+/]{%d}" % _BASIC_LENGTH)

_KEPT_BYTES = 256
"""What is looked at again with the next chunk; longer than anything that is found."""
_KEPT_LINE = 16 * 1024
"""A line that is still coming is kept up to this length, so that git's own lines are seen whole."""

_COMMIT = re.compile(rb"commit ([0-9a-f]{40,64})\b")
_DIFF = re.compile(rb"diff --(?:git|cc|combined) ([^\n]+)")


class Found(msgspec.Struct, frozen=True):
    """A secret in a stream. `line` and `column` count from 1, the column in bytes.

    `key_id` is the id beside it in Basic credentials. `commit` and `file` are what `git log -p` last said before it.
    """

    line: int
    column: int
    secret: str
    key_id: str | None = None
    commit: str | None = None
    file: str | None = None

    @property
    def shown(self) -> str:
        """As much of the secret as may be shown."""
        return self.secret[:4] + "…"

    def __repr__(self) -> str:
        return f"Found(line={self.line}, column={self.column}, secret={self.shown!r})"


def scan(read: Callable[[int], bytes], *, git: bool = False) -> Iterator[Found]:
    """The secrets in what `read(size)` returns until it returns nothing. With `git`, told by commit and file."""
    scanner = _Scanner(git=git)
    while chunk := read(CHUNK_BYTES):
        yield from scanner.feed(chunk)
    yield from scanner.finish()


class _Place(msgspec.Struct, frozen=True):
    """A secret in the stream: where it begins, and where what holds it ends."""

    start: int
    end: int
    secret: str
    key_id: str | None = None

    def __repr__(self) -> str:
        return f"_Place(start={self.start}, end={self.end})"


class _Scanner:
    """Offsets count from the stream's start, but for those named `at`, which count from the buffer's."""

    def __init__(self, *, git: bool) -> None:
        self._buffer = b""
        self._start = 0
        self._told = 0  # what ends before has been told
        self._known = _Position(git=git)

    def feed(self, chunk: bytes) -> list[Found]:
        self._buffer += chunk
        found = self._look(at_end=False)
        kept = max(0, len(self._buffer) - _KEPT_BYTES)
        line = self._buffer.rfind(b"\n", 0, kept) + 1
        cut = line if len(self._buffer) - line <= _KEPT_LINE else kept
        self._known.advance(self._buffer, self._start, self._start + cut)
        self._start += cut
        self._buffer = self._buffer[cut:]
        return found

    def finish(self) -> list[Found]:
        return self._look(at_end=True)

    def _look(self, *, at_end: bool) -> list[Found]:
        end = self._start + len(self._buffer)
        places = sorted([*self._bare(), *self._basic()], key=lambda place: place.start)
        # What touches the end may go on in the next chunk, and is looked at then.
        new = [place for place in places if place.end >= self._told and (at_end or place.end < end)]
        self._told = end
        return [self._found(place) for place in new]

    def _found(self, place: _Place) -> Found:
        known = self._known
        known.advance(self._buffer, self._start, place.start)
        column = place.start - known.line_start + 1
        return Found(known.line, column, place.secret, place.key_id, known.commit, known.file)

    def _bare(self) -> Iterator[_Place]:
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
                            yield _Place(self._start + first, self._start + end, text)
            at = classes.find(_RUN, end)

    def _basic(self) -> Iterator[_Place]:
        for prefix in _BASIC_PREFIXES:
            at = self._buffer.find(prefix)
            while at >= 0:
                if match := _BASIC.match(self._buffer, at):
                    decoded = base64.b64decode(match[0] + b"==").decode("latin-1")
                    key_id, colon, secret = decoded[:_KEY_ID_LENGTH], decoded[_KEY_ID_LENGTH], decoded[-_LENGTH:]
                    if colon == ":" and is_our_secret(secret):
                        yield _Place(self._start + at, self._start + match.end(), secret, key_id)
                at = self._buffer.find(prefix, at + 1)


class _Position:
    """What is known of a place in the stream: its line and, of `git log -p`, its commit and file."""

    def __init__(self, *, git: bool) -> None:
        self.line = 1
        self.line_start = 0
        self.commit: str | None = None
        self.file: str | None = None
        self._git = git
        self._offset = 0

    def advance(self, buffer: bytes, start: int, offset: int) -> None:
        """Go on to `offset`, by the buffer that begins at `start`."""
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
            self.file = _file_of(diff[0])


def _file_of(diff: bytes) -> str:
    """The file of a `diff --git a/NAME b/NAME` line: the second of its two names, which may have spaces."""
    half = len(diff) // 2
    first, second = diff[:half], diff[half + 1 :]
    if first == second:  # --no-prefix
        name = second
    elif first[2:] == second[2:] and second[1:2] == b"/":
        name = second[2:]
    else:  # renamed, quoted, or a merge's one name
        name = diff.rpartition(b" b/")[2]
    return name.decode("utf-8", "surrogateescape")
