"""Webhooks in a test: they reach an application in this process, or a URL, and every call is recorded."""

from __future__ import annotations

import asyncio
import inspect
import io
import logging
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from sunshine_keys.testing.faults import RecordedDelivery
from sunshine_keys.testing.process import LoopThread
from sunshine_keys.webhooks.courier import LOGGED_ANSWER, HttpCourier, NoReply, Reply

_URL = "http://bot.test/webhook"

logger = logging.getLogger("sunshine_keys.testing")


class Route:
    """The courier of a test's server. `target` is an ASGI or WSGI application, a URL, or None: then nothing is delivered."""

    def __init__(self) -> None:
        self.target: Any = None
        self.deliveries: list[RecordedDelivery] = []
        self._http: HttpCourier | None = None
        self._bots: LoopThread | None = None

    async def post(self, url: str, secret: str, body: bytes) -> Reply:
        exception: BaseException | None = None
        try:
            reply = await self._post(secret, body)
        except NoReply as error:
            self.deliveries.append(RecordedDelivery(body, 0, str(error)))
            raise
        except Exception as error:
            logger.exception("the application raised an exception")
            exception, reply = error, Reply(500)
        self.deliveries.append(RecordedDelivery(body, reply.status, exception=exception))
        return reply

    async def _post(self, secret: str, body: bytes) -> Reply:
        if self.target is None:
            raise NoReply("this server delivers nothing: name a target with deliver_to")
        if isinstance(self.target, str):
            if self._http is None:
                self._http = HttpCourier()
            return await self._http.post(self.target, secret, body)
        if _is_asgi(self.target):
            # The application has an event loop of its own: it may call this server and wait for the answer.
            if self._bots is None:
                self._bots = LoopThread()
            return await asyncio.wrap_future(self._bots.submit(_call_asgi(self.target, secret, body)))
        return await asyncio.to_thread(_call_wsgi, self.target, secret, body)

    async def head(self, url: str) -> Reply:
        raise NoReply("this server sends no HEAD")

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()


def _is_asgi(application: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(type(application).__call__)


async def _call_asgi(application: Callable[..., Any], secret: str, body: bytes) -> Reply:
    target = urlsplit(_URL)
    headers = [(name.lower().encode(), value.encode()) for name, value in _headers(secret, body).items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": target.path, "raw_path": target.path.encode(), "query_string": b"", "root_path": "",
        "headers": headers, "server": (target.netloc, 80), "client": ("127.0.0.1", 1), "state": {},
    }  # fmt: skip
    sent: list[dict[str, Any]] = []
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return unread.pop() if unread else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    if not sent:
        raise NoReply("the application sent no answer")
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Reply(sent[0]["status"], content[:LOGGED_ANSWER].decode("utf-8", "replace"))


def _call_wsgi(application: Callable[..., Any], secret: str, body: bytes) -> Reply:
    target = urlsplit(_URL)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": target.path, "QUERY_STRING": "", "SERVER_NAME": target.netloc,
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1", "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr, "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    for name, value in _headers(secret, body).items():
        variable = name.upper().replace("-", "_")
        environ[variable if variable.startswith("CONTENT_") else f"HTTP_{variable}"] = value
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], None]:
        statuses.append(status)
        return lambda content: None

    answer = application(environ, start_response)
    try:
        content = b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    return Reply(int(statuses[-1].split()[0]), content[:LOGGED_ANSWER].decode("utf-8", "replace"))


def _headers(secret: str, body: bytes) -> dict[str, str]:
    return {
        "Host": urlsplit(_URL).netloc,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-API-Key": secret,
    }
