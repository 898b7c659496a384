"""Mocks, recorders and tracing: what stands in for urllib3 or for parts of the client is used, and nothing passes it by."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import httpretty
import pook
import pytest
import urllib3
import vcr
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.scripts import KEY, NewScript, Script, answer
from vcr.errors import CannotOverwriteExistingCassetteException

import sunshine_conversations_client as sunshine
from sunshine_conversations_client.rest import RESTResponse

Api = sunshine.CustomIntegrationApiKeysApi


@pytest.fixture
def server(script: NewScript) -> Script:
    """Return a server that would answer, for tests in which a request must not reach it."""
    return script(*[answer("201 Created", KEY)] * 3)


def api_at(url: str, kind: type[sunshine.ApiClient] = sunshine.ApiClient) -> Api:
    return Api(kind(sunshine.Configuration(url, username="app_1", password="s3cr3t", retries=False)))


@pytest.fixture
def api(server: Script) -> Iterator[Api]:
    api = api_at(server.url)
    yield api
    api.api_client.close()


def create(api: Api) -> str | None:
    return api.create_custom_integration_key("a", "i", {"displayName": "x"}).key.id


def response(body: bytes = KEY, status: int = 201) -> urllib3.HTTPResponse:
    return urllib3.HTTPResponse(body, {"Content-Type": "application/json"}, status, reason="Created")


class TestRecorders:
    def test_vcrpy_refuses_a_request_that_it_has_not_recorded(self, server: Script, api: Api, tmp_path: Path) -> None:
        create(api)  # leaves an open connection, which vcrpy cannot see
        tape = vcr.use_cassette(str(tmp_path / "tape.yaml"), record_mode="none")
        with tape, pytest.raises(CannotOverwriteExistingCassetteException):
            create(api)
        assert len(server.requests) == 1

    def test_vcrpy_records_once_and_plays_back(self, server: Script, api: Api, tmp_path: Path) -> None:
        for _ in range(2):
            with vcr.use_cassette(str(tmp_path / "tape.yaml"), record_mode="once") as tape:
                assert create(api) == "int_1"
        assert len(tape) == tape.play_count == len(server.requests) == 1
        assert create(api) == "int_1"  # after the tape, on a connection of its own
        assert len(server.requests) == 2

    def test_pook_answers(self, server: Script, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        original = urllib3.HTTPConnectionPool.urlopen  # pook itself does not restore it if requests is installed
        monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", original)
        with pook.use():
            pook.post(f"{server.url}/v2/apps/a/integrations/i/keys", reply=201, response_json=json.loads(KEY))
            assert create(api) == "int_1"
            with pytest.raises(pook.exceptions.PookNoMatches):
                create(api)
        assert server.requests == []

    def test_httpretty_answers(self) -> None:
        url = "http://127.0.0.1:1"
        with httpretty.enabled():
            httpretty.register_uri(
                "POST", f"{url}/v2/apps/a/integrations/i/keys", KEY, status=201, content_type="application/json"
            )
            assert create(api_at(url)) == "int_1"
            assert json.loads(httpretty.last_request().body) == {"displayName": "x"}

    def test_instrumentation_of_urllib3_makes_a_span(self, server: Script, api: Api) -> None:
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        URLLib3Instrumentor().instrument(tracer_provider=provider)
        try:
            create(api)
        finally:
            URLLib3Instrumentor().uninstrument()
        (span,) = exporter.get_finished_spans()
        assert (span.name, span.attributes["http.status_code"]) == ("POST", 201)
        assert b"traceparent: " in server.requests[0]


class TestPatchesOfUrllib3:
    @pytest.mark.parametrize(
        "target",
        ["urllib3.PoolManager.request", "urllib3.PoolManager.urlopen", "urllib3.HTTPConnectionPool.urlopen"],
    )
    def test_the_patch_answers(self, target: str, server: Script, api: Api) -> None:
        with mock.patch(target, return_value=response()) as patched:
            assert create(api) == "int_1"
        patched.assert_called_once()
        assert server.requests == []

    def test_an_error_of_the_patch_is_one_of_the_client(self, server: Script, api: Api) -> None:
        error = urllib3.exceptions.ReadTimeoutError(mock.Mock(), "/", "Read timed out.")
        with (
            mock.patch("urllib3.PoolManager.urlopen", side_effect=error),
            pytest.raises(sunshine.ApiTimeoutError) as raised,
        ):
            create(api)
        assert raised.value.maybe_sent
        assert server.requests == []

    def test_a_patch_of_getresponse_is_used(self, server: Script, api: Api) -> None:
        original = http.client.HTTPConnection.getresponse
        with mock.patch.object(http.client.HTTPConnection, "getresponse", autospec=True, side_effect=original) as spied:
            create(api)
        spied.assert_called_once()

    def test_a_patched_pool_manager_of_a_client_is_used(self, server: Script, api: Api) -> None:
        with mock.patch.object(api.api_client.rest_client.pool_manager, "request", return_value=response()):
            assert create(api) == "int_1"
        assert server.requests == []


class LoggingClient(sunshine.ApiClient):
    """A client of a program that overrides `call_api`, as the documentation of the official client suggests."""

    def call_api(self, method: str, url: str, *arguments: Any, **options: Any) -> RESTResponse:
        self.called = (method, url, arguments, options)
        return super().call_api(method, url, *arguments, **options)


class TestPatchesOfTheClient:
    @pytest.mark.parametrize("answered", [response(), RESTResponse(response())], ids=["urllib3", "RESTResponse"])
    def test_a_patched_call_api_answers(self, answered: Any, server: Script, api: Api) -> None:
        with mock.patch.object(sunshine.ApiClient, "call_api", return_value=answered) as patched:
            assert create(api) == "int_1"
        method, url, _, body, form = patched.call_args.args
        assert (method, url) == ("POST", f"{server.url}/v2/apps/a/integrations/i/keys")
        assert (body, form) == ({"displayName": "x"}, None)
        assert server.requests == []

    def test_a_mock_of_an_official_response_answers(self, server: Script, api: Api) -> None:
        answered = mock.Mock(status=404, reason="Not Found", data=b'{"errors": [{"code": "not_found", "title": "t"}]}')
        answered.getheaders.return_value = {"Content-Type": "application/json"}
        api.api_client.call_api = mock.Mock(return_value=answered)  # type: ignore[method-assign]  # as tests do
        with pytest.raises(sunshine.NotFoundException) as raised:
            create(api)
        assert raised.value.code == "not_found"
        assert server.requests == []

    def test_an_overridden_call_api_is_called(self, server: Script) -> None:
        client = LoggingClient(sunshine.Configuration(server.url, username="app_1", password="s3cr3t"))
        with client:
            assert create(Api(client)) == "int_1"
            assert client.called[0] == "POST"
            unread = Api(client).list_custom_integration_keys_without_preload_content("a", "i")
            assert (unread.status, unread.read()) == (201, KEY)
        assert json.loads(server.requests[0].partition(b"\r\n\r\n")[2]) == {"displayName": "x"}
        assert server.requests[0].lower().count(b"idempotency-key: ") == 1

    def test_a_replaced_request_of_the_rest_client_is_called(self, server: Script, api: Api) -> None:
        replacement = mock.Mock(return_value=RESTResponse(response()))
        api.api_client.rest_client.request = replacement
        assert create(api) == "int_1"
        assert replacement.call_args.args == ("POST", f"{server.url}/v2/apps/a/integrations/i/keys")
        assert replacement.call_args.kwargs["headers"]["Content-Type"] == "application/json"
        assert server.requests == []

    def test_the_original_request_of_the_rest_client_sends(self, server: Script, api: Api) -> None:
        answered = api.api_client.rest_client.request("POST", server.url, headers={"X-A": "1"}, body="{}")
        assert (answered.status, answered.read()) == (201, KEY)
        assert b"X-A: 1" in server.requests[0]

    @pytest.mark.parametrize("name", ["call_api", "rest_client"])
    def test_a_stand_in_without_an_answer_fails_loudly(self, name: str, server: Script, api: Api) -> None:
        setattr(api.api_client, name, mock.MagicMock())
        with pytest.raises(sunshine.ApiArgumentError, match="returned MagicMock"):
            create(api)
        assert server.requests == []
