"""Settings, and the lower-level methods that the official client has."""

from __future__ import annotations

import copy
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest
from support.wire import Service, Tenant

import sunshine_conversations_client as sunshine


def test_the_host_comes_from_the_argument_then_the_environment_then_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SUNSHINE_CONVERSATIONS_HOST", raising=False)
    assert sunshine.Configuration().host == "https://api.smooch.io"
    monkeypatch.setenv("SUNSHINE_CONVERSATIONS_HOST", "http://127.0.0.1:1")
    assert sunshine.Configuration().host == "http://127.0.0.1:1"
    assert sunshine.Configuration(host="http://127.0.0.1:2").host == "http://127.0.0.1:2"


def test_a_server_index_selects_a_published_host() -> None:
    assert sunshine.Configuration(server_index=1).host == "https://api.eu-1.smooch.io"
    configuration = sunshine.Configuration(server_index=2, server_variables={"subdomain": "acme"})
    assert configuration.host == "https://acme.zendesk.com/sc"
    configuration.host = "http://mine"
    assert (configuration.host, configuration.server_index) == ("http://mine", None)
    with pytest.raises(ValueError, match="invalid host index 3"):
        configuration.get_host_from_settings(3)


def test_a_subdomain_selects_the_host_of_a_zendesk_account() -> None:
    configuration = sunshine.Configuration(subdomain="acme")
    assert configuration.host == "https://acme.zendesk.com/sc"
    configuration.host = "http://mine"
    assert configuration.host == "http://mine"


@pytest.mark.parametrize("subdomain", ["", "a.b", "evil.example/", "-a", "a" * 64, "ü", " a", "a\n", 5])
def test_an_invalid_subdomain_is_rejected(subdomain: Any) -> None:
    with pytest.raises(sunshine.ApiArgumentError, match=r"subdomain should be the name before \.zendesk\.com"):
        sunshine.Configuration(subdomain=subdomain)


def test_a_subdomain_beside_another_host_is_rejected() -> None:
    for other in ({"host": "http://mine"}, {"server_index": 0}):
        with pytest.raises(sunshine.ApiArgumentError, match="Leave out host and server_index"):
            sunshine.Configuration(subdomain="acme", **other)  # type: ignore[arg-type]  # each is valid by itself


def test_discard_unknown_keys_of_earlier_versions_is_accepted() -> None:
    """It was the sixth argument before version 17, in the place of `access_token`."""
    positional: Any = ("http://h", None, None, "u", "p", True)
    for configuration in (
        sunshine.Configuration(*positional),
        sunshine.Configuration("http://h", username="u", password="p", discard_unknown_keys=True),
    ):
        assert list(configuration.auth_settings()) == ["basicAuth"]
    assert sunshine.Configuration("http://h", None, None, None, None, "t").access_token == "t"


def test_attributes_have_the_official_defaults() -> None:
    configuration = sunshine.Configuration()
    expected: dict[str, Any] = {
        "server_index": 0, "server_variables": {}, "api_key": {}, "api_key_prefix": {}, "refresh_api_key_hook": None,
        "username": None, "password": None, "access_token": None, "debug": False, "verify_ssl": True, "ssl_ca_cert": None,
        "ca_cert_data": None, "cert_file": None, "key_file": None, "assert_hostname": None, "tls_server_name": None,
        "proxy": None, "proxy_headers": None, "safe_chars_for_path_param": "", "retries": None, "socket_options": None,
        "client_side_validation": True, "temp_folder_path": None, "logger_file": None, "logger_stream_handler": None,
        "datetime_format": "%Y-%m-%dT%H:%M:%S.%f%z", "date_format": "%Y-%m-%d", "ignore_operation_servers": False,
        "logger_format": "%(asctime)s %(levelname)s %(message)s",
    }  # fmt: skip
    assert {name: getattr(configuration, name) for name in expected} == expected
    with pytest.raises(TypeError):
        sunshine.Configuration(nonsense=1)  # type: ignore[call-arg]


def test_auth_settings_have_the_official_form() -> None:
    configuration = sunshine.Configuration(username="ü", password="p", access_token="t")
    assert configuration.get_basic_auth_token() == "Basic w7w6cA=="
    assert {name: setting["value"] for name, setting in configuration.auth_settings().items()} == {
        "bearerAuth": "Bearer t",
        "basicAuth": "Basic w7w6cA==",
    }
    assert sunshine.Configuration(username="u").auth_settings() == {}
    keyed = sunshine.Configuration(api_key={"x": "1"}, api_key_prefix={"x": "Token"})
    assert (keyed.get_api_key_with_prefix("x"), keyed.get_api_key_with_prefix("y")) == ("Token 1", None)


def test_copies_are_equal_and_independent() -> None:
    configuration = sunshine.Configuration(host="http://x", username="u", password="p", api_key={"a": "b"})
    for duplicate in (copy.deepcopy(configuration), pickle.loads(pickle.dumps(configuration))):
        assert duplicate.__dict__ == configuration.__dict__
        duplicate.api_key["c"] = "d"
        assert configuration.api_key == {"a": "b"}


def test_the_default_is_shared_and_replaceable() -> None:
    try:
        assert sunshine.Configuration.get_default() is sunshine.Configuration.get_default_copy()
        mine = sunshine.Configuration(host="http://mine")
        sunshine.Configuration.set_default(mine)
        assert sunshine.ApiClient().configuration is mine
    finally:
        sunshine.Configuration.set_default(None)


def test_the_repr_shows_no_secret() -> None:
    configuration = sunshine.Configuration(
        host="http://u:h1dden@x/?q=h1dden", username="u", password="h1dden", access_token="h1dden"
    )
    assert repr(configuration) == "Configuration(host='http://x/', username='u')"
    assert "Python SDK Debug Report" in configuration.to_debug_report()


def test_a_log_file_receives_the_log_of_the_package(tmp_path: Path) -> None:
    configuration = sunshine.Configuration()
    try:
        for name in ("first", "second"):
            configuration.logger_file = str(tmp_path / name)
            configuration.logger["package_logger"].error("entry %s", name)
    finally:
        configuration.logger_file = None
    logging.getLogger("sunshine_conversations_client").error("not in a file")
    assert (tmp_path / "first").read_text().endswith("ERROR entry first\n")
    assert (tmp_path / "second").read_text().count("entry") == 1


def test_default_headers_and_the_cookie_are_sent(service: Service) -> None:
    client = sunshine.ApiClient(sunshine.Configuration(host=service.url), "X-Mine", "1", "a=b")
    client.set_default_header("X-Other", "2")
    client.user_agent = "mine"
    _, url, headers, body, form = client.param_serialize(
        "GET", "/v2/{a}", {"a": "b/c"}, [("page", sunshine.Page(size=1))]
    )
    assert url == f"{service.url}/v2/b%2Fc?page[size]=1"
    assert headers == {"X-Mine": "1", "X-Other": "2", "User-Agent": "mine", "Cookie": "a=b"}
    assert (body, form) == (None, None)
    assert sunshine.ApiClient().user_agent.startswith("sunshine-keys/")


def test_the_lower_level_methods_make_a_call(service: Service, tenant: Tenant) -> None:
    configuration = sunshine.Configuration(host=service.url, username=tenant.app_key.id, password=tenant.app_key.secret)
    with sunshine.ApiClient(configuration) as client:
        method, url, headers, body, _ = client.param_serialize(
            "POST", "/v2/apps/{appId}/integrations/{integrationId}/keys",
            {"appId": tenant.app_id, "integrationId": tenant.integration_id},
            body=sunshine.IntegrationApiKey(display_name="x"), auth_settings=["basicAuth"],
        )  # fmt: skip
        response = client.call_api(method, url, headers, body)
        assert (response.status, response.data) == (201, None)
        assert response.read() == response.data
        assert response.getheader("CONTENT-TYPE") == response.getheaders()["content-type"]
        created = client.response_deserialize(response, {"201": "IntegrationApiKeyResponse"})
        assert created.data.key.display_name == "x"
        assert client.response_deserialize(response, {"2XX": "object"}).data["key"]["id"] == created.data.key.id
        assert client.response_deserialize(response, {}).data is None
        assert client.response_deserialize(response, {"201": "bytearray"}).data == created.raw_data
        with pytest.raises(sunshine.UnauthorizedException):
            client.response_deserialize(client.call_api("GET", url))


def test_deserialize_takes_the_name_of_a_type() -> None:
    client = sunshine.ApiClient()
    assert client.deserialize('[{"id": "1"}]', "List[ApiKey]") == [sunshine.ApiKey(id="1")]
    assert client.deserialize('{"a": {"id": "1"}}', "Dict[str, ApiKey]") == {"a": sunshine.ApiKey(id="1")}
    assert (client.deserialize("1", "int"), client.deserialize("x", "str"), client.deserialize("null", "ApiKey")) == (
        1,
        "x",
        None,
    )
    assert client.deserialize('"2026-01-02"', "date").year == 2026
    with pytest.raises(ValueError, match="There is no model"):
        client.deserialize("{}", "Nonsense")


def test_auth_settings_select_the_scheme() -> None:
    client = sunshine.ApiClient(sunshine.Configuration(username="u", password="p", access_token="t"))
    sent = {tuple(schemes): client.param_serialize("GET", "/", auth_settings=schemes)[2].get("Authorization")
            for schemes in (["basicAuth"], ["bearerAuth"], ["basicAuth", "bearerAuth"], [])}  # fmt: skip
    assert sent == {
        ("basicAuth",): "Basic dTpw",
        ("bearerAuth",): "Bearer t",
        ("basicAuth", "bearerAuth"): "Bearer t",
        (): None,
    }


def test_header_names_match_in_any_case() -> None:
    from sunshine_conversations_client._messages import Headers

    headers = Headers([("Set-Cookie", "a"), ("set-cookie", "b"), ("X", "1")])
    assert headers["SET-COOKIE"] == "a, b"
    assert headers.getlist("set-cookie") == ["a", "b"]
    assert dict(headers) == {"Set-Cookie": "a, b", "X": "1"}
    headers.update({"x": "2"})
    assert (headers.pop("X"), "x" in headers, headers.get("x")) == ("2", False, None)
    assert headers.setdefault("SET-cookie", "c") == "a, b"
    headers.clear()
    assert not headers
    assert copy.deepcopy(headers) == pickle.loads(pickle.dumps(headers)) == {}
