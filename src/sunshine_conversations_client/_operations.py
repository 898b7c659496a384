"""Operations and calls: what the API classes hand to a client."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar
from urllib.parse import urlsplit

from sunshine_conversations_client import _auth, _encoding
from sunshine_conversations_client._flow import Policy
from sunshine_conversations_client._messages import Headers, Request, Timeout, ascii_host, quoted
from sunshine_conversations_client._repetition import is_done_once
from sunshine_conversations_client._uploads import MultipartBody
from sunshine_conversations_client.exceptions import ApiArgumentError, ApiDecodeError, ApiException
from sunshine_conversations_client.models._errors import ErrorResponse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sunshine_conversations_client._messages import Response
    from sunshine_conversations_client._model import Model
    from sunshine_conversations_client.configuration import Configuration

RequestTimeout: TypeAlias = "float | tuple[float, float] | Unset | None"
RequestAuth: TypeAlias = "dict[str, Any] | None"
RequestHeaders: TypeAlias = "dict[str, str] | None"
Options: TypeAlias = "tuple[RequestTimeout, RequestAuth, str | None, RequestHeaders, int]"
"""The options of every call: `_request_timeout`, `_request_auth`, `_content_type`, `_headers` and `_host_index`."""

T = TypeVar("T")

DEFAULT_TIMEOUT = Timeout(connect=5.0, read=30.0, total=90.0)
"""The timeout of a call that sets no other: seconds to connect, for each read, and for the whole call with its retries."""

DEFAULT_RETRIES = 3

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CREDENTIAL_HEADERS = frozenset({"authorization", "cookie"})
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Unset:
    """The value of a parameter that was not passed, where None has a meaning."""

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> bool:
        return False


UNSET = Unset()


class Operation(Generic[T]):
    """One operation of the API.

    `path` holds the names of ids in braces. `response` is the model of a 2xx response, or None where that is an empty
    object. `body` is the model of the JSON body; `multipart` is true if the body is a form with files. `query` holds the
    parameters by their names on the wire, each with a model if it is an object, else None; those in `required` must not
    be None. An operation that is not
    `authenticated` is sent without the configured credentials: none of the configuration, and no Authorization or Cookie
    header of the client. `browser` is True if the operation is for a person's browser, as `authorize` is. Its plain
    method returns the URL to open and sends nothing; the other two send the request and return its redirect unfollowed,
    with the target of the redirect as data.
    """

    __slots__ = ("authenticated", "body", "browser", "method", "multipart", "path", "query", "required", "response")

    def __init__(
        self,
        method: str,
        path: str,
        response: type[T] | None,
        *,
        body: type[Model] | None = None,
        multipart: bool = False,
        query: dict[str, type[Model] | None] | None = None,
        required: Sequence[str] = (),
        authenticated: bool = True,
        browser: bool = False,
    ) -> None:
        self.method = method
        self.path = path
        self.response: Any = response
        self.body = body
        self.multipart = multipart
        self.query = query or {}
        self.required = required
        self.authenticated = authenticated
        self.browser = browser

    def decode(self, response: Response) -> T:
        """Return the model in a 2xx response, whatever its exact status. Raises ApiDecodeError."""
        result: T = self._decode(response)
        return result

    def _decode(self, response: Response) -> Any:
        if self.response is None and not response.body:
            return {}
        parsed = _parse(response)
        if parsed is UNSET or (self.response is not None and not isinstance(parsed, dict)):
            raise self._undecodable(response, "JSON" if parsed is UNSET else "a JSON object")
        if self.response is None:
            return parsed
        for name in self.response._lists:
            if not isinstance(parsed.get(name), list | None):
                raise self._undecodable(response, f"a JSON object whose {name} is a list")
        return self.response._decode(parsed)

    def _undecodable(self, response: Response, expected: str) -> ApiDecodeError:
        kind = _MEDIA_TYPE.match(response.headers.get("content-type", ""))
        size = len(response.body)
        shown = kind[0] if kind else "no content type"
        error = ApiDecodeError(response.status, f"the answer should be {expected}; it is {size} bytes of {shown}")
        error.headers = response.headers
        error.method = self.method
        error.url = self.path
        return error


_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}")


def _parse(response: Response) -> Any:
    """Return the JSON in a body, or UNSET. An exception would hold the body, which may hold a secret.

    The headers do not matter: a secret is not lost to a wrong content type, an unknown charset or a byte-order mark. In
    Latin-1 every byte is a character, so that a name in an unknown charset is damaged, but the rest is not lost.
    """
    for text in _texts(response):
        try:
            return json.loads(text.removeprefix("\ufeff"))
        except (ValueError, RecursionError):
            continue
    return UNSET


def _texts(response: Response) -> Iterator[str]:
    if response.body.isascii():  # the usual case, without a look at the headers
        yield response.body.decode("ascii")
    yield from response.texts()
    yield response.body.decode("latin-1")


def timeout_of(value: Any) -> Timeout:
    """Return the timeout for a `_request_timeout`: seconds for the whole call, or a pair to connect and for each read.

    None waits for ever. Raises ApiArgumentError.
    """
    if value is UNSET:
        return DEFAULT_TIMEOUT
    if value is None:
        return Timeout(None, None, None)
    if _is_seconds(value):
        return Timeout(value, value, value)
    if isinstance(value, tuple | list) and len(value) == 2 and all(_is_seconds(seconds) for seconds in value):
        return Timeout(value[0], value[1], None)
    raise ApiArgumentError(
        "_request_timeout should be seconds above 0, a pair of them (connect, read), or None to wait for ever"
    )


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9


def policy_of(configuration: Configuration, timeout: Timeout) -> Policy:
    """Return how a call is repeated. `configuration.retries` is a number, False, None, or urllib3's Retry (its total)."""
    retries = configuration.retries
    total = retries if isinstance(retries, int) else getattr(retries, "total", DEFAULT_RETRIES)
    return Policy(DEFAULT_RETRIES if total is None else int(total), timeout)


def require_success(response: Response, method: str | None = None, url: str | None = None) -> None:
    """Raise the ApiException for a response other than 2xx, with its list of errors if it has one."""
    if 200 <= response.status <= 299:
        return
    parsed = _parse(response)
    listed = isinstance(parsed, dict) and isinstance(parsed.get("errors"), list)
    raise ApiException.of(response, ErrorResponse.from_dict(parsed) if listed else None, method, url)


class Call(Generic[T]):
    """One call of an operation: its arguments and its options. Raises ApiArgumentError for invalid ones.

    `signed` is True if the latest request of the call carries a token that the client signed.
    """

    __slots__ = ("auth", "body", "content_type", "headers", "idempotency_key", "ids", "operation", "query", "signed", "timeout")  # fmt: skip

    def __init__(
        self, operation: Operation[T], ids: dict[str, Any], query: dict[str, Any], body: Any, options: Options
    ) -> None:
        timeout, self.auth, self.content_type, headers, host_index = options
        if host_index != 0 or isinstance(host_index, bool):
            raise ApiArgumentError("_host_index should be 0: the operations have one host")
        self.operation = operation
        self.signed = False
        self.ids = ids
        for name in operation.required:
            if query.get(name) is None:
                raise ApiArgumentError(f"{name} should not be None: the operation requires it")
        self.query = _encoding.query_pairs(operation.query, query) if query else []
        self.body = body
        self.timeout = timeout_of(timeout)
        self.headers = headers or {}
        if headers and not (isinstance(headers, Mapping) and all(isinstance(name, str) for name in headers)):
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
        """Return the request. Headers of the call win over the client's and over configured credentials.

        Raises ApiArgumentError.
        """
        operation, query = self.operation, list(self.query)
        headers = Headers(default_headers.items())
        if cookie:
            headers["Cookie"] = cookie
        if not operation.authenticated:
            for name in ("Authorization", "Cookie"):
                headers.pop(name, None)
        if self.headers:
            headers.update(self.headers)
        content = self._content(headers)
        caller_set_key = operation.method == "POST" and "idempotency-key" in headers
        if operation.method == "POST" and not caller_set_key:
            headers["Idempotency-Key"] = self.idempotency_key
        if "accept" not in headers:
            headers["Accept"] = "application/json"
        if self.auth:
            _auth.apply_request_auth(self.auth, headers, query)
        elif operation.authenticated:
            self.signed = _auth.apply_configured(configuration, headers, query=query, signer=signer, now=now)
        base = base_url(configuration)
        if "%" in base and "host" not in headers:  # the zone of an address has a meaning on this machine only
            headers["Host"] = _ZONE.sub("]", urlsplit(base).netloc)
        for name, value in headers.pairs():
            _check_header(name, value)
        if self.auth or len(query) > len(self.query) or headers.has_any(_CREDENTIAL_HEADERS):
            require_private(base, configuration)
        url = base + _encoding.fill_path(operation.path, self.ids, configuration.safe_chars_for_path_param)
        done_once = is_done_once(operation.method, base, caller_set_key=caller_set_key)
        return Request(
            operation.method,
            url + _encoding.query_string(query),
            headers,
            content,
            stream=stream,
            done_once=done_once,
        )

    def _content(self, headers: Headers) -> bytes | MultipartBody | None:
        """Return the body and set its content type, unless the call's own headers do. Raises ApiArgumentError."""
        if self.operation.multipart:
            if isinstance(self.body, dict):  # a later request of the call sends the same file from the same position
                ((name, source),) = self.body.items()
                self.body = MultipartBody(name, source)
            upload: MultipartBody = self.body
            headers["Content-Type"] = upload.content_type
            return upload
        if self.operation.body is None:
            return None
        content, kind = _encoding.json_body(self.operation.body, self.body, self.content_type)
        if "content-type" not in headers:
            headers["Content-Type"] = kind
        return content


def base_url(configuration: Configuration) -> str:
    """Return the configured host without trailing slashes, in ASCII. Raises ApiArgumentError if it is no usable URL."""
    host = configuration.host
    return _base(host if isinstance(host, str) else "")


@functools.lru_cache(maxsize=64)
def _base(host: str) -> str:
    fault = name = ""
    parts = None
    try:
        parts = urlsplit(host)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and ("[" in parts.netloc) == (":" in (parts.hostname or ""))
        name = ascii_host((parts.hostname or "").replace("%25", "%", 1))
    except ValueError:
        usable = False
        if not host.isascii():
            fault = ". Write a name that ASCII cannot hold in its form xn--…"
    if parts is None or not usable or _NOT_IN_HOST.search(host):
        raise ApiArgumentError(f"host should be a URL such as https://api.smooch.io{fault}")
    if "@" in parts.netloc:
        raise ApiArgumentError("host should hold no credentials. Set username and password, or access_token.")
    if "?" in host or "#" in host:
        raise ApiArgumentError("host should hold no query and no fragment: the path of an operation follows it")
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}{port}{quoted(parts.path).rstrip('/')}"


_ZONE = re.compile(r"%[\w.~-]+\]")
_NOT_IN_HOST = re.compile(r"[\x00-\x20\x7f-\xa0\\{}\u2028\u2029\ud800-\udfff]")


def require_private(url: str, configuration: Configuration) -> None:
    """Raise ApiArgumentError if credentials would be sent over plain http to another machine."""
    host = _exposed_host(url)
    if host is not None and not configuration.allow_insecure_http:
        raise ApiArgumentError(
            f"credentials should not go over plain http to {host}: use https, or allow_insecure_http=True"
        )


@functools.lru_cache(maxsize=64)
def _exposed_host(url: str) -> str | None:
    """Return the host of a URL if others can read what is sent to it, else None."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return None if parts.scheme == "https" or is_loopback(host) else host


def is_loopback(host: str) -> bool:
    """Return True for localhost and the addresses of this machine."""
    host = host.partition("%")[0]  # the zone of an IPv6 address
    return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())


@functools.lru_cache(maxsize=64)  # most headers are those of the previous call
def _is_valid(name: str, value: str) -> bool:
    return _TOKEN.fullmatch(name) is not None and _FIELD_VALUE.fullmatch(value) is not None


def _check_header(name: Any, value: Any) -> None:
    """Raise ApiArgumentError for an invalid header. It never repeats a value, which may be a credential."""
    if isinstance(name, str) and isinstance(value, str) and _is_valid(name, value):
        return
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        start = _TOKEN.match(name) if isinstance(name, str) else None
        shown = repr(start[0]) if start else type(name).__name__  # the rest may be a credential
        raise ApiArgumentError(f"a header's name should be a token of HTTP; the start of one is {shown:.40}")
    if not isinstance(value, str):
        raise ApiArgumentError(f"the header {name} should be a string, not {type(value).__name__}")
    if not _FIELD_VALUE.fullmatch(value):
        raise ApiArgumentError(f"the header {name} should hold no line breaks and only characters of Latin-1")
