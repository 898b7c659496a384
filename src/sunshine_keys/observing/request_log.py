"""One line in the log for each request: method and path, key, source and outcome.

The line has the template of the path, nothing of the query and the headers, and of refused credentials not even the key
id, so no line holds a secret, whatever a client sends. An unknown path is left out, because the sender made it up.

Lines are formatted and written by the dozen: one at a time, between requests, a line took 9 µs, and the logging module
would have taken twice that; in a row a line takes 3 µs.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable

import msgspec

from sunshine_keys.observing.log_writer import standard_error
from sunshine_keys.observing.logs import Log, LogFormat, timestamp
from sunshine_keys.wire.outcome import Outcome
from sunshine_keys.wire.rejections import Rejected

NAME = "sunshine_keys.request"
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that machines request every few seconds: logged at level debug, unless they fail."""

_WRITTEN_AT_ONCE = 4096
"""A pipe keeps writes of several processes apart up to this size."""

_SECONDS = 0.02
"""How long a line may wait for others, before the writer has it."""

logger = logging.getLogger("sunshine_keys.http")

_UNPRINTABLE = re.compile(r"[^!-~]")
_LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.ERROR: "error"}


class RequestLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line as JSON. `duration` is in milliseconds; `key` is the key that authenticated."""

    time: str
    level: str
    logger: str
    message: str
    method: str | None
    route: str | None
    status: int
    duration: float | None
    source: str
    request_id: str | None
    key: str | None = None
    error: str | None = None
    cause: str | None = None


def level_of(outcome: Outcome) -> int:
    level = _level_of_status(outcome.status)
    return logging.DEBUG if level == logging.INFO and outcome.request.route in PROBES else level


def _level_of_status(status: int) -> int:
    return logging.ERROR if status >= 500 else logging.INFO


def line_of(outcome: Outcome) -> RequestLine:
    request, actor = outcome.request, outcome.request.actor
    return RequestLine(
        time=timestamp(outcome.began + outcome.seconds),
        level=_LEVELS[level_of(outcome)],
        logger=NAME,
        message="request",
        method=request.method,
        route=request.route or None,
        status=outcome.status,
        duration=round(outcome.seconds * 1000, 3),
        source=printable(request.source),
        request_id=request.id,
        key=None if actor is None else actor.key_id,
        error=outcome.code or None,
    )


def line_of_rejection(rejected: Rejected) -> RequestLine:
    """Return the line of something that the protocol refused. It holds nothing that the client sent."""
    rejection = rejected.rejection
    return RequestLine(
        time=timestamp(rejected.time),
        level=_LEVELS[_level_of_status(rejection.status)],
        logger=NAME,
        message="refused",
        method=None,
        route=None,
        status=rejection.status,
        duration=None,
        source=printable(rejected.source),
        request_id=rejected.request_id or None,
        error=rejection.code or None,
        cause=rejection.cause,
    )


def as_json(line: RequestLine) -> bytes:
    return msgspec.json.encode(line)


def as_text(line: RequestLine) -> bytes:
    duration = "-" if line.duration is None else f"{line.duration:.3f}ms"
    return (
        f"{line.time} {line.level.upper()} {NAME}: {line.method or '-'} {line.route or '-'} {line.status} {duration} "
        f"key={line.key or '-'} source={line.source or '-'} id={line.request_id or '-'}"
        f"{f' error={line.error}' if line.error else ''}{f' cause={line.cause}' if line.cause else ''}"
    ).encode()


def printable(source: str) -> str:
    """Return an address with unprintable characters replaced: a trusted proxy may have passed on anything."""
    return _UNPRINTABLE.sub("?", source)


class RequestLog:
    """Formats the lines on the event loop that serves, and passes them to the process's writer to standard error."""

    def __init__(self, log: Log) -> None:
        self._level = log.level.number
        self._form: Callable[[RequestLine], bytes] = as_json if log.format is LogFormat.JSON else as_text
        self._outcomes: list[Outcome | Rejected] = []
        self._lines: list[bytes] = []
        """What is formatted, and waits for the writer."""

    def __call__(self, outcome: Outcome) -> None:
        if level_of(outcome) >= self._level:
            self._add(outcome)

    def reject(self, rejected: Rejected) -> None:
        """Log what the protocol has refused. Without an answer, a cause has one line a minute."""
        if not rejected.request_id:
            logger.warning("a connection was refused without an answer: %s", rejected.rejection.cause)
        elif _level_of_status(rejected.rejection.status) >= self._level:
            self._add(rejected)

    def _add(self, outcome: Outcome | Rejected) -> None:
        if not self._outcomes:
            asyncio.get_running_loop().call_soon(self._format)
        self._outcomes.append(outcome)

    def _format(self) -> None:
        """Format the lines of all outcomes of this tick of the event loop."""
        outcomes, self._outcomes = self._outcomes, []
        if outcomes and not self._lines:
            asyncio.get_running_loop().call_later(_SECONDS, self.flush)
        form = self._form
        self._lines += [
            form(line_of(outcome) if isinstance(outcome, Outcome) else line_of_rejection(outcome))
            for outcome in outcomes
        ]

    def flush(self) -> None:
        """Write the lines of all outcomes so far."""
        self._format()
        lines, self._lines = self._lines, []
        begin = size = 0
        for end, line in enumerate(lines):
            if size + len(line) >= _WRITTEN_AT_ONCE:
                _write(lines[begin:end])
                begin, size = end, 0
            size += len(line) + 1
        _write(lines[begin:])


def _write(lines: list[bytes]) -> None:
    standard_error().write(b"".join([line + b"\n" for line in lines]), len(lines))
