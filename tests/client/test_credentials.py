"""Credentials: tokens that the client signs, the environment, and hosts that get no credentials."""

from __future__ import annotations

import copy
import pickle
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import jwt
import pytest
from support.drivers import Driver
from support.scripts import NewClient, NewScript, answer, drop
from support.wire import Service, Tenant

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._auth import Signer
from sunshine_conversations_client.transport import Headers, Request, Response, Timeout

KEYS = b'{"keys": []}'
SECRET = "s" * 86


def authorization(request: bytes) -> str | None:
    for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name, _, value = line.decode().partition(": ")
        if name.lower() == "authorization":
            return value
    return None


def claims(request: bytes) -> dict[str, Any]:
    decoded: dict[str, Any] = jwt.decode(
        (authorization(request) or "").removeprefix("Bearer "), SECRET, ["HS256"], options={"verify_exp": False, "verify_iat": False}
    )  # fmt: skip
    return decoded


class TestSigning:
    def test_a_key_with_a_scope_signs_tokens(
        self, driver: Driver, new_client: NewClient, service: Service, tenant: Tenant
    ) -> None:
        client = new_client(service.url, key_id=tenant.app_key.id, secret=tenant.app_key.secret, scope="app")
        assert driver.AppsApi(client).get_app(tenant.app_id).app.id == tenant.app_id

    def test_a_key_without_a_scope_uses_basic(self, driver: Driver, new_client: NewClient, script: NewScript) -> None:
        server = script(answer(body=KEYS))
        client = new_client(server.url, key_id="app_1", secret="s3cr3t")
        driver.CustomIntegrationApiKeysApi(client).list_custom_integration_keys("a", "i")
        assert authorization(server.requests[0]) == "Basic YXBwXzE6czNjcjN0"

    def test_a_token_lasts_300_seconds_and_is_reused(
        self, driver: Driver, new_client: NewClient, script: NewScript
    ) -> None:
        server = script(*[answer(body=KEYS)] * 2)
        api = driver.CustomIntegrationApiKeysApi(new_client(server.url, key_id="app_1", secret=SECRET, scope="app"))
        for _ in range(2):
            api.list_custom_integration_keys("a", "i")
        assert authorization(server.requests[0]) == authorization(server.requests[1])
        token = (authorization(server.requests[0]) or "").removeprefix("Bearer ")
        assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "kid": "app_1"}
        signed = claims(server.requests[0])
        assert (signed["scope"], signed["exp"] - signed["iat"]) == ("app", 300)
        assert abs(signed["iat"] - time.time()) < 5

    def test_a_token_is_renewed_60_seconds_before_it_expires(self) -> None:
        signer = Signer()
        first = signer.token("k", SECRET, "app", 1000)
        assert signer.token("k", SECRET, "app", 1239) == first
        assert signer.token("k", SECRET, "app", 1240) != first
        for other in (("l", SECRET, "app"), ("k", SECRET + "x", "app"), ("k", SECRET, "account")):
            assert signer.token(*other, 1000) != first

    @pytest.mark.parametrize("skew", [3600, -3600])
    def test_a_401_with_another_clock_leads_to_a_token_by_that_clock(
        self, driver: Driver, new_client: NewClient, script: NewScript, skew: int
    ) -> None:
        server_time = time.time() + skew
        refusal = answer("401 Unauthorized", b"{}", Date=formatdate(server_time, usegmt=True))
        server = script(refusal, answer(body=KEYS), answer(body=KEYS))
        api = driver.CustomIntegrationApiKeysApi(new_client(server.url, key_id="k", secret=SECRET, scope="app"))
        for _ in range(2):
            assert api.list_custom_integration_keys("a", "i").keys == []
        assert len(server.requests) == 3
        for request in server.requests[1:]:
            assert abs(claims(request)["iat"] - server_time) < 5

    def test_a_token_of_a_clock_that_was_ahead_is_replaced_once_the_clock_is_right(self) -> None:
        signer = Signer()
        early = signer.token("k", SECRET, "app", 5000)
        right = signer.token("k", SECRET, "app", 1400)
        options = {"verify_exp": False, "verify_iat": False}
        assert jwt.decode(right, SECRET, ["HS256"], options=options)["iat"] == 1400
        assert right != early
        assert signer.token("k", SECRET, "app", 1401) == right

    def test_a_call_replaces_the_token_of_a_clock_that_was_ahead(
        self, driver: Driver, new_client: NewClient, script: NewScript, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = script(*[answer(body=KEYS)] * 2)
        api = driver.CustomIntegrationApiKeysApi(new_client(server.url, key_id="k", secret=SECRET, scope="app"))
        real = time.time
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda: real() + 3600)
            api.list_custom_integration_keys("a", "i")
        api.list_custom_integration_keys("a", "i")
        ahead, right = (claims(request)["iat"] - real() for request in server.requests)
        assert ahead > 3500
        assert abs(right) < 60

    def test_a_header_of_the_call_is_not_replaced_after_a_401(
        self, driver: Driver, new_client: NewClient, script: NewScript
    ) -> None:
        server = script(answer("401 Unauthorized", b"{}", Date=formatdate(0, usegmt=True)))
        client = new_client(server.url, key_id="k", secret=SECRET, scope="app")
        with pytest.raises(sunshine.UnauthorizedException):
            driver.AppsApi(client).list_apps(_headers={"authorization": "mine"})
        assert len(server.requests) == 1

    def test_a_401_with_the_same_clock_is_final(self, driver: Driver, new_client: NewClient, script: NewScript) -> None:
        for date in ({"Date": formatdate(time.time(), usegmt=True)}, {}, {"Date": "junk"}):
            server = script(answer("401 Unauthorized", b"{}", **date))
            api = driver.CustomIntegrationApiKeysApi(new_client(server.url, key_id="k", secret=SECRET, scope="app"))
            with pytest.raises(sunshine.UnauthorizedException):
                api.list_custom_integration_keys("a", "i")
            assert len(server.requests) == 1

    def test_a_configured_token_is_not_replaced_after_a_401(
        self, driver: Driver, new_client: NewClient, script: NewScript
    ) -> None:
        server = script(answer("401 Unauthorized", b"{}", Date=formatdate(0, usegmt=True)))
        with pytest.raises(sunshine.UnauthorizedException):
            driver.AppsApi(new_client(server.url, access_token="t")).list_apps()
        assert authorization(server.requests[0]) == "Bearer t"

    @pytest.mark.parametrize("scope", ["user", "", "APP"])
    def test_an_unknown_scope_is_rejected(self, scope: Any) -> None:
        with pytest.raises(sunshine.ApiArgumentError, match="The scope is unknown"):
            sunshine.Configuration(key_id="k", secret="s", scope=scope)


class TestEnvironment:
    @pytest.fixture(autouse=True)
    def _clean(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HOST", "KEY_ID", "SECRET", "SCOPE", "BEARER_TOKEN"):
            for suffix in ("", "_FILE"):
                monkeypatch.delenv(f"SUNSHINE_CONVERSATIONS_{name}{suffix}", raising=False)

    def set(self, monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"SUNSHINE_CONVERSATIONS_{name}", value)

    def test_a_key_comes_from_variables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set(monkeypatch, KEY_ID="app_1", SECRET="s3cr3t")
        assert sunshine.Configuration().get_basic_auth_token() == "Basic YXBwXzE6czNjcjN0"
        self.set(monkeypatch, SCOPE="app")
        configuration = sunshine.Configuration()
        assert (configuration.key_id, configuration.secret, configuration.scope) == ("app_1", "s3cr3t", "app")

    def test_a_token_comes_from_a_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set(monkeypatch, BEARER_TOKEN="t")
        assert sunshine.Configuration().access_token == "t"

    def test_a_variable_may_name_a_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("from a file\n")
        self.set(monkeypatch, KEY_ID="app_1", SECRET_FILE=str(tmp_path / "secret"))
        assert sunshine.Configuration().secret == "from a file"
        self.set(monkeypatch, SECRET_FILE=str(tmp_path / "missing"))
        with pytest.raises(
            sunshine.ApiArgumentError, match="Cannot read the file that SUNSHINE_CONVERSATIONS_SECRET_FILE names"
        ):
            sunshine.Configuration()

    @pytest.mark.parametrize(
        "arguments", [{"username": "u", "password": "p"}, {"access_token": "mine"}, {"key_id": "k", "secret": "s"}]
    )
    def test_arguments_replace_all_variables(self, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, str]) -> None:
        self.set(monkeypatch, KEY_ID="app_1", SECRET="s3cr3t", BEARER_TOKEN="t", SCOPE="app")
        configuration = sunshine.Configuration(**arguments)  # type: ignore[arg-type]
        assert configuration.scope is None
        for name in ("username", "password", "access_token", "key_id", "secret"):
            assert getattr(configuration, name) == arguments.get(name)

    @pytest.mark.parametrize("late", [False, True], ids=["in the constructor", "by attribute"])
    @pytest.mark.parametrize(
        ("settings", "sent"),
        [
            ({"username": "u", "password": "p"}, "Basic dTpw"),
            ({"key_id": "k", "secret": "s"}, "Basic azpz"),
            ({"access_token": "mine"}, "Bearer mine"),
            ({"username": "u", "password": "p", "access_token": "mine"}, "Bearer mine"),
        ],
    )
    @pytest.mark.parametrize(
        "variables", [{"BEARER_TOKEN": "t"}, {"KEY_ID": "app_1", "SECRET": "s3cr3t"}, {"KEY_ID": "app_1", "SECRET": "s3cr3t", "SCOPE": "app"}]
    )  # fmt: skip
    def test_what_the_program_sets_is_sent_whatever_the_variables_hold(
        self,
        monkeypatch: pytest.MonkeyPatch,
        driver: Driver,
        script: NewScript,
        variables: dict[str, str],
        settings: dict[str, Any],
        sent: str,
        late: bool,
    ) -> None:
        self.set(monkeypatch, **variables)
        server = script(answer(body=b'{"apps": []}'))
        configuration = sunshine.Configuration(server.url, **({} if late else settings))
        for name, value in settings.items() if late else ():
            setattr(configuration, name, value)
        with driver.ApiClient(configuration) as client:
            driver.AppsApi(client).list_apps()
        assert authorization(server.requests[0]) == sent

    @pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda original: pickle.loads(pickle.dumps(original))])  # fmt: skip
    def test_a_copy_drops_the_variables_as_the_original_does(
        self, monkeypatch: pytest.MonkeyPatch, duplicate: Any
    ) -> None:
        self.set(monkeypatch, BEARER_TOKEN="t", KEY_ID="app_1", SECRET="s3cr3t", SCOPE="app")
        original = sunshine.Configuration()
        copied = duplicate(original)
        copied.username, copied.password = "u", "p"
        assert copied.auth_settings()["basicAuth"]["value"] == "Basic dTpw"
        assert (copied.access_token, copied.key_id, copied.secret, copied.scope) == (None, None, None, None)
        assert (original.access_token, original.key_id) == ("t", "app_1")

    def test_the_default_configuration_drops_the_variables_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set(monkeypatch, BEARER_TOKEN="t")
        sunshine.Configuration.set_default(None)
        try:
            sunshine.Configuration.get_default().username = "u"
            sunshine.Configuration.get_default().password = "p"
            assert list(sunshine.ApiClient().configuration.auth_settings()) == ["basicAuth"]
        finally:
            sunshine.Configuration.set_default(None)

    def test_none_removes_a_single_value_of_the_variables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set(monkeypatch, BEARER_TOKEN="t", KEY_ID="app_1", SECRET="s3cr3t")
        configuration = sunshine.Configuration()
        configuration.access_token = None
        assert list(configuration.auth_settings()) == ["basicAuth"]
        configuration.access_token = "mine"
        assert (configuration.key_id, configuration.secret) == (None, None)

    @pytest.mark.parametrize("late", [False, True])
    def test_a_scope_of_the_program_is_used_with_the_key_of_the_variables(
        self, monkeypatch: pytest.MonkeyPatch, late: bool
    ) -> None:
        self.set(monkeypatch, KEY_ID="app_1", SECRET="s3cr3t", SCOPE="integration")
        configuration = sunshine.Configuration() if late else sunshine.Configuration(scope="app")
        if late:
            configuration.scope = "app"
        assert (configuration.key_id, configuration.scope) == ("app_1", "app")
        configuration.key_id = "other"
        assert (configuration.secret, configuration.scope) == (None, "app")

    def test_an_explicit_server_index_wins_over_the_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set(monkeypatch, HOST="https://other.example")
        assert sunshine.Configuration(server_index=0).host == "https://api.smooch.io"
        assert sunshine.Configuration(subdomain="acme").host == "https://acme.zendesk.com/sc"

    def test_white_space_around_values_is_dropped(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("\ufeff s3cr3t\r\n")
        self.set(
            monkeypatch, KEY_ID=" app_1\n", SECRET_FILE=f" {tmp_path / 'secret'} ", HOST=" http://h ", SCOPE="app\n"
        )
        configuration = sunshine.Configuration()
        assert (configuration.key_id, configuration.secret, configuration.scope, configuration.host) == (
            "app_1", "s3cr3t", "app", "http://h",
        )  # fmt: skip
        self.set(monkeypatch, BEARER_TOKEN=" \n", KEY_ID="", SECRET_FILE=" ", SCOPE="  ", HOST=" ")
        assert sunshine.Configuration().auth_settings() == {}
        assert sunshine.Configuration().host == "https://api.smooch.io"

    @pytest.mark.parametrize("content", [b"", b" \n", b"\xff"])
    def test_a_file_without_a_value_is_rejected(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
    ) -> None:
        (tmp_path / "secret").write_bytes(content)
        self.set(monkeypatch, KEY_ID="app_1", SECRET_FILE=str(tmp_path / "secret"))
        with pytest.raises(sunshine.ApiArgumentError, match=r"SUNSHINE_CONVERSATIONS_SECRET_FILE names") as refused:
            sunshine.Configuration()
        assert refused.value.__context__ is None


class TestAuthSettings:
    """A subclass may override `auth_settings`, as programs do to fetch a token."""

    def list_apps(self, driver: Driver, configuration: Any) -> Any:
        with driver.ApiClient(configuration) as client:
            api = driver.AppsApi(client)
            api.list_apps()
            return api.list_apps()

    def test_it_is_called_for_every_call(self, driver: Driver, script: NewScript) -> None:
        class Fetching(sunshine.Configuration):
            count = 0

            def auth_settings(self) -> dict[str, dict[str, Any]]:
                self.count += 1
                value = {"type": "bearer", "in": "header", "key": "Authorization", "value": f"Bearer t{self.count}"}
                return {"bearerAuth": value, **super().auth_settings()}

        server = script(*[answer(body=b'{"apps": []}')] * 2)
        self.list_apps(driver, Fetching(server.url, username="u", password="p"))
        assert [authorization(request) for request in server.requests] == ["Bearer t1", "Bearer t2"]

    def test_it_may_set_the_token_and_use_the_parents(self, driver: Driver, script: NewScript) -> None:
        class Fetching(sunshine.Configuration):
            def auth_settings(self) -> dict[str, dict[str, Any]]:
                self.access_token = f"{self.access_token or ''}x"
                return super().auth_settings()

        server = script(*[answer(body=b'{"apps": []}')] * 2)
        self.list_apps(driver, Fetching(server.url))
        assert [authorization(request) for request in server.requests] == ["Bearer x", "Bearer xx"]

    def test_an_empty_result_sends_no_credentials(self, driver: Driver, script: NewScript) -> None:
        class Anonymous(sunshine.Configuration):
            def auth_settings(self) -> dict[str, dict[str, Any]]:
                return {}

        server = script(*[answer(body=b'{"apps": []}')] * 2)
        self.list_apps(driver, Anonymous(server.url, key_id="k", secret=SECRET, scope="app"))
        assert [authorization(request) for request in server.requests] == [None, None]

    def test_a_key_that_it_leaves_as_it_is_signs_tokens(self, driver: Driver, script: NewScript) -> None:
        class Same(sunshine.Configuration):
            def auth_settings(self) -> dict[str, dict[str, Any]]:
                return super().auth_settings()

        server = script(*[answer(body=b'{"apps": []}')] * 2)
        self.list_apps(driver, Same(server.url, key_id="k", secret=SECRET, scope="app"))
        assert claims(server.requests[0])["scope"] == "app"

    def test_a_mock_on_an_instance_is_called(self, driver: Driver, script: NewScript) -> None:
        server = script(*[answer(body=b'{"apps": []}')] * 2)
        configuration: Any = sunshine.Configuration(server.url, access_token="t")
        configuration.auth_settings = lambda: {"basicAuth": {"in": "query", "key": "k", "value": "v", "type": "x"}}
        self.list_apps(driver, configuration)
        assert server.lines == ["GET /v2/apps?k=v HTTP/1.1"] * 2
        configuration.host = "http://api.example"
        with pytest.raises(sunshine.ApiArgumentError, match="should not go over plain http"):
            self.list_apps(driver, configuration)

    @pytest.mark.parametrize("settings", [None, [], {"bearerAuth": "t"}, {"bearerAuth": {"in": "header", "key": "A", "value": None}}])  # fmt: skip
    def test_an_invalid_result_is_rejected(self, driver: Driver, script: NewScript, settings: Any) -> None:
        server = script()
        configuration: Any = sunshine.Configuration(server.url)
        configuration.auth_settings = lambda: settings
        with pytest.raises(sunshine.ApiArgumentError, match=r"^auth_settings"):
            self.list_apps(driver, configuration)
        assert server.requests == []

    def test_an_overridden_basic_token_is_sent(self, driver: Driver, script: NewScript) -> None:
        class Own(sunshine.Configuration):
            def get_basic_auth_token(self) -> str:
                return "Basic mine"

        server = script(*[answer(body=b'{"apps": []}')] * 2)
        self.list_apps(driver, Own(server.url, username="u", password="p"))
        assert authorization(server.requests[0]) == "Basic mine"


class TestPlainHttp:
    @pytest.mark.parametrize(
        "host", ["http://api.example", "http://10.0.0.1:80", "http://127.evil.example", "http://localhost.evil"]
    )
    def test_credentials_are_not_sent_to_another_machine(
        self, driver: Driver, new_client: NewClient, host: str
    ) -> None:
        for settings in ({"username": "u", "password": "p"}, {"access_token": "t"}, {"key_id": "k", "secret": "s"}):
            with pytest.raises(sunshine.ApiArgumentError, match="should not go over plain http"):
                driver.AppsApi(new_client(host, **settings)).list_apps()
        with pytest.raises(sunshine.ApiArgumentError, match="should not go over plain http"):
            driver.AppsApi(new_client(host)).list_apps(_headers={"Authorization": "x"})

    def test_the_lower_level_methods_do_not_send_them_either(self) -> None:
        client = sunshine.ApiClient(sunshine.Configuration("http://api.example"))
        with pytest.raises(sunshine.ApiArgumentError, match="should not go over plain http"):
            client.call_api("GET", "http://api.example/v2/apps", {"Authorization": "x"})

    def test_credentials_are_sent_to_loopback(self, driver: Driver, new_client: NewClient, script: NewScript) -> None:
        port = script(answer(body=b'{"apps": []}')).url.rpartition(":")[2]
        assert driver.AppsApi(new_client(f"http://localhost:{port}", access_token="t")).list_apps().apps == []

    def test_allow_insecure_http_lifts_the_limit(
        self, driver: Driver, new_client: NewClient, script: NewScript
    ) -> None:
        proxy = script(answer(body=b'{"apps": []}'))
        client = new_client("http://api.example", access_token="t", allow_insecure_http=True, proxy=proxy.url)
        assert driver.AppsApi(client).list_apps().apps == []


class TestRepeatedDeletes:
    GONE = answer("404 Not Found", b'{"errors": [{"code": "not_found", "title": "Resource not found"}]}')

    @pytest.mark.parametrize("first", [drop, answer("502 x", b""), answer("504 x", b"")])
    def test_a_404_after_a_lost_answer_is_a_success(
        self, driver: Driver, new_client: NewClient, script: NewScript, first: Any
    ) -> None:
        server = script(first, self.GONE)
        api = driver.CustomIntegrationApiKeysApi(new_client(server.url, access_token="t"))
        info = api.delete_custom_integration_key_with_http_info("a", "i", "k")
        assert (info.status_code, info.data, info.deleted_before) == (404, {}, True)

    UNCHANGED = answer("503 x", b'{"errors": [{"code": "service_unavailable", "title": "Nothing was changed"}]}')

    @pytest.mark.parametrize("first", [answer("429 x", b""), answer("503 x", b""), UNCHANGED])
    def test_a_404_after_a_refusal_raises(
        self, driver: Driver, new_client: NewClient, script: NewScript, first: Any
    ) -> None:
        server = script(first, self.GONE)
        with pytest.raises(sunshine.NotFoundException):
            driver.AppsApi(new_client(server.url, access_token="t")).delete_app("a")
        assert len(server.requests) == 2

    def test_a_404_after_a_lost_answer_and_a_503_is_a_success(
        self, driver: Driver, new_client: NewClient, script: NewScript
    ) -> None:
        server = script(drop, self.UNCHANGED, self.GONE)
        api = driver.AppsApi(new_client(server.url, access_token="t"))
        assert api.delete_app_with_http_info("a").deleted_before

    def test_a_404_after_a_failed_connection_raises(self, driver: Driver) -> None:
        class Unconnected:
            """A transport that cannot connect at first."""

            def __init__(self) -> None:
                self.replies = [sunshine.ApiConnectionError("refused", maybe_sent=False), Response(404, "x", Headers())]

            def answer(self) -> Response:
                reply = self.replies.pop(0)
                if isinstance(reply, Exception):
                    raise reply
                return reply

        class Sync(Unconnected):
            def send(self, request: Request, timeout: Timeout) -> Response:
                return self.answer()

            def close(self) -> None:
                """Do nothing: there are no connections."""

        class Async(Unconnected):
            async def send(self, request: Request, timeout: Timeout) -> Response:
                return self.answer()

            async def close(self) -> None:
                """Do nothing: there are no connections."""

        configuration = sunshine.Configuration("http://127.0.0.1", access_token="t")
        transport: Any = Sync() if driver.name == "sync" else Async()
        with (
            driver.ApiClient(configuration, transport=transport) as client,
            pytest.raises(sunshine.NotFoundException),
        ):
            driver.AppsApi(client).delete_app("a")
        assert transport.replies == []

    def test_a_404_of_a_get_raises(self, driver: Driver, new_client: NewClient, script: NewScript) -> None:
        server = script(drop, self.GONE)
        with pytest.raises(sunshine.NotFoundException):
            driver.AppsApi(new_client(server.url, access_token="t")).get_app("a")


def test_every_create_has_its_own_idempotency_key(driver: Driver, new_client: NewClient, script: NewScript) -> None:
    server = script(*[answer("201 x", b'{"app": {}}')] * 3, answer(body=b'{"apps": []}'))
    api = driver.AppsApi(new_client(server.url, access_token="t"))
    api.create_app({"displayName": "x"})
    api.create_app({"displayName": "x"})
    api.create_app({"displayName": "x"}, _headers={"idempotency-key": "mine"})
    api.list_apps()
    keys = [
        line.partition(b": ")[2] for request in server.requests for line in request.split(b"\r\n")
        if line.lower().startswith(b"idempotency-key")
    ]  # fmt: skip
    assert len(keys) == 3
    assert len(set(keys)) == 3
    assert keys[2] == b"mine"
