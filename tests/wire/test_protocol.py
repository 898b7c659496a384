"""Rules for every request: envelope, ids, limits, methods, media types and malformed HTTP."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.wire import Key, Service, Tenant, Wire, first_run

from sunshine_keys import server
from sunshine_keys.settings import Settings


def exchange(url: str, *parts: bytes) -> bytes:
    """Send bytes unchanged, and return everything that arrives until the server closes."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_health_needs_no_credentials(wire: Wire) -> None:
    for path in ("/healthz", "/readyz"):
        assert wire.get(path).json == {"status": "ok"}
        assert wire.send("HEAD", path).content == b""


@pytest.mark.parametrize(
    "path",
    ["/v2", "/v2/", "/v1/apps", "/v2/app", "/v2/apps/", "/v2///apps", "/v2/apps/x/y", "/v2/apps/x/keys/y/z",
     "/v2/apps/x/integrations/y/keys/", "/v2/apps/x/integrations/y/keys/z/", "/v2/apps//integrations",
     "/v2/apps/x/integrations//keys", "/v2/tokenInfo/x", "/V2/apps", "/healthz/"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_unknown_paths_answer_404_in_the_envelope(wire: Wire, service: Service, method: str, path: str) -> None:
    for auth in (None, service.account):
        answer = wire.send(method, path, auth)
        assert answer.status == 404
        assert answer.errors == [("not_found", "Resource not found")]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v2/apps", "GET, HEAD, POST"),
        ("/v2/apps/x", "DELETE, GET, HEAD, PATCH"),
        ("/v2/apps/x/integrations/y/keys", "GET, HEAD, POST"),
        ("/v2/apps/x/integrations/y/keys/z", "DELETE, GET, HEAD"),
        ("/v2/tokenInfo", "GET, HEAD"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "PROPFIND"])
def test_other_methods_answer_405_with_allow(wire: Wire, path: str, allowed: str, method: str) -> None:
    answer = wire.send(method, path)
    assert answer.status == 405
    assert answer.headers["allow"] == allowed
    assert answer.errors == [("method_not_allowed", "Method not allowed")]


def test_head_answers_as_get_without_the_body(wire: Wire, tenant: Tenant) -> None:
    got = wire.get(tenant.keys, tenant.app_key)
    head = wire.send("HEAD", tenant.keys, tenant.app_key)
    assert (head.status, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


def test_every_answer_has_an_id_of_its_own_and_is_not_to_be_stored(wire: Wire, tenant: Tenant) -> None:
    answers = [
        wire.get(tenant.keys, tenant.app_key),
        wire.get(tenant.keys),
        wire.get("/nowhere"),
        wire.send("PUT", tenant.keys),
        wire.post(tenant.keys, tenant.app_key, {}),
        wire.get("/healthz"),
    ]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == len(answers)
    for answer in answers:
        assert re.fullmatch("[0-9a-f]{24}", answer.headers["x-request-id"])
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert "server" not in answer.headers


@pytest.mark.parametrize("content", [b"", b"{", b"nope", b"{'a': 1}", b'{"a": NaN}', b"\xff", b'"\xed\xa0\x80"',
                                     b'{"displayName": "\\ud800"}', b"[" * 50_000, b'{"a": 1e999}', b"{}{}",
                                     b"\xef\xbb\xbf{}"])  # fmt: skip
def test_what_is_not_json_is_refused(wire: Wire, tenant: Tenant, content: bytes) -> None:
    answer = wire.post(tenant.keys, tenant.app_key, content=content, headers={"Content-Type": "application/json"})
    assert answer.status == 400
    ((code, title),) = answer.errors
    assert code == "bad_request"
    assert title in ("Request body is not valid JSON", "Request body should be a JSON object")


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', "application/json;"],
)
def test_json_is_taken_by_its_usual_names(wire: Wire, tenant: Tenant, kind: str) -> None:
    content = '{"displayName": "größe"}'.encode()
    answer = wire.post(tenant.keys, tenant.app_key, content=content, headers={"Content-Type": kind})
    assert (answer.status, answer.json["key"]["displayName"]) == (201, "größe")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json; x=y; charset=utf-16"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_other_media_types_answer_415(wire: Wire, tenant: Tenant, headers: dict[str, str]) -> None:
    answer = wire.post(tenant.keys, tenant.app_key, content=b'{"displayName": "x"}', headers=headers)
    assert answer.status == 415
    assert answer.errors[0][0] == "unsupported_media_type"


def test_a_content_type_on_a_request_without_a_body_is_ignored(wire: Wire, tenant: Tenant) -> None:
    headers = {"Content-Type": "text/nonsense"}
    assert wire.get(tenant.keys, tenant.app_key, headers=headers).status == 200
    assert wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key, headers=headers).status == 200


class TestSize:
    LIMIT = 100 * 1024

    def body(self, size: int) -> bytes:
        return b'{"displayName": "x", "pad": "' + b"x" * (size - 31) + b'"}'

    def test_100_kb_are_taken_and_a_byte_more_is_not(self, wire: Wire, tenant: Tenant) -> None:
        headers = {"Content-Type": "application/json"}
        assert len(self.body(self.LIMIT)) == self.LIMIT
        taken = wire.post(tenant.keys, tenant.app_key, content=self.body(self.LIMIT), headers=headers)
        assert taken.status == 201
        refused = wire.post(tenant.keys, tenant.app_key, content=self.body(self.LIMIT + 1), headers=headers)
        assert refused.status == 413
        assert refused.errors == [("payload_too_large", "Request body is limited to 100 kB")]

    def test_a_body_of_unknown_length_is_limited(self, wire: Wire, tenant: Tenant) -> None:
        head = (
            f"POST {tenant.keys} HTTP/1.1\r\nHost: x\r\nAuthorization: {tenant.app_key.basic()}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        assert exchange(wire.url, head.encode(), *([chunk] * 7), b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")

    def test_after_an_early_answer_the_connection_is_still_in_step(self, wire: Wire, tenant: Tenant) -> None:
        def request(method: str, auth: str, body: bytes) -> bytes:
            return (
                f"{method} {tenant.keys} HTTP/1.1\r\nHost: x\r\nAuthorization: {auth}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode() + body

        received = exchange(
            wire.url,
            request("POST", "Basic bad", b"GET / HTTP/1.1\r\n\r\n" * 5000),
            request("POST", tenant.app_key.basic(), b"x" * 150_000),
            request("GET", tenant.app_key.basic(), b"").replace(b"Host: x", b"Host: x\r\nConnection: close"),
        )
        statuses = re.findall(rb"HTTP/1\.1 (\d+) ", received)
        assert statuses in ([b"401", b"413", b"200"], [b"401"])


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n",
        b"POST /v2/apps HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /v2/apps HTTP/1.1\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_malformed_http_answers_400_in_the_envelope(wire: Wire, request_bytes: bytes) -> None:
    received = exchange(wire.url, request_bytes)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"x-request-id: " in head
    assert json.loads(body)["errors"][0]["code"] == "bad_request"


def test_ids_are_taken_as_they_are_written(wire: Wire, tenant: Tenant) -> None:
    """Encoded slashes and dots are parts of an id. They never lead to another path."""
    for written in ("..", ".", "%2e%2e", "%2E", "a%2Fb", "%00", "%ff", "%25", "ü".encode().hex(), "a" * 4000, "int_*"):
        for method in ("GET", "DELETE"):
            answer = wire.send(method, f"{tenant.keys}/{written}", tenant.app_key)
            assert answer.errors == [("not_found", "Resource not found")], written
    assert wire.get(f"{tenant.keys}/%69{tenant.key.id[1:]}", tenant.app_key).status == 200
    assert wire.get(tenant.integration, tenant.app_key).status == 200


def test_requests_in_a_pipeline_are_answered_in_order(wire: Wire, tenant: Tenant) -> None:
    request = f"GET {tenant.keys} HTTP/1.1\r\nHost: x\r\nAuthorization: {tenant.app_key.basic()}\r\n\r\n".encode()
    other = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    received = exchange(wire.url, request + other + b"PUT /v2/apps HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1\.1 (\d+) ", received) == [b"200", b"200", b"405"]


def test_expect_100_continue_is_honoured(wire: Wire, tenant: Tenant) -> None:
    body = b'{"displayName": "x"}'
    head = (
        f"POST {tenant.keys} HTTP/1.1\r\nHost: x\r\nAuthorization: {tenant.app_key.basic()}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    received = exchange(wire.url, head.encode(), body)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", received) == [b"100", b"201"]


def test_an_http_1_0_client_gets_no_100_continue(wire: Wire, tenant: Tenant) -> None:
    body = b'{"displayName": "x"}'
    head = (
        f"POST {tenant.keys} HTTP/1.0\r\nAuthorization: {tenant.app_key.basic()}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    assert re.findall(rb"HTTP/1\.1 (\d+) ", exchange(wire.url, head.encode(), body)) == [b"201"]


def test_two_authorization_headers_are_not_a_way_in(wire: Wire, tenant: Tenant) -> None:
    good, bad = tenant.app_key.basic(), Key(tenant.app_key.id, "wrong").basic()
    for first, second in ((good, bad), (bad, good)):
        received = exchange(
            wire.url,
            f"GET {tenant.keys} HTTP/1.1\r\nHost: x\r\nAuthorization: {first}\r\nAuthorization: {second}\r\n"
            "Connection: close\r\n\r\n".encode(),
        )
        assert received.startswith(b"HTTP/1.1 401 ")


def head(method: str, path: str, key: Key | None, **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x"]
    if key is not None:
        lines.append(f"Authorization: {key.basic()}")
    return (
        "\r\n".join([*lines, *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]).encode()
        + b"\r\n\r\n"
    )


def statuses(received: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", received)]


OFFERS = [
    {
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2_Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
    },
    {"Connection": "upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"},
    {"Upgrade": "TLS/1.0, HTTP/2.0", "Connection": "keep-alive, Upgrade"},
]


class TestUpgrade:
    @pytest.mark.parametrize("offer", OFFERS)
    @pytest.mark.parametrize("pieces", [1, 2, 3])
    def test_an_offer_is_ignored_and_the_request_served_with_its_body(
        self, wire: Wire, tenant: Tenant, offer: dict[str, str], pieces: int
    ) -> None:
        body = b'{"displayName": "from Java"}'
        post = head(
            "POST", tenant.keys, tenant.app_key, **offer, Content_Type="application/json", Content_Length=str(len(body))
        )
        chunked = head(
            "POST", tenant.keys, tenant.app_key, **offer, Content_Type="application/json", Transfer_Encoding="chunked"
        )
        get = head("GET", tenant.keys, tenant.app_key, **offer)
        whole = post + body + chunked + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) + get * 2
        whole += head("GET", "/healthz", None, Connection="close")
        size = len(whole) // pieces + 1
        parts = [whole[start : start + size] for start in range(0, len(whole), size)]
        received = exchange(wire.url, *parts)
        assert statuses(received) == [201, 201, 200, 200, 200]
        assert b"upgrade" not in received.lower()
        assert [key["displayName"] for key in wire.get(tenant.keys, tenant.app_key).json["keys"]].count(
            "from Java"
        ) == 2

    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("pieces", [1, 2])
    def test_the_body_of_an_offer_is_no_request(self, wire: Wire, tenant: Tenant, method: str, pieces: int) -> None:
        smuggled = head("DELETE", f"{tenant.keys}/{tenant.key.id}", tenant.app_key)
        for framing in ({"Content_Length": str(len(smuggled))}, {"Transfer_Encoding": "chunked"}):
            body = smuggled if "Content_Length" in framing else b"%x\r\n%b\r\n0\r\n\r\n" % (len(smuggled), smuggled)
            first = head(method, tenant.keys, tenant.app_key, Connection="Upgrade", Upgrade="h2c", **framing)
            last = head("GET", "/healthz", None, Connection="close")
            parts = [first + body + last] if pieces == 1 else [first, body + last]
            assert statuses(exchange(wire.url, *parts)) == [200 if method == "GET" else 415, 200]
        assert wire.get(tenant.webhooks, tenant.key).status == 200

    def test_bytes_of_another_protocol_behind_an_offer_are_refused(self, wire: Wire) -> None:
        offer = head("GET", "/healthz", None, Connection="Upgrade, HTTP2-Settings", Upgrade="h2c")
        assert statuses(exchange(wire.url, offer, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) in ([200], [200, 400])
        assert statuses(exchange(wire.url, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) == [400]

    @pytest.mark.parametrize(
        "framing",
        ["Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5\r\nTransfer-Encoding: chunked",
         "Transfer-Encoding: gzip, chunked", "Content-Length: x"],
    )  # fmt: skip
    def test_an_offer_with_an_ambiguous_body_is_refused(self, wire: Wire, framing: str) -> None:
        offer = f"POST /v2/apps HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n{framing}\r\n\r\n"
        assert statuses(exchange(wire.url, offer.encode() + b"0\r\n\r\n")) == [400]

    def test_an_offer_without_a_valid_host_is_refused_for_that(self, wire: Wire) -> None:
        offer = b"GET /healthz HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        assert b'"A request needs exactly one valid Host header"' in exchange(wire.url, offer)

    def test_connect_is_refused_and_its_body_is_no_request(self, wire: Wire, tenant: Tenant) -> None:
        smuggled = head("DELETE", f"{tenant.keys}/{tenant.key.id}", tenant.app_key)
        for target in ("keys.example:443", tenant.keys):
            connect = head("CONNECT", target, tenant.app_key, Content_Length=str(len(smuggled)))
            assert statuses(exchange(wire.url, connect + smuggled)) == [400]
        assert wire.get(tenant.webhooks, tenant.key).status == 200


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n", b"GET /", b""])
def test_an_endless_head_is_refused_while_it_comes(wire: Wire, start: bytes) -> None:
    address = urlsplit(wire.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(start)
        for _ in range(8):
            connection.sendall(b"A" * 65536)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_what_was_accepted_is_answered_before_what_follows_is_refused(wire: Wire, tenant: Tenant) -> None:
    body = b'{"displayName": "x"}'
    created = head("POST", tenant.keys, tenant.app_key, Content_Type="application/json", Content_Length=str(len(body)))
    received = exchange(wire.url, created + body + b"   trailing garbage\r\n\r\n")
    assert statuses(received) == [201]
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 2
    assert statuses(exchange(wire.url, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\ngarbage\r\n\r\n")) == [200]


@pytest.mark.parametrize("pieces", [1, 2])
def test_trailers_are_no_headers(wire: Wire, tenant: Tenant, pieces: int) -> None:
    body = b'15\r\n{"displayName": "xx"}\r\n0\r\n'
    trailer = f"Authorization: {tenant.app_key.basic()}\r\n\r\n".encode()
    first = head(
        "POST", tenant.keys, None, Content_Type="application/json", Transfer_Encoding="chunked", Connection="close"
    )
    parts = [first + body + trailer] if pieces == 1 else [first + body, trailer]
    assert statuses(exchange(wire.url, *parts)) == [401]


@pytest.mark.parametrize("kinds", [("text/plain", "application/json"), ("application/json", "text/plain")])
def test_two_content_types_are_refused(wire: Wire, tenant: Tenant, kinds: tuple[str, str]) -> None:
    body = b'{"displayName": "x"}'
    lines = head("POST", tenant.keys, tenant.app_key, Content_Length=str(len(body)), Connection="close").removesuffix(
        b"\r\n"
    )
    both = "".join(f"Content-Type: {kind}\r\n" for kind in kinds).encode()
    assert statuses(exchange(wire.url, lines + both + b"\r\n" + body)) == [415]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_client_may_close_its_side_and_still_read(wire: Wire, tenant: Tenant, method: str) -> None:
    body = b'{"displayName": "x"}' if method == "POST" else b""
    address = urlsplit(wire.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(
            head(method, tenant.keys, tenant.app_key, Content_Type="application/json", Content_Length=str(len(body)))
            + body
        )
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
    assert statuses(received) == [201 if method == "POST" else 200]


@pytest.mark.parametrize(
    "part", [b"", b"GET /heal", b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"]
)
def test_a_request_that_does_not_arrive_is_not_waited_for(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, part: bytes
) -> None:
    from sunshine_keys.wire import reader

    monkeypatch.setattr(reader, "ARRIVAL_SECONDS", 0.3)
    received = exchange(wire.url, part)
    assert statuses(received)[-1:] == [408]
    assert json.loads(received.rpartition(b"\r\n\r\n")[2])["errors"][0]["code"] == "request_timeout"


def test_health_knows_its_methods(wire: Wire) -> None:
    for method in ("POST", "DELETE", "OPTIONS"):
        answer = wire.send(method, "/healthz")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


class TestHost:
    @pytest.mark.parametrize(
        "lines",
        ["", "Host: x\r\nHost: x\r\n", "Host: x\r\nhost: y\r\n", "Host:\r\n", 'Host: evil"x\r\n', "Host: a b\r\n",
         "Host: a/b\r\n", "Host: a@b\r\n", "Host: a?b\r\n", "Host: a,b:c\r\n", "Host: a:b\r\n", "Host: :80\r\n", "Host: [::1\r\n",
         "Host: [x]\r\n", "Host: %zz\r\n", "Host: a:123456\r\n"],
    )  # fmt: skip
    def test_a_request_without_exactly_one_valid_host_is_refused(self, wire: Wire, lines: str) -> None:
        received = exchange(wire.url, f"GET /healthz HTTP/1.1\r\n{lines}\r\n".encode())
        assert statuses(received) == [400]
        assert b'"A request needs exactly one valid Host header"' in received

    @pytest.mark.parametrize(
        "host", ["x", "keys.example:1", "[::1]:8080", "[fe80::1]", "a_b", "192.0.2.1", "x:", "a%2Db", "x \t"]
    )
    def test_every_valid_host_is_accepted(self, wire: Wire, host: str) -> None:
        request = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        assert statuses(exchange(wire.url, request.encode())) == [200]

    def test_the_host_of_an_earlier_request_does_not_count(self, wire: Wire) -> None:
        first = head("GET", "/healthz", None)
        assert statuses(exchange(wire.url, first + b"GET /healthz HTTP/1.1\r\n\r\n")) == [200]  # and it closes

    def test_http_1_0_needs_no_host(self, wire: Wire, tenant: Tenant) -> None:
        start = f"GET {tenant.app}/integrations?page[size]=1 HTTP/1.0\r\nAuthorization: {tenant.app_key.basic()}\r\n"
        received = exchange(wire.url, f"{start}\r\n".encode())
        assert json.loads(received.partition(b"\r\n\r\n")[2])["links"]["next"].startswith(wire.url + "/v2/apps/")
        assert statuses(exchange(wire.url, f"{start}Host: x\r\nHost: y\r\n\r\n".encode())) == [400]
        # The next request of the same bytes needs one all the same.
        assert statuses(exchange(wire.url, b"GET /healthz HTTP/1.0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n")) == [200]

    def test_links_have_the_host_of_the_request(self, wire: Wire, tenant: Tenant) -> None:
        path = f"{tenant.app}/integrations?page[size]=1"
        answer = wire.get(path, tenant.app_key, headers={"Host": "keys.example:1"})
        assert answer.json["links"]["next"].startswith("http://keys.example:1/v2/apps/")


class TestAbsoluteForm:
    def send(self, wire: Wire, target: str, key: Key | None = None) -> bytes:
        return exchange(wire.url, head("GET", target, key, Connection="close"))

    @pytest.mark.parametrize(
        "target", ["http://keys.example", "HTTP://keys.example:81", "https://[::1]", "http://a?b=c"]
    )
    def test_a_target_without_a_path_is_the_root(self, wire: Wire, target: str) -> None:
        assert self.send(wire, target).partition(b"\r\n")[2].count(b'"api":"/v2"') == 1

    def test_its_host_replaces_the_header(self, wire: Wire, tenant: Tenant) -> None:
        for host in ("keys.example", "keys.example:81", "[::1]:81"):
            received = self.send(wire, f"http://{host}{tenant.app}/integrations?page[size]=1", tenant.app_key)
            answer = json.loads(received.partition(b"\r\n\r\n")[2])
            assert answer["links"]["next"].startswith(f"http://{host}/v2/apps/")

    @pytest.mark.parametrize(
        "target", ["http://u:p@keys.example/", "ftp://keys.example/", "http://a%zz/", "http:///healthz"]
    )
    def test_another_target_is_refused(self, wire: Wire, target: str) -> None:
        assert statuses(self.send(wire, target)) == [400]


def test_a_failure_of_ours_is_a_500_in_the_envelope_and_its_text_stays_out_of_the_log(
    wire: Wire, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from sunshine_keys.apps import operations

    def fail(*_: object) -> None:
        raise ZeroDivisionError("text that may hold a secret")

    monkeypatch.setattr(operations, "require_app", fail)
    answer = wire.get(tenant.app, tenant.app_key)
    assert answer.status == 500
    assert answer.errors == [("internal_server_error", "Internal server error")]
    assert answer.headers["x-request-id"] in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "may hold a secret\n" not in caplog.text.replace(
        'raise ZeroDivisionError("text that may hold a secret")', ""
    )


BROKEN = b"POST /v2/apps HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"


@pytest.mark.parametrize("before", [1, 3])
def test_requests_before_a_broken_one_are_answered(
    wire: Wire, tenant: Tenant, before: int, caplog: pytest.LogCaptureFixture
) -> None:
    body = b'{"displayName": "x"}'
    post = (
        head("POST", tenant.keys, tenant.app_key, Content_Type="application/json", Content_Length=str(len(body))) + body
    )
    assert statuses(exchange(wire.url, post * before + BROKEN)) == [201] * before
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 1 + before
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    "broken",
    [
        BROKEN,
        BROKEN.replace(b"POST /v2/apps", b"GET /healthz"),
        BROKEN.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"),
        BROKEN.replace(b"POST /v2/apps", b"POST /nowhere"),
    ],
)
def test_a_broken_request_is_answered_once_and_leaves_no_traceback(
    wire: Wire, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert statuses(exchange(wire.url, broken))[-1:] == [400]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("expect", [{}, {"Expect": "100-continue"}])
@pytest.mark.parametrize("pieces", [1, 2])
@pytest.mark.parametrize("body", [b"ZZ\r\n", b"2\r\n{}\r\n0\r\nno colon\r\n\r\n"])
def test_a_request_with_a_broken_body_changes_nothing(
    wire: Wire,
    tenant: Tenant,
    body: bytes,
    pieces: int,
    expect: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = f"{tenant.keys}/{tenant.key.id}"
    delete = head("DELETE", key, tenant.app_key, Transfer_Encoding="chunked", **expect)
    post = head(
        "POST", tenant.keys, tenant.app_key, Transfer_Encoding="chunked", Content_Type="application/json", **expect
    )
    for first in (delete, post):
        parts = [first + body] if pieces == 1 else [first, body]
        assert statuses(exchange(wire.url, *parts))[-1:] == [400]
    assert wire.get(key, tenant.app_key).status == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_body_that_no_operation_asked_for_is_bounded_and_then_changes_nothing(wire: Wire, tenant: Tenant) -> None:
    key = f"{tenant.keys}/{tenant.key.id}"
    body = b"x" * 5_000_000
    received = exchange(wire.url, head("DELETE", key, tenant.app_key, Content_Length=str(len(body))) + body)
    assert statuses(received) == [413]
    assert wire.get(key, tenant.app_key).status == 200


@pytest.mark.parametrize("piece", [1400, 16_000, 100_000])
@pytest.mark.parametrize(("size", "status"), [(60_000, 200), (70_000, 400)])
def test_the_limit_of_a_head_is_the_same_however_it_is_split(wire: Wire, piece: int, size: int, status: int) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"x" * size + b"\r\n\r\n"
    address = urlsplit(wire.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), piece):
            connection.sendall(whole[start : start + piece])
        assert connection.recv(65536).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(("count", "status"), [(300, 200), (500, 400), (1840, 400)])
def test_many_small_headers_count_what_they_take_in_memory(wire: Wire, count: int, status: int) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + b"a:b\r\n" * count + b"\r\n"
    assert statuses(exchange(wire.url, request)) == [status]


@pytest.mark.parametrize("endless", [b"0\r\na: ", b"0\r\n", b"5;", b""])
def test_an_endless_trailer_or_chunk_is_refused(wire: Wire, endless: bytes) -> None:
    start = b"POST /v2/apps HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + endless
    address = urlsplit(wire.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(start)
        for _ in range(8):
            connection.sendall(b"a" * 65536)
        assert connection.recv(65536).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("length", ["0", "2"])
def test_a_body_that_no_operation_asked_for_costs_no_connection(wire: Wire, tenant: Tenant, length: str) -> None:
    request = head("GET", tenant.keys, tenant.app_key, Content_Length=length) + b"{}"[: int(length)]
    received = exchange(wire.url, request * 3 + head("GET", "/healthz", None, Connection="close"))
    assert statuses(received) == [200] * 4


def test_an_early_answer_to_who_waits_with_the_body_closes(wire: Wire, tenant: Tenant) -> None:
    waiting = head("POST", tenant.keys, None, Content_Length="10", Expect="100-continue")
    received = exchange(wire.url, waiting)
    assert statuses(received) == [401]
    assert b"connection: close" in received


def test_an_idle_connection_is_closed_though_an_empty_line_came_last(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sunshine_keys.wire.protocol import Protocol

    original = Protocol.connection_made

    def impatient(self: Protocol, transport: object) -> None:
        original(self, transport)  # type: ignore[arg-type]
        self.timeout_keep_alive = 0.3

    monkeypatch.setattr(Protocol, "connection_made", impatient)
    address = urlsplit(wire.url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(head("GET", "/healthz", None))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"\r\n")
        assert connection.recv(65536) == b""


CHUNKED = b"POST /v2/apps HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "hostile",
    [
        CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
        CHUNKED.replace(b"Transfer", b"Content-Length: 5\r\nTransfer") + b"\r\n0\r\n\r\n",
        CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        CHUNKED + b"\r\n-1\r\n\r\n",
        CHUNKED + b"\r\nffffffffffffffffff\r\n",
        CHUNKED + b"\r\n5\r\nabcdefgh\r\n0\r\n\r\n",
        b"GET /healthz\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX\0: a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX : a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST /v2/apps HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /v2/apps HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
        b"\0" * 100_000,
    ],
)
def test_hostile_bytes_end_in_one_400_and_the_next_client_is_served(wire: Wire, hostile: bytes) -> None:
    assert statuses(exchange(wire.url, hostile))[-1:] == [400]
    assert wire.get("/healthz").status == 200


def test_a_client_that_drips_is_not_waited_for(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    from sunshine_keys.wire import reader

    monkeypatch.setattr(reader, "ARRIVAL_SECONDS", 0.5)
    address = urlsplit(wire.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        connection.settimeout(0.02)
        received = b""
        for _ in range(500):
            try:
                received = connection.recv(65536)
                break
            except TimeoutError:
                connection.sendall(b"X: y\r\n")
    assert statuses(received) == [408]
    assert wire.get("/healthz").status == 200


@pytest.mark.parametrize("part", [b"GET /heal", CHUNKED + b"\r\n5\r\nab", b"\r\n"])
def test_a_client_that_closes_its_side_halfway_is_closed(wire: Wire, part: bytes) -> None:
    address = urlsplit(wire.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        assert statuses(connection.recv(65536)) in ([], [400], [401])
        assert connection.recv(65536) == b""
    assert wire.get("/healthz").status == 200


def test_a_long_pipeline_is_answered_whole(wire: Wire) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert statuses(exchange(wire.url, request * 1000 + last)) == [200] * 1001


def test_a_pipeline_is_parsed_a_few_requests_at_a_time(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parsed request takes twenty times the memory of its 18 bytes, on every connection."""
    from sunshine_keys.wire.protocol import Protocol

    original, waiting = Protocol.on_headers_complete, [0]

    def counting(self: Protocol) -> None:
        original(self)
        waiting.append(len(self.unanswered))

    monkeypatch.setattr(Protocol, "on_headers_complete", counting)
    request = b"GET / HTTP/1.1\r\nHost:x\r\n\r\n"
    received = exchange(wire.url, request * 14_000 + request[:-2] + b"Connection: close\r\n\r\n")
    assert statuses(received) == [200] * 14_001
    assert max(waiting) < 1000


def test_what_waits_for_an_answer_takes_little_memory(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure what connections take before any of their requests is authenticated."""
    from sunshine_keys.wire.protocol import Protocol

    waiting: list[Protocol] = []
    monkeypatch.setattr(Protocol, "begin", lambda self, exchange: waiting.append(self))
    address = urlsplit(wire.url)
    count = 20
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=10))
            for _ in range(count)
        ]
        content = b"GET / HTTP/1.1\r\nHost:x\r\n\r\n" * 10_000
        tracemalloc.start()
        try:
            for connection in connections:
                connection.setblocking(False)
                connection.send(content)
            deadline = time.monotonic() + 60
            while len(waiting) < count or not all(protocol.is_reading_paused for protocol in waiting):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            taken = tracemalloc.get_traced_memory()[0] / count
        finally:
            tracemalloc.stop()
            for protocol in waiting:  # paused connections do not notice that the client has left
                protocol.loop.call_soon_threadsafe(protocol.transport.abort)
    assert 10_000 < taken < 192_000


def test_a_client_that_reads_no_answers_is_not_waited_for(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    from sunshine_keys.wire import protocol

    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.3)
    request = head("GET", "/openapi.json", None)  # its answers soon fill all buffers between server and client
    address = urlsplit(wire.url)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(30)
        connection.connect((address.hostname, address.port))
        with pytest.raises(ConnectionError):  # noqa: PT012
            while True:
                connection.sendall(request * 100)
    assert wire.get("/healthz").status == 200


class TestConnections:
    @pytest.fixture
    def few(self, tmp_path: Path) -> Iterator[Wire]:
        first_run(tmp_path)
        with server.running(Settings(tmp_path), server.Connections(most=3)) as url:
            yield Wire(url)

    def connected(self, wire: Wire) -> socket.socket:
        address = urlsplit(wire.url)
        return socket.create_connection((address.hostname, address.port), timeout=10)

    def test_a_connection_over_the_limit_is_refused_until_another_closes(self, few: Wire) -> None:
        held = [self.connected(few) for _ in range(3)]
        for connection in held:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert statuses(connection.recv(65536)) == [200]
        refusal = few.get("/healthz")
        assert (refusal.status, refusal.headers["retry-after"]) == (503, "1")
        assert refusal.errors == [("service_unavailable", "There are too many connections at the moment")]
        held[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert statuses(held[0].recv(65536)) == [200]
        held.pop().close()
        deadline = time.monotonic() + 30
        while few.get("/healthz").status != 200:
            assert time.monotonic() < deadline
        for connection in held:
            connection.close()

    def test_connections_beyond_the_refused_are_closed_without_an_answer(
        self, few: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from sunshine_keys.wire import protocol

        monkeypatch.setattr(protocol, "REFUSED_CONNECTIONS", 0)
        held = [self.connected(few) for _ in range(3)]
        for connection in held:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert statuses(connection.recv(65536)) == [200]
        with self.connected(few) as other, contextlib.suppress(ConnectionError):
            assert other.recv(65536) == b""
        for connection in held:
            connection.close()
