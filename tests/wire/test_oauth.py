"""OAuth: clients of partners, authorization, access tokens and their end."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import jsonschema_rs
import pytest
from support.oauth import CALLBACK, CLIENTS, Partner, new_partner, partner_of, returned
from support.wire import WEBHOOK, Key, Place, Service, Tenant, Wire, first_run, make_tenant

import sunshine_conversations_client as sunshine
from sunshine_keys import server
from sunshine_keys.access import tokens
from sunshine_keys.access.scopes import Scope
from sunshine_keys.compose import ROUTER, open_engine
from sunshine_keys.keys.secrets import is_our_secret, new_secret
from sunshine_keys.oauth.table import CODES
from sunshine_keys.settings import Settings
from sunshine_keys.testing.process import LoopThread
from sunshine_keys.testing.transports import InProcessTransport
from sunshine_keys.wire.application import Application
from sunshine_keys.wire.limits import RateLimits

UNKNOWN = "0" * 24
INVALID_GRANT = {
    "error": "invalid_grant",
    "error_description": "The code is unknown, expired, used, or of another client or redirect URI",
}
INVALID_CLIENT = {
    "error": "invalid_client",
    "error_description": "Client id or secret is wrong, or the client has been deleted",
}


@pytest.fixture
def partner(wire: Wire, tenant: Tenant) -> Partner:
    return partner_of(wire, tenant)


def trail(wire: Wire, tenant: Tenant) -> list[tuple[str, str, str]]:
    """Return action, outcome and note of the entries on the tenant's app, the oldest first."""
    entries = wire.get(f"/sunshine/v1/apps/{tenant.app_id}/audit", tenant.account).json["entries"]
    return [(entry["action"], entry["outcome"], entry["note"]) for entry in reversed(entries)]


def connections(wire: Wire, tenant: Tenant) -> list[dict[str, Any]]:
    answer = wire.get(f"/sunshine/v1/apps/{tenant.app_id}/oauthConnections", tenant.app_key)
    listed: list[dict[str, Any]] = answer.json["oauthConnections"]
    return listed


# Clients


def test_the_life_of_a_client(wire: Wire, service: Service) -> None:
    body = {"displayName": "Ünïcode", "redirectUris": [CALLBACK, "http://127.0.0.1:8000/back?x=1"]}
    created = wire.post(CLIENTS, service.account, body)
    assert created.status == 201
    client = created.json["oauthClient"]
    secret = client.pop("secret")
    assert re.fullmatch("[0-9a-f]{24}", client["id"])
    assert is_our_secret(secret)
    assert client == {"id": client["id"], **body}

    path = f"{CLIENTS}/{client['id']}"
    assert wire.get(path, service.account).json == {"oauthClient": client}
    assert client in wire.get(CLIENTS, service.account).json["oauthClients"]
    changed = wire.patch(path, service.account, {"redirectUris": [CALLBACK]})
    assert changed.json == {"oauthClient": client | {"redirectUris": [CALLBACK]}}
    renamed = wire.patch(path, service.account, {"displayName": "Another"})
    assert renamed.json == {"oauthClient": client | {"redirectUris": [CALLBACK], "displayName": "Another"}}

    assert wire.delete(path, service.account).json == {}
    for answer in (
        wire.get(path, service.account), wire.patch(path, service.account, {}), wire.delete(path, service.account)
    ):  # fmt: skip
        assert answer.errors == [("not_found", "Resource not found")]


def test_only_the_account_manages_clients(wire: Wire, tenant: Tenant, partner: Partner) -> None:
    for auth in (tenant.app_key, tenant.key, partner.token()):
        assert wire.get(CLIENTS, auth).errors == [("forbidden", "Forbidden")]
        assert wire.get(f"{CLIENTS}/{partner.id}", auth).errors == [("forbidden", "Forbidden")]


@pytest.mark.parametrize(
    "uri",
    [
        "", "partner.example", "ftp://partner.example/", "javascript:alert(1)", "https://", "https:///x",
        "https://partner.example/#", "https://partner.example/x#fragment", "https://user:secret@partner.example/",
        "https://pärtner.example/", "https://partner.example/ü", "https://partner.example/ x",
        "https://partner.example/\r\nSet-Cookie: a=b", "https://partner.example:0/", "https://partner.example:65536/",
        "https://partner.example;script-src", "https://*.partner.example/", "https://partner.example\\@evil.example/",
        "https://" + "x" * 1017,
    ],
)  # fmt: skip
def test_invalid_redirect_uri_is_rejected(wire: Wire, service: Service, uri: str) -> None:
    before = wire.get(CLIENTS, service.account).json
    body = {"displayName": "A partner", "redirectUris": [CALLBACK, uri]}
    answer = wire.post(CLIENTS, service.account, body)
    assert answer.status == 400, answer
    assert answer.errors[0][1].startswith("redirectUris[1] should ")
    assert wire.get(CLIENTS, service.account).json == before


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"displayName": ""}, "displayName should NOT be shorter than 1 characters"),
        ({"displayName": "x" * 101}, "displayName should NOT be longer than 100 characters"),
        ({"redirectUris": []}, "redirectUris should NOT have fewer than 1 items"),
        ({"redirectUris": [CALLBACK] * 11}, "redirectUris should NOT have more than 10 items"),
        ({"redirectUris": CALLBACK}, "redirectUris should be array"),
        ({"decision": "maybe"}, "decision should be equal to one of the allowed values"),
        ({"decision": "allow"}, "appId should be there if and only if decision is allow"),
        ({"decision": "deny", "appId": UNKNOWN}, "appId should be there if and only if decision is allow"),
        ({"appId": UNKNOWN}, "appId should be there if and only if decision is allow"),
    ],
)
def test_invalid_client_body_is_rejected(wire: Wire, service: Service, changes: dict[str, Any], title: str) -> None:
    body = {"displayName": "A partner", "redirectUris": [CALLBACK]} | changes
    assert wire.post(CLIENTS, service.account, body).errors == [("bad_request", title)]


def test_client_of_an_unknown_app_is_rejected(wire: Wire, service: Service) -> None:
    body = {"displayName": "A partner", "redirectUris": [CALLBACK], "decision": "allow", "appId": UNKNOWN}
    assert wire.post(CLIENTS, service.account, body).errors == [("app_not_found", "App not found")]


# Authorization


@pytest.mark.parametrize("base", ["", "/sc", "/", "/sc/"])
def test_allowed_request_is_sent_back_with_a_code_and_the_state(wire: Wire, partner: Partner, base: str) -> None:
    state = "a&b=c#d é\n"
    query = urlencode({"client_id": partner.id, "response_type": "code", "redirect_uri": CALLBACK, "state": state})
    answer = wire.get(f"{base}/oauth/authorize?{query}")
    assert (answer.status, answer.headers["content-type"]) == (302, "text/plain; charset=utf-8")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.decode() == f"Found. Redirecting to {answer.headers['location']}"
    back = returned(answer)
    assert back["state"] == state
    assert re.fullmatch("[A-Za-z0-9_-]{43}", back["code"])
    assert partner.exchange(back["code"]).status == 200


def test_first_redirect_uri_is_the_default_and_others_are_compared_exactly(wire: Wire, tenant: Tenant) -> None:
    uris = ["https://partner.example/first?tenant=7", "https://partner.example/second"]
    partner = partner_of(wire, tenant, redirectUris=uris)
    first = partner.authorize()
    assert first.headers["location"].startswith(f"{uris[0]}&code=")
    assert partner.authorize(redirect_uri=uris[1]).headers["location"].startswith(f"{uris[1]}?code=")
    for uri in (
        "", "https://partner.example/first", uris[1] + "/", uris[1] + "?x", uris[1].upper(), uris[1] + "#x",
        "https://evil.example/second", uris[1] + "%2e", "x" * 5000, "\0", "é",
    ):  # fmt: skip
        answer = partner.authorize(redirect_uri=uri)
        assert answer.errors == [("bad_request", "redirect_uri should be exactly as it is registered for the client")]
        assert "location" not in answer.headers


@pytest.mark.parametrize("client_id", ["", UNKNOWN, "x", "\0", "é" * 24, "x" * 10_000])
def test_unknown_client_is_not_sent_anywhere(wire: Wire, client_id: str) -> None:
    query = urlencode({"client_id": client_id, "response_type": "code", "redirect_uri": CALLBACK})
    answer = wire.get(f"/oauth/authorize?{query}")
    assert answer.errors == [("bad_request", "client_id should be the id of a registered client")]
    assert "location" not in answer.headers


def test_malformed_request_for_authorization_is_not_sent_anywhere(wire: Wire, partner: Partner) -> None:
    right = f"client_id={partner.id}&response_type=code"
    for query in (
        f"{right}&state=1&state=2", f"{right}&client_id={partner.id}", f"{right}&state=%ff", f"{right}&state=%",
        f"{right}&redirect_uri={quote(CALLBACK)}&redirect_uri={quote(CALLBACK)}",
    ):  # fmt: skip
        answer = wire.get(f"/oauth/authorize?{query}")
        if query.endswith("state=%"):
            assert returned(answer)["state"] == "%"  # it has one reading
        else:
            assert answer.errors == [("bad_request", "Invalid query parameters")]
    too_long = partner.authorize(state="x" * 4097)
    assert too_long.errors == [("bad_request", "state should NOT be longer than 4096 bytes")]
    assert len(returned(partner.authorize(state="x" * 4096))["state"]) == 4096


def test_wrong_response_type_and_refusal_are_sent_back_as_errors(wire: Wire, tenant: Tenant, partner: Partner) -> None:
    wrong = partner.authorize(response_type="token", state="s")
    assert returned(wrong) == {"error": "unsupported_response_type", "state": "s"}
    missing = wire.get(f"/oauth/authorize?client_id={partner.id}")
    assert returned(missing) == {"error": "invalid_request"}
    refusing = new_partner(wire, tenant.account, decision="deny")
    assert returned(refusing.authorize(state="")) == {"error": "access_denied", "state": ""}


def test_request_without_a_decision_is_sent_to_the_consent_page(wire: Wire, tenant: Tenant) -> None:
    partner = new_partner(wire, tenant.account)
    answer = partner.authorize(state="s")
    query = urlencode({"client_id": partner.id, "response_type": "code", "redirect_uri": CALLBACK, "state": "s"})
    assert (answer.status, answer.headers["location"]) == (302, f"/console/authorize?{query}")


def test_other_methods_are_not_allowed(wire: Wire) -> None:
    for method, path, allowed in (
        ("POST", "/oauth/authorize", "GET, HEAD"), ("GET", "/oauth/token", "POST"), ("POST", "/oauth/authorization", "DELETE"),
    ):  # fmt: skip
        answer = wire.send(method, path)
        assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert (
        wire.get("/oauth").status == wire.get("/oauth/authorize/x").status == wire.get("/v2/oauth/token").status == 404
    )


# The token


@pytest.mark.parametrize("base", ["", "/sc", "/", "/sc/"])
@pytest.mark.parametrize("way", ["json", "form", "basic"])
def test_code_is_exchanged_for_a_token(wire: Wire, tenant: Tenant, partner: Partner, base: str, way: str) -> None:
    body, auth = partner.body(partner.code()), None
    if way == "basic":
        pair = f"{body.pop('client_id')}:{body.pop('client_secret')}"
        auth = "Basic " + base64.b64encode(pair.encode()).decode()
    path = f"{base}/oauth/token"
    if way == "json":
        answer = wire.post(path, auth, body)
    else:
        form = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
        answer = wire.send("POST", path, auth, content=urlencode(body).encode(), headers=form)
    assert (answer.status, sorted(answer.json)) == (200, ["access_token", "token_type"])
    assert (answer.json["token_type"], answer.headers["cache-control"]) == ("Bearer", "no-store")
    assert re.fullmatch(r"oat_[0-9a-f]{24}\.[A-Za-z0-9_-]{86}", answer.json["access_token"])
    info = wire.get(f"{base}/v2/tokenInfo".replace("//", "/"), f"Bearer {answer.json['access_token']}")
    assert info.json["app"]["id"] == tenant.app_id


@pytest.mark.parametrize(
    ("changes", "status", "error", "description"),
    [
        ({"code": None}, 400, "invalid_request", "should have required property 'code'"),
        ({"code": ""}, 400, "invalid_request", "should have required property 'code'"),
        ({"code": 1}, 400, "invalid_request", "code should be string"),
        ({"grant_type": None}, 400, "invalid_request", "should have required property 'grant_type'"),
        ({"grant_type": ["authorization_code"]}, 400, "invalid_request", "grant_type should be string"),
        (
            {"grant_type": "client_credentials"},
            400,
            "unsupported_grant_type",
            "grant_type should be authorization_code",
        ),
        ({"client_id": None}, 400, "invalid_request", "should have required property 'client_id'"),
        ({"client_secret": None}, 400, "invalid_request", "should have required property 'client_secret'"),
        ({"client_id": UNKNOWN}, 401, *INVALID_CLIENT.values()),
        ({"client_id": "\0é"}, 401, *INVALID_CLIENT.values()),
        ({"client_secret": "wrong"}, 401, *INVALID_CLIENT.values()),
        ({"client_secret": ""}, 401, *INVALID_CLIENT.values()),
        ({"code": "x" * 50_000}, 400, *INVALID_GRANT.values()),
        ({"code": "é\0"}, 400, *INVALID_GRANT.values()),
        ({"redirect_uri": CALLBACK + "/"}, 400, *INVALID_GRANT.values()),
    ],
)
def test_wrong_exchange_is_refused_and_leaves_the_code(
    wire: Wire, partner: Partner, changes: dict[str, Any], status: int, error: str, description: str
) -> None:
    code = partner.code()
    body = {name: value for name, value in (partner.body(code) | changes).items() if value is not None}
    answer = wire.post("/oauth/token", body=body)
    assert (answer.status, answer.json) == (status, {"error": error, "error_description": description})
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert partner.exchange(code, redirect_uri=CALLBACK).status == 200


def test_malformed_exchange_is_refused(wire: Wire, partner: Partner) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    json = {"Content-Type": "application/json"}
    body = urlencode(partner.body(partner.code()))
    for content, headers, description in (
        (body + "&grant_type=authorization_code", form, "Request body should be a form that names each field once"),
        (body + "&x=%ff", form, "Request body should be a form that names each field once"),
        (
            "&".join(f"{number}=" for number in range(60)),
            form,
            "Request body should be a form that names each field once",
        ),
        ("", form, "should have required property 'grant_type'"),
        ("", json, "Request body should be a JSON object"),
        ("[]", json, "body should be object"),
        ('{"code": "a", "code": "b"}', json, "body names a property twice"),
    ):
        answer = wire.send("POST", "/oauth/token", content=content.encode(), headers=headers)
        assert (answer.status, answer.json["error"]) == (400, "invalid_request"), answer
        if "twice" not in description:
            assert answer.json["error_description"] == description
    for content_type in ("text/plain", "multipart/form-data; boundary=x", ""):
        answer = wire.send("POST", "/oauth/token", content=body.encode(), headers={"Content-Type": content_type})
        assert (answer.status, answer.errors[0][0]) == (415, "unsupported_media_type")
    large = wire.send("POST", "/oauth/token", content=b"x=" + b"y" * 102_400, headers=form)
    assert (large.status, large.errors[0][0]) == (413, "payload_too_large")


def test_secret_is_sent_in_one_place(wire: Wire, partner: Partner) -> None:
    body = partner.body(partner.code())
    right = "Basic " + base64.b64encode(f"{partner.id}:{partner.secret}".encode()).decode()
    assert wire.post("/oauth/token", right, body).json["error"] == "invalid_request"
    del body["client_secret"]
    another = "Basic " + base64.b64encode(f"{UNKNOWN}:{partner.secret}".encode()).decode()
    assert wire.post("/oauth/token", another, body).json["error"] == "invalid_request"
    for wrong in ("Basic x", "Bearer x", "Basic " + base64.b64encode(b"x").decode(), "x"):
        answer = wire.post("/oauth/token", wrong, body)
        assert (answer.status, answer.json) == (401, INVALID_CLIENT)
    assert wire.post("/oauth/token", right, body).status == 200


def test_second_use_of_a_code_ends_the_token_of_the_first(wire: Wire, tenant: Tenant, partner: Partner) -> None:
    code = partner.code()
    first = f"Bearer {partner.exchange(code).json['access_token']}"
    other_token = partner.token()
    assert wire.get("/v2/tokenInfo", first).status == 200
    stranger = partner_of(wire, tenant)
    assert stranger.exchange(code).json == INVALID_GRANT  # the code is not theirs to use, nor to end
    assert wire.get("/v2/tokenInfo", first).status == 200

    for _ in range(2):
        answer = partner.exchange(code)
        assert (answer.status, answer.json) == (400, INVALID_GRANT)
        refused = wire.get("/v2/tokenInfo", first)
        assert refused.errors == [("unauthorized", "Access token is wrong, or its access has been revoked")]
    assert wire.get("/v2/tokenInfo", other_token).status == 200
    assert ("oauth_token.delete", "done", "its code was used a second time") in trail(wire, tenant)


def test_racing_exchanges_of_a_code_have_at_most_one_winner_whose_token_ends(
    wire: Wire, tenant: Tenant, partner: Partner
) -> None:
    for _ in range(5):
        code = partner.code()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(partner.exchange, [code] * 8))
        won = [answer for answer in answers if answer.status == 200]
        assert len(won) == 1
        assert all(answer.json == INVALID_GRANT for answer in answers if answer not in won)
        assert wire.get("/v2/tokenInfo", f"Bearer {won[0].json['access_token']}").status == 401
    assert [connection["tokens"] for connection in connections(wire, tenant)] == [0]


def test_racing_exchanges_of_different_codes_share_an_integration(wire: Wire, tenant: Tenant, partner: Partner) -> None:
    codes = [partner.code() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(partner.exchange, codes))
    assert {answer.status for answer in answers} == {200}
    (connection,) = connections(wire, tenant)
    assert (connection["clientId"], connection["displayName"], connection["tokens"]) == (partner.id, "A partner", 8)


def test_two_processes_use_a_code_once(place: Place) -> None:
    account = Key.of(first_run(place)["account_key"])
    with server.running(place.settings) as one_url, server.running(place.settings) as other_url:
        wires = [Wire(one_url), Wire(other_url)]
        tenant = make_tenant(wires[0], account)
        partner = partner_of(wires[0], tenant)
        partners = [Partner(wire, partner.id, partner.secret) for wire in wires]
        for _ in range(3):
            code = partner.code()
            with ThreadPoolExecutor(2) as pool:
                answers = list(pool.map(lambda asked: asked.exchange(code), partners))  # noqa: B023 - called within this round
            assert sorted(answer.status for answer in answers) == [200, 400]
            (token,) = [answer.json["access_token"] for answer in answers if answer.status == 200]
            assert [wire.get("/v2/tokenInfo", f"Bearer {token}").status for wire in wires] == [401, 401]
        token = partner.token()
        assert [wire.get("/v2/tokenInfo", token).status for wire in wires] == [200, 200]
        assert wires[1].delete("/oauth/authorization", token).json == {}
        assert [wire.get("/v2/tokenInfo", token).status for wire in wires] == [401, 401]


@dataclass
class Clocked:
    """A service whose clock is the test's, and clients of it without a socket."""

    now: float
    application: Application
    thread: LoopThread
    codes: Callable[[], int]

    def api(self, **settings: str) -> sunshine.OAuthEndpointsApi:
        configuration = sunshine.Configuration(host="https://service.test", **({"access_token": "none"} | settings))
        transport = InProcessTransport(self.application, self.thread)
        return sunshine.OAuthEndpointsApi(sunshine.ApiClient(configuration, transport=transport))


@pytest.fixture
def clocked(place: Place) -> Iterator[tuple[Clocked, Partner]]:
    account = Key.of(first_run(place)["account_key"])
    with server.running(place.settings) as url:
        partner = partner_of(Wire(url), make_tenant(Wire(url), account))
    thread = LoopThread()
    engine = thread.submit(open_engine(place.settings)).result(30)
    clocked = Clocked(
        1_000_000_000.0,
        Application(engine, ROUTER, clock=lambda: clocked.now),
        thread,
        lambda: len(thread.submit(engine.store.select(CODES, "")).result(30)),
    )
    yield clocked, partner
    thread.submit(clocked.application.close()).result(30)
    thread.submit(engine.close()).result(30)


def test_code_lives_ten_minutes(clocked: tuple[Clocked, Partner]) -> None:
    service, partner = clocked

    def code() -> str:
        location = service.api().authorize_with_http_info(partner.id, "code").data
        return parse_qs(urlsplit(location).query)["code"][0]

    def exchange(code: str) -> str:
        token = service.api().get_token(partner.body(code)).access_token
        assert token is not None
        return token

    def refused(code: str) -> Any:
        with pytest.raises(sunshine.BadRequestException) as caught:
            exchange(code)
        return json.loads(caught.value.body or "")

    late = code()
    service.now += 600
    assert refused(late) == INVALID_GRANT
    timely = code()
    service.now += 599.9
    token = exchange(timely)
    service.now += 10**8
    assert service.api(access_token=token).get_token_info().app is not None  # tokens do not expire
    code()
    assert service.codes() == 2  # the late one is gone; that of the token stays as long as the token

    assert refused(timely) == INVALID_GRANT  # a second use ends the token, however late it is
    with pytest.raises(sunshine.UnauthorizedException):
        service.api(access_token=token).get_token_info()
    assert service.codes() == 1


def test_store_holds_no_code_no_token_and_no_secret(tmp_path: Path) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    with server.running(Settings(tmp_path)) as url:
        tenant = make_tenant(Wire(url), account)
        partner = partner_of(Wire(url), tenant)
        codes = [partner.code(), partner.code()]
        token = partner.exchange(codes[0]).json["access_token"]
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert token[:28].encode() in content  # its id
    for secret in (*codes, token.partition(".")[2], partner.secret):
        assert secret.encode() not in content


# What a token may do


def test_token_opens_users_and_conversations_of_its_app_alone(
    wire: Wire, tenant: Tenant, other: Tenant, partner: Partner
) -> None:
    token = partner.token()
    user = wire.post(tenant.users, token, {"profile": {"givenName": "Jane"}})
    assert user.status == 201
    participants = [{"userId": user.json["user"]["id"]}]
    chat = wire.post(tenant.conversations, token, {"type": "personal", "participants": participants})
    assert chat.status == 201
    message = {"author": {"type": "business"}, "content": {"type": "text", "text": "Hello!"}}
    messages = f"{tenant.conversations}/{chat.json['conversation']['id']}/messages"
    assert wire.post(messages, token, message).status == 201
    for path in (tenant.app, tenant.keys, f"{tenant.app}/keys", f"{tenant.app}/integrations", f"{tenant.app}/switchboards",
                 other.app, other.users, other.webhooks, tenant.webhooks, "/v2/apps"):  # fmt: skip
        assert wire.get(path, token).errors == [("forbidden", "Forbidden")], path
    assert wire.post(other.users, token, {}).errors == [("forbidden", "Forbidden")]


def test_partner_has_several_webhooks_at_me(wire: Wire, tenant: Tenant, partner: Partner) -> None:
    token = partner.token()
    mine = f"{tenant.app}/integrations/me/webhooks"
    assert wire.get(mine, token).json == {"webhooks": []}
    created = [wire.post(mine, token, WEBHOOK).json["webhook"] for _ in range(3)]
    assert wire.get(mine, token).json == {"webhooks": created}
    path = f"{mine}/{created[1]['id']}"
    assert wire.patch(path, token, {"triggers": []}).json["webhook"]["triggers"] == []
    assert wire.delete(path, token).json == {}
    (connection,) = connections(wire, tenant)
    integration = wire.get(f"{tenant.app}/integrations/{connection['integrationId']}", tenant.app_key).json[
        "integration"
    ]
    assert (integration["type"], integration["displayName"]) == (partner.id, "A partner")
    assert [webhook["id"] for webhook in integration["webhooks"]] == [created[0]["id"], created[2]["id"]]
    stranger = partner_of(wire, tenant).token()
    assert wire.get(mine, stranger).json == {"webhooks": []}


def test_partner_may_have_an_entry_in_the_switchboard(wire: Wire, tenant: Tenant, partner: Partner) -> None:
    partner.token()
    (connection,) = connections(wire, tenant)
    switchboard = wire.post(f"{tenant.app}/switchboards", tenant.app_key).json["switchboard"]["id"]
    entries = f"{tenant.app}/switchboards/{switchboard}/switchboardIntegrations"
    body = {"name": "bot", "integrationId": connection["integrationId"]}
    answer = wire.post(entries, tenant.app_key, body)
    assert answer.json["switchboardIntegration"]["integrationType"] == partner.id


def test_tokens_are_no_keys(wire: Wire, tenant: Tenant, partner: Partner) -> None:
    """No operation on keys lists, shows or deletes them, and the list of integrations holds what the API describes."""
    before = wire.get(f"{tenant.app}/integrations", tenant.app_key).json
    token = partner.token()
    token_id, secret = token.removeprefix("Bearer ").split(".")
    (connection,) = connections(wire, tenant)
    assert wire.get(f"{tenant.app}/integrations", tenant.app_key).json == before
    keys = f"{tenant.app}/integrations/{connection['integrationId']}/keys"
    refused = [("bad_request", "API keys are available only for custom integrations")]
    for auth in (tenant.app_key, tenant.account):
        assert wire.get(keys, auth).errors == refused
        assert wire.post(keys, auth, {"displayName": "x"}).errors == refused
        for method in ("GET", "DELETE"):
            assert wire.send(method, f"{keys}/{token_id}", auth).errors == refused
            for owner in (tenant.keys, f"{tenant.app}/keys"):
                if auth is tenant.account:
                    assert wire.send(method, f"{owner}/{token_id}", auth).errors == [
                        ("not_found", "Resource not found")
                    ]
    assert wire.get("/v2/tokenInfo", token).status == 200
    stolen = hashlib.sha256(secret.encode()).hexdigest()  # what the store holds
    for wrong in (Key(token_id, secret), Key(token_id, stolen)):
        assert wire.get("/v2/tokenInfo", wrong.basic()).status == 401
        signed = tokens.mint(token_id, wrong.secret, Scope.INTEGRATION)
        assert wire.get("/v2/tokenInfo", f"Bearer {signed}").status == 401


@pytest.mark.parametrize("change", ["id", "secret", "short", "long", "case", "none"])
def test_wrong_token_is_refused(wire: Wire, partner: Partner, change: str) -> None:
    text = partner.token().removeprefix("Bearer ")
    id, secret = text.split(".")
    wrong = {
        "id": f"oat_{UNKNOWN}.{secret}", "secret": f"{id}.{new_secret()}", "short": text[:-1], "long": text + "x",
        "case": f"{id}.{secret.swapcase()}", "none": "oat_",
    }[change]  # fmt: skip
    for _ in range(2):  # the second time from the cache
        answer = wire.get("/v2/tokenInfo", f"Bearer {wrong}")
        assert answer.errors == [("unauthorized", "Access token is wrong, or its access has been revoked")]


# The end of access


def test_revocation_ends_every_token_of_the_partner_in_the_app(
    wire: Wire, tenant: Tenant, other: Tenant, partner: Partner
) -> None:
    first, second, open_code = partner.token(), partner.token(), partner.code()
    elsewhere = partner_of(wire, other).token()
    mine = f"{tenant.app}/integrations/me/webhooks"
    assert wire.post(mine, first, WEBHOOK).status == 201
    revoked = wire.delete("/oauth/authorization", first)
    assert (revoked.status, revoked.json) == (200, {})
    for token in (first, second):
        assert wire.get("/v2/tokenInfo", token).status == wire.delete("/oauth/authorization", token).status == 401
    assert partner.exchange(open_code).json == INVALID_GRANT
    assert connections(wire, tenant) == []
    assert wire.get("/v2/tokenInfo", elsewhere).status == 200
    assert [action for action, _, _ in trail(wire, tenant) if action.startswith("oauth")] == [
        "oauth_code.create", "oauth_token.create", "oauth_code.create", "oauth_token.create", "oauth_code.create",
        "oauth_access.revoke",
    ]  # fmt: skip
    assert wire.get(mine, partner.token()).json == {"webhooks": []}  # a new consent opens the app again


def test_key_has_no_access_to_revoke(wire: Wire, tenant: Tenant) -> None:
    for auth in (tenant.account, tenant.app_key, tenant.key, tenant.key.bearer()):
        assert wire.delete("/oauth/authorization", auth).errors == [("forbidden", "Forbidden")]
    assert wire.delete("/oauth/authorization").errors == [("unauthorized", "Authorization is required")]
    assert wire.get(tenant.webhooks, tenant.key).status == 200


@pytest.mark.parametrize("end", ["integration", "app", "client"])
def test_token_ends_with_its_integration_its_app_and_its_client(
    wire: Wire, tenant: Tenant, partner: Partner, end: str
) -> None:
    token, open_code = partner.token(), partner.code()
    (connection,) = connections(wire, tenant)
    path = {
        "integration": f"{tenant.app}/integrations/{connection['integrationId']}",
        "app": tenant.app,
        "client": f"{CLIENTS}/{partner.id}",
    }[end]
    assert wire.get("/v2/tokenInfo", token).status == 200
    assert wire.delete(path, tenant.account).json == {}
    assert wire.get("/v2/tokenInfo", token).status == 401
    assert partner.exchange(open_code).json == (INVALID_CLIENT if end == "client" else INVALID_GRANT)
    if end == "app":
        assert partner.authorize().errors == [("app_not_found", "App not found")]


def test_wrong_secrets_of_clients_are_limited(tmp_path: Path) -> None:
    account = Key.of(first_run(tmp_path)["account_key"])
    with server.running(Settings(tmp_path, rate_limits=RateLimits.of(None, None, "2/hour"))) as url:
        partner = partner_of(Wire(url), make_tenant(Wire(url), account))
        wrong = Partner(partner.wire, partner.id, "wrong")
        assert [wrong.exchange("x").status for _ in range(3)] == [401, 401, 429]
        assert partner.exchange(partner.code()).status == 200  # the right one works


def test_description_says_what_is_sent(wire: Wire) -> None:
    document = wire.get("/openapi.json").json
    described = document["paths"]["/oauth/token"]["post"]
    assert described["security"] == []
    assert set(described["requestBody"]["content"]) == {"application/json", "application/x-www-form-urlencoded"}
    answer = wire.post("/oauth/token", body={})
    schema = described["responses"]["400"]["content"]["application/json"]["schema"]
    jsonschema_rs.validator_for({**schema, "components": document["components"]}).validate(answer.json)
