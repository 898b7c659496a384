"""Rules for repeating a request after an attempt that the service may have carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sunshine_conversations_client._messages import StreamedBody

if TYPE_CHECKING:
    from sunshine_conversations_client._messages import Request, Response
    from sunshine_conversations_client.exceptions import ApiConnectionError

VENDOR_DOMAINS = ("smooch.io", "zendesk.com")

IN_DOUBT = (
    "The service may have created the resource all the same. List the existing ones before you create it again, or "
    "repeat the request with the same Idempotency-Key if the service honours it."
)
"""The advice in the error of a create whose answer was lost."""

_SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_TEMPORARY_STATUSES = frozenset({429, 502, 503, 504})


def is_vendors(url: str) -> bool:
    """Return True if the host of a URL belongs to the vendor of the API."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return any(host == domain or host.endswith(f".{domain}") for domain in VENDOR_DOMAINS)


def is_done_once(method: str, url: str, *, caller_set_key: bool) -> bool:
    """Return True if the service creates only one resource, however often it receives a create with its Idempotency-Key.

    The vendor does not document whether its hosts honour the key, and a second resource is worse than one in doubt. For
    these hosts the result is True only if the caller set the key.
    """
    return method == "POST" and (caller_set_key or not is_vendors(url))


def may_repeat(request: Request, response: Response | None, failure: ApiConnectionError | None) -> bool:
    """Return True if the failure is temporary and a repetition cannot have a second effect.

    It needs a body that can be sent again. It cannot if the service never received the request, if the service refused it (429), if the method is idempotent, or
    if the service honours the request's Idempotency-Key.
    """
    if isinstance(request.body, StreamedBody) and not request.body.can_repeat:
        return False
    repeatable = request.method in _SAFE_TO_REPEAT or (request.done_once and "idempotency-key" in request.headers)
    if failure is not None:
        return repeatable or not failure.maybe_sent
    assert response is not None
    return response.status in _TEMPORARY_STATUSES and (repeatable or response.status == 429)
