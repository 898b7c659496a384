"""What a client needs of an HTTP library, for those who bring another: a protocol, and the values it speaks in."""

from __future__ import annotations

from typing import Protocol

from sunshine_conversations_client._messages import Headers, Request, Response, Timeout

__all__ = ["Headers", "Request", "Response", "Timeout", "Transport"]


class Transport(Protocol):
    """Sends requests: what `ApiClient(transport=…)` takes. Its methods are called by any thread that uses the client."""

    def send(self, request: Request, timeout: Timeout) -> Response:
        """One attempt: no retry, no redirect, whatever the status of the answer.

        For a request with `stream`, the answer's `raw` is what the `…_without_preload_content` method returns; it has a
        `close()`. Raises ApiConnectionError, or ApiTimeoutError where `timeout` was over; with maybe_sent=False where
        the service has certainly not been asked. Anything else that is raised goes through to the caller.
        """
        ...

    def close(self) -> None:
        """Close what is kept open; a later `send` opens it anew."""
        ...
