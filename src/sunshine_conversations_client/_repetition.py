"""Which requests may be sent again though an earlier attempt may have done what it asked."""

from __future__ import annotations

from urllib.parse import urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sunshine_conversations_client._messages import Request, Response
    from sunshine_conversations_client.exceptions import ApiConnectionError

VENDOR_DOMAINS = ("smooch.io", "zendesk.com")

IN_DOUBT = (
    "it may have been created all the same: list what there is before you create it again, or repeat the request with "
    "the same Idempotency-Key where the service honours that"
)

_SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_PASSING = frozenset({429, 502, 503, 504})


def is_vendors(url: str) -> bool:
    """Whether a URL's host is one of the API's vendor."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return any(host == domain or host.endswith(f".{domain}") for domain in VENDOR_DOMAINS)


def is_done_once(method: str, url: str, *, key_given: bool) -> bool:
    """Whether a create with an Idempotency-Key is done once, however often it is sent.

    Nobody knows whether the vendor's hosts honour the key, and a create done twice is worse than one in doubt: there,
    only who gave the key is taken to know.
    """
    return method == "POST" and (key_given or not is_vendors(url))


def may_repeat(request: Request, response: Response | None, failure: ApiConnectionError | None) -> bool:
    """Whether doing it again cannot do it twice: it never left, was turned away, or is the same done twice."""
    harmless = request.method in _SAFE_TO_REPEAT or (request.done_once and "idempotency-key" in request.headers)
    if failure is not None:
        return harmless or not failure.maybe_sent
    assert response is not None
    return response.status in _PASSING and (harmless or response.status == 429)
