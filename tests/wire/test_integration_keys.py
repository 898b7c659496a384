"""The four operations on the keys of a custom integration."""

from __future__ import annotations

import re

import pytest
from support.wire import Key, Tenant, Wire

SOME_ID = "6b0000000000000000000000"


@pytest.fixture(params=["basic", "jwt"])
def app_auth(request: pytest.FixtureRequest, tenant: Tenant) -> str:
    return tenant.app_key.basic() if request.param == "basic" else tenant.app_key.bearer()


def test_create_answers_201_with_id_name_and_secret(wire: Wire, tenant: Tenant, app_auth: str) -> None:
    answer = wire.post(tenant.keys, app_auth, {"displayName": "My key"})

    assert answer.status == 201
    assert list(answer.json) == ["key"]
    key = answer.json["key"]
    assert list(key) == ["id", "displayName", "secret"]
    assert re.fullmatch("int_[0-9a-f]{24}", key["id"])
    assert key["displayName"] == "My key"
    assert re.fullmatch("[A-Za-z0-9_-]{86}", key["secret"])


def test_list_answers_all_keys_in_order_of_creation(wire: Wire, tenant: Tenant, app_auth: str) -> None:
    created = [wire.post(tenant.keys, app_auth, {"displayName": name}).json["key"] for name in ("b", "a")]

    answer = wire.get(tenant.keys, app_auth)

    assert answer.status == 200
    assert answer.json["keys"][1:] == created
    assert answer.json["keys"][0] == {"id": tenant.key.id, "displayName": "A key", "secret": tenant.key.secret}


def test_get_answers_the_key_with_its_secret(wire: Wire, tenant: Tenant, app_auth: str) -> None:
    answer = wire.get(f"{tenant.keys}/{tenant.key.id}", app_auth)

    assert answer.status == 200
    assert answer.json == {"key": {"id": tenant.key.id, "displayName": "A key", "secret": tenant.key.secret}}


def test_delete_answers_an_empty_object_and_the_key_is_gone(wire: Wire, tenant: Tenant, app_auth: str) -> None:
    path = f"{tenant.keys}/{tenant.key.id}"

    answer = wire.delete(path, app_auth)

    assert (answer.status, answer.json) == (200, {})
    assert wire.get(path, app_auth).errors == [("not_found", "Resource not found")]
    assert wire.delete(path, app_auth).status == 404
    assert wire.get(tenant.keys, app_auth).json == {"keys": []}


def test_a_deleted_key_and_its_token_authenticate_nothing(wire: Wire, tenant: Tenant) -> None:
    token = tenant.key.bearer()
    assert wire.get(tenant.webhooks, token).status == 200

    wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key)

    assert wire.get(tenant.webhooks, tenant.key).status == 401
    assert wire.get(tenant.webhooks, token).status == 401


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ({}, "should have required property 'displayName'"),
        ({"display_name": "x"}, "should have required property 'displayName'"),
        ({"displayName": None}, "displayName should be string"),
        ({"displayName": 7}, "displayName should be string"),
        ({"displayName": ["x"]}, "displayName should be string"),
        ({"displayName": ""}, "displayName should NOT be shorter than 1 characters"),
        ({"displayName": "x" * 101}, "displayName should NOT be longer than 100 characters"),
        ({"displayName": "a\0b"}, "displayName should NOT contain U+0000"),
        ([], "body should be object"),
        ("x", "body should be object"),
    ],
)
def test_a_bad_body_is_refused_and_makes_no_key(wire: Wire, tenant: Tenant, body: object, title: str) -> None:
    answer = wire.post(tenant.keys, tenant.app_key, body)

    assert answer.status == 400
    assert answer.errors == [("bad_request", title)]
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 1


@pytest.mark.parametrize("name", ["x", "x" * 100, "🔑" * 100, "\x01\t\n", " ", 'quo"te\\'])
def test_names_of_1_to_100_characters_come_back_unchanged(wire: Wire, tenant: Tenant, name: str) -> None:
    key = wire.post(tenant.keys, tenant.app_key, {"displayName": name}).json["key"]

    assert wire.get(f"{tenant.keys}/{key['id']}", tenant.app_key).json["key"]["displayName"] == name


def test_the_eleventh_key_is_refused_until_one_is_deleted(wire: Wire, tenant: Tenant) -> None:
    for number in range(9):
        assert wire.post(tenant.keys, tenant.app_key, {"displayName": str(number)}).status == 201

    eleventh = wire.post(tenant.keys, tenant.app_key, {"displayName": "one too many"})

    assert eleventh.status == 400
    assert eleventh.errors == [("bad_request", "An integration is limited to 10 API keys; delete one first")]
    wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key)
    assert wire.post(tenant.keys, tenant.app_key, {"displayName": "now"}).status == 201


@pytest.mark.parametrize(
    ("method", "leaf"), [("GET", ""), ("POST", ""), ("GET", f"/int_{SOME_ID}"), ("DELETE", f"/int_{SOME_ID}")]
)
class TestWhatIsMissing:
    def send(self, wire: Wire, method: str, path: str, auth: Key) -> list[tuple[str, str]]:
        answer = wire.send(method, path, auth, body={"displayName": "x"} if method == "POST" else None)
        return [(str(answer.status), code) for code, _ in answer.errors]

    def test_app(self, wire: Wire, tenant: Tenant, method: str, leaf: str) -> None:
        path = f"/v2/apps/{SOME_ID}/integrations/{tenant.integration_id}/keys{leaf}"
        assert self.send(wire, method, path, tenant.account) == [("404", "app_not_found")]

    def test_integration(self, wire: Wire, tenant: Tenant, method: str, leaf: str) -> None:
        path = f"{tenant.app}/integrations/{SOME_ID}/keys{leaf}"
        assert self.send(wire, method, path, tenant.app_key) == [("404", "integration_not_found")]

    def test_integration_of_another_app(
        self, wire: Wire, tenant: Tenant, other: Tenant, method: str, leaf: str
    ) -> None:
        path = f"{tenant.app}/integrations/{other.integration_id}/keys{leaf}"
        assert self.send(wire, method, path, tenant.app_key) == [("404", "integration_not_found")]

    def test_keys_of_a_type_other_than_custom(self, wire: Wire, tenant: Tenant, method: str, leaf: str) -> None:
        path = f"{tenant.app}/integrations/{tenant.web_id}/keys{leaf}"
        answer = wire.send(method, path, tenant.app_key, body={"displayName": "x"} if method == "POST" else None)
        assert answer.status == 400
        assert answer.errors == [("bad_request", "API keys are available only for custom integrations")]


def test_a_key_is_found_only_under_its_own_integration(wire: Wire, tenant: Tenant, other: Tenant) -> None:
    for key_id in (other.key.id, tenant.app_key.id, tenant.account.id):
        assert wire.get(f"{tenant.keys}/{key_id}", tenant.account).errors == [("not_found", "Resource not found")]
        assert wire.delete(f"{tenant.keys}/{key_id}", tenant.account).status == 404
    assert wire.get(other.webhooks, other.key).status == 200
