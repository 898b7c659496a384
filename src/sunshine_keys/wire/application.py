"""The ASGI application: a request's whole way, from its path to its answer."""

from __future__ import annotations

import asyncio
import logging
import math
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from sunshine_keys.access.actor import Actor
from sunshine_keys.engine import Engine
from sunshine_keys.errors import (
    MethodNotAllowed,
    NotFound,
    ServiceError,
    StoreUnavailable,
    TooManyRequests,
    Unauthorized,
)
from sunshine_keys.sealing.sealer import UnknownSealingKey
from sunshine_keys.wire import openapi, reference
from sunshine_keys.wire import router as routes
from sunshine_keys.wire.admission import Admission
from sunshine_keys.wire.limits import NO_LIMITS, RateLimits
from sunshine_keys.wire.operations import Call
from sunshine_keys.wire.outcome import CLIENT_GONE, Observer, Outcome
from sunshine_keys.wire.pages import Asgi, Pages
from sunshine_keys.wire.request import ClientGone, Receive, Request, new_request_id

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

logger = logging.getLogger("sunshine_keys.http")

AT_ONCE = "sunshine_keys.at_once"
"""In the lifespan's state, for the server: of a scope, whether the application answers it without waiting."""

_encode = msgspec.json.Encoder().encode
_COMMON_HEADERS: Headers = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
_TLS_HEADERS: Headers = [*_COMMON_HEADERS, (b"strict-transport-security", b"max-age=31536000")]
_PROBES = ("healthz", "readyz")
_OPEN = (*_PROBES, "metrics", "openapi.json", "docs")
_DOCS_STYLE = ["docs", "style.css"]
_METRICS_TYPE = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_REPLAYED = (b"idempotency-replayed", b"true")
_CHALLENGE = (b"www-authenticate", b'Basic realm="Sunshine Conversations", charset="UTF-8", Bearer')


class Application:
    """Serves the API under /v2, /healthz, /readyz, /openapi.json and /docs without credentials, /metrics by its token.

    /console is for another application, where there is one.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], float] = time.time,
        limits: RateLimits = NO_LIMITS,
        observers: Sequence[Observer] = (),
        metrics: Callable[[str], Awaitable[bytes]] | None = None,
        console: Callable[[Admission], Asgi] | None = None,
    ) -> None:
        """`metrics` makes the page /metrics for an Authorization header, or raises Unauthorized.

        `console` makes what answers under /console.
        """
        self._engine = engine
        self._reads_at_once = engine.store.reads_at_once
        self._observers = observers
        self._metrics = metrics
        self._admission = Admission(engine, clock, limits)
        self._console = Pages(console, self._admission) if console else None
        self.authenticated: Callable[[Actor], Awaitable[None]] | None = None
        """Called between authentication and the operation; for tests of what happens meanwhile."""

    def answers_at_once(self, scope: dict[str, Any]) -> bool:
        """Whether it only reads, from a store whose reads do not wait: then it needs no task."""
        return self._reads_at_once and scope["method"] == "GET" and scope["raw_path"].startswith(b"/v2/")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        began, started = time.time(), time.perf_counter()
        request = Request(scope, receive, new_request_id())
        extra: Headers = []
        code, is_replay = "", False
        try:
            if self._console is not None and request.segments[0] == "console":
                status, code = await self._console.answer(request, scope, send)
                self._tell(Outcome(request, status, code, False, began, time.perf_counter() - started))
                return
            try:
                status, content = await self._operate(request)
                if status == 201 and (is_replay := _is_replay(content)):
                    extra = [_REPLAYED]
            except ServiceError as error:
                status, content, extra, code = error.status, _envelope(error), _headers_of(error), error.code
            if request.body_is_coming:
                await request.discard()
        except ClientGone:
            self._tell(Outcome(request, CLIENT_GONE, "client_gone", False, began, time.perf_counter() - started))
            return
        except asyncio.CancelledError:
            # The server stops, and this request has not arrived or been answered within its grace.
            stopping = StoreUnavailable("The service is stopping")
            status, content, extra, code = stopping.status, _envelope(stopping), _headers_of(stopping), stopping.code
        except Exception as error:
            # Its kind and where it came from; not its text, which might hold anything that the request held.
            places = "".join(traceback.format_tb(error.__traceback__))
            logger.error("request %s failed with %s:\n%s", request.id, type(error).__name__, places)
            status, content, code = ServiceError.status, _envelope(ServiceError()), ServiceError.code
        common = _TLS_HEADERS if scope["scheme"] == "https" else _COMMON_HEADERS
        if isinstance(content, reference.File):
            body, common = content.body, [*content.headers, *common[1:]]
        elif isinstance(content, bytes):
            body, common = content, [_METRICS_TYPE, *common[1:]]
        else:
            body = _encode(content)
        headers = [
            *common,
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", request.id.encode()),
            *extra,
        ]
        if request.body_is_coming:  # what is left of it would be read as the next request
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self._tell(Outcome(request, status, code, is_replay, began, time.perf_counter() - started))

    def _tell(self, outcome: Outcome) -> None:
        for observe in self._observers:
            observe(outcome)

    async def _operate(self, request: Request) -> tuple[int, Any]:
        is_open = request.segments[0] in _OPEN and (len(request.segments) == 1 or request.segments == _DOCS_STYLE)
        if not is_open or request.segments[0] not in _PROBES:  # load balancers are not to be refused
            self._admission.admit_request(request.source)
        if is_open:
            return await self._open(request)
        operation, ids = routes.match(request.method, request.segments)
        request.route = operation.path
        actor = request.actor = await self._admission.authenticate(request)
        if self.authenticated is not None:
            await self.authenticated(actor)
        app_id, integration_id = ids.get("app_id"), ids.get("integration_id")
        self._admission.authorise(actor, request.source, request.id, operation.scopes, app_id, integration_id)
        body = {}
        if operation.body:
            body = operation.body.values(await request.json())
        elif request.body_is_coming:
            await request.skip()  # what turns out to be malformed is to change nothing
        call = Call(self._engine, actor, request, body, **ids)
        while True:
            try:
                return operation.status, await operation.handler(call)
            except UnknownSealingKey as unknown:
                # Reads and updates can be done again, and of what they have made themselves, creates know the key.
                await self._engine.renewal.require(unknown.key_id)

    async def _open(self, request: Request) -> tuple[int, Any]:
        """What is answered without a key."""
        if request.segments[0] == "metrics" and self._metrics is None:
            raise NotFound
        request.route = "/" + "/".join(request.segments)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("GET, HEAD")
        if request.segments[0] == "docs":
            # In a thread: made by the first who asks, the page takes as long as hundreds of requests.
            return 200, await asyncio.to_thread(reference.style if len(request.segments) == 2 else reference.page)
        if request.segments[0] == "openapi.json":
            return 200, msgspec.Raw(openapi.document())
        if request.segments[0] == "metrics" and self._metrics is not None:
            return 200, await self._metrics(request.authorization())
        if request.segments[0] == "readyz":
            await self._engine.store.ready()
        return 200, {"status": "ok"}

    async def close(self) -> None:
        """Have written what the audit trail is still to be told."""
        await self._admission.close()


def _is_replay(content: Any) -> bool:
    """Whether a create was answered before: what was made then comes as the JSON that was kept of it."""
    return isinstance(content, dict) and any(isinstance(each, msgspec.Raw) for each in content.values())


def _envelope(error: ServiceError) -> msgspec.Raw:
    return _errors(error.code, error.titles)


@lru_cache(256)  # most refusals are alike
def _errors(code: str, titles: tuple[str, ...]) -> msgspec.Raw:
    return msgspec.Raw(_encode({"errors": [{"code": code, "title": title} for title in titles]}))


def _headers_of(error: ServiceError) -> Headers:
    match error:
        case Unauthorized():
            return [_CHALLENGE]
        case MethodNotAllowed():
            return [(b"allow", error.allowed.encode())]
        case TooManyRequests():
            return [(b"retry-after", str(math.ceil(error.wait)).encode())]
        case StoreUnavailable():
            return [(b"retry-after", b"1")]
        case _:
            return []
