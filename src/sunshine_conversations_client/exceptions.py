"""The exceptions of this package.

OpenApiException
├── ApiTypeError (TypeError)
├── ApiValueError (ValueError)
├── ApiAttributeError (AttributeError)
├── ApiKeyError (KeyError)
├── WebhookVerificationError           a request to your webhook does not carry its secret
├── WebhookDecodeError (ValueError)    a verified request to your webhook has no list of events
└── ApiException                       a call failed
    ├── ApiArgumentError               an argument is invalid, nothing was sent; also an ApiTypeError and an ApiValueError
    ├── ApiConnectionError             no complete answer arrived
    │   └── ApiTimeoutError            no complete answer arrived in time
    ├── ApiDecodeError (ValueError)    the answer does not have the form that the operation documents
    ├── BadRequestException            400
    ├── UnauthorizedException          401
    ├── ForbiddenException             403
    ├── NotFoundException              404
    ├── ConflictException              409
    ├── UnprocessableEntityException   422
    ├── RateLimitedException           429
    └── ServiceException               500 to 599

Any other status raises a plain ApiException. The `__cause__` of a connection error is the exception of the HTTP library, or
one like it if that would quote the answer, which may hold a secret. The synchronous client's connection errors are also
urllib3's MaxRetryError, and its timeouts urllib3's TimeoutError, because the official client raises those.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from sunshine_conversations_client._messages import Headers, Response

_SHOWN_HEADERS = frozenset(
    {"content-type", "date", "idempotency-replayed", "retry-after", "server", "via", "x-request-id"}
)
"""Headers that the text of an exception shows. Any other one may hold a credential."""


class OpenApiException(Exception):
    """Base of all exceptions of this package."""


class ApiTypeError(OpenApiException, TypeError):
    """A value has the wrong type. `path_to_item` is its place in the data, as keys and indexes."""

    def __init__(
        self, msg: str = "", path_to_item: Any = None, valid_classes: Any = None, key_type: Any = None
    ) -> None:
        self.path_to_item = path_to_item
        self.valid_classes = valid_classes
        self.key_type = key_type
        super().__init__(render_path(msg, path_to_item))


class ApiValueError(OpenApiException, ValueError):
    """A value is invalid. `path_to_item` is its place in the data, as keys and indexes."""

    def __init__(self, msg: str = "", path_to_item: Any = None) -> None:
        self.path_to_item = path_to_item
        super().__init__(render_path(msg, path_to_item))


class ApiAttributeError(OpenApiException, AttributeError):
    """An attribute does not exist. The official client exports this class; this package does not raise it."""

    def __init__(self, msg: str = "", path_to_item: Any = None) -> None:
        self.path_to_item = path_to_item
        super().__init__(render_path(msg, path_to_item))


class ApiKeyError(OpenApiException, KeyError):
    """A key does not exist. The official client exports this class; this package does not raise it."""

    def __init__(self, msg: str = "", path_to_item: Any = None) -> None:
        self.path_to_item = path_to_item
        super().__init__(render_path(msg, path_to_item))


def render_path(msg: str, path_to_item: Any = None) -> str:
    """Return `msg`, followed by the place in the data as keys and indexes in brackets."""
    return f"{msg} at {''.join(f'[{part!r}]' for part in path_to_item)}" if path_to_item else msg


class ApiException(OpenApiException):
    """A call failed.

    `status` is the HTTP status, or None or 0 if no answer arrived. `reason` is the reason phrase of the answer, or a
    sentence about what went wrong. `body` is the text of the answer, `data` its error list as an `ErrorResponse`, and
    `headers` its headers, whose names match in any case. The text of the exception shows the error list, but no other
    body, and only headers that hold no credential. `code` and `title` belong to the first error. `method`, `url`
    (without its query), `path` and `request_id` identify the request.
    """

    def __init__(
        self,
        status: int | None = None,
        reason: str | None = None,
        http_resp: Any = None,
        *,
        body: str | None = None,
        data: Any = None,
    ) -> None:
        Exception.__init__(self)  # the next class may be the HTTP library's, with other arguments
        self.status = status if http_resp is None or status is not None else http_resp.status
        self.reason = reason if http_resp is None or reason is not None else http_resp.reason
        self.body = body
        self.data = data
        self.headers: Headers | None = None if http_resp is None else http_resp.getheaders()
        self.method: str | None = None
        self.url: str | None = None

    @classmethod
    def of(cls, response: Response, data: Any, method: str | None = None, url: str | None = None) -> ApiException:
        """Return the exception for an answer other than 2xx. The status selects the class; `data` is the error list."""
        error = _class_of(response.status, cls)(response.status, response.reason, body=response.text(), data=data)
        error.headers = response.headers
        error.method = method
        error.url = url
        return error

    @classmethod
    def from_response(cls, *, http_resp: Any, body: str | None, data: Any) -> ApiException:
        """Raise the exception for a `RESTResponse`. The status selects the class; without a class of its own it is `cls`."""
        raise _class_of(http_resp.status, cls)(http_resp=http_resp, body=body, data=data)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.__dict__)

    @property
    def code(self) -> str | None:
        """The code of the first error, for example "not_found"."""
        return self._first("code")

    @property
    def title(self) -> str | None:
        """The title of the first error, for example "Resource not found"."""
        return self._first("title")

    @property
    def path(self) -> str | None:
        """The path of the request as the client sent it, percent-encoded and without a query."""
        if self.url is None:
            return None
        return "/" + self.url.partition("://")[2].partition("/")[2] if "://" in self.url else self.url

    @property
    def request_id(self) -> str | None:
        """The id that the service gave the request (the header X-Request-Id). Quote it when you report a problem."""
        return None if self.headers is None else self.headers.get("x-request-id")

    def _first(self, name: str) -> str | None:
        errors = getattr(self.data, "errors", None)
        value = getattr(errors[0], name, None) if isinstance(errors, list) and errors else None
        return value if isinstance(value, str) else None

    def __repr__(self) -> str:
        attributes = {
            "status": self.status,
            "reason": self.reason,
            "code": self.code,
            "title": self.title,
            "request_id": self.request_id,
            "method": self.method,
            "path": self.path,
        }
        parts = ", ".join(f"{name}={value!r}" for name, value in attributes.items() if value is not None)
        return f"{type(self).__name__}({parts})"

    def __str__(self) -> str:
        lines = [f"({self.status})" if self.status else type(self).__name__, f"Reason: {self.reason}"]
        if self.method:
            lines.append(f"Request: {self.method} {self.url}")
        if self.headers:
            shown = {name: value for name, value in self.headers.items() if name.lower() in _SHOWN_HEADERS}
            lines.append(f"HTTP response headers: {shown}")
        if self.body:
            lines.append(f"HTTP response body: {self._shown_body(self.body)}")
        return "\n".join(lines) + "\n"

    def _shown_body(self, body: str) -> str:
        """Return the codes and titles of an error list, or the length of any other body, which may hold a secret."""
        errors = getattr(self.data, "errors", None)
        if not isinstance(errors, list):
            return f"({len(body)} characters, which the attribute `body` holds)"
        listed = [{name: _shown_text(getattr(error, name, None)) for name in ("code", "title")} for error in errors]
        return json.dumps({"errors": listed}, ensure_ascii=False)


def _shown_text(value: Any) -> str | None:
    return value if isinstance(value, str | None) else f"({type(value).__name__})"


def _rebuilt(kind: type[ApiException], state: dict[str, Any]) -> ApiException:
    """Rebuild an exception for pickle and copy from its attributes, without calling its constructor."""
    error = kind.__new__(kind)
    error.__dict__.update(state)
    return error


class ApiArgumentError(ApiException, ApiValueError, ApiTypeError):
    """An argument, a setting or a model's value is invalid. The client has sent nothing."""

    def __init__(self, reason: str = "") -> None:
        ApiException.__init__(self, None, reason)
        self.path_to_item = None

    def __str__(self) -> str:
        return str(self.reason)


class ApiConnectionError(ApiException):
    """No complete answer arrived. `maybe_sent` is True if the service may have carried out the request."""

    def __init__(self, reason: str = "", *, maybe_sent: bool = True) -> None:
        super().__init__(None, reason)
        self.maybe_sent = maybe_sent


class ApiTimeoutError(ApiConnectionError):
    """No complete answer arrived within the timeout."""


class ApiDecodeError(ApiException, ValueError):
    """A 2xx answer does not have the form that the operation documents. It has no `body`: that may contain a secret."""


class BadRequestException(ApiException):
    """400: the request is invalid. `data.errors` lists every fault."""


class UnauthorizedException(ApiException):
    """401: the credentials are missing or wrong, or their key was deleted."""


class ForbiddenException(ApiException):
    """403: the credentials are valid, but their scope does not allow this operation."""


class NotFoundException(ApiException):
    """404: the app, the integration or the resource does not exist, or was deleted."""


class ConflictException(ApiException):
    """409: the request conflicts with the state of the resource."""


class UnprocessableEntityException(ApiException):
    """422: the service understood the request but cannot process it."""


class RateLimitedException(ApiException):
    """429: too many requests. `headers["retry-after"]` may hold the seconds to wait."""


class ServiceException(ApiException):
    """500 to 599: the service failed, or a proxy before it did."""


class WebhookVerificationError(OpenApiException):
    """A request to a webhook's target does not carry exactly one `X-API-Key` that equals a secret. Answer it with 401."""


class WebhookDecodeError(OpenApiException, ValueError):
    """A verified request to a webhook's target is no JSON object with a list of events. Answer it with 400."""


def _class_of(status: int, other: type[ApiException]) -> type[ApiException]:
    return ServiceException if 500 <= status <= 599 else _BY_STATUS.get(status, other)


_BY_STATUS: dict[int, type[ApiException]] = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
    409: ConflictException,
    422: UnprocessableEntityException,
    429: RateLimitedException,
}
