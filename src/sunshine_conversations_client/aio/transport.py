"""What the asynchronous client needs of an HTTP library, for those who bring another."""

from __future__ import annotations

from typing import Protocol

from sunshine_conversations_client.transport import Headers, Request, Response, Timeout

__all__ = ["Headers", "Request", "Response", "Timeout", "Transport"]


class Transport(Protocol):
    """Sends requests: what `aio.ApiClient(transport=…)` takes. Its methods are called by any task that uses the client."""

    async def send(self, request: Request, timeout: Timeout) -> Response:
        """As `sunshine_conversations_client.Transport.send`, awaited."""
        ...

    async def close(self) -> None:
        """Close what is kept open; a later `send` opens it anew."""
        ...
