"""What the facades have in common: a call's options, its request, and what its answer means."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from sunshine_conversations_client import _auth
from sunshine_conversations_client._flow import Policy
from sunshine_conversations_client._messages import Headers, Request, Timeout
from sunshine_conversations_client._model import Model
from sunshine_conversations_client._repetition import is_done_once
from sunshine_conversations_client.exceptions import ApiArgumentError, ApiDecodeError, ApiException
from sunshine_conversations_client.models._errors import ErrorResponse
from sunshine_conversations_client.models._paging import Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    RequestTimeout: TypeAlias = "float | tuple[float, float] | Unset | None"

    from sunshine_conversations_client._messages import Response
    from sunshine_conversations_client.configuration import Configuration

DEFAULT_TIMEOUT = Timeout(connect=5.0, read=30.0, total=90.0)
"""Where a call says nothing: seconds to connect, for each read, and for the whole call with its retries."""

DEFAULT_RETRIES = 3

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE_IN_ID = re.compile("[\\x00-\\x1f\\x7f\\ud800-\\udfff]")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Unset:
    """What a parameter is when it has not been given, where None means something."""

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET = Unset()


class Operation:
    """One operation of the API: its method, its path with {names}, the models it takes and answers with."""

    __slots__ = ("accepts", "answer", "method", "path")

    def __init__(
        self, method: str, path: str, answer: type[Model] | None, accepts: tuple[type[Model], ...] = ()
    ) -> None:
        self.method = method
        self.path = path
        self.answer = answer
        self.accepts = accepts

    def decode(self, response: Response) -> Any:
        """The model in a 2xx answer, whatever its number. Raises ApiDecodeError."""
        if self.answer is None and not response.body:
            return {}
        parsed = _parse(response)
        if parsed is UNSET or (self.answer is not None and not isinstance(parsed, dict)):
            raise self._undecodable(response, "JSON" if parsed is UNSET else "a JSON object")
        return parsed if self.answer is None else self.answer.from_dict(parsed)

    def _undecodable(self, response: Response, expected: str) -> ApiDecodeError:
        kind = response.headers.get("content-type", "no content type")
        size = len(response.body)
        error = ApiDecodeError(response.status, f"the answer should be {expected}; it is {size} bytes of {kind}")
        error.headers = response.headers
        error.method = self.method
        error.url = self.path
        return error


def _parse(response: Response) -> Any:
    """The JSON in a body, or UNSET; not an exception, which would hold the body, and so maybe a secret."""
    text = response.text()
    try:
        return UNSET if text is None else json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return UNSET


def path_of(operation: Operation, ids: dict[str, Any], safe: str = "") -> str:
    """The operation's path with `ids` in it. Raises ApiArgumentError for an id that would make it another path."""
    parts = operation.path.split("/")
    for index, part in enumerate(parts):
        name = part.strip("{}")
        if part.startswith("{") and name in ids:
            parts[index] = quote(_checked_id(name, ids[name]), safe=safe)
            if not {".", ".."}.isdisjoint(parts[index].split("/")):
                raise ApiArgumentError(
                    f"{name} should not be . or .., nor hold them as segments: HTTP libraries make another path of it"
                )
    return "/".join(parts)


def _checked_id(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ApiArgumentError(f"{name} should be a string, not {type(value).__name__}")
    if not value:
        raise ApiArgumentError(f"{name} should not be empty: the path would be another one")
    if _UNSAFE_IN_ID.search(value):
        raise ApiArgumentError(f"{name} should not hold control characters")
    return value


def body_of(operation: Operation, given: Any, content_type: str | None) -> tuple[bytes, str]:
    """The body's JSON and its content type. Raises ApiArgumentError."""
    kind = content_type or "application/json"
    if not isinstance(kind, str) or "json" not in kind.lower():
        raise ApiArgumentError("_content_type should be application/json; the API takes nothing else than JSON")
    if isinstance(given, dict):
        content = operation.accepts[0].wire_names_of(given)
    elif isinstance(given, operation.accepts):
        content = given.to_dict()
    else:
        expected = " or ".join(model.__name__ for model in operation.accepts)
        raise ApiArgumentError(f"the body should be {expected} or a dict, not {type(given).__name__}")
    return json_bytes(content), kind


def json_bytes(content: Any) -> bytes:
    """Raises ApiArgumentError for what JSON cannot hold."""
    try:
        return json.dumps(content, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ApiArgumentError(f"the body cannot be written as JSON ({type(error).__name__})") from None


def query_of(groups: dict[str, tuple[type[Model], Any]]) -> list[tuple[str, str]]:
    """Nested query parameters, as in page[size]=10, of models or dictionaries. Raises ApiArgumentError."""
    query: list[tuple[str, str]] = []
    for group, (model, given) in groups.items():
        if given is None:
            continue
        if isinstance(given, dict):
            values = model.wire_names_of(given)
        elif isinstance(given, model):
            values = given.to_dict()
        else:
            raise ApiArgumentError(f"{group} should be a {model.__name__} or a dict, not {type(given).__name__}")
        query += [(f"{group}[{name}]", _query_text(value)) for name, value in values.items() if value is not None]
    return query


def _query_text(value: Any) -> str:
    try:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        text.encode()
    except ValueError:
        raise ApiArgumentError("a query parameter should be text that UTF-8 can hold, or a number") from None
    return text


def page_after(answer: Any, items: list[Any] | None, page: Page) -> Page | None:
    """The page that follows an answer to `page`; None where it was the last."""
    meta = answer.meta
    if meta is None or not meta.has_more or not items:
        return None
    cursor = meta.after_cursor or items[-1].id
    return None if cursor is None or cursor == page.after else Page(size=page.size, after=cursor)


def timeout_of(given: Any) -> Timeout:
    """A call's `_request_timeout`: seconds for the whole call, or a pair for connecting and for each read.

    None waits for ever. Raises ApiArgumentError.
    """
    if given is UNSET:
        return DEFAULT_TIMEOUT
    if given is None:
        return Timeout(None, None, None)
    if _is_seconds(given):
        return Timeout(given, given, given)
    if isinstance(given, tuple | list) and len(given) == 2 and all(_is_seconds(each) for each in given):
        return Timeout(given[0], given[1], None)
    raise ApiArgumentError(
        "_request_timeout should be seconds above 0, a pair of them (connect, read), or None to wait for ever"
    )


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9


def policy_of(configuration: Configuration, timeout: Timeout) -> Policy:
    """How a call is repeated: `configuration.retries` as a number, False, None, or urllib3's Retry (its total)."""
    retries = configuration.retries
    total = retries if isinstance(retries, int) else getattr(retries, "total", DEFAULT_RETRIES)
    return Policy(DEFAULT_RETRIES if total is None else int(total), timeout)


def require_success(response: Response, method: str | None = None, url: str | None = None) -> None:
    """Raises the ApiException of an answer other than 2xx, with its error list where it has one."""
    if 200 <= response.status <= 299:
        return
    parsed = _parse(response)
    listed = isinstance(parsed, dict) and isinstance(parsed.get("errors"), list)
    raise ApiException.of(response, ErrorResponse.from_dict(parsed) if listed else None, method, url)


class Call:
    """One call of an operation: its arguments, and the options every method takes."""

    __slots__ = ("auth", "body", "content_type", "headers", "idempotency_key", "ids", "operation", "query", "timeout")

    def __init__(
        self,
        operation: Operation,
        ids: dict[str, Any],
        query: dict[str, tuple[type[Model], Any]],
        body: Any,
        timeout: Any,
        auth: dict[str, Any] | None,
        content_type: str | None,
        headers: dict[str, str] | None,
        host_index: int,
    ) -> None:
        if host_index != 0 or isinstance(host_index, bool):
            raise ApiArgumentError("_host_index should be 0: the operations have one host")
        self.operation = operation
        self.ids = ids
        self.query = query_of(query)
        self.body = body
        self.timeout = timeout_of(timeout)
        self.auth = auth
        self.content_type = content_type
        self.headers = headers or {}
        if not isinstance(self.headers, Mapping) or not all(isinstance(name, str) for name in self.headers):
            raise ApiArgumentError("_headers should be a dict whose keys are strings")
        self.idempotency_key = os.urandom(16).hex() if operation.method == "POST" else ""

    def request(
        self,
        configuration: Configuration,
        default_headers: dict[str, str],
        cookie: str | None,
        *,
        signer: _auth.Signer,
        now: float,
        stream: bool,
    ) -> Request:
        """Raises ApiArgumentError. A call's own headers go before the client's and before configured credentials."""
        operation, query = self.operation, list(self.query)
        headers = Headers(default_headers.items())
        if cookie:
            headers["Cookie"] = cookie
        for name, value in self.headers.items():
            headers[name] = value
        content = None
        if operation.accepts:
            content, kind = body_of(operation, self.body, self.content_type)
            if "content-type" not in headers:
                headers["Content-Type"] = kind
        caller_set_key = "idempotency-key" in headers
        if operation.method == "POST" and not caller_set_key:
            headers["Idempotency-Key"] = self.idempotency_key
        if "accept" not in headers:
            headers["Accept"] = "application/json"
        if self.auth:
            _auth.apply_request_auth(self.auth, headers, query)
        else:
            _auth.apply_configured(configuration, headers, signer=signer, now=now)
        for name, value in headers.pairs():
            _check_header(name, value)
        base = base_url(configuration)
        if self.auth or "authorization" in headers or "cookie" in headers:
            require_private(base, configuration)
        url = base + path_of(operation, self.ids, configuration.safe_chars_for_path_param)
        done_once = is_done_once(operation.method, base, caller_set_key=caller_set_key)
        return Request(
            operation.method, url + query_string(query), headers, content, stream=stream, done_once=done_once
        )


def query_string(query: list[tuple[str, str]]) -> str:
    """With its question mark; empty for an empty query."""
    pairs = "&".join(f"{quote(name, safe='[]')}={quote(value, safe=',')}" for name, value in query)
    return f"?{pairs}" if pairs else ""


def base_url(configuration: Configuration) -> str:
    """The configured host without a trailing slash. Raises ApiArgumentError where it is no http or https URL."""
    host = configuration.host
    try:
        parts = urlsplit(host)
        usable = isinstance(host, str) and parts.scheme in ("http", "https") and bool(parts.hostname)
        usable = usable and parts.port != 0 and "{" not in host
    except (ValueError, AttributeError, TypeError):
        usable = False
    if not usable:
        raise ApiArgumentError("host should be a URL such as https://api.smooch.io")
    return host.rstrip("/")


def require_private(url: str, configuration: Configuration) -> None:
    """Raises ApiArgumentError where credentials would go over plain http to another machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or configuration.allow_insecure_http or is_loopback(parts.hostname or ""):
        return
    raise ApiArgumentError(
        f"credentials should not go over plain http to {parts.hostname}: use https, or allow_insecure_http=True"
    )


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())


def _check_header(name: Any, value: Any) -> None:
    """Raises ApiArgumentError, which never repeats a value: it may be a credential."""
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise ApiArgumentError(f"a header's name should be a token of HTTP; one is {name!r:.40}")
    if not isinstance(value, str):
        raise ApiArgumentError(f"the header {name} should be a string, not {type(value).__name__}")
    if not _FIELD_VALUE.fullmatch(value):
        raise ApiArgumentError(f"the header {name} should hold no line breaks and only characters of Latin-1")
