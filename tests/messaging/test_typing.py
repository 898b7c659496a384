"""Who is typing in a conversation: people and businesses, on both stores."""

from __future__ import annotations

from typing import Any

import pytest
from support.messaging import chat, create_user
from support.wire import Service, Tenant, Wire

BUSINESS = {"type": "business"}


@pytest.fixture
def conversation(wire: Wire, tenant: Tenant) -> str:
    """Return a group: the default conversation of a person cannot be deleted."""
    return chat(wire, tenant, create_user(wire, tenant), create_user(wire, tenant))


def typing(wire: Wire, tenant: Tenant, conversation: str) -> list[dict[str, Any]]:
    path = f"/sunshine/v1/apps/{tenant.app_id}/conversations/{conversation}/typing"
    listed: list[dict[str, Any]] = wire.get(path, tenant.app_key).json["typing"]
    return listed


def act(wire: Wire, tenant: Tenant, conversation: str, type: str) -> None:
    path = f"{tenant.conversations}/{conversation}/activity"
    assert wire.post(path, tenant.app_key, {"author": BUSINESS, "type": type}).status == 200


def test_business_types_until_it_stops(wire: Wire, tenant: Tenant, conversation: str) -> None:
    assert typing(wire, tenant, conversation) == []
    act(wire, tenant, conversation, "typing:start")
    act(wire, tenant, conversation, "typing:start")
    assert [typist["type"] for typist in typing(wire, tenant, conversation)] == ["business"]
    act(wire, tenant, conversation, "typing:stop")
    act(wire, tenant, conversation, "typing:stop")
    assert typing(wire, tenant, conversation) == []


def test_message_ends_typing(wire: Wire, tenant: Tenant, conversation: str) -> None:
    act(wire, tenant, conversation, "typing:start")
    body = {"author": BUSINESS, "content": {"type": "text", "text": "Here you are"}}
    assert wire.post(f"{tenant.conversations}/{conversation}/messages", tenant.app_key, body).status == 201
    assert typing(wire, tenant, conversation) == []


def test_person_types(wire: Wire, tenant: Tenant) -> None:
    path = f"/simulator/v1/apps/{tenant.app_id}/conversations"
    started = wire.post(path, tenant.app_key, {}).json
    conversation, user = started["conversation"]["id"], started["user"]["id"]
    for type, typists in (("typing:start", [user]), ("typing:stop", [])):
        acted = wire.post(f"{path}/{conversation}/activities", tenant.app_key, {"type": type})
        assert (acted.status, acted.json) == (201, {"messages": []})
        assert [typist["userId"] for typist in typing(wire, tenant, conversation)] == typists


def test_typing_ends_with_its_conversation(wire: Wire, tenant: Tenant, conversation: str) -> None:
    act(wire, tenant, conversation, "typing:start")
    assert wire.delete(f"{tenant.conversations}/{conversation}", tenant.app_key).status == 200
    path = f"/sunshine/v1/apps/{tenant.app_id}/conversations/{conversation}/typing"
    assert wire.get(path, tenant.app_key).status == 404


def test_typing_is_not_shown_to_another_app(wire: Wire, service: Service, tenant: Tenant, conversation: str) -> None:
    other = wire.post("/v2/apps", service.account, {"displayName": "Other"}).json["app"]["id"]
    path = f"/sunshine/v1/apps/{other}/conversations/{conversation}/typing"
    assert wire.get(path, service.account).status == 404
    assert wire.get(path, tenant.app_key).status == 403
