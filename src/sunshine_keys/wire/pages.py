"""Pass requests below /console to an ASGI application. The first request builds that application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from sunshine_keys.wire.admission import Admission
from sunshine_keys.wire.outcome import CLIENT_GONE
from sunshine_keys.wire.request import Receive, Request

Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi: TypeAlias = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


class Pages:
    """Calls the application, and adds to its answers, as the API does, the request's id and the handling of an unread body.

    The application reads the request's id and source from `state`. There it sets `route`, `actor`, and `code`: the code of
    an error, or "".
    """

    def __init__(self, make: Callable[[Admission], Asgi], admission: Admission) -> None:
        self._make = make
        self._admission = admission
        self._application: Asgi | None = None

    async def answer(self, request: Request, scope: dict[str, Any], send: Send) -> tuple[int, str]:
        """Answer a request, and return the status and the code of an error or "". Raises ClientGone."""
        if self._application is None:
            self._application = self._make(self._admission)
        state: dict[str, Any] = {
            "request_id": request.id, "source": request.source, "route": "", "actor": None, "code": "",
        }  # fmt: skip
        status = CLIENT_GONE

        async def respond(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                await request.discard()
                status = message["status"]
                headers = [*message["headers"], (b"x-request-id", request.id.encode())]
                if scope["scheme"] == "https":
                    headers.append((b"strict-transport-security", b"max-age=31536000"))
                if request.body_is_coming:  # otherwise the rest of the body would be read as the next request
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        await self._application(scope | {"state": state}, request.receive, respond)
        request.route, request.actor = state["route"], state["actor"]
        return status, "client_gone" if status == CLIENT_GONE else state["code"]
