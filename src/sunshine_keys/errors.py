"""The errors the service answers with: one class a kind, each with its status, code and title.

ServiceError
├── BadRequest            400 bad_request            one title for each thing wrong with the request
├── Unauthorized          401 unauthorized           the credentials do not authenticate
├── Forbidden             403 forbidden              they do, but may not do this
├── NotFound              404 not_found              the resource (key, webhook, path) does not exist
│   ├── AppNotFound       404 app_not_found
│   └── IntegrationNotFound  404 integration_not_found
├── Conflict              409 conflict               an Idempotency-Key that came with another request before
├── MethodNotAllowed      405 method_not_allowed     with the methods that are
├── PayloadTooLarge       413 payload_too_large
├── UnsupportedMediaType  415 unsupported_media_type
├── TooManyRequests       429 too_many_requests      with the seconds to wait
└── StoreUnavailable      503 service_unavailable    try again; the title says whether it may have been done

The pairs for 400, 401, 403 and 404 are the API's documented ones; 405, 409, 413, 415, 429 and 503 are undocumented
there and chosen here. Titles never hold a secret, a token or anything else the request sent.
"""

from __future__ import annotations

from typing import ClassVar


class ServiceError(Exception):
    """An answer other than 2xx. `titles` has one entry, except for a 400 with several things to mend.

    `cause` is what the audit trail is told of it beyond the title; it is not answered.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_server_error"
    title: ClassVar[str] = "Internal server error"

    def __init__(self, *titles: str, cause: str = "") -> None:
        self.titles = titles or (self.title,)
        self.cause = cause
        super().__init__(*self.titles)

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {'; '.join(self.titles)}"


class BadRequest(ServiceError):
    """The request is malformed or breaks a rule; one error for each thing that is wrong."""

    status = 400
    code = "bad_request"
    title = "Bad request"


class Unauthorized(ServiceError):
    """There are no credentials, or they do not authenticate: the key is unknown or deleted, its secret or the token wrong."""

    status = 401
    code = "unauthorized"
    title = "Authorization is required"

    def __init__(self, *titles: str, cause: str = "", key_id: str | None = None) -> None:
        """`key_id` is what the credentials name, right or wrong; None where they name no key, or cannot be read."""
        self.key_id = key_id
        super().__init__(*titles, cause=cause)


class Forbidden(ServiceError):
    """The credentials are good, but their key may not do this, or is of another app or integration."""

    status = 403
    code = "forbidden"
    title = "Forbidden"


class NotFound(ServiceError):
    """The key, the webhook or the path does not exist."""

    status = 404
    code = "not_found"
    title = "Resource not found"


class AppNotFound(NotFound):
    """The app does not exist (any more)."""

    code = "app_not_found"
    title = "App not found"


class IntegrationNotFound(NotFound):
    """The integration does not exist (any more), or is of another app."""

    code = "integration_not_found"
    title = "Integration not found"


class MethodNotAllowed(ServiceError):
    """The path is there, but not for this method; `Allow` has those that are."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"

    def __init__(self, allowed: str) -> None:
        self.allowed = allowed
        super().__init__()


class Conflict(ServiceError):
    """An `Idempotency-Key` that came with another request before."""

    status = 409
    code = "conflict"
    title = "Idempotency-Key was used for another request in the last 24 hours"


class PayloadTooLarge(ServiceError):
    """The body is too large."""

    status = 413
    code = "payload_too_large"
    title = "Request body is limited to 100 kB"


class UnsupportedMediaType(ServiceError):
    """The body is not JSON in UTF-8, or does not say so."""

    status = 415
    code = "unsupported_media_type"
    title = "Content-Type should be application/json"


class TooManyRequests(ServiceError):
    """A rate limit was reached; `Retry-After` has the seconds to wait."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"

    def __init__(self, wait: float, *titles: str) -> None:
        """`wait` is in seconds."""
        self.wait = wait
        super().__init__(*titles)


class StoreUnavailable(ServiceError):
    """Try again, after `Retry-After` seconds; the title says whether the change may have been done."""

    status = 503
    code = "service_unavailable"
    title = "The store is unavailable at the moment; nothing was changed"


def kinds(base: type[ServiceError] = ServiceError) -> list[type[ServiceError]]:
    """Every kind of error there is, by status; the docstring of each says when it is answered."""
    found = [each for kind in base.__subclasses__() for each in (kind, *kinds(kind))]
    return sorted(found, key=lambda kind: kind.status)
