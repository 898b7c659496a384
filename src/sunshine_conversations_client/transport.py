"""The interface between the client and an HTTP library. Implement `Transport` to replace urllib3."""

from __future__ import annotations

from typing import Protocol

from sunshine_conversations_client._messages import Headers, Request, Response, StreamedBody, Timeout

__all__ = ["Headers", "Request", "Response", "StreamedBody", "Timeout", "Transport"]


class Transport(Protocol):
    """Sends HTTP requests for `ApiClient(transport=…)`. Every thread that uses the client calls its methods."""

    def send(self, request: Request, timeout: Timeout) -> Response:
        """Send a request once, without retry or redirect, and return the response, of any status.

        If the request has `stream`, leave the body unread and set `raw` to an object with a `close()` method; the
        `…_without_preload_content` methods return it. If `body` is a StreamedBody, iterate over it while you send it, or
        send `bytes(body)`. Raises ApiConnectionError if no complete answer arrives, and
        ApiTimeoutError if `timeout` is over. Pass maybe_sent=False if the service has certainly not received the
        request. Any other exception reaches the caller of the client.
        """
        ...

    def close(self) -> None:
        """Close all open connections. A later `send` opens new ones."""
        ...
