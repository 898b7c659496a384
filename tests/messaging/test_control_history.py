"""The history of control of a conversation: what it holds, and how it goes."""

from __future__ import annotations

from typing import Any

import pytest
from support.messaging import TEXT, chat, create_switchboard, create_user, post
from support.stores import STORES
from support.wire import Key, Service, Tenant, Wire, make_tenant

from sunshine_messaging.control.history import MOST_RECORDS

pytestmark = pytest.mark.parametrize("service", STORES, indirect=True, scope="session")


def records(wire: Wire, tenant: Tenant, conversation_id: str) -> list[dict[str, Any]]:
    """Return the records of a conversation, the last one first."""
    path = f"/sunshine/v1/apps/{tenant.app_id}/conversations/{conversation_id}/controlRecords"
    answer = wire.get(path, tenant.app_key)
    assert answer.status == 200, answer
    listed: list[dict[str, Any]] = answer.json["controlRecords"]
    return listed


def without_times(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in record.items() if name != "at"} for record in listed]


def act(wire: Wire, tenant: Tenant, conversation_id: str, action: str, target: str = "", key: Key | None = None) -> int:
    body = {"switchboardIntegration": target} if target else {}
    return wire.post(f"{tenant.conversations}/{conversation_id}/{action}Control", key or tenant.app_key, body).status


def test_history_has_every_change_with_who_made_it_and_who_had_control_then(wire: Wire, tenant: Tenant) -> None:
    human = create_switchboard(wire, tenant)[1]
    jane = create_user(wire, tenant)
    conversation = chat(wire, tenant, jane)
    assert act(wire, tenant, conversation, "offer", "human", tenant.key) == 200
    assert act(wire, tenant, conversation, "accept") == 200
    assert act(wire, tenant, conversation, "pass", "bot") == 200
    assert act(wire, tenant, conversation, "pass", "bot") == 200  # it has control already
    assert act(wire, tenant, conversation, "pass", "nobody") == 400
    assert act(wire, tenant, conversation, "release", key=tenant.key) == 200
    post(wire, tenant, conversation, TEXT | {"author": {"type": "user", "userId": jane["id"]}})
    assert without_times(records(wire, tenant, conversation)) == [
        {"action": "default", "active": "bot"},
        {"action": "releaseControl", "caller": "bot"},
        {"action": "passControl", "active": "bot"},
        {"action": "acceptControl", "active": "human"},
        {"action": "offerControl", "caller": "bot", "active": "bot", "pending": "human"},
        {"action": "default", "active": "bot"},
    ]
    times = [record["at"] for record in records(wire, tenant, conversation)]
    assert times == sorted(times, reverse=True)

    board = wire.get(f"{tenant.app}/switchboards", tenant.app_key).json["switchboards"][0]["id"]
    entry = f"{tenant.app}/switchboards/{board}/switchboardIntegrations/{human['id']}"
    assert wire.patch(entry, tenant.app_key, {"name": "people"}).status == 200
    assert records(wire, tenant, conversation)[3]["active"] == "human"


def test_history_of_a_simulated_conversation_begins_with_the_default(wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    started = wire.post(f"/simulator/v1/apps/{tenant.app_id}/conversations", tenant.app_key, {}).json
    listed = records(wire, tenant, started["conversation"]["id"])
    assert without_times(listed) == [{"action": "default", "active": "bot"}]


def test_history_without_a_switchboard_is_empty(wire: Wire, tenant: Tenant) -> None:
    conversation = chat(wire, tenant, create_user(wire, tenant))
    assert records(wire, tenant, conversation) == []


def test_history_is_bounded(wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    conversation = chat(wire, tenant, create_user(wire, tenant))
    for place in range(MOST_RECORDS + 5):
        assert act(wire, tenant, conversation, "pass", ("human", "other")[place % 2]) == 200
    listed = records(wire, tenant, conversation)
    assert len(listed) == MOST_RECORDS
    assert (listed[0]["active"], listed[-1]["active"]) == ("human", "other")


def test_history_is_that_of_an_app(wire: Wire, service: Service, tenant: Tenant) -> None:
    conversation = chat(wire, tenant, create_user(wire, tenant))
    other = make_tenant(wire, service.account)
    path = f"/sunshine/v1/apps/{other.app_id}/conversations/{conversation}/controlRecords"
    assert wire.get(path, other.app_key).status == 404
    assert wire.get(path, tenant.app_key).status == 403
    assert wire.get(path.replace(other.app_id, tenant.app_id), tenant.key).status == 403


def test_history_goes_with_its_conversation_and_its_app(wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    jane, john = create_user(wire, tenant), create_user(wire, tenant)
    conversation = chat(wire, tenant, jane, john)
    assert records(wire, tenant, conversation)
    assert wire.delete(f"{tenant.conversations}/{conversation}", tenant.app_key).status == 200
    path = f"/sunshine/v1/apps/{tenant.app_id}/conversations/{conversation}/controlRecords"
    assert wire.get(path, tenant.app_key).status == 404
    chat(wire, tenant, jane, john)
    assert wire.delete(tenant.app, tenant.account).status == 200


def test_history_is_deleted_when_the_retention_of_the_app_ends(wire: Wire, tenant: Tenant) -> None:
    wire.patch(tenant.app, tenant.account, {"settings": {"conversationRetentionSeconds": 3600}})
    create_switchboard(wire, tenant)
    conversation = chat(wire, tenant, create_user(wire, tenant))
    post(wire, tenant, conversation, TEXT)
    assert records(wire, tenant, conversation)
    assert wire.post("/simulator/v1/clock", tenant.account, {"seconds": 1800}).status == 200
    assert records(wire, tenant, conversation)
    assert wire.post("/simulator/v1/clock", tenant.account, {"seconds": 3600}).status == 200
    assert records(wire, tenant, conversation) == []
    assert wire.get(f"{tenant.conversations}/{conversation}", tenant.app_key).status == 200
