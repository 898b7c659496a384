"""Pages beside the API: what is asked of /console goes to an ASGI application, made when it is first asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from sunshine_keys.wire.admission import Admission
from sunshine_keys.wire.outcome import CLIENT_GONE
from sunshine_keys.wire.request import Receive, Request

Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi: TypeAlias = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


class Pages:
    """What an answer needs besides (its id, the end of a body that nobody read) is done here.

    The application finds the request's id and source in `state`, and says there what came of it: `route`, `actor`, and `code`, the
    error's, empty where there was none.
    """

    def __init__(self, make: Callable[[Admission], Asgi], admission: Admission) -> None:
        self._make = make
        self._admission = admission
        self._application: Asgi | None = None

    async def answer(self, request: Request, scope: dict[str, Any], send: Send) -> tuple[int, str]:
        """Answer it, and return the status and the error's code. Raises ClientGone."""
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
                if request.body_is_coming:  # what is left of it would be read as the next request
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        await self._application(scope | {"state": state}, request.receive, respond)
        request.route, request.actor = state["route"], state["actor"]
        return status, "client_gone" if status == CLIENT_GONE else state["code"]
