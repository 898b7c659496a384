"""Retries and redirects of one call, as a generator of commands without I/O.

A driver performs each command and sends its result back: a response, or the connection error that it raised.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from sunshine_conversations_client._messages import Headers, Request, StreamedBody, ascii_host, quoted
from sunshine_conversations_client._repetition import IN_DOUBT, may_repeat
from sunshine_conversations_client.exceptions import ApiConnectionError, ApiTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeAlias
    from urllib.parse import SplitResult

    from sunshine_conversations_client._messages import Response, Timeout

    Command: TypeAlias = "Send | Sleep"
    Flow: TypeAlias = "Generator[Command, Response | None, Response]"

BACKOFF_SECONDS = 0.5
BACKOFF_LIMIT_SECONDS = 8.0
MAX_WAIT_SECONDS = 120.0
"""If a Retry-After asks for a longer wait, the flow returns the answer and the caller decides."""

MAX_REDIRECTS = 3

_GATEWAY_STATUSES = frozenset({502, 504})
"""Answers that a proxy sends if it lost the answer of the service."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HEADERS_FOR_ANY_HOST = frozenset({"accept", "content-type", "user-agent"})
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})


class Send:
    """Command: send `request` within `timeout`. The driver sends a Response back, or throws an ApiConnectionError in."""

    __slots__ = ("request", "timeout")

    def __init__(self, request: Request, timeout: Timeout) -> None:
        self.request = request
        self.timeout = timeout


class Sleep:
    """Command: wait for `seconds`. The driver sends None back."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Trace:
    """Records the attempts of a call.

    `answer_lost` is True if the answer to one of them was lost after it may have been sent. `in_doubt` is True if that
    is so, or if one got a 503, whose sender may have carried it out. `deadline` is the time of the flow's clock at which
    the call ends, or None; the flow sets it before the first attempt.
    """

    __slots__ = ("answer_lost", "attempts", "deadline", "in_doubt")

    def __init__(self) -> None:
        self.attempts = 0
        self.answer_lost = False
        self.in_doubt = False
        self.deadline: float | None = None


class Policy:
    """Holds how often a failed attempt is repeated, how long the call may take, and how many redirects it follows."""

    __slots__ = ("redirects", "retries", "timeout")

    def __init__(self, retries: int, timeout: Timeout, redirects: int = MAX_REDIRECTS) -> None:
        self.retries = retries
        self.timeout = timeout
        self.redirects = redirects


def exchange(
    request: Request,
    policy: Policy,
    trace: Trace | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    jitter: Callable[[], float] = random.random,
) -> Flow:
    """Send a request until an answer is final, or until no time or no retry is left. Return the answer, of any status.

    Raises the last ApiConnectionError, or ApiTimeoutError if the time of the whole call is over. `maybe_sent` of the
    error is True if the service may have carried out any of the attempts. Exchanges with the same `trace` are one call:
    they share its deadline.
    """
    trace = trace or Trace()
    total = policy.timeout.total
    if trace.deadline is None and total is not None:
        trace.deadline = clock() + total
    deadline = trace.deadline
    retries = redirects = 0
    while True:
        remaining = None if deadline is None else deadline - clock()
        if remaining is not None and remaining <= 0:
            raise ApiTimeoutError(
                f"No answer arrived within {total:g} s. Raise _request_timeout to wait longer.",
                maybe_sent=trace.in_doubt,
            )
        response: Response | None = None
        failure: ApiConnectionError | None = None
        trace.attempts += 1
        try:
            response = yield Send(request, policy.timeout.within(remaining))
        except ApiConnectionError as error:
            failure = error
            trace.answer_lost |= error.maybe_sent
        if response is not None:
            redirected = _redirected(request, response) if response.status in _REDIRECT_STATUSES else None
            trace.answer_lost |= response.status in _GATEWAY_STATUSES
            trace.in_doubt |= response.status == 503
            if redirected is not None and redirects < policy.redirects:
                redirects += 1
                request = redirected
                continue
        trace.in_doubt |= trace.answer_lost
        if retries >= policy.retries or not may_repeat(request, response, failure):
            break
        wait = _wait(response, retries, jitter)
        if wait > MAX_WAIT_SECONDS or (deadline is not None and clock() + wait >= deadline):
            break  # this answer or error says more than a timeout would later
        retries += 1
        yield Sleep(wait)
    if failure is not None:
        failure.maybe_sent = trace.in_doubt
        if trace.in_doubt and request.method == "POST":
            failure.reason = f"{failure.reason}. {IN_DOUBT}"
        raise failure
    assert response is not None
    return response


def _wait(response: Response | None, retries: int, jitter: Callable[[], float]) -> float:
    """Return the seconds until the next attempt: exponential with full jitter, after the Retry-After if there is one."""
    backoff = min(BACKOFF_LIMIT_SECONDS, BACKOFF_SECONDS * 2.0**retries) * jitter()
    retry_after = None if response is None else _retry_after(response.headers.get("retry-after"))
    return backoff if retry_after is None else retry_after + backoff


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or a date; None if it is missing or invalid."""
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
    """Return the request that a redirect asks for, or None if the client does not follow it.

    Only a GET follows a 303: it turns any method into a GET, whose answer would look like the success of a POST or
    DELETE. No redirect leads from https to http. Another origin receives only headers that reveal nothing: no
    credentials, no cookies, no headers of the caller. It receives no body, so a request with a body stays where it is.
    """
    if response.status == 303 and request.method != "GET":
        return None
    targets = response.headers.getlist("location")
    url = _absolute(request.url, targets[0]) if len(set(targets)) == 1 else None
    if url is None:
        return None
    before, after = urlsplit(request.url), urlsplit(url)
    same_origin = _origin(before) == _origin(after)
    body = request.body
    if (before.scheme == "https" and after.scheme == "http") or (body and not same_origin):
        return None
    if isinstance(body, StreamedBody) and not body.can_repeat:
        return None
    headers = Headers(
        (name, value) for name, value in request.headers.items() if same_origin or name.lower() in _HEADERS_FOR_ANY_HOST
    )
    return Request(request.method, url, headers, request.body, stream=request.stream, done_once=request.done_once)


def _absolute(base: str, location: str) -> str | None:
    """Return the URL that a Location header leads to, without user and fragment, and percent-encoded once.

    Return None if it is empty or no valid URL of http or https.
    """
    if not location.strip():
        return None
    try:
        parts = urlsplit(urljoin(base, _text(location).strip()))
        name = ascii_host((parts.hostname or "").replace("%25", "%", 1))
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or parts.port == 0 or ("[" in parts.netloc) != (":" in name):
        return None
    host = f"[{name}]" if ":" in name else name
    query = f"?{quoted(parts.query)}" if parts.query else ""
    return f"{parts.scheme}://{host}{port}{quoted(parts.path)}{query}"


def _text(value: str) -> str:
    """Return the text of a header that holds bytes of UTF-8, else of Latin-1. Raises ValueError for lone surrogates.

    urllib3 decodes a header as Latin-1; aiohttp decodes it as UTF-8 and turns other bytes into surrogates.
    """
    try:
        raw = value.encode("latin-1")
    except UnicodeEncodeError:
        raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
