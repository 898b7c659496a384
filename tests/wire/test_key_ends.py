"""Keys that have an end, on the wire."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from support.wire import Key, Service, Tenant, Wire

from sunshine_keys.keys.model import moment_text


def text(seconds: float) -> str:
    moment = moment_text(seconds)
    assert moment is not None
    return moment


def create(wire: Wire, tenant: Tenant, seconds: float) -> tuple[Key, float]:
    """Create a key that ends in some seconds. Return it with its end."""
    end = int((time.time() + seconds) * 1000) / 1000
    answer = wire.post(tenant.keys, tenant.app_key, {"displayName": "Ends", "expiresAt": text(end)})
    assert answer.status == 201, answer.json
    assert answer.json["key"]["expiresAt"] == text(end)
    return Key.of(answer.json["key"]), end


def test_a_key_is_refused_from_its_end_on_as_a_deleted_one_is(wire: Wire, tenant: Tenant) -> None:
    key, end = create(wire, tenant, 1.5)
    token = key.bearer()
    deleted = Key.of(wire.post(tenant.keys, tenant.app_key, {"displayName": "x"}).json["key"])
    wire.delete(f"{tenant.keys}/{deleted.id}", tenant.app_key)
    answers = {200}
    while time.time() < end:
        status = wire.get(tenant.webhooks, key).status
        if time.time() < end:
            answers.add(status)
        time.sleep(0.02)
    assert answers == {200}
    time.sleep(max(0.0, end - time.time()))
    for refused, like in ((key.basic(), deleted.basic()), (token, deleted.bearer())):
        answer, expected = wire.get(tenant.webhooks, refused), wire.get(tenant.webhooks, like)
        assert (answer.status, answer.errors) == (401, expected.errors)
        assert wire.get(f"/auth?app={tenant.app_id}", refused).status == 401


def test_get_and_list_show_the_end_of_keys_that_have_one(wire: Wire, tenant: Tenant) -> None:
    key, end = create(wire, tenant, 3600)
    got = wire.get(f"{tenant.keys}/{key.id}", tenant.app_key).json["key"]
    assert got == {"id": key.id, "displayName": "Ends", "secret": key.secret, "expiresAt": text(end)}
    first, second = wire.get(tenant.keys, tenant.app_key).json["keys"]
    assert list(first) == ["id", "displayName", "secret"]
    assert second == got


def test_an_ended_key_is_listed_and_can_be_deleted(wire: Wire, tenant: Tenant) -> None:
    key, end = create(wire, tenant, 0.3)
    time.sleep(max(0.0, end - time.time()))
    assert [item["id"] for item in wire.get(tenant.keys, tenant.app_key).json["keys"]] == [tenant.key.id, key.id]
    assert wire.delete(f"{tenant.keys}/{key.id}", tenant.app_key).status == 200
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 1


def test_ten_keys_may_live_beside_ended_ones(wire: Wire, tenant: Tenant) -> None:
    ends = [create(wire, tenant, 2.5)[1] for _ in range(3)]
    for _ in range(6):
        assert wire.post(tenant.keys, tenant.app_key, {"displayName": "x"}).status == 201
    assert wire.post(tenant.keys, tenant.app_key, {"displayName": "x"}).errors[0][0] == "bad_request"
    time.sleep(max(0.0, ends[-1] - time.time()))
    for _ in range(3):
        assert wire.post(tenant.keys, tenant.app_key, {"displayName": "x"}).status == 201
    assert wire.post(tenant.keys, tenant.app_key, {"displayName": "x"}).status == 400
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 13


def test_the_key_of_an_app_may_have_an_end(wire: Wire, service: Service, tenant: Tenant) -> None:
    path = f"/v2/apps/{tenant.app_id}/keys"
    end = int(time.time()) + 3600
    created = wire.post(path, service.account, {"displayName": "x", "expiresAt": text(end)}).json["key"]
    assert created["expiresAt"] == text(end)
    assert wire.get(f"{path}/{created['id']}", service.account).json["key"] == created


@pytest.mark.parametrize("form", ["z", "offset", "lower case", "digits"])
def test_every_form_of_a_time_is_understood(wire: Wire, tenant: Tenant, form: str) -> None:
    end = datetime(2099, 12, 31, 22, 30, tzinfo=UTC).timestamp()
    forms = {
        "z": "2099-12-31T22:30:00Z",
        "offset": "2100-01-01T00:00:00+01:30",
        "lower case": "2099-12-31t22:30:00z",
        "digits": "2099-12-31T22:30:00.0009999Z",
    }
    answer = wire.post(tenant.keys, tenant.app_key, {"displayName": "x", "expiresAt": forms[form]})
    assert answer.json["key"]["expiresAt"] == text(end)


@pytest.mark.parametrize(
    ("end", "title"),
    [
        ("2020-01-01T00:00:00Z", "expiresAt should be in the future, and before the year 9999"),
        ("9999-12-31T23:59:59-14:00", "expiresAt should be in the future, and before the year 9999"),
        ("0001-01-01T00:00:00+14:00", "expiresAt should be in the future, and before the year 9999"),
        ("tomorrow", None),
        ("2099-13-01T00:00:00Z", None),
        ("2099-12-31T22:30:00", None),
        ("", None),
        (4102444800, None),
        ([], None),
        (True, None),
        ("2099-12-31T22:30:00Z\0", None),
    ],
)
def test_a_wrong_end_creates_nothing(wire: Wire, tenant: Tenant, end: object, title: str | None) -> None:
    answer = wire.post(tenant.keys, tenant.app_key, {"displayName": "x", "expiresAt": end})
    assert answer.status == 400
    assert "expiresAt" in answer.errors[0][1]
    assert title in (None, answer.errors[0][1])
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 1


def test_null_is_no_end(wire: Wire, tenant: Tenant) -> None:
    answer = wire.post(tenant.keys, tenant.app_key, {"displayName": "x", "expiresAt": None})
    assert list(answer.json["key"]) == ["id", "displayName", "secret"]


def test_a_repeated_create_answers_with_the_same_key_and_end(wire: Wire, tenant: Tenant) -> None:
    body = {"displayName": "x", "expiresAt": text(int(time.time()) + 3600)}
    headers = {"Idempotency-Key": f"once-{tenant.app_id}"}
    first, second = (wire.post(tenant.keys, tenant.app_key, body, headers=headers).json for _ in range(2))
    assert first == second
    other = wire.post(tenant.keys, tenant.app_key, body | {"expiresAt": None}, headers=headers)
    assert other.status == 409


def test_a_create_that_is_repeated_after_the_end_has_the_same_answer(wire: Wire, tenant: Tenant) -> None:
    end = time.time() + 2
    body, headers = {"displayName": "x", "expiresAt": text(end)}, {"Idempotency-Key": f"once-{tenant.app_id}"}
    first = wire.post(tenant.keys, tenant.app_key, body, headers=headers)
    time.sleep(max(0.0, end - time.time()))
    second = wire.post(tenant.keys, tenant.app_key, body, headers=headers)
    assert (first.status, second.status, first.json) == (201, 201, second.json)
