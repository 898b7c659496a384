"""Everything this package raises.

OpenApiException
├── ApiTypeError (TypeError)
├── ApiValueError (ValueError)
├── ApiAttributeError (AttributeError)
├── ApiKeyError (KeyError)
└── ApiException                       a call that did not succeed
    ├── ApiArgumentError               refused before anything was sent; an ApiTypeError and an ApiValueError too
    ├── ApiConnectionError             no whole answer came
    │   └── ApiTimeoutError            in time
    ├── ApiDecodeError (ValueError)    the answer is not what the operation answers with
    ├── BadRequestException            400
    ├── UnauthorizedException          401
    ├── ForbiddenException             403
    ├── NotFoundException              404
    ├── ConflictException              409
    ├── UnprocessableEntityException   422
    ├── RateLimitedException           429
    └── ServiceException               500 to 599

Any other status is a plain ApiException. What the HTTP library raised is the `__cause__`, and connection errors can
be caught as its own classes too.
"""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sunshine_conversations_client._messages import Headers, Response

_MAY_BE_SECRET = re.compile("secret|token|passw|key|cookie|auth|certificate|credential", re.IGNORECASE)
_SHOWN_LENGTH = 2000


class OpenApiException(Exception):
    """The base of all exceptions of this package."""


class ApiTypeError(OpenApiException, TypeError):
    def __init__(
        self, msg: str = "", path_to_item: Any = None, valid_classes: Any = None, key_type: Any = None
    ) -> None:
        self.path_to_item = path_to_item
        self.valid_classes = valid_classes
        self.key_type = key_type
        super().__init__(render_path(msg, path_to_item))


class ApiValueError(OpenApiException, ValueError):
    def __init__(self, msg: str = "", path_to_item: Any = None) -> None:
        self.path_to_item = path_to_item
        super().__init__(render_path(msg, path_to_item))


class ApiAttributeError(OpenApiException, AttributeError):
    def __init__(self, msg: str = "", path_to_item: Any = None) -> None:
        self.path_to_item = path_to_item
        super().__init__(render_path(msg, path_to_item))


class ApiKeyError(OpenApiException, KeyError):
    def __init__(self, msg: str = "", path_to_item: Any = None) -> None:
        self.path_to_item = path_to_item
        super().__init__(render_path(msg, path_to_item))


def render_path(msg: str, path_to_item: Any = None) -> str:
    """`msg` with the place in the data it is about."""
    return f"{msg} at {''.join(f'[{part!r}]' for part in path_to_item)}" if path_to_item else msg


class ApiException(OpenApiException):
    """A call that did not succeed.

    `status` is the HTTP status (None or 0 where there was no answer), `reason` its phrase or what went wrong,
    `body` the answer's text, `data` its error list as a model, `headers` its headers (names in any case).
    `code` and `title` are those of the first error; `request_id`, `method`, `url` (without its query) and `path` tell the
    call.
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
        Exception.__init__(self)  # not the next class, which may be the HTTP library's
        self.status = status if http_resp is None or status is not None else http_resp.status
        self.reason = reason if http_resp is None or reason is not None else http_resp.reason
        self.body = body
        self.data = data
        self.headers: Headers | None = None if http_resp is None else http_resp.getheaders()
        self.method: str | None = None
        self.url: str | None = None

    @classmethod
    def of(cls, response: Response, data: Any, method: str | None = None, url: str | None = None) -> ApiException:
        """The exception of an answer other than 2xx, of the class its status has; `data` is its error list."""
        error = _class_of(response.status, cls)(response.status, response.reason, body=response.text(), data=data)
        error.headers = response.headers
        error.method = method
        error.url = url
        return error

    @classmethod
    def from_response(cls, *, http_resp: Any, body: str | None, data: Any) -> ApiException:
        """Raises the exception of a `RESTResponse`, of the class its status has; `cls` where it has none."""
        raise _class_of(http_resp.status, cls)(http_resp=http_resp, body=body, data=data)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.__dict__)

    @property
    def code(self) -> str | None:
        """The code of the first error, as in "not_found"."""
        return self._first("code")

    @property
    def title(self) -> str | None:
        """The title of the first error, as in "Resource not found"."""
        return self._first("title")

    @property
    def path(self) -> str | None:
        """The path of the request, as it was sent."""
        if self.url is None:
            return None
        return "/" + self.url.partition("://")[2].partition("/")[2] if "://" in self.url else self.url

    @property
    def request_id(self) -> str | None:
        """The service's id of the request, to be quoted when asking about it."""
        return None if self.headers is None else self.headers.get("x-request-id")

    def _first(self, name: str) -> str | None:
        errors = getattr(self.data, "errors", None)
        value = getattr(errors[0], name, None) if isinstance(errors, list) and errors else None
        return value if isinstance(value, str) else None

    def __repr__(self) -> str:
        named = {
            "status": self.status,
            "reason": self.reason,
            "code": self.code,
            "title": self.title,
            "request_id": self.request_id,
            "method": self.method,
            "path": self.path,
        }
        parts = ", ".join(f"{name}={value!r}" for name, value in named.items() if value is not None)
        return f"{type(self).__name__}({parts})"

    def __str__(self) -> str:
        lines = [f"({self.status})" if self.status else type(self).__name__, f"Reason: {self.reason}"]
        if self.method:
            lines.append(f"Request: {self.method} {self.url}")
        if self.headers:
            shown = {name: value for name, value in self.headers.items() if not _MAY_BE_SECRET.search(name)}
            lines.append(f"HTTP response headers: {shown}")
        if self.body:
            lines.append(f"HTTP response body: {self._shown_body(self.body)}")
        return "\n".join(lines) + "\n"

    def _shown_body(self, body: str) -> str:
        """The errors it lists; else the text, unless that may hold a secret."""
        errors = getattr(self.data, "errors", None)
        if isinstance(errors, list):
            listed = [{name: getattr(error, name, None) for name in ("code", "title")} for error in errors]
            return json.dumps({"errors": listed}, ensure_ascii=False, default=repr)
        if _MAY_BE_SECRET.search(body):
            return f"not shown, as it may hold a secret: {len(body)} characters"
        return body[:_SHOWN_LENGTH]


def _rebuilt(kind: type[ApiException], state: dict[str, Any]) -> ApiException:
    """What pickle and copy make an exception of: whatever its constructor takes, its state is all there is to it."""
    error = kind.__new__(kind)
    error.__dict__.update(state)
    return error


class ApiArgumentError(ApiException, ApiValueError, ApiTypeError):
    """An argument, a model's value or a setting is not what it should be; nothing was sent."""

    def __init__(self, reason: str = "") -> None:
        ApiException.__init__(self, None, reason)
        self.path_to_item = None

    def __str__(self) -> str:
        return str(self.reason)


class ApiConnectionError(ApiException):
    """No whole answer came. `maybe_sent` tells whether the service may have done what was asked."""

    def __init__(self, reason: str = "", *, maybe_sent: bool = True) -> None:
        super().__init__(None, reason)
        self.maybe_sent = maybe_sent


class ApiTimeoutError(ApiConnectionError):
    """No whole answer came in time."""


class ApiDecodeError(ApiException, ValueError):
    """The service answered 2xx, and not with what the operation answers with. The body is not kept: it may be secret."""


class BadRequestException(ApiException):
    """400: what should be mended is in `data.errors`, one error for each fault."""


class UnauthorizedException(ApiException):
    """401: the credentials are missing or wrong, or their key has been deleted."""


class ForbiddenException(ApiException):
    """403: the credentials are good, and may not do this."""


class NotFoundException(ApiException):
    """404: the app, the integration or the resource does not exist (any more)."""


class ConflictException(ApiException):
    """409"""


class UnprocessableEntityException(ApiException):
    """422"""


class RateLimitedException(ApiException):
    """429: too many requests; `headers["retry-after"]` may tell when to try again."""


class ServiceException(ApiException):
    """500 to 599: the service failed."""


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
