"""The interface between the asynchronous client and an HTTP library. Implement `Transport` to replace aiohttp."""

from __future__ import annotations

from typing import Protocol

from sunshine_conversations_client.transport import Headers, Request, Response, StreamedBody, Timeout

__all__ = ["Headers", "Request", "Response", "StreamedBody", "Timeout", "Transport"]


class Transport(Protocol):
    """Sends HTTP requests for `aio.ApiClient(transport=…)`. Every task that uses the client calls its methods."""

    async def send(self, request: Request, timeout: Timeout) -> Response:
        """Send a request once, as `sunshine_conversations_client.Transport.send` describes."""
        ...

    async def close(self) -> None:
        """Close all open connections. A later `send` opens new ones."""
        ...
