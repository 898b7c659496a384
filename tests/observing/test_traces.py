"""Traces, as OpenTelemetry's own exporters receive them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from support.servers import Server
from support.wire import Key, Wire, first_run

from sunshine_keys import server
from sunshine_keys.observing import tracing
from sunshine_keys.observing.spans import Traces
from sunshine_keys.settings import Settings

KEYS = "/v2/apps/{appId}/integrations/{integrationId}/keys"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Traced:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        monkeypatch.setattr(tracing, "opened", lambda variables: Traces(provider))
        sample = first_run(folder, sample=True)
        self.app_key, self.key = Key.of(sample["app_key"]), Key.of(sample["key"])
        self.keys = f"/v2/apps/{sample['app']['id']}/integrations/{sample['integration']['id']}/keys"

    def spans(self, name: str, count: int = 1) -> list[ReadableSpan]:
        """Wait until `count` spans have this name, and return them."""
        deadline = time.monotonic() + 30
        while len(spans := [span for span in self.exporter.get_finished_spans() if span.name == name]) < count:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return spans


@pytest.fixture
def traced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Traced:
    return Traced(tmp_path, monkeypatch)


@pytest.fixture
def wire(traced: Traced, tmp_path: Path) -> Iterator[Wire]:
    with server.running(Settings(tmp_path)) as url:
        yield Wire(url)


def test_a_request_is_a_span_in_the_trace_of_its_caller(wire: Wire, traced: Traced) -> None:
    answer = wire.get(traced.keys, traced.app_key, headers={"traceparent": PARENT})
    (span,) = traced.spans(f"GET {KEYS}")
    assert span.kind is SpanKind.SERVER
    assert span.context is not None and f"{span.context.trace_id:032x}" == TRACE
    assert span.start_time is not None and span.end_time is not None and span.start_time < span.end_time
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": KEYS,
        "http.response.status_code": 200,
        "client.address": "127.0.0.1",
        "sunshine_keys.request_id": answer.headers["x-request-id"],
        "sunshine_keys.key_id": traced.app_key.id,
        "sunshine_keys.scope": "app",
    }


def test_an_unauthenticated_caller_cannot_force_recording(wire: Wire, traced: Traced) -> None:
    wire.get(traced.keys, Key(traced.app_key.id, "wrong"), headers={"traceparent": PARENT})
    (span,) = traced.spans(f"GET {KEYS}")
    assert span.context is not None and f"{span.context.trace_id:032x}" != TRACE
    assert (span.attributes or {})["error.type"] == "unauthorized"
    assert "sunshine_keys.key_id" not in (span.attributes or {})
    assert span.status.status_code is StatusCode.UNSET


def test_an_invalid_parent_is_ignored(wire: Wire, traced: Traced) -> None:
    for parent in ("", "00-x", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "\xff"):
        wire.get(traced.keys, traced.app_key, headers={"traceparent": parent})
    assert all(span.parent is None for span in traced.spans(f"GET {KEYS}", 4))


def test_a_commit_is_a_span(wire: Wire, traced: Traced) -> None:
    assert wire.post(traced.keys, traced.app_key, {"displayName": "x"}).status == 201
    (span,) = traced.spans("commit")
    assert dict(span.attributes or {}) == {"sunshine_keys.changes": 1}


def test_probes_have_no_spans(wire: Wire, traced: Traced) -> None:
    wire.get("/healthz")
    wire.get("/nowhere")
    traced.spans("GET")
    assert [span.name for span in traced.exporter.get_finished_spans()] == ["GET"]


@pytest.mark.parametrize(
    ("variables", "asked"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_ask_for_traces(variables: dict[str, str], asked: bool) -> None:
    assert tracing.is_enabled(variables) is asked


def test_an_unknown_exporter_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    assert tracing.opened({"OTEL_TRACES_EXPORTER": "zipkin"}) is None
    assert "OTEL_TRACES_EXPORTER is zipkin" in caplog.text


def test_without_the_extra_it_serves_and_logs_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delitem(sys.modules, "sunshine_keys.observing.spans", raising=False)
    monkeypatch.delattr("sunshine_keys.observing.spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    assert tracing.opened({"OTEL_TRACES_EXPORTER": "otlp"}) is None
    assert "extra `otel`" in caplog.text


def test_opentelemetry_is_imported_only_if_enabled() -> None:
    program = (
        "import sys, sunshine_keys.compose, sunshine_keys.server;"
        "from sunshine_keys.observing import tracing; tracing.opened({});"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


class Collector(HTTPServer):
    """Receives spans as a collector does."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.services: set[str] = set()
        super().__init__(("127.0.0.1", 0), Taking)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        import gzip

        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            self.server.services |= {
                attribute.value.string_value
                for attribute in resource.resource.attributes
                if attribute.key == "service.name"
            }
            for scope in resource.scope_spans:
                self.server.names += [span.name for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_a_server_exports_its_spans_before_it_stops(tmp_path: Path) -> None:
    first_run(tmp_path)
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        with Server(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as served:
            served.wire.get("/nowhere")
        collector.shutdown()
    assert collector.names == ["GET"]
    assert collector.services == {"sunshine-keys"}


def test_an_unreachable_collector_does_not_delay_the_stop() -> None:
    class Hanging(TracerProvider):
        def shutdown(self) -> None:
            threading.Event().wait()

    async def close() -> None:
        await asyncio.wait_for(Traces(Hanging(shutdown_on_exit=False)).close(), 30)

    asyncio.run(close())
