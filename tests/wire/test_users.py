"""The seven operations on users."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from support.wire import Tenant, Wire

from sunshine_keys.ids import new_object_id

NOT_FOUND = [("user_not_found", "User not found")]
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.mark.parametrize("of", ["account", "app_key", "key"])
def test_the_life_of_a_user(wire: Wire, tenant: Tenant, of: str) -> None:
    auth = getattr(tenant, of).bearer()
    profile = {"givenName": "Jane", "surname": "Doe", "email": "jane@example.com", "locale": "fr-CA"}
    created = wire.post(tenant.users, auth, {"externalId": "jane", "profile": profile, "metadata": {"lang": "fr"}})
    assert created.status == 201
    user = created.json["user"]
    assert re.fullmatch("[0-9a-f]{24}", user["id"])
    assert re.fullmatch(MOMENT, user["signedUpAt"])
    assert user == {
        "id": user["id"], "externalId": "jane", "signedUpAt": user["signedUpAt"], "hasPaymentInfo": False,
        "identities": [], "profile": profile, "metadata": {"lang": "fr"},
    }  # fmt: skip

    for name in (user["id"], "jane"):
        assert wire.get(f"{tenant.users}/{name}", auth).json == {"user": user}
    updated = wire.patch(f"{tenant.users}/jane", auth, {"profile": {"surname": "Roe"}, "metadata": {"vip": True}})
    assert updated.json["user"] == user | {
        "profile": profile | {"surname": "Roe"},
        "metadata": {"lang": "fr", "vip": True},
    }
    assert wire.patch(f"{tenant.users}/jane", auth, {}).json == updated.json

    cleared = wire.delete(f"{tenant.users}/jane/personalinformation", auth)
    assert cleared.json["user"] == user | {"profile": {}, "metadata": {}}
    assert wire.get(f"{tenant.users}/jane", auth).json == cleared.json

    deleted = wire.delete(f"{tenant.users}/jane", auth)
    assert (deleted.status, deleted.json) == (200, {})
    for name in (user["id"], "jane"):
        path = f"{tenant.users}/{name}"
        assert wire.get(path, auth).errors == NOT_FOUND
        assert wire.patch(path, auth, {}).errors == NOT_FOUND
        assert wire.delete(path, auth).errors == NOT_FOUND
        assert wire.delete(f"{path}/personalinformation", auth).errors == NOT_FOUND
    assert wire.post(tenant.users, auth, {"externalId": "jane"}).status == 201


def test_user_without_fields_is_anonymous(wire: Wire, tenant: Tenant) -> None:
    users = [wire.post(tenant.users, tenant.key, {}).json["user"] for _ in range(2)]
    assert users[0]["id"] != users[1]["id"]
    assert "externalId" not in users[0]


def test_moments_are_normalised(wire: Wire, tenant: Tenant) -> None:
    body = {"signedUpAt": "2020-05-21T17:53:30+02:00", "toBeRetained": True}
    user = wire.post(tenant.users, tenant.key, body).json["user"]
    assert (user["signedUpAt"], user["toBeRetained"]) == ("2020-05-21T15:53:30.000Z", True)
    changed = wire.patch(f"{tenant.users}/{user['id']}", tenant.key, {"signedUpAt": "2021-01-01T00:00:00.1239z"})
    assert changed.json["user"]["signedUpAt"] == "2021-01-01T00:00:00.123Z"


@pytest.mark.parametrize("external_id", ["a/b", "50%", "..", "é ü", "a+b@example.com", "a\tb", "x" * 1024, "😀" * 1024])
def test_external_id_may_hold_any_character(wire: Wire, tenant: Tenant, external_id: str) -> None:
    user = wire.post(tenant.users, tenant.key, {"externalId": external_id}).json["user"]
    assert user["externalId"] == external_id
    assert wire.get(f"{tenant.users}/{quote(external_id, safe='')}", tenant.key).json["user"] == user
    assert wire.post(tenant.users, tenant.key, {"externalId": external_id}).status == 409


def test_external_id_is_unique_in_its_app_and_its_case_counts(wire: Wire, tenant: Tenant, other: Tenant) -> None:
    first = wire.post(tenant.users, tenant.key, {"externalId": "jane"}).json["user"]
    second = wire.post(tenant.users, tenant.key, {"externalId": "jane", "profile": {"givenName": "Another"}})
    assert (second.status, second.errors) == (409, [("conflict", "User already exists")])
    assert wire.get(f"{tenant.users}/jane", tenant.key).json["user"] == first
    assert wire.post(tenant.users, tenant.key, {"externalId": "Jane"}).status == 201
    assert wire.post(other.users, other.key, {"externalId": "jane"}).status == 201


def test_racing_creations_of_an_external_id_give_a_user_and_conflicts(wire: Wire, tenant: Tenant) -> None:
    with ThreadPoolExecutor(8) as pool:
        created = pool.map(lambda _: wire.post(tenant.users, tenant.key, {"externalId": "jane"}), range(8))
        assert sorted(answer.status for answer in created) == [201] + [409] * 7


def test_branded_user_is_found_by_external_id_only_with_its_brand(wire: Wire, tenant: Tenant) -> None:
    branded = wire.post(tenant.users, tenant.key, {"externalId": "jane", "brandId": "7"}).json["user"]
    assert wire.get(f"{tenant.users}/jane", tenant.key).errors == NOT_FOUND
    plain = wire.post(tenant.users, tenant.key, {"externalId": "jane"}).json["user"]
    assert wire.get(f"{tenant.users}/jane", tenant.key).json["user"] == plain
    assert wire.get(f"{tenant.users}/jane?brandId=7", tenant.key).json["user"] == branded
    assert wire.get(f"{tenant.users}/jane?brandId=8", tenant.key).errors == NOT_FOUND
    assert wire.get(f"{tenant.users}/{branded['id']}", tenant.key).json["user"] == branded
    assert wire.delete(f"{tenant.users}/jane?brandId=7", tenant.key).status == 200
    assert wire.get(f"{tenant.users}/jane", tenant.key).json["user"] == plain


def test_id_goes_before_an_external_id(wire: Wire, tenant: Tenant) -> None:
    user = wire.post(tenant.users, tenant.key, {}).json["user"]
    wire.post(tenant.users, tenant.key, {"externalId": user["id"]})
    assert wire.get(f"{tenant.users}/{user['id']}", tenant.key).json["user"] == user
    unknown = new_object_id()
    like_an_id = wire.post(tenant.users, tenant.key, {"externalId": unknown}).json["user"]
    assert wire.get(f"{tenant.users}/{unknown}", tenant.key).json["user"] == like_an_id


def test_null_removes_fields_of_profile_and_metadata(wire: Wire, tenant: Tenant) -> None:
    body = {"profile": {"givenName": "Jane", "surname": None}, "metadata": {"a": 1, "b": 2, "c": None}}
    user = wire.post(tenant.users, tenant.key, body).json["user"]
    assert (user["profile"], user["metadata"]) == ({"givenName": "Jane"}, {"a": 1, "b": 2})
    path = f"{tenant.users}/{user['id']}"
    changed = wire.patch(path, tenant.key, {"profile": {"givenName": None}, "metadata": {"a": None}}).json["user"]
    assert (changed["profile"], changed["metadata"]) == ({}, {"b": 2})
    assert wire.patch(path, tenant.key, {"metadata": {}}).json["user"]["metadata"] == {"b": 2}
    assert wire.patch(path, tenant.key, {"metadata": None}).json["user"]["metadata"] == {}


@pytest.mark.parametrize(
    ("body", "titles"),
    [
        ({"externalId": ""}, ["externalId should NOT be shorter than 1 characters"]),
        ({"externalId": "x" * 1025}, ["externalId should NOT be longer than 1024 characters"]),
        ({"externalId": None}, ["externalId should be string"]),
        ({"brandId": "1" * 25}, ["brandId should NOT be longer than 24 characters"]),
        ({"signedUpAt": "yesterday"}, ['signedUpAt should match format "date-time"']),
        ({"signedUpAt": "2020-02-30T00:00:00Z"}, ['signedUpAt should match format "date-time"']),
        ({"toBeRetained": "yes"}, ["toBeRetained should be boolean"]),
        ({"profile": {"email": "nobody"}}, ['profile.email should match format "email"']),
        ({"profile": {"avatarUrl": "x y"}}, ['profile.avatarUrl should match format "uri"']),
        ({"profile": {"givenName": "x" * 129}}, ["profile.givenName should NOT be longer than 128 characters"]),
        ({"metadata": {"a": {"b": 1}}}, ["metadata.a should be string, number or boolean"]),
        ({"metadata": {"a": "x" * 4096}}, ["User metadata is limited to 4096 bytes in size."]),
    ],
)
def test_invalid_user_is_refused(wire: Wire, tenant: Tenant, body: dict[str, Any], titles: list[str]) -> None:
    answer = wire.post(tenant.users, tenant.key, {"externalId": "jane"} | body)
    assert (answer.status, answer.errors) == (400, [("bad_request", title) for title in titles])
    assert wire.get(f"{tenant.users}/jane", tenant.key).errors == NOT_FOUND


def test_metadata_is_limited_after_the_merge(wire: Wire, tenant: Tenant) -> None:
    path = f"{tenant.users}/{wire.post(tenant.users, tenant.key, {'metadata': {'a': 'x' * 3000}}).json['user']['id']}"
    answer = wire.patch(path, tenant.key, {"metadata": {"b": "x" * 3000}})
    assert answer.errors == [("bad_request", "User metadata is limited to 4096 bytes in size.")]
    assert wire.get(path, tenant.key).json["user"]["metadata"] == {"a": "x" * 3000}


def test_list_needs_an_email_identity(wire: Wire, tenant: Tenant) -> None:
    wire.post(tenant.users, tenant.key, {"profile": {"email": "jane@example.com"}})
    answer = wire.get(tenant.users, tenant.key)
    assert answer.errors == [("bad_request", "Filter parameter identities.email is required")]
    for query in ("filter[identities.email]=jane@example.com", "filter%5Bidentities.email%5D=jane%40example.com"):
        assert wire.get(f"{tenant.users}?{query}", tenant.key).json == {"users": []}  # the profile's does not count


def test_sync_needs_a_linked_user(wire: Wire, tenant: Tenant) -> None:
    assert wire.post(f"{tenant.users}/30045042291606/sync", tenant.key).errors == NOT_FOUND
    assert wire.post(f"{tenant.users}/1/sync", tenant.key, {"survivingZendeskId": 2}).status == 400


def test_repeated_create_gets_the_first_answer(wire: Wire, tenant: Tenant) -> None:
    headers = {"Idempotency-Key": tenant.app_id}
    first, second = (wire.post(tenant.users, tenant.key, {}, headers=headers) for _ in range(2))
    assert (first.status, second.status, second.json) == (201, 201, first.json)
    assert [answer.headers.get("idempotency-replayed") for answer in (first, second)] == [None, "true"]
    assert wire.post(tenant.users, tenant.key, {"externalId": "x"}, headers=headers).status == 409


def test_app_that_does_not_exist_is_not_found(wire: Wire, tenant: Tenant) -> None:
    users = f"/v2/apps/{new_object_id()}/users"
    for method, path, body in (("POST", "", {}), ("GET", "/x", None), ("PATCH", "/x", {}), ("DELETE", "/x", None)):
        answer = wire.send(method, users + path, tenant.account, body=body)
        assert answer.errors == [("app_not_found", "App not found")]


def test_users_go_with_their_app(wire: Wire, tenant: Tenant) -> None:
    wire.post(tenant.users, tenant.key, {"externalId": "jane"})
    assert wire.delete(tenant.app, tenant.account).status == 200
    assert wire.get(f"{tenant.users}/jane", tenant.account).errors == [("app_not_found", "App not found")]
