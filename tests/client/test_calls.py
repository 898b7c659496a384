"""What a call sends over the socket, and what it makes of every answer."""

from __future__ import annotations

import gzip
import json
import socket
import traceback
from typing import Any

import pytest
import urllib3
from support.drivers import Driver
from support.scripts import KEY, NewApi, NewScript, answer, drop

import sunshine_conversations_client as sunshine
from sunshine_conversations_client.transport import Headers


def create(api: Any, **options: Any) -> sunshine.IntegrationApiKeyResponse:
    created: sunshine.IntegrationApiKeyResponse = api.create_custom_integration_key(
        "a", "i", sunshine.IntegrationApiKey(display_name="x"), **options
    )
    return created


def test_a_request_is_sent_as_documented(script: NewScript, api_at: NewApi) -> None:
    server = script(answer("201 Created", KEY))
    created = create(api_at(server.url))
    assert created.key and created.key.secret == "s"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v2/apps/a/integrations/i/keys HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines[1:])
    assert headers["Authorization"] == "Basic YXBwXzE6czNjcjN0"
    assert headers["Content-Type"] == "application/json"
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("sunshine-keys/")
    assert json.loads(body) == {"displayName": "x"}


@pytest.mark.parametrize("half", [{"username": "u", "password": None}, {"username": None, "password": "p"}])
def test_half_a_key_is_rejected(script: NewScript, api_at: NewApi, half: dict[str, Any]) -> None:
    server = script()
    with pytest.raises(sunshine.ApiArgumentError, match=r"(username|password) is missing\."):
        api_at(server.url, **half).list_custom_integration_keys("a", "i")
    assert server.requests == []


def test_an_error_has_the_path_of_its_request(script: NewScript, api_at: NewApi) -> None:
    server = script(answer("404 Not Found", b"{}"))
    with pytest.raises(sunshine.NotFoundException) as raised:
        api_at(server.url + "/v2").get_custom_integration_key("a", "i", "k/1")
    assert raised.value.path == "/v2/v2/apps/a/integrations/i/keys/k%2F1"
    assert f"Request: GET {server.url}{raised.value.path}\n" in str(raised.value)


def test_a_token_wins_and_missing_credentials_send_no_header(script: NewScript, api_at: NewApi) -> None:
    server = script(*[answer(body=b'{"keys": []}')] * 3)
    api_at(server.url, access_token="t").list_custom_integration_keys("a", "i")
    api_at(server.url, username=None, password=None).list_custom_integration_keys("a", "i")
    assert b"Authorization: Bearer t\r\n" in server.requests[0]
    assert b"uthorization" not in server.requests[1]


@pytest.mark.parametrize("written", [("int/1", "int%2F1"), ("a b", "a%20b"), ("ü", "%C3%BC"), ("a%b", "a%25b"), ("...", "..."), ("a?b#c", "a%3Fb%23c")])  # fmt: skip
def test_ids_are_encoded(script: NewScript, written: tuple[str, str], api_at: NewApi) -> None:
    server = script(answer(body=KEY))
    api_at(server.url).get_custom_integration_key("a", "i", written[0])
    assert server.lines == [f"GET /v2/apps/a/integrations/i/keys/{written[1]} HTTP/1.1"]


@pytest.mark.parametrize("bad", ["", ".", "..", "a\r\nb", "a\0", "\x7f", "\ud800", None, b"x", True, 1.5, ["x"]])
def test_ids_that_would_change_the_path_are_rejected(script: NewScript, bad: Any, api_at: NewApi) -> None:
    server = script()
    for arguments in ((bad, "i", "k"), ("a", bad, "k"), ("a", "i", bad)):
        with pytest.raises(sunshine.ApiArgumentError) as refused:
            api_at(server.url).delete_custom_integration_key(*arguments)
        assert isinstance(refused.value, ValueError | TypeError)
    assert server.requests == []


def test_an_integer_id_is_sent_as_its_digits(script: NewScript, api_at: NewApi) -> None:
    server = script(answer(body=KEY))
    api_at(server.url).get_custom_integration_key(1, "i", 2)  # type: ignore[arg-type]
    assert server.lines == ["GET /v2/apps/1/integrations/i/keys/2 HTTP/1.1"]


@pytest.mark.parametrize("body", [None, "x", [], 7, sunshine.ApiKey(), sunshine.AppKeyCreateBody(), {"displayName": 7}, {"x": object()}, {"x": float("nan")}])  # fmt: skip
def test_an_invalid_body_is_rejected(script: NewScript, body: Any, api_at: NewApi) -> None:
    server = script()
    with pytest.raises(sunshine.ApiArgumentError):
        api_at(server.url).create_custom_integration_key("a", "i", body)
    assert server.requests == []


class TestOptions:
    @pytest.mark.parametrize("timeout", [0, -1, True, "5", (None, 5), (1, 0), (1,), (1, 2, 3), float("inf"), float("nan"), object()])  # fmt: skip
    def test_an_invalid_timeout_is_rejected(self, script: NewScript, timeout: Any, api_at: NewApi) -> None:
        server = script()
        with pytest.raises(sunshine.ApiArgumentError, match="_request_timeout"):
            create(api_at(server.url), _request_timeout=timeout)
        assert server.requests == []

    @pytest.mark.parametrize("timeout", [None, 5, 0.5, (1, 2), [1, 2]])
    def test_a_timeout_is_a_number_a_pair_or_none(self, script: NewScript, timeout: Any, api_at: NewApi) -> None:
        server = script(answer("201 Created", KEY))
        assert create(api_at(server.url), _request_timeout=timeout).key

    def test_options_may_be_positional(self, script: NewScript, api_at: NewApi) -> None:
        server = script(answer(body=KEY))
        api_at(server.url).get_custom_integration_key("a", "i", "k", 5, None, None, {"X-Mine": "1"}, 0)
        assert b"X-Mine: 1" in server.requests[0]

    def test_request_auth_replaces_the_configured_credentials(self, script: NewScript, api_at: NewApi) -> None:
        server = script(*[answer(body=KEY)] * 4)
        api = api_at(server.url)
        for auth in (
            {"in": "header", "type": "bearer", "key": "Authorization", "value": "Bearer mine"},
            {"in": "query", "type": "api_key", "key": "to ken", "value": "a&b"},
            {"in": "cookie", "type": "api_key", "key": "session", "value": "1"},
            {},
        ):
            api.get_custom_integration_key("a", "i", "k", _request_auth=auth)
        assert b"Authorization: Bearer mine" in server.requests[0]
        assert b"s3cr3t" not in server.requests[0]
        assert server.lines[1] == "GET /v2/apps/a/integrations/i/keys/k?to%20ken=a%26b HTTP/1.1"
        assert b"uthorization" not in server.requests[1]
        assert b"Cookie: session=1" in server.requests[2]
        assert b"Authorization: Basic YXBwXzE6czNjcjN0" in server.requests[3]

    @pytest.mark.parametrize(
        "auth",
        [
            {"in": "body", "key": "x", "value": "y"},
            {"in": "header"},
            {"key": "x"},
            "x",
            {"in": "header", "key": "x", "value": None},
            {"in": "query", "key": "x", "value": 1},
            {"in": "cookie", "key": 1, "value": "x"},
        ],
    )
    def test_an_invalid_request_auth_is_rejected(self, script: NewScript, auth: Any, api_at: NewApi) -> None:
        with pytest.raises(sunshine.ApiArgumentError):
            create(api_at(script().url), _request_auth=auth)

    def test_headers_of_a_call_replace_the_defaults_in_any_case(self, script: NewScript, api_at: NewApi) -> None:
        server = script(answer("201 Created", KEY))
        headers = {"user-agent": "mine", "AUTHORIZATION": "Bearer mine", "content-type": "application/json; v=1"}
        create(api_at(server.url), _headers=headers)
        head = server.requests[0].partition(b"\r\n\r\n")[0].decode().lower()
        assert head.count("user-agent:") == head.count("authorization:") == head.count("content-type:") == 1
        assert "user-agent: mine" in head
        assert "authorization: bearer mine" in head
        assert "content-type: application/json; v=1" in head
        assert headers == {
            "user-agent": "mine",
            "AUTHORIZATION": "Bearer mine",
            "content-type": "application/json; v=1",
        }

    @pytest.mark.parametrize(
        ("page", "query"),
        [
            (sunshine.Page(size=3), "page[size]=3"), ({"size": 3}, "page[size]=3"), ({"after": "x&y"}, "page[after]=x%26y"),
            ({}, ""), (None, ""), ({"colour": True}, "page[colour]=true"),
        ],
    )  # fmt: skip
    def test_pages_are_sent_as_documented(
        self, script: NewScript, page: Any, query: str, api_at: NewApi, driver: Driver
    ) -> None:
        server = script(answer(body=b'{"apps": []}'))
        driver.AppsApi(api_at(server.url).api_client).list_apps(page=page)
        sent = [line.replace("%5B", "[").replace("%5D", "]") for line in server.lines]
        assert sent == [f"GET /v2/apps{'?' if query else ''}{query} HTTP/1.1"]

    def test_a_filter_takes_the_python_name(self, script: NewScript, api_at: NewApi, driver: Driver) -> None:
        server = script(answer(body=b'{"apps": []}'))
        driver.AppsApi(api_at(server.url).api_client).list_apps(filter={"service_account_id": "x"})
        sent = [line.replace("%5B", "[").replace("%5D", "]") for line in server.lines]
        assert sent == ["GET /v2/apps?filter[serviceAccountId]=x HTTP/1.1"]

    @pytest.mark.parametrize(
        "chosen",
        [
            {"types": ["custom", "web"]}, {"types": ("custom", "web")}, {"types": "custom,web"},
            sunshine.IntegrationListFilter(types=["custom", "web"]),  # type: ignore[arg-type]  # it joins a list
            sunshine.IntegrationListFilter(types="custom,web"),
        ],
    )  # fmt: skip
    def test_a_list_in_a_filter_is_joined_with_commas(
        self, script: NewScript, chosen: Any, api_at: NewApi, driver: Driver
    ) -> None:
        server = script(answer(body=b'{"integrations": []}'))
        driver.IntegrationsApi(api_at(server.url).api_client).list_integrations("a", filter=chosen)
        sent = [line.replace("%5B", "[").replace("%5D", "]") for line in server.lines]
        assert sent == ["GET /v2/apps/a/integrations?filter[types]=custom,web HTTP/1.1"]

    @pytest.mark.parametrize("name", ["service_account_id", "serviceAccountId"])
    def test_a_list_in_another_filter_is_rejected(
        self, script: NewScript, name: str, api_at: NewApi, driver: Driver
    ) -> None:
        with pytest.raises(sunshine.ApiArgumentError, match="should be str, not list"):
            driver.AppsApi(api_at(script().url).api_client).list_apps(filter={name: ["a"]})

    @pytest.mark.parametrize(
        "page",
        ["x", [], sunshine.AppListFilter(), {"size": "x"}, {"after": "\ud800"}, {"size": 10**5000}],
        ids=range(6),
    )
    def test_an_invalid_page_is_rejected(self, script: NewScript, page: Any, api_at: NewApi, driver: Driver) -> None:
        server = script()
        with pytest.raises(sunshine.ApiArgumentError):
            driver.AppsApi(api_at(server.url).api_client).list_apps(page=page)
        assert server.requests == []

    @pytest.mark.parametrize(
        ("update", "sent"),
        [
            ({"display_name": "x"}, {"displayName": "x"}),
            ({"brand_color": "fff", "show_ai_disclaimer": True}, {"brandColor": "fff", "showAIDisclaimer": True}),
            ({"something_new": 1}, {"something_new": 1}),
            (sunshine.WebUpdate(brand_color="fff"), {"brandColor": "fff"}),
            (sunshine.IntegrationUpdate(sunshine.WebUpdate(brand_color="fff")), {"brandColor": "fff"}),
            (sunshine.IntegrationUpdate.from_dict({"brandColor": "fff"}), {"brandColor": "fff"}),
        ],
    )
    def test_an_update_of_an_integration_takes_every_form(
        self, script: NewScript, update: Any, sent: Any, api_at: NewApi, driver: Driver
    ) -> None:
        server = script(answer(body=b'{"integration": {}}'))
        driver.IntegrationsApi(api_at(server.url).api_client).update_integration("a", "i", update)
        assert json.loads(server.requests[0].partition(b"\r\n\r\n")[2]) == sent

    @pytest.mark.parametrize("update", [{"displayName": 5}, sunshine.App(), 5, None])
    def test_an_invalid_update_of_an_integration_is_rejected(
        self, script: NewScript, update: Any, api_at: NewApi, driver: Driver
    ) -> None:
        server = script()
        with pytest.raises(sunshine.ApiArgumentError):
            driver.IntegrationsApi(api_at(server.url).api_client).update_integration("a", "i", update)
        with pytest.raises(sunshine.ApiArgumentError):
            sunshine.IntegrationUpdate(5 if update is None else update)
        assert server.requests == []

    @pytest.mark.parametrize(
        "headers",
        [[("A", "b")], "x", {"X": None}, {"X": 1}, {1: "x"}, {"X": "a\r\nY: b"}, {"X\r\nY": "b"}, {"X": "\ud800"}],
    )
    def test_invalid_headers_are_rejected(self, script: NewScript, headers: Any, api_at: NewApi) -> None:
        server = script()
        with pytest.raises(sunshine.ApiArgumentError):
            create(api_at(server.url), _headers=headers)
        assert server.requests == []

    def test_the_content_type_must_be_json(self, script: NewScript, api_at: NewApi) -> None:
        server = script(answer("201 Created", KEY))
        create(api_at(server.url), _content_type="application/vnd.x+json")
        assert b"Content-Type: application/vnd.x+json" in server.requests[0]
        for other in ("multipart/form-data", "application/x-www-form-urlencoded", "text/plain"):
            with pytest.raises(sunshine.ApiArgumentError, match="_content_type"):
                create(api_at(server.url), _content_type=other)

    @pytest.mark.parametrize("index", [1, -1, None, "0", False])
    def test_an_invalid_host_index_is_rejected(self, script: NewScript, index: Any, api_at: NewApi) -> None:
        with pytest.raises(sunshine.ApiArgumentError):
            create(api_at(script().url), _host_index=index)

    def test_an_unknown_option_is_a_type_error(self, script: NewScript, api_at: NewApi) -> None:
        with pytest.raises(TypeError):
            create(api_at(script().url), _nonsense=1)


class TestAnswers:
    @pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "299 Odd"])
    def test_any_2xx_with_the_body_of_the_operation_returns_its_data(
        self, script: NewScript, status: str, api_at: NewApi
    ) -> None:
        info = api_at(script(answer(status, KEY)).url).create_custom_integration_key_with_http_info("a", "i", {})
        assert info.data.key and info.data.key.secret == "s"
        assert info.status_code == int(status[:3])

    @pytest.mark.parametrize(
        "reply",
        [
            answer(body=KEY, kind="application/json; charset=utf-8"),
            answer(body=KEY.decode().encode("utf-16"), kind="application/json; charset=utf-16"),
            answer(body=b"\xef\xbb\xbf" + KEY),
            answer(body=KEY, kind="application/vnd.api+json"),
            answer(body=KEY, kind=None),
            answer(body=KEY, kind="text/plain"),
            answer(body=gzip.compress(KEY), Content_Encoding="gzip"),
            b"HTTP/1.1 100 Continue\r\n\r\n" + answer(body=KEY),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\n\r\n" % (len(KEY), KEY),
            b"HTTP/1.0 200 OK\r\n\r\n" + KEY,
        ],
    )
    def test_json_is_read_in_every_framing_coding_and_charset(
        self, script: NewScript, reply: bytes, api_at: NewApi
    ) -> None:
        fetched = api_at(script(reply).url).get_custom_integration_key("a", "i", "k")
        assert fetched.key and fetched.key.id == "int_1"

    @pytest.mark.parametrize(
        "kinds",
        [
            ["application/json", "application/json"], ["text/html; charset=utf-8", "application/json"],
            ["application/json; charset=utf-8, text/plain; charset=utf-8"], ["application/json; charset=nonsense"],
            ["application/json; charset="], ["application/json; charset=unicode_escape"], ["charset=utf-16"],
            ["application/json; charset='"], ["application/octet-stream"], ["text/html; charset=us-ascii"], [],
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
    def test_headers_do_not_lose_a_secret(
        self, script: NewScript, kinds: list[str], encoding: str, api_at: NewApi
    ) -> None:
        text = '{"key": {"id": "int_1", "displayName": "Größe", "secret": "s"}}'
        reply = answer("201 Created", text.encode(encoding), None)
        for kind in kinds:
            reply = reply.replace(b"\r\n\r\n", f"\r\nContent-Type: {kind}\r\n\r\n".encode(), 1)
        key = create(api_at(script(reply).url)).key
        assert (key and key.secret, key and key.display_name) == ("s", "Größe")

    @pytest.mark.parametrize(("kind", "name"), [("application/json; charset=iso-8859-1", "Größe"), ("text/plain", "Größe"), ("x; charset=none", "Größe"), ("x; charset=cp1252", "Größe")])  # fmt: skip
    def test_a_body_in_latin_1_does_not_lose_a_secret(
        self, script: NewScript, kind: str, name: str, api_at: NewApi
    ) -> None:
        body = '{"key": {"id": "int_1", "displayName": "Größe", "secret": "s"}}'.encode("latin-1")
        key = create(api_at(script(answer("201 Created", body, kind)).url)).key
        assert (key and key.secret, key and key.display_name) == ("s", name)

    @pytest.mark.parametrize("listed", ["{}", '"x"', "5", "true", '{"id": "1"}'])
    def test_a_list_that_is_no_list_raises_a_decode_error(self, script: NewScript, listed: str, api_at: NewApi) -> None:
        server = script(answer(body=f'{{"keys": {listed}}}'.encode()))
        with pytest.raises(sunshine.ApiDecodeError, match="whose keys is a list") as raised:
            api_at(server.url).list_custom_integration_keys("a", "i")
        assert raised.value.body is None

    @pytest.mark.parametrize(
        "body", [b"", b"x", b"[]", b"null", b'"x"', b"{", b"[" * 100_000, b"\xff", b"<html>", b'{"a":' * 5000]
    )
    def test_a_2xx_with_another_body_raises_a_decode_error(
        self, script: NewScript, body: bytes, api_at: NewApi
    ) -> None:
        with pytest.raises(sunshine.ApiDecodeError) as refused:
            api_at(script(answer(body=body)).url).get_custom_integration_key("a", "i", "k")
        assert isinstance(refused.value, ValueError)
        assert refused.value.status == 200
        assert refused.value.body is None

    @pytest.mark.parametrize(("reply", "data"), [(answer(), {}), (answer("204 No Content", b"", None), {}), (answer(body=b"null"), None), (answer(body=b'{"x": 1}'), {"x": 1})])  # fmt: skip
    def test_a_delete_accepts_any_json_or_an_empty_body(
        self, script: NewScript, reply: bytes, data: Any, api_at: NewApi
    ) -> None:
        assert api_at(script(reply).url).delete_custom_integration_key("a", "i", "k") == data

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, "BadRequestException"), (401, "UnauthorizedException"), (402, "ApiException"), (403, "ForbiddenException"),
            (404, "NotFoundException"), (409, "ConflictException"), (410, "ApiException"), (413, "ApiException"),
            (422, "UnprocessableEntityException"), (423, "ApiException"), (429, "RateLimitedException"),
            (300, "ApiException"), (500, "ServiceException"), (503, "ServiceException"),
            (599, "ServiceException"), (600, "ApiException"),
        ],
    )  # fmt: skip
    def test_every_other_status_raises_its_exception(
        self, script: NewScript, status: int, kind: str, api_at: NewApi
    ) -> None:
        body = b'{"errors": [{"code": "some_code", "title": "Some title"}, {"code": "other", "title": "Other"}]}'
        with pytest.raises(sunshine.ApiException) as raised:
            create(api_at(script(answer(f"{status} Some Reason", body, x_request_id="r1")).url))
        error = raised.value
        assert type(error).__name__ == kind
        assert (error.status, error.reason, error.code, error.title) == (
            status,
            "Some Reason",
            "some_code",
            "Some title",
        )
        assert (error.request_id, error.method) == ("r1", "POST")
        assert [item.title for item in error.data.errors] == ["Some title", "Other"]
        assert error.body == body.decode()

    @pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"errors": 1}', b'{"errors": [1]}', b'{"errors": [{"code": 1}]}', b"\xff", b"[" * 100_000])  # fmt: skip
    def test_an_error_with_an_invalid_body_raises_the_exception_of_its_status(
        self, script: NewScript, body: bytes, api_at: NewApi
    ) -> None:
        with pytest.raises(sunshine.NotFoundException) as raised:
            create(api_at(script(answer("404 Not Found", body)).url))
        assert raised.value.code is None
        assert str(raised.value).startswith("(404)\nReason: Not Found\n")


def hang(connection: socket.socket) -> None:
    """Send nothing until the client closes the connection."""
    connection.settimeout(30)
    connection.recv(1)


def key_of(request: bytes) -> str:
    """Return the Idempotency-Key of a request."""
    (line,) = (line for line in request.decode().split("\r\n") if line.lower().startswith("idempotency-key: "))
    return line.partition(": ")[2]


class TestConnections:
    @pytest.mark.parametrize(
        "reply",
        [drop, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{", b"garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n",
         b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
         answer(body=b"not gzip", Content_Encoding="gzip"), b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
         b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"],
    )  # fmt: skip
    def test_an_incomplete_answer_raises_a_connection_error(
        self, script: NewScript, reply: Any, api_at: NewApi, driver: Driver
    ) -> None:
        with pytest.raises(sunshine.ApiConnectionError) as raised:
            create(api_at(script(reply).url))
        assert driver.name == "async" or isinstance(raised.value, urllib3.exceptions.HTTPError)
        assert raised.value.maybe_sent
        assert raised.value.method == "POST"
        assert raised.value.__cause__ is not None

    def test_a_refused_connection_was_certainly_not_sent(self, api_at: NewApi, driver: Driver) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(sunshine.ApiConnectionError) as raised:
            create(api_at(f"http://127.0.0.1:{port}"))
        assert driver.name == "async" or isinstance(raised.value, urllib3.exceptions.MaxRetryError)
        assert not isinstance(raised.value, sunshine.ApiTimeoutError)
        assert not raised.value.maybe_sent
        assert "refused" in str(raised.value)

    @pytest.mark.parametrize("timeout", [0.2, (0.2, 0.2)])
    def test_a_slow_answer_raises_a_timeout_error(
        self, script: NewScript, timeout: Any, api_at: NewApi, driver: Driver
    ) -> None:
        with pytest.raises(sunshine.ApiTimeoutError) as raised:
            create(api_at(script(hang).url), _request_timeout=timeout)
        assert driver.name == "async" or isinstance(raised.value, urllib3.exceptions.TimeoutError)
        assert raised.value.maybe_sent

    @pytest.mark.parametrize("lost", [drop, answer("503 x")])
    def test_a_lost_create_is_repeated_with_its_idempotency_key(
        self, script: NewScript, api_at: NewApi, lost: Any
    ) -> None:
        server = script(lost, answer("201 Created", KEY, Idempotency_Replayed="true"))
        info = api_at(server.url, retries=1).create_custom_integration_key_with_http_info("a", "i", {})
        assert info.replayed
        assert info.data.key
        first, second = (key_of(request) for request in server.requests)
        assert first == second

    def test_a_lost_create_is_not_repeated_to_the_vendor(self, script: NewScript, api_at: NewApi) -> None:
        proxy = script(drop, drop, answer("201 Created", KEY))
        api = api_at("http://api.smooch.io", proxy=proxy.url, allow_insecure_http=True, retries=1)
        with pytest.raises(
            sunshine.ApiConnectionError, match="List the existing ones before you create it again"
        ) as lost:
            create(api)
        assert lost.value.maybe_sent
        assert len(proxy.requests) == 1
        assert create(api, _headers={"idempotency-key": "mine"}).key
        assert [key_of(request) for request in proxy.requests[1:]] == ["mine", "mine"]

    def test_retries_may_be_a_retry_object_of_urllib3(self, script: NewScript, api_at: NewApi) -> None:
        server = script(answer("503 x"), answer("503 x"), answer(body=KEY))
        assert api_at(server.url, retries=urllib3.Retry(2)).get_custom_integration_key("a", "i", "k").key
        assert len(server.lines) == 3

    @pytest.mark.parametrize("retries", [0, False])
    def test_zero_and_false_turn_retries_off(self, script: NewScript, retries: Any, api_at: NewApi) -> None:
        server = script(answer("503 x"))
        with pytest.raises(sunshine.ServiceException):
            api_at(server.url, retries=retries).get_custom_integration_key("a", "i", "k")

    def test_a_redirect_to_another_host_carries_no_credentials(self, script: NewScript, api_at: NewApi) -> None:
        other = script(answer(body=KEY))
        server = script(answer("307 x", b"", Location=other.url.replace("127.0.0.1", "localhost") + "/x"))
        assert api_at(server.url).get_custom_integration_key("a", "i", "k").key
        assert other.lines == ["GET /x HTTP/1.1"]
        assert b"uthorization" not in other.requests[0]

    @pytest.mark.parametrize("status", ["301 x", "302 x", "307 x", "308 x"])
    def test_a_redirect_to_another_origin_carries_no_body(self, script: NewScript, api_at: NewApi, status: str) -> None:
        other = script(answer("201 Created", KEY))
        server = script(answer(status, b"", Location=other.url + "/x"))
        with pytest.raises(sunshine.ApiException) as raised:
            create(api_at(server.url))
        assert raised.value.status == int(status[:3])
        assert other.requests == []

    def test_a_location_in_utf_8_is_followed_encoded_once(self, script: NewScript, api_at: NewApi) -> None:
        redirect = answer("302 x", b"").replace(b"\r\n\r\n", "\r\nLocation: /café?q=ü%2F\r\n\r\n".encode())
        server = script(redirect, answer(body=KEY))
        assert api_at(server.url).get_custom_integration_key("a", "i", "k").key
        assert server.lines[1] == "GET /caf%C3%A9?q=%C3%BC%2F HTTP/1.1"

    def test_a_delete_answered_with_303_raises(self, script: NewScript, api_at: NewApi) -> None:
        server = script(answer("303 See Other", b"", Location="/elsewhere"))
        with pytest.raises(sunshine.ApiException) as raised:
            api_at(server.url).delete_custom_integration_key("a", "i", "k")
        assert raised.value.status == 303


def test_no_error_shows_a_credential(script: NewScript, api_at: NewApi) -> None:
    token, secret = "t3rces-reraeb"[::-1], "p0t"[::-1]  # reversed, because a traceback shows source lines
    listed = f'{{"errors": [{{"code": "x", "title": "y"}}], "secret": "{secret}"}}'.encode()
    replies = (
        drop,
        answer("500 x", listed),
        answer("500 x", f"privateKey={secret}".encode()),
        answer(body=listed[:-3]),
    )
    for reply in replies:
        with pytest.raises(sunshine.ApiException) as raised:
            api_at(script(reply).url, access_token=token).get_custom_integration_key("a", "i", "k")
        text = repr(raised.value) + str(raised.value) + "".join(traceback.format_exception(raised.value))
        assert token not in text
        assert secret not in text
    for wrong in ({"access_token": token + "\nX: y"}, {"_headers": {"Authorization": token + "\n"}}):
        with pytest.raises(sunshine.ApiArgumentError) as refused:
            api_at(script().url, access_token=wrong.get("access_token")).get_custom_integration_key(
                "a", "i", "k", _headers=wrong.get("_headers")
            )
        assert token not in "".join(traceback.format_exception(refused.value)) + repr(refused.value.__context__)


def everything_of(error: BaseException) -> str:
    """Return all texts of an exception and of those that are chained to it."""
    texts = [*traceback.format_exception(error)]
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        chained = waiting.pop()
        if chained is not None and chained not in seen:
            seen.append(chained)
            texts += [repr(chained), str(chained), repr(chained.args), str(getattr(chained, "reason", ""))]
            waiting += [chained.__cause__, chained.__context__]
    return "".join(texts)


SECRET = "".join(reversed("t3rc3s"))  # not in a source line, which a traceback shows


@pytest.mark.parametrize(
    "reply",
    [
        answer("500 x", SECRET.encode(), "text/plain"),
        answer("500 x", f'{{"name": "{SECRET}"}}'.encode()),
        answer("400 x", f'{{"errors": [{{"code": "c", "title": {{"a": "{SECRET}"}}}}]}}'.encode()),
        answer("404 x", b"{}", X_Echo=f"Bearer {SECRET}"),
        answer("307 x", b"{}", Location=f"ftp://u:{SECRET}@h/?a={SECRET}"),
        answer(f"404 {SECRET}", b"{}"),
        answer(f'500 {{"id": "{SECRET}"}}', b"{}"),
        answer("200 OK", SECRET.encode()),
        answer("200 OK", f'["{SECRET}"]'.encode()),
        answer("200 OK", f'{{"key": {{"id": "{SECRET}"'.encode(), "application/json; charset=utf-16"),
    ],
)
def test_an_answer_is_in_no_text_of_an_error_and_in_no_log(
    script: NewScript, api_at: NewApi, caplog: pytest.LogCaptureFixture, reply: bytes
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(sunshine.ApiException) as raised:
        create(api_at(script(reply).url, password=SECRET), _headers={"X-Mine": SECRET})
    assert SECRET not in everything_of(raised.value)
    assert SECRET not in "".join(record.getMessage() for record in caplog.records if record.name != "asyncio")


@pytest.mark.parametrize(
    "start",
    [
        '{"key": {"secret": "%"}}\r\n\r\n', "HTTP/1.1 % x\r\n\r\n", "HTTP/% 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n%\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n %\0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: %\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: %\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n%", "HTTP/1.1 200 OK\r\nContent-Encoding: %\r\n\r\n%",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n%", "HTTP/1.1 200 OK\r\nX: " + "%" * 20_000, "HTTP/1.1 200 OK\r\n" + "%" * 20_000,
    ],
    ids=range(13),
)  # fmt: skip
def test_a_garbled_answer_is_in_no_text_of_an_error_and_in_no_log(
    script: NewScript, api_at: NewApi, caplog: pytest.LogCaptureFixture, start: str
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(sunshine.ApiException) as raised:
        create(api_at(script(start.replace("%", SECRET).encode()).url, password=SECRET))
    assert SECRET not in everything_of(raised.value)
    assert SECRET not in "".join(record.getMessage() for record in caplog.records if record.name != "asyncio")


@pytest.mark.parametrize(
    "options",
    [
        {"_headers": {f"Authorization: {SECRET}": ""}},
        {"_headers": {"X-Mine": f"{SECRET}\n"}},
        {"_request_auth": {"in": "query", "key": "k", "type": "x", "value": f"{SECRET}\ud800"}},
        {"_request_auth": {"in": "header", "key": "k", "type": "x", "value": f"{SECRET}\ud800"}},
    ],
)
def test_an_argument_is_in_no_text_of_an_error(api_at: NewApi, options: dict[str, Any]) -> None:
    with pytest.raises(sunshine.ApiArgumentError) as raised:
        create(api_at("http://127.0.0.1:1"), **options)
    assert SECRET not in everything_of(raised.value)


@pytest.mark.parametrize("name", ["username", "password", "key_id", "secret", "access_token"])
def test_a_credential_with_surrogates_is_in_no_text_of_an_error(api_at: NewApi, name: str) -> None:
    credentials = {"username": "u", "password": "p", "key_id": "k", "secret": "s", name: f"{SECRET}\ud800"}
    with pytest.raises(sunshine.ApiArgumentError, match="surrogate") as raised:
        create(api_at("http://127.0.0.1:1", **credentials))
    assert SECRET not in everything_of(raised.value)


def test_headers_and_answers_show_no_credential_in_their_repr() -> None:
    names = ["Authorization", "X-Api-Key", "Cookie", "X-Auth-Token", "Proxy-Authorization", "X-Signature"]
    assert SECRET not in repr(Headers((name, SECRET) for name in names))
    for data in ({"secret": SECRET}, SECRET, [SECRET], sunshine.ApiKey(secret=SECRET)):
        assert SECRET not in repr(sunshine.ApiResponse(200, data=data, raw_data=SECRET.encode()))


def test_the_text_of_an_error_shows_what_helps(script: NewScript, api_at: NewApi) -> None:
    body = b'{"errors": [{"code": "not_found", "title": "Resource not found"}], "more": "x"}'
    with pytest.raises(sunshine.NotFoundException) as raised:
        create(api_at(script(answer("404 Not Found", body, X_Request_Id="r1", Retry_After="7")).url))
    for shown in ("reason: not found", "resource not found", "'x-request-id': 'r1'", "'retry-after': '7'"):
        assert shown in str(raised.value).lower()
    with pytest.raises(sunshine.ServiceException) as failed:
        create(api_at(script(answer("502 Bad Gateway!", b"<html>", "text/html")).url))
    assert "Reason: Bad Gateway\n" in str(failed.value)
    assert "HTTP response body: (6 characters, which the attribute `body` holds)" in str(failed.value)


def test_debug_logging_shows_no_credential_and_no_body(
    script: NewScript, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], driver: Driver
) -> None:
    configuration = sunshine.Configuration(host=script(answer(body=KEY)).url, username="app_1", password="s3cr3t")
    configuration.debug = True
    try:
        client = driver.ApiClient(configuration)
        api = driver.CustomIntegrationApiKeysApi(client)
        api.get_custom_integration_key("a", "i", "k")
    finally:
        configuration.debug = False
    client.close()
    assert "GET http://127.0.0.1" in caplog.text
    shown = caplog.text + "".join(capsys.readouterr())
    assert "YXBwXzE6czNjcjN0" not in shown
    assert '"s"' not in shown
