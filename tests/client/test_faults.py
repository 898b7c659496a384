"""Faults of connections: TLS, slow drips, interim answers, invalid redirects, and invalid settings."""

from __future__ import annotations

import copy
import pickle
import socket
import ssl
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import urllib3
from support.certificates import make_certificate
from support.drivers import Driver
from support.scripts import KEY, NewApi, NewScript, answer
from support.wire import Service, Tenant

import sunshine_conversations_client as sunshine
from sunshine_keys import server
from sunshine_keys.settings import Settings

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def create(api: Any, **options: Any) -> Any:
    return api.create_custom_integration_key("a", "i", {"displayName": "x"}, **options)


def test_interim_answers_are_skipped(script: NewScript, api_at: NewApi) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"

    def reply(connection: socket.socket) -> None:
        connection.sendall(early)
        time.sleep(0.1)
        connection.sendall(early + answer("201 Created", KEY))

    assert create(api_at(script(reply).url)).key


@pytest.mark.parametrize("charset", ["undefined", "nonsense", "utf-16", "base64", ""])
def test_an_error_in_an_invalid_charset_raises_the_exception_of_its_status(
    script: NewScript, api_at: NewApi, charset: str
) -> None:
    server = script(answer("404 Not Found", b'{"errors": []}', f"application/json; charset={charset}"))
    with pytest.raises(sunshine.NotFoundException):
        create(api_at(server.url))


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
@pytest.mark.parametrize("proxied", [False, True])
def test_a_slow_drip_does_not_extend_the_timeout(
    script: NewScript, api_at: NewApi, start: bytes, proxied: bool
) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:  # until the client closes the connection
            connection.sendall(b"X")
            time.sleep(0.05)

    url = script(drip).url
    api = api_at("http://127.0.0.1:1", proxy=url) if proxied else api_at(url)
    with pytest.raises(sunshine.ApiTimeoutError):
        create(api, _request_timeout=0.5)


def test_the_timeout_does_not_limit_reading_a_stream(script: NewScript, api_at: NewApi, driver: Driver) -> None:
    def slowly(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        for _ in range(4):
            time.sleep(0.5)
            connection.sendall(b"x")

    api = api_at(script(slowly).url)
    raw = api.list_custom_integration_keys_without_preload_content("a", "i", _request_timeout=1.5)
    assert driver.read(raw) == b"xxxx"


def test_a_retried_stream_closes_the_first_answer(script: NewScript, api_at: NewApi, driver: Driver) -> None:
    api = api_at(script(answer("503 x"), answer(body=KEY)).url, retries=1)
    raw = api.get_custom_integration_key_without_preload_content("a", "i", "k")
    assert (raw.status, driver.read(raw)) == (200, KEY)


@pytest.mark.parametrize("reply", [b"HTTP/1.1 200 OK\r\nConte", b"HTTP/1.1 200 OK\r\n"])
def test_a_delete_with_an_incomplete_answer_raises(script: NewScript, api_at: NewApi, reply: bytes) -> None:
    with pytest.raises(sunshine.ApiConnectionError):
        api_at(script(reply).url).delete_custom_integration_key("a", "i", "k")


@pytest.mark.parametrize("location", ["http://[::1", "http://h:99999/", "http://a..b/", "http://" + "x" * 70 + "/"])
def test_an_invalid_redirect_raises_an_api_exception(script: NewScript, api_at: NewApi, location: str) -> None:
    with pytest.raises(sunshine.ApiException):
        create(api_at(script(answer("307 x", b"", Location=location)).url), _request_timeout=2)


@pytest.mark.parametrize("host", [None, 5, b"http://x", "https://{subdomain}.zendesk.com/sc", "", "api.example", "ftp://x", "http://", "http://[", "http://x:99999"])  # fmt: skip
def test_an_invalid_host_is_rejected(api_at: NewApi, host: Any) -> None:
    api = api_at("http://127.0.0.1:1")
    api.api_client.configuration.host = host
    with pytest.raises(sunshine.ApiArgumentError, match="host should be a URL"):
        create(api)


def test_connection_errors_can_be_pickled_and_copied(script: NewScript, api_at: NewApi) -> None:
    with pytest.raises(sunshine.ApiConnectionError) as raised:
        create(api_at(script(b"").url))
    for duplicate in (pickle.loads(pickle.dumps(raised.value)), copy.copy(raised.value)):
        assert type(duplicate) is type(raised.value)
        assert str(duplicate) == str(raised.value)
        assert duplicate.maybe_sent


class TestTls:
    def test_the_certificate_of_a_server_is_verified_by_default(
        self,
        tmp_path: Path,
        service: Service,
        tenant: Tenant,
        api_at: NewApi,
        driver: Driver,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        certificate = make_certificate(tmp_path)
        owner = (tenant.app_id, tenant.integration_id)
        with server.running(Settings(service.data), server.Connections(*certificate)) as url:

            def keys(**options: Any) -> Any:
                api = api_at(url, tenant.app_key, **options)
                with api.api_client:
                    return api.list_custom_integration_keys(*owner).keys

            for variable in BUNDLES:
                monkeypatch.delenv(variable, raising=False)
            with pytest.raises(sunshine.ApiConnectionError, match="certificate") as refused:
                keys()
            assert driver.name == "async" or isinstance(refused.value.__cause__, urllib3.exceptions.SSLError)
            assert keys(ssl_ca_cert=str(certificate[0]))
            assert keys(ca_cert_data=certificate[0].read_text())
            for variable in BUNDLES:
                with monkeypatch.context() as environment:
                    environment.setenv(variable, str(certificate[0]))
                    assert keys()
            expected = [urllib3.exceptions.InsecureRequestWarning] if driver.name == "sync" else []
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                assert keys(verify_ssl=False)
            assert [warning.category for warning in warned] == expected

    def test_an_update_whose_answer_was_lost_is_not_repeated(
        self, tmp_path: Path, api_at: NewApi, driver: Driver
    ) -> None:
        certificate = make_certificate(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        requests = []
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(2)

            def serve() -> None:
                while True:
                    try:
                        plain, _ = listener.accept()
                    except OSError:
                        return
                    secure = context.wrap_socket(plain, server_side=True)
                    requests.append(secure.recv(65536))
                    with socket.socket(fileno=secure.detach()) as raw:
                        raw.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)  # a TLS record that does not decrypt

            thread = threading.Thread(target=serve)
            thread.start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            api = driver.AppsApi(api_at(url, retries=2, ssl_ca_cert=str(certificate[0])).api_client)
            with pytest.raises(sunshine.ApiConnectionError) as raised:
                api.update_app("a", {"displayName": "x"})
            thread.join()
        assert raised.value.maybe_sent
        assert len(requests) == 1
        assert requests[0].startswith(b"PATCH ")
