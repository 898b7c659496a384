"""The errors that the service answers with: a class for each kind, with its status, code and title.

ServiceError
├── BadRequest            400 bad_request            one title for each fault of the request
│   ├── TooManySwitchboardIntegrations  400 too_many_switchboard_integrations
│   ├── SwitchboardInvalidTarget        400 switchboard_invalid_target
│   └── SwitchboardInvalidAction        400 switchboard_invalid_action
├── InvalidRequest        400 invalid_request        of /oauth/token: its errors have the form of RFC 6749
│   ├── InvalidGrant          400 invalid_grant
│   ├── UnsupportedGrantType  400 unsupported_grant_type
│   └── InvalidClient         401 invalid_client
├── Unauthorized          401 unauthorized           the credentials do not authenticate
├── Forbidden             403 forbidden              the key is valid, but may not do this
├── NotFound              404 not_found              the resource (key, webhook, path) does not exist
│   ├── AppNotFound       404 app_not_found
│   ├── IntegrationNotFound   404 integration_not_found
│   ├── UserNotFound          404 user_not_found
│   ├── ConversationNotFound  404 conversation_not_found
│   ├── ClientNotFound        404 client_not_found
│   ├── DeviceNotFound        404 device_not_found
│   ├── AttachmentNotFound    404 not_found
│   ├── SwitchboardNotFound             404 switchboard_not_found
│   └── SwitchboardIntegrationNotFound  404 switchboard_integration_not_found
├── Conflict              409 conflict               an Idempotency-Key that was used for another request
│   └── UserExists        409 conflict               the external id of another user
├── MethodNotAllowed      405 method_not_allowed     `Allow` lists the methods that exist
├── PayloadTooLarge       413 payload_too_large
├── UnsupportedMediaType  415 unsupported_media_type
├── RangeNotSatisfiable   416 range_not_satisfiable  `Content-Range` has the size of the file
├── Locked                423 locked                 a conversation that is full
├── TooManyRequests       429 too_many_requests      `Retry-After` holds the seconds to wait
└── StoreUnavailable      503 service_unavailable    try again; the title says whether the change may have happened

The API documents the codes and titles for 400, 401, 403, 404, 423 and, for users, 409. Those for 405, other 409s, 413, 415,
416, 429 and 503 are our own choice. A title never holds a secret, a token or anything else that the request sent.
"""

from __future__ import annotations

from typing import ClassVar


class ServiceError(Exception):
    """An answer other than 2xx. `titles` has one entry, except for a 400 that lists several faults.

    `cause` explains the error in the audit trail, beyond the title. It is never sent.
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
    """The request is malformed or breaks a rule. The answer has one error for each fault."""

    status = 400
    code = "bad_request"
    title = "Bad request"


class TooManySwitchboardIntegrations(BadRequest):
    """The switchboard has as many entries as it may. Delete one of them first."""

    code = "too_many_switchboard_integrations"
    title = "Switchboard has reached the max number of switchboard integrations (10)"


class SwitchboardInvalidTarget(BadRequest):
    """A pass or an offer names no entry of the switchboard, several of them, or the active one."""

    code = "switchboard_invalid_target"
    title = "Switchboard invalid target"


class SwitchboardInvalidAction(BadRequest):
    """The app has no enabled switchboard, or nobody has been offered control."""

    code = "switchboard_invalid_action"
    title = "Switchboard is not enabled"


class Unauthorized(ServiceError):
    """The credentials are missing or wrong: the key is unknown or deleted, or its secret or the token is invalid."""

    status = 401
    code = "unauthorized"
    title = "Authorization is required"


class Forbidden(ServiceError):
    """The credentials are valid, but their key may not do this, or belongs to another app or integration."""

    status = 403
    code = "forbidden"
    title = "Forbidden"


class NotFound(ServiceError):
    """The key, the webhook or the path does not exist."""

    status = 404
    code = "not_found"
    title = "Resource not found"


class AppNotFound(NotFound):
    """The app does not exist, or no longer exists."""

    code = "app_not_found"
    title = "App not found"


class IntegrationNotFound(NotFound):
    """The integration does not exist, no longer exists, or belongs to another app."""

    code = "integration_not_found"
    title = "Integration not found"


class UserNotFound(NotFound):
    """The user does not exist in this app, or no longer exists."""

    code = "user_not_found"
    title = "User not found"


class ConversationNotFound(NotFound):
    """The conversation does not exist in this app, or no longer exists."""

    code = "conversation_not_found"
    title = "Conversation not found"


class ClientNotFound(NotFound):
    """The user has no such client."""

    code = "client_not_found"
    title = "Client not found"


class DeviceNotFound(NotFound):
    """The user has no such device."""

    code = "device_not_found"
    title = "Device not found"


class AttachmentNotFound(NotFound):
    """The file does not exist, no longer exists, or belongs to another app."""

    title = "Attachment not found"


class SwitchboardNotFound(NotFound):
    """The app has no such switchboard."""

    code = "switchboard_not_found"
    title = "Switchboard not found"


class SwitchboardIntegrationNotFound(NotFound):
    """The switchboard has no such entry."""

    code = "switchboard_integration_not_found"
    title = "SwitchboardIntegration not found"


class MethodNotAllowed(ServiceError):
    """The path exists, but not for this method. `Allow` lists the methods that it has."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"

    def __init__(self, allowed: str) -> None:
        self.allowed = allowed
        super().__init__()


class Conflict(ServiceError):
    """The `Idempotency-Key` was used for another request before."""

    status = 409
    code = "conflict"
    title = "Idempotency-Key was used for another request in the last 24 hours"


class UserExists(Conflict):
    """Another user of the app has this external id."""

    title = "User already exists"


class PayloadTooLarge(ServiceError):
    """The body is too large."""

    status = 413
    code = "payload_too_large"
    title = "Request body is limited to 100 kB"


class UnsupportedMediaType(ServiceError):
    """The body is not JSON in UTF-8, or its `Content-Type` is not `application/json`."""

    status = 415
    code = "unsupported_media_type"
    title = "Content-Type should be application/json"


class RangeNotSatisfiable(ServiceError):
    """The requested range begins behind the end of the file, which has `size` bytes."""

    status = 416
    code = "range_not_satisfiable"
    title = "Range not satisfiable"

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__()


class Locked(ServiceError):
    """The conversation holds as many messages as it may. Delete some of them first."""

    status = 423
    code = "locked"
    title = "Message limit of 30000 per conversation reached."


class TooManyRequests(ServiceError):
    """A rate limit was reached. `Retry-After` holds the seconds to wait."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"

    def __init__(self, wait: float, *titles: str) -> None:
        """`wait` is in seconds."""
        self.wait = wait
        super().__init__(*titles)


class StoreUnavailable(ServiceError):
    """The store cannot answer now. Try again after `Retry-After` seconds. The title says whether the change may have happened."""

    status = 503
    code = "service_unavailable"
    title = "The store is unavailable at the moment; nothing was changed"


class InvalidRequest(ServiceError):
    """A request for an access token is malformed, or a field is missing. The body is `{"error", "error_description"}`."""

    status = 400
    code = "invalid_request"
    title = "Invalid request"


class InvalidGrant(InvalidRequest):
    """The code is unknown, older than ten minutes, used, or of another client or redirect URI. Connect the app once more."""

    code = "invalid_grant"
    title = "The code is unknown, expired, used, or of another client or redirect URI"


class UnsupportedGrantType(InvalidRequest):
    """`grant_type` is another than `authorization_code`."""

    code = "unsupported_grant_type"
    title = "grant_type should be authorization_code"


class InvalidClient(InvalidRequest):
    """The client's id or secret is wrong, or the client has been deleted."""

    status = 401
    code = "invalid_client"
    title = "Client id or secret is wrong, or the client has been deleted"


def kinds(base: type[ServiceError] = ServiceError) -> list[type[ServiceError]]:
    """Return all kinds of errors by status. Their docstrings say when the service sends them; docs/errors.md shows these."""
    classes = [kind for child in base.__subclasses__() for kind in (child, *kinds(child))]
    return sorted(classes, key=lambda kind: kind.status)
