"""`Idempotency-Key` on creates."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.messaging import chat, create_user
from support.wire import WEBHOOK, Answer, Service, Tenant, Wire

NAME = {"displayName": "Mine"}


def once(wire: Wire, path: str, tenant: Tenant, body: Any = None, name: str = "once") -> Answer:
    return wire.post(path, tenant.app_key, body or NAME, headers={"Idempotency-Key": name})


def test_a_repeated_request_gets_the_first_answer_and_creates_one_key(wire: Wire, tenant: Tenant) -> None:
    first = once(wire, tenant.keys, tenant)
    repeated = once(wire, tenant.keys, tenant)
    assert (first.status, repeated.status) == (201, 201)
    assert repeated.json == first.json
    assert ("idempotency-replayed" in first.headers, repeated.headers["idempotency-replayed"]) == (False, "true")
    assert [view["id"] for view in wire.get(tenant.keys, tenant.app_key).json["keys"]] == [
        tenant.key.id,
        first.json["key"]["id"],
    ]


def test_it_holds_for_a_token_of_the_same_key(wire: Wire, tenant: Tenant) -> None:
    headers = {"Idempotency-Key": "once"}
    first = wire.post(tenant.keys, tenant.app_key.bearer(), NAME, headers=headers)
    assert once(wire, tenant.keys, tenant).json == first.json


@pytest.mark.parametrize("kind", ["integrations", "webhooks", "apps", "app keys"])
def test_every_kind_of_create_has_it(wire: Wire, service: Service, tenant: Tenant, kind: str) -> None:
    path, auth, body = {
        "integrations": (f"{tenant.app}/integrations", tenant.app_key, {"type": "custom", "webhooks": [WEBHOOK]}),
        "webhooks": (tenant.webhooks, tenant.key, WEBHOOK),
        "apps": ("/v2/apps", service.account, NAME),
        "app keys": (f"{tenant.app}/keys", service.account, NAME),
    }[kind]
    headers = {"Idempotency-Key": f"once for {kind} of {tenant.app_id}".replace(" ", "-")}
    first = wire.post(path, auth, body, headers=headers)
    repeated = wire.post(path, auth, body, headers=headers)
    assert (first.status, repeated.status) == (201, 201)
    assert first.json == repeated.json


def test_another_body_or_path_is_a_conflict(wire: Wire, tenant: Tenant, other: Tenant) -> None:
    once(wire, tenant.keys, tenant)
    for refused in (
        once(wire, tenant.keys, tenant, {"displayName": "Other"}),
        once(wire, f"{tenant.app}/integrations", tenant, {"type": "web"}),
    ):
        assert (refused.status, refused.errors[0][0]) == (409, "conflict")
    assert once(wire, other.keys, other).status == 201
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 2


def test_the_same_json_in_other_words_is_the_same_request(wire: Wire, tenant: Tenant) -> None:
    first = once(wire, tenant.keys, tenant)
    headers = {"Idempotency-Key": "once", "Content-Type": "application/json"}
    repeated = wire.post(tenant.keys, tenant.app_key, content=b'{ "displayName" : "M\\u0069ne" }', headers=headers)
    assert repeated.json == first.json


def test_concurrent_twins_make_one_key(wire: Wire, tenant: Tenant) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: once(wire, tenant.keys, tenant), range(8)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 2


def test_a_refused_create_can_come_again_with_the_same_name(wire: Wire, tenant: Tenant) -> None:
    assert once(wire, tenant.keys, tenant, {"displayName": ""}).status == 400
    assert once(wire, tenant.keys, tenant).status == 201


def test_without_the_header_every_create_makes_a_key(wire: Wire, tenant: Tenant) -> None:
    assert len({wire.post(tenant.keys, tenant.app_key, NAME).json["key"]["id"] for _ in range(3)}) == 3


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 256, "\xe9"])
def test_a_name_that_cannot_be_one_is_refused(wire: Wire, tenant: Tenant, name: str) -> None:
    refused = once(wire, tenant.keys, tenant, name=name)
    assert refused.status == 400
    assert refused.errors == [("bad_request", "Idempotency-Key should be 1 to 255 visible ASCII characters")]
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 1


def test_two_names_are_refused(wire: Wire, tenant: Tenant) -> None:
    connection = http.client.HTTPConnection(wire.url.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", tenant.keys)
    content = json.dumps(NAME).encode()
    for name, value in (
        ("Authorization", tenant.app_key.basic()),
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(content))),
        ("Idempotency-Key", "a"),
        ("Idempotency-Key", "b"),
    ):
        connection.putheader(name, value)
    connection.endheaders(content)
    assert connection.getresponse().status == 400
    connection.close()


def test_on_other_methods_it_is_nothing(wire: Wire, tenant: Tenant) -> None:
    headers = {"Idempotency-Key": "a b"}
    assert wire.get(tenant.keys, tenant.app_key, headers=headers).status == 200
    assert wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key, headers=headers).status == 200
    assert wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key, headers=headers).status == 404


@pytest.mark.parametrize("name", ["once", "not a name"])
def test_a_post_that_creates_nothing_ignores_it(wire: Wire, tenant: Tenant, name: str) -> None:
    jane, john = create_user(wire, tenant), create_user(wire, tenant)
    conversation = f"{tenant.conversations}/{chat(wire, tenant, jane, john)}"
    headers = {"Idempotency-Key": name}
    for user in (jane, john):
        read = {"author": {"type": "user", "userId": user["id"]}, "type": "conversation:read"}
        assert wire.post(f"{conversation}/activity", tenant.key, read, headers=headers).status == 200
        assert wire.post(f"{conversation}/leave", tenant.key, {"userId": user["id"]}, headers=headers).status == 200
    assert wire.get(f"{conversation}/participants", tenant.key).json["participants"] == []
