"""The ASGI application: it takes a request from its path to its answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from sunshine_keys.access.actor import Actor
from sunshine_keys.engine import Engine
from sunshine_keys.errors import (
    AttachmentNotFound,
    MethodNotAllowed,
    NotFound,
    ServiceError,
    StoreUnavailable,
    Unauthorized,
)
from sunshine_keys.sealing.sealer import UnknownSealingKey
from sunshine_keys.wire import openapi, reference, verification
from sunshine_keys.wire.admission import Admission
from sunshine_keys.wire.answers import File, Headers, Replay, Stream, error_body, error_headers, log_failure
from sunshine_keys.wire.exchange import CLOSE_LINE, Answer, Receive, Send, header_lines
from sunshine_keys.wire.limits import NO_LIMITS, RateLimits
from sunshine_keys.wire.operation import Call, OpenCall
from sunshine_keys.wire.outcome import CLIENT_GONE, Observer, Outcome
from sunshine_keys.wire.pages import Asgi, Pages
from sunshine_keys.wire.rejections import Rejected, RejectionObserver
from sunshine_keys.wire.request import (
    FORM_BYTES,
    UPLOAD_SECONDS,
    ClientGone,
    Request,
    new_request_id,
    split_path,
)
from sunshine_keys.wire.router import Router

logger = logging.getLogger("sunshine_keys.http")

APPLICATION = "sunshine_keys.application"
"""The key of the application in the lifespan's state. The server calls the application directly."""

_encode = msgspec.json.Encoder().encode
_JSON_LINE = b"content-type: application/json; charset=utf-8\r\n"
_NO_STORE_LINE = b"cache-control: no-store\r\n"
_COMMON_LINES = _JSON_LINE + _NO_STORE_LINE + b"x-content-type-options: nosniff\r\n"
_TLS_LINES = _COMMON_LINES + b"strict-transport-security: max-age=31536000\r\n"
_BASES = (b"/v2/", b"/sc/v2/", b"//v2/", b"/sc//v2/")
_AUTH = verification.ROUTE.encode()
_PROBES = ("healthz", "readyz")
_OPEN = ("", *_PROBES, "metrics", "openapi.json", "docs")
CONSENT_PAGE = "/console/authorize"
_AUTHORIZE = ["oauth", "authorize"]
_ROOT = [""]
_DOCS_STYLE = ["docs", "style.css"]
_METRICS_HEADERS: Headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
_CHALLENGE = header_lines(error_headers(Unauthorized()))
_REPLAYED_LINE = b"idempotency-replayed: true\r\n"


class Application:
    """Serves the API under /v2 and /sc/v2; /auth for other services; /healthz, /readyz, /openapi.json, /docs, and uploaded files below /attachments
    and /sc/attachments, without credentials; /metrics by its token. Requests below /console, and those of browsers for
    /oauth/authorize, go to another application, if there is one.
    """

    def __init__(
        self,
        engine: Engine,
        router: Router,
        clock: Callable[[], float] = time.time,
        limits: RateLimits = NO_LIMITS,
        observers: Sequence[Observer] = (),
        metrics: Callable[[str], Awaitable[bytes]] | None = None,
        console: Callable[[Admission], Asgi] | None = None,
        rejections: Sequence[RejectionObserver] = (),
    ) -> None:
        """`metrics` returns the page /metrics for an Authorization header, or raises Unauthorized.

        `console` returns the application below /console. `rejections` observe what the protocol refuses itself.
        """
        self._engine = engine
        self._clock = clock
        self._router = router
        self._reads_inline = engine.store.reads_inline
        self._observers = observers
        self._rejections = rejections
        self._metrics = metrics
        self._admission = Admission(engine, clock, limits)
        self._console = Pages(console, self._admission) if console else None
        self.authenticated: Callable[[Actor], Awaitable[None]] | None = None
        """Called between authentication and the operation, for tests that change the store at this moment."""

    def runs_inline(self, scope: dict[str, Any]) -> bool:
        """Return True if the request needs no task: it reads, from a store whose reads finish without awaiting I/O."""
        path: bytes = scope["raw_path"]
        if not self._reads_inline or scope["method"] != "GET":
            return False
        if not path.startswith(_BASES):
            return path == _AUTH
        _, segments = scope["split_path"] = split_path(path.decode("latin-1"))
        match = scope["match"] = self._router.find("GET", segments)
        return match is None or match[0].runs_inline

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request of ASGI."""

        async def answer(status: int, lines: bytes, body: bytes) -> None:
            await send(_start(status, lines))
            await send({"type": "http.response.body", "body": body})

        await self.respond(scope, receive, send, answer)

    async def respond(self, scope: dict[str, Any], receive: Receive, send: Send, answer: Answer) -> None:
        """Answer a request of the protocol: whole through `answer`, or in parts through `send`."""
        began, started = time.time(), time.perf_counter()
        request = Request(scope, receive, new_request_id())
        extra = b""
        code, is_replay, begin = "", False, b""
        try:
            if request.match is None and self._console is not None and _is_page(request):
                if request.segments == _AUTHORIZE:
                    scope = scope | {"path": "/oauth/authorize"}  # without /sc and second slashes
                status, code = await self._console.answer(request, scope, send)
                self._observe(Outcome(request, status, code, False, began, time.perf_counter() - started))
                return
            try:
                status, content = await self._dispatch(request)
                if isinstance(content, Stream):
                    status = content.status
                    begin = await anext(content.parts, b"")  # before the head: a file that is missing is a 404
                elif isinstance(content, Replay):
                    content, is_replay = content.body, True
                elif status == 201:
                    is_replay = _is_replay(content)
            except ServiceError as error:
                status, content, extra, code = error.status, error_body(error), _error_lines(error), error.code
            if request.body_is_coming:
                await request.discard()
        except ClientGone:
            self._observe(Outcome(request, CLIENT_GONE, "client_gone", False, began, time.perf_counter() - started))
            return
        except asyncio.CancelledError:
            # The server is stopping, and this request has not arrived, or was not answered, within the grace period.
            stopping = StoreUnavailable("The service is stopping")
            status, content, extra, code = stopping.status, error_body(stopping), _error_lines(stopping), stopping.code
        except Exception as error:
            log_failure(logger, f"request {request.id}", error)
            status, content, code = ServiceError.status, error_body(ServiceError()), ServiceError.code
        lines = _TLS_LINES if scope["scheme"] == "https" else _COMMON_LINES
        if isinstance(content, Stream):
            body, size = b"", content.size
            lines = header_lines(content.headers) + lines[len(_JSON_LINE + _NO_STORE_LINE) :]
        else:
            if isinstance(content, File):
                body, lines = content.body, header_lines(content.headers) + lines[len(_JSON_LINE) :]
            else:
                body = _encode(content)
            size = len(body)
        length = b"" if status == 304 else b"content-length: %d\r\n" % size
        lines = b"%b%bx-request-id: %b\r\n" % (lines, length, request.id.encode())
        if is_replay:
            lines += _REPLAYED_LINE
        lines += extra
        if request.body_is_coming:  # otherwise the rest of the body would be read as the next request
            lines += CLOSE_LINE
        if isinstance(content, Stream) and request.method != "HEAD":
            try:
                await _send_parts(send, status, lines, begin, content)
            except ConnectionResetError:
                status, code = CLIENT_GONE, "client_gone"
        else:
            await answer(status, lines, body)
        self._observe(Outcome(request, status, code, is_replay, began, time.perf_counter() - started))

    def _observe(self, outcome: Outcome) -> None:
        for observe in self._observers:
            observe(outcome)

    def reject(self, rejected: Rejected) -> None:
        """Report what the protocol has refused."""
        for observe in self._rejections:
            observe(rejected)

    async def _dispatch(self, request: Request) -> tuple[int, Any]:
        if request.match is not None:
            if self._admission.limits_requests:
                self._admission.admit_request(request.source, request.id)
            operation, ids = request.match
        else:
            is_open = request.segments[0] in _OPEN and (len(request.segments) == 1 or request.segments == _DOCS_STYLE)
            is_probe = is_open and request.segments[0] in _PROBES
            if self._admission.limits_requests and not is_probe:  # a load balancer removes a service that answers 429
                self._admission.admit_request(request.source, request.id)
            if is_open:
                return await self._open(request)
            if (file := _attachment(request.segments)) is not None:
                return 200, await self._file(request, *file)
            if request.segments[0] == verification.AUTH:
                return 200, await self._verify(request)
            operation, ids = self._router.match(request.method, request.segments)
        request.route = operation.path
        if not operation.scopes:
            return operation.status, await operation.handler(self._open_call(request))
        actor = request.actor = await self._admission.authenticate(request)
        if self.authenticated is not None:
            await self.authenticated(actor)
        if actor.integration_id is not None and ids.get("integrationId") == "me":
            ids["integrationId"] = actor.integration_id
        app_id, integration_id = ids.get("appId"), ids.get("integrationId")
        self._admission.authorise(actor, request.source, request.id, operation.scopes, app_id, integration_id)
        body, upload = {}, None
        if operation.upload_bytes:
            upload = request.stream(operation.upload_bytes + FORM_BYTES, UPLOAD_SECONDS)
        elif operation.body and (operation.needs_body or request.body_is_coming):
            body = operation.body.values(await request.json())
        elif request.body_is_coming:
            await request.skip()  # read it first: a malformed body must change nothing
        call = Call(self._engine, actor, request, body, ids, upload)
        try:
            return operation.status, await operation.handler(call)
        except UnknownSealingKey:  # rare, so that most calls do not pay for a repetition
            return operation.status, await operation.run(call)

    async def _verify(self, request: Request) -> File:
        """Say whose key a request has. Raises BadRequest, Unauthorized, Forbidden, TooManyRequests."""
        request.route = verification.ROUTE
        needed = verification.constraints_of(request)
        actor = request.actor = await self._admission.authenticate(request)
        self._admission.authorise(
            actor, request.source, request.id, needed.scopes, needed.app_id, needed.integration_id
        )
        return verification.answer(actor)

    def _open_call(self, request: Request) -> OpenCall:
        consent_page = "" if self._console is None else request.prefix + CONSENT_PAGE
        return OpenCall(self._engine, self._admission, request, self._clock, consent_page)

    async def _open(self, request: Request) -> tuple[int, Any]:
        """Answer a request for a path that needs no key."""
        if request.segments[0] == "metrics" and self._metrics is None:
            raise NotFound
        request.route = "/" + "/".join(request.segments)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("GET, HEAD")
        if request.segments == _ROOT:
            return self._root(request)
        if request.segments == _DOCS_STYLE:
            return 200, await asyncio.to_thread(reference.style)
        if request.segments[0] == "docs":
            # In a thread: the first request renders the page, which takes as long as hundreds of requests.
            has_console = self._console is not None
            return 200, await asyncio.to_thread(reference.page, self._router, request.host_url, has_console=has_console)
        if request.segments[0] == "openapi.json":
            return 200, msgspec.Raw(openapi.document(self._router, request.prefix))
        if request.segments[0] == "metrics" and self._metrics is not None:
            return 200, File(_METRICS_HEADERS, await self._metrics(request.authorization()))
        if request.segments[0] == "readyz":
            await self._engine.store.ready()
        return 200, {"status": "ok"}

    async def _file(self, request: Request, id: str, name: str) -> Stream:
        """Return a file that a program has uploaded. Raises AttachmentNotFound, RangeNotSatisfiable, MethodNotAllowed."""
        request.route = "/attachments/v2/{attachmentId}/{name}"
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("GET, HEAD")
        if self._engine.messaging is None:
            raise AttachmentNotFound
        file: Stream = await self._engine.messaging.file(self._engine, request, id, name)
        return file

    def _root(self, request: Request) -> tuple[int, Any]:
        """Send a browser to the console, and name the paths of the service to a program."""
        paths = {"api": "/v2", "description": "/openapi.json", "reference": "/docs"}
        if self._console is not None:
            paths["console"] = "/console"
        if _wants_page(request):
            page = request.prefix + paths.get("console", paths["reference"])
            return 303, File([(b"content-type", b"text/plain"), (b"location", page.encode())], b"")
        return 200, {name: request.prefix + path for name, path in paths.items()}

    async def close(self) -> None:
        """Write the refusals that are not yet in the audit trail."""
        await self._admission.close()


def _is_page(request: Request) -> bool:
    """Return True if the console answers the request. It shows people what is wrong with the link that a partner sent them to."""
    return request.segments[0] == "console" or (request.segments == _AUTHORIZE and _wants_page(request))


def _wants_page(request: Request) -> bool:
    return b"text/html" in request.headers.get(b"accept", b"").lower()


def _attachment(segments: list[str]) -> tuple[str, str] | None:
    """Return the id and the name that the path of an uploaded file holds; None for another path."""
    if segments[0] == "sc":
        segments = segments[1:]
    if len(segments) == 4 and segments[:2] == ["attachments", "v2"]:
        return segments[2], segments[3]
    return None


def _error_lines(error: ServiceError) -> bytes:
    """Return the header lines that belong to an error. Most errors under attack are of one class, whose lines are prepared."""
    return _CHALLENGE if type(error) is Unauthorized else header_lines(error_headers(error))


def _start(status: int, lines: bytes) -> dict[str, Any]:
    """Return the message of ASGI that begins an answer."""
    headers = [tuple(line.split(b": ", 1)) for line in lines.split(b"\r\n")[:-1]]
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _send_parts(send: Send, status: int, lines: bytes, begin: bytes, content: Stream) -> None:
    """Send a stream that begins with `begin`. Raises ConnectionResetError if the client goes before its end."""
    await send(_start(status, lines))
    sent, part = len(begin), begin
    async with aclosing(content.parts):
        while sent < content.size:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            part = await anext(content.parts)
            sent += len(part)
        await send({"type": "http.response.body", "body": part})


def _is_replay(content: Any) -> bool:
    """Return True if a create was answered before: its content is then the stored JSON."""
    return isinstance(content, dict) and any(isinstance(view, msgspec.Raw) for view in content.values())
