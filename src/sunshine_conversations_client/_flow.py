"""One call, from its request to its answer, without I/O: retries and redirects as a generator of commands.

A driver runs the commands and sends back what came of them: an answer, or the connection error it raised.
"""

from __future__ import annotations

import random
import time
from urllib.parse import urljoin, urlsplit

from sunshine_conversations_client._messages import Headers, Request
from sunshine_conversations_client._repetition import IN_DOUBT, may_repeat
from sunshine_conversations_client.exceptions import ApiConnectionError, ApiTimeoutError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeAlias
    from urllib.parse import SplitResult

    from sunshine_conversations_client._messages import Response, Timeout

    Command: TypeAlias = "Send | Sleep"
    Flow: TypeAlias = "Generator[Command, Response | None, Response]"

BACKOFF_SECONDS = 0.5
BACKOFF_LIMIT_SECONDS = 8.0
MOST_WAIT_SECONDS = 120.0
"""A Retry-After that asks for more is the caller's to keep."""

MOST_REDIRECTS = 3

_DOUBTFUL = frozenset({502, 503, 504})
_PORTS = {"http": 80, "https": 443}
_FOR_ANYONE = frozenset({"accept", "content-type", "user-agent"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Send:
    """Send `request` within `timeout`; answer with a Response, or throw an ApiConnectionError in."""

    __slots__ = ("request", "timeout")

    def __init__(self, request: Request, timeout: Timeout) -> None:
        self.request = request
        self.timeout = timeout


class Sleep:
    """Wait for `seconds`; answer with None."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Trace:
    """What became of a call's attempts: how many there were, and whether one may have done what it asked unseen."""

    __slots__ = ("attempts", "in_doubt")

    def __init__(self) -> None:
        self.attempts = 0
        self.in_doubt = False


class Policy:
    """How often a failed attempt is repeated, and how long a call may take."""

    __slots__ = ("retries", "timeout")

    def __init__(self, retries: int, timeout: Timeout) -> None:
        self.retries = retries
        self.timeout = timeout


def exchange(
    request: Request,
    policy: Policy,
    trace: Trace | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    jitter: Callable[[], float] = random.random,
) -> Flow:
    """Send a request until there is an answer to return, whatever its status, or no time or retry is left.

    Raises the last ApiConnectionError, or ApiTimeoutError where the whole call's time is over; either tells whether any
    attempt may have done what was asked.
    """
    trace = trace or Trace()
    total = policy.timeout.total
    deadline = None if total is None else clock() + total
    retries = redirects = 0
    while True:
        remaining = None if deadline is None else deadline - clock()
        if remaining is not None and remaining <= 0:
            raise ApiTimeoutError(f"no answer within {total:g} s")
        response: Response | None = None
        failure: ApiConnectionError | None = None
        trace.attempts += 1
        try:
            response = yield Send(request, policy.timeout.within(remaining))
        except ApiConnectionError as error:
            failure = error
            trace.in_doubt |= error.maybe_sent
        if response is not None:
            redirected = _redirected(request, response)
            trace.in_doubt |= response.status in _DOUBTFUL
            if redirected is not None and redirects < MOST_REDIRECTS:
                redirects += 1
                request = redirected
                continue
        if retries >= policy.retries or not may_repeat(request, response, failure):
            break
        wait = _wait(response, retries, jitter)
        if wait > MOST_WAIT_SECONDS or (deadline is not None and clock() + wait >= deadline):
            break  # what there is now says more than a time-out later would
        retries += 1
        yield Sleep(wait)
    if failure is not None:
        failure.maybe_sent = trace.in_doubt
        if trace.in_doubt and request.method == "POST":
            failure.reason = f"{failure.reason}; {IN_DOUBT}"
        raise failure
    assert response is not None
    return response


def _wait(response: Response | None, retries: int, jitter: Callable[[], float]) -> float:
    """Seconds until the next attempt: what the service asks for, else exponential with full jitter."""
    backoff = min(BACKOFF_LIMIT_SECONDS, BACKOFF_SECONDS * 2.0**retries) * jitter()
    asked = None if response is None else _retry_after(response.headers.get("retry-after"))
    return backoff if asked is None else asked + backoff


def _retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header: a number of them, or a date."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        moment: float = parsedate_to_datetime(text).timestamp()
        return max(0.0, moment - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _redirected(request: Request, response: Response) -> Request | None:
    """The request that a redirect asks for, or None where there is none to follow.

    A 303 turns a request into a GET, whose answer would pass for the success of a POST or DELETE: only a GET follows
    it. From https to http nothing goes. Credentials stay with the host they are for, and so does every other header
    but those that tell nobody anything.
    """
    target = response.headers.get("location")
    if response.status not in _REDIRECTS or not target or (response.status == 303 and request.method != "GET"):
        return None
    try:
        url = urljoin(request.url, target)
        before, after = urlsplit(request.url), urlsplit(url)
        same = _origin(before) == _origin(after)
    except ValueError:
        return None
    if after.scheme not in _PORTS or not after.hostname or (before.scheme == "https" and after.scheme == "http"):
        return None
    kept = ((name, value) for name, value in request.headers.items() if same or name.lower() in _FOR_ANYONE)
    return Request(request.method, url, Headers(kept), request.body, stream=request.stream, done_once=request.done_once)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
