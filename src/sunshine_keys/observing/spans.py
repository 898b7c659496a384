"""OpenTelemetry spans: one for each request, and one for each commit of a group of changes.

A span is created after its request is answered, from the same outcome as the log's line, and holds no more than that.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sunshine_keys.observing.request_log import PROBES
from sunshine_keys.wire.outcome import Outcome
from sunshine_keys.wire.request import Request

CLOSING_SECONDS = 2.0
"""How long sending the last spans may take: an absent collector does not delay the stop."""

_PROPAGATOR = TraceContextTextMapPropagator()


def exported(variables: Mapping[str, str]) -> Traces:
    """Return traces that are exported as the standard variables say."""
    is_named = "OTEL_SERVICE_NAME" in variables or "service.name=" in variables.get("OTEL_RESOURCE_ATTRIBUTES", "")
    resource = Resource.create({} if is_named else {"service.name": "sunshine-keys"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Traces(provider)


class Traces:
    """An observer of requests, and of commits."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("sunshine_keys")

    def __call__(self, outcome: Outcome) -> None:
        request = outcome.request
        if request.route in PROBES:
            return
        attributes: dict[str, str | int] = {
            "http.request.method": request.method,
            "http.response.status_code": outcome.status,
            "client.address": request.source,
            "sunshine_keys.request_id": request.id,
        }
        if request.route:
            attributes["http.route"] = request.route
        if request.actor is not None:
            attributes["sunshine_keys.key_id"] = request.actor.key_id
            attributes["sunshine_keys.scope"] = request.actor.scope.value
        if outcome.code:
            attributes["error.type"] = outcome.code
        begun = int(outcome.began * 1e9)
        span = self._tracer.start_span(
            f"{request.method} {request.route}".rstrip(),
            context=_parent(request),
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=begun,
        )
        if outcome.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(begun + int(outcome.seconds * 1e9))

    def commit(self, size: int, seconds: float) -> None:
        """Record a commit that has just ended. Call it from any thread."""
        now = time.time_ns()
        span = self._tracer.start_span(
            "commit",
            context=Context(),
            attributes={"sunshine_keys.changes": size},
            start_time=now - int(seconds * 1e9),
        )
        span.end(now)

    async def close(self) -> None:
        """Send the remaining spans, for at most CLOSING_SECONDS."""
        sending = threading.Thread(target=self._provider.shutdown, name="sunshine-keys-traces", daemon=True)
        sending.start()
        end = time.monotonic() + CLOSING_SECONDS
        while sending.is_alive() and time.monotonic() < end:  # noqa: ASYNC110 - a thread that hangs sets no event
            await asyncio.sleep(0.01)


def _parent(request: Request) -> Context:
    """Return the caller's span if the request is authenticated: a stranger's headers do not influence what is recorded."""
    if request.actor is None:
        return Context()
    headers = {name: request.headers.get(name.encode(), b"").decode("latin-1") for name in _PROPAGATOR.fields}
    return _PROPAGATOR.extract({name: value for name, value in headers.items() if value}, Context())
