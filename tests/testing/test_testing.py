"""The test server: in process and over its socket, with faults, snapshots and the fixture."""

from __future__ import annotations

import asyncio
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from support.wire import Wire

import sunshine_conversations_client as sc
from sunshine_conversations_client import aio
from sunshine_keys.testing import SunshineServer, sunshine_server

pytest_plugins = ["pytester"]

Call = Callable[..., Any]


@pytest.fixture(params=["sync", "async", "sync over a socket", "async over a socket"])
def call(request: pytest.FixtureRequest, sunshine: SunshineServer) -> Iterator[Call]:
    """call("get_app", …) by a client of either kind, in-process or over a real socket. `retries` are the client's."""
    kind, _, over_socket = request.param.partition(" ")
    loop = asyncio.new_event_loop()
    opened: list[Any] = []

    def run(method: str, *arguments: Any, retries: Any = False, **options: Any) -> Any:
        settings = {"retries": retries, **options.pop("settings", {})}
        api = next(
            api
            for api in ("CustomIntegrationApiKeysApi", "AppsApi", "WebhooksApi")
            if hasattr(getattr(sc, api), method)
        )
        if over_socket:
            names = {"key_id": sunshine.app_key.id, "secret": sunshine.app_key.secret} | settings
            configuration = sc.Configuration(sunshine.url, **names)
            client: Any = sc.ApiClient(configuration) if kind == "sync" else aio.ApiClient(configuration)
        else:
            client = sunshine.client(**settings) if kind == "sync" else sunshine.async_client(**settings)
        opened.append(client)
        if kind == "sync":
            return getattr(getattr(sc, api)(client), method)(*arguments, **options)
        return loop.run_until_complete(getattr(getattr(aio, api)(client), method)(*arguments, **options))

    yield run
    for client in opened:
        client.close() if kind == "sync" else loop.run_until_complete(client.close())
    loop.close()


def test_everything_is_ready(call: Call, sunshine: SunshineServer) -> None:
    owner = (sunshine.app_id, sunshine.integration_id)
    (key,) = call("list_custom_integration_keys", *owner).keys
    assert (key.id, key.secret) == (sunshine.key.id, sunshine.key.secret)
    key = call("create_custom_integration_key", *owner, {"displayName": "x"}).key
    assert call("get_custom_integration_key", *owner, key.id).key == key
    assert call("delete_custom_integration_key", *owner, key.id) == {}
    with pytest.raises(sc.NotFoundException):
        call("get_custom_integration_key", *owner, key.id)
    with pytest.raises(sc.BadRequestException):
        call("list_custom_integration_keys", sunshine.app_id, sunshine.other_integration_id)


def test_requests_are_recorded(call: Call, sunshine: SunshineServer) -> None:
    call("create_custom_integration_key", sunshine.app_id, sunshine.integration_id, {"displayName": "x"})
    (request,) = sunshine.requests
    assert (request.method, request.status, request.json) == ("POST", 201, {"displayName": "x"})
    assert request.path == f"/v2/apps/{sunshine.app_id}/integrations/{sunshine.integration_id}/keys"
    assert request.headers["content-type"] == "application/json"


class TestFaults:
    def test_a_status_with_a_wait(self, call: Call, sunshine: SunshineServer) -> None:
        sunshine.faults.next(status=429, retry_after=0.01)
        with pytest.raises(sc.RateLimitedException) as limited:
            call("get_app", sunshine.app_id)
        assert limited.value.headers
        assert limited.value.headers["retry-after"] == "0.01"
        sunshine.faults.next(status=503, times=2)
        assert call("get_app", sunshine.app_id, retries=3).app.id == sunshine.app_id
        assert [request.status for request in sunshine.requests] == [429, 503, 503, 200]

    def test_a_reply_lost_after_the_commit(self, call: Call, sunshine: SunshineServer) -> None:
        sunshine.faults.next(drop="after")
        with pytest.raises(sc.ApiConnectionError) as lost:
            call("create_custom_integration_key", sunshine.app_id, sunshine.integration_id, {"displayName": "x"})
        assert lost.value.maybe_sent
        assert len(call("list_custom_integration_keys", sunshine.app_id, sunshine.integration_id).keys) == 2

        sunshine.faults.next(drop="after")
        info = call("create_custom_integration_key_with_http_info", sunshine.app_id, sunshine.integration_id, {"displayName": "y"}, retries=1)  # fmt: skip
        assert info.replayed
        (created,) = (key for key in call("list_custom_integration_keys", sunshine.app_id, sunshine.integration_id).keys if key.display_name == "y")  # fmt: skip
        assert info.data.key == created

        sunshine.faults.next(drop="after")
        info = call("delete_custom_integration_key_with_http_info", sunshine.app_id, sunshine.integration_id, sunshine.key.id, retries=1)  # fmt: skip
        assert info.deleted_before

    def test_a_connection_dropped_before_the_request_is_handled(self, call: Call, sunshine: SunshineServer) -> None:
        sunshine.faults.next(drop="before")
        with pytest.raises(sc.ApiConnectionError):
            call("create_custom_integration_key", sunshine.app_id, sunshine.integration_id, {"displayName": "x"})
        assert len(call("list_custom_integration_keys", sunshine.app_id, sunshine.integration_id).keys) == 1

    def test_a_slow_answer(self, call: Call, sunshine: SunshineServer) -> None:
        sunshine.faults.next(delay=100)
        with pytest.raises(sc.ApiTimeoutError):
            call("get_app", sunshine.app_id, _request_timeout=0.1)

    def test_malformed_json(self, call: Call, sunshine: SunshineServer) -> None:
        sunshine.faults.next(body=b'{"app": ')
        with pytest.raises(sc.ApiDecodeError):
            call("get_app", sunshine.app_id)

    @pytest.mark.parametrize("skew", [3600, -3600])
    def test_a_clock_that_differs(self, call: Call, sunshine: SunshineServer, skew: int) -> None:
        sunshine.faults.clock_skew = skew
        assert call("get_app", sunshine.app_id, settings={"scope": "app"}).app
        if skew > 0:
            assert [request.status for request in sunshine.requests] == [401, 200]

    def test_a_key_revoked_in_the_middle_of_a_request(self, call: Call, sunshine: SunshineServer) -> None:
        own = {"key_id": sunshine.key.id, "secret": sunshine.key.secret}
        (webhook,) = call("list_webhooks", sunshine.app_id, sunshine.integration_id, settings=own).webhooks
        sunshine.faults.next(revoke=sunshine.key.id)
        with pytest.raises(sc.UnauthorizedException):
            call("delete_webhook", sunshine.app_id, sunshine.integration_id, webhook.id, settings=own)
        assert call("list_webhooks", sunshine.app_id, sunshine.integration_id).webhooks == [webhook]


@pytest.mark.parametrize(
    "fault",
    [{"status": 99}, {"retry_after": 1}, {"drop": "now"}, {"body": "text"}, {"delay": -1}, {"status": 500, "times": 0}],
)
def test_an_invalid_fault_is_refused_and_has_no_effect(sunshine: SunshineServer, fault: Any) -> None:
    with pytest.raises(ValueError, match=" "):
        sunshine.faults.next(**fault)
    assert sc.AppsApi(sunshine.client()).get_app(sunshine.app_id).app


def test_snapshots_restore_a_state(sunshine: SunshineServer) -> None:
    keys = sc.CustomIntegrationApiKeysApi(sunshine.client())
    owner = (sunshine.app_id, sunshine.integration_id)
    before = sunshine.save()
    key = keys.create_custom_integration_key(*owner, {"displayName": "x"}).key
    after = sunshine.save()
    assert key and key.id

    sunshine.load(before)
    with pytest.raises(sc.NotFoundException):
        keys.get_custom_integration_key(*owner, key.id)
    sunshine.load(after)
    assert keys.get_custom_integration_key(*owner, key.id).key == key
    sunshine.faults.next(status=500)
    sunshine.reset()
    assert len(keys.list_custom_integration_keys(*owner).keys or []) == 1
    assert len(sunshine.requests) == 1
    assert key.secret and key.secret not in repr(after)


def test_revoking(sunshine: SunshineServer) -> None:
    own = sunshine.client(sunshine.key)
    token = sunshine.client(access_token=sunshine.key.token())
    for client in (own, token):
        assert sc.OAuthEndpointsApi(client).get_token_info().app
    sunshine.revoke(sunshine.key)
    for client in (own, token):
        with pytest.raises(sc.UnauthorizedException):
            sc.OAuthEndpointsApi(client).get_token_info()
    with pytest.raises(ValueError, match="There is no key"):
        sunshine.revoke("int_x")


def test_the_socket_serves_the_same_state(sunshine: SunshineServer) -> None:
    from support.wire import Key

    wire = Wire(sunshine.url)
    answer = wire.post(f"/v2/apps/{sunshine.app_id}/integrations/{sunshine.integration_id}/keys",
                     Key(sunshine.app_key.id, sunshine.app_key.secret), {"displayName": "x"}).json["key"]  # fmt: skip
    keys = sc.CustomIntegrationApiKeysApi(sunshine.client())
    fetched = keys.get_custom_integration_key(sunshine.app_id, sunshine.integration_id, answer["id"]).key
    assert fetched and fetched.secret == answer["secret"]
    assert wire.get("/healthz").status == 200


def test_without_preload_in_process(sunshine: SunshineServer) -> None:
    raw = sc.AppsApi(sunshine.client()).get_app_without_preload_content(sunshine.app_id)
    assert (raw.status, b'"app"' in raw.read()) == (200, True)


def test_servers_share_nothing_and_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with sunshine_server() as first, sunshine_server() as second:
        sc.AppsApi(first.client(first.account_key)).delete_app(first.app_id)
        assert sc.AppsApi(second.client()).get_app(second.app_id).app
        assert first.account_key.secret != second.account_key.secret
        assert first.account_key.secret not in repr(first.account_key)
        folders = [first._folder, second._folder]
    assert not any(folder.exists() for folder in folders)


def test_the_fixture_works_in_a_users_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sunshine_conversations_client as sc

        def test_one(sunshine):
            sunshine.revoke(sunshine.key)

        def test_other(sunshine):
            keys = sc.CustomIntegrationApiKeysApi(sunshine.client())
            assert len(keys.list_custom_integration_keys(sunshine.app_id, sunshine.integration_id).keys) == 1
        """
    )
    result = pytester.runpytest_subprocess("-W", "error")
    result.assert_outcomes(passed=2)


def test_the_plugin_costs_nothing_until_it_is_used(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import sys\ndef test_it():\n    assert 'sunshine_keys.testing' not in sys.modules and 'uvicorn' not in sys.modules")  # fmt: skip
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clocks of `time`, as freezegun and time-machine do."""
    moment = time.time()
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, lambda: moment)


def test_a_frozen_clock_stops_neither_the_service_nor_its_delays(frozen: None, sunshine: SunshineServer) -> None:
    sunshine.faults.next(delay=0.2)
    begun = time.clock_gettime(time.CLOCK_MONOTONIC)
    assert sc.AppsApi(sunshine.client()).get_app(sunshine.app_id).app.id == sunshine.app_id
    assert time.clock_gettime(time.CLOCK_MONOTONIC) - begun >= 0.2
    with urllib.request.urlopen(f"{sunshine.url}/healthz") as answer:
        assert answer.status == 200


@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_partner_is_answered_at_once(sunshine: SunshineServer, decision: Literal["allow", "deny"]) -> None:
    partner = sunshine.oauth_client("https://acme.test/a", "https://acme.test/b", name="Acme", decision=decision)
    assert (partner.redirect_uris, partner.secret in repr(partner)) == (
        ["https://acme.test/a", "https://acme.test/b"],
        False,
    )
    oauth = sc.OAuthEndpointsApi(sunshine.client())
    back = oauth.authorize_with_http_info(partner.id, "code", state="s", redirect_uri="https://acme.test/b").data
    if decision == "deny":
        assert back == "https://acme.test/b?error=access_denied&state=s"
        return
    code = back.removeprefix("https://acme.test/b?code=").removesuffix("&state=s")
    body = {"code": code, "grant_type": "authorization_code", "client_id": partner.id, "client_secret": partner.secret}
    sunshine.faults.clock_skew = 601
    with pytest.raises(sc.BadRequestException):
        oauth.get_token(body)
    sunshine.faults.clock_skew = 0
    token = oauth.get_token(body).access_token
    assert sc.OAuthEndpointsApi(sunshine.client(access_token=token)).get_token_info().app.id == sunshine.app_id


def in_child(work: Callable[[], str]) -> str:
    """Return what `work` returns in a forked process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            result = work()
        except BaseException as error:
            result = f"{type(error).__name__}: {error}"
        os.write(writing, result.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        result = lines.read()
    assert os.waitpid(child, 0)[1] == 0
    return result


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_connects_to_a_url_that_was_read_before(sunshine: SunshineServer) -> None:
    assert sunshine.url

    def work() -> str:
        app_id = str(sc.AppsApi(sunshine.client()).get_app(sunshine.app_id).app.id)
        sunshine.close()
        return app_id

    assert in_child(work) == sunshine.app_id
    assert sunshine.requests[-1].status == 200


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_without_a_url_says_why_it_has_no_client(sunshine: SunshineServer) -> None:
    before = sunshine.client()
    assert "Read `url` before the fork" in in_child(lambda: str(sunshine.client()))
    assert "Read `url` before the fork" in in_child(lambda: str(sc.AppsApi(before).get_app(sunshine.app_id)))
    assert "Read `url` before the fork" in in_child(lambda: str(sunshine.revoke(sunshine.key)))
