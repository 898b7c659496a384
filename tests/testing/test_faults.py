"""Faults on every operation of the service."""

from __future__ import annotations

import http.client
from typing import Any

import pytest
from support import messaging, oauth, rotations
from support.wire import WEBHOOK, Answer, Key, Place, Service, Tenant, Wire

import sunshine_conversations_client as sc
from sunshine_keys.compose import OPERATIONS
from sunshine_keys.testing import SunshineServer
from sunshine_keys.wire.operation import Operation

Closed = (http.client.HTTPException, OSError)


class Requests:
    """Sends an operation with arguments that it accepts, over the socket of a test server."""

    def __init__(self, server: SunshineServer, operation: Operation) -> None:
        self._wire, self._operation = Wire(server.url), operation
        keys = [Key(key.id, key.secret) for key in (server.account_key, server.app_key, server.key)]
        account, app_key, key = keys
        tenant = Tenant(account, server.app_id, app_key, server.integration_id, key, server.other_integration_id)
        ids = {
            "appId": server.app_id,
            "integrationId": server.integration_id,
            "keyId": (key if "integrationId" in operation.placeholders else app_key).id,
            "webhookId": self._wire.get(tenant.webhooks, app_key).json["webhooks"][0]["id"],
        }
        if operation.is_messaging:
            service = Service(server.url, server._folder, account, Place(server._folder, None))
            ids |= messaging.placeholders(self._wire, service, tenant)
        if operation.tag in oauth.TAGS:
            ids |= oauth.placeholders(self._wire, tenant)
        if operation.tag == rotations.TAG:
            rotations.begin(self._wire, tenant)
        if operation.name == "create_switchboard":  # an app has one at most
            assert self._wire.delete(f"{tenant.app}/switchboards/{ids['switchboardId']}", app_key).status == 200
        self._body = None
        if operation.body is not None and not operation.upload_bytes:
            bodies = messaging.BODIES | oauth.BODIES
            self._body = messaging.filled(bodies.get(operation.name, {"displayName": "x"} | WEBHOOK), ids)
            if operation.name == "create_integration":
                self._body = {"type": "web"}
        self._path = operation.path
        for name in operation.placeholders:
            self._path = self._path.replace(f"{{{name}}}", ids[name])
        if operation.example_query:
            query = operation.example_query.replace("$USER_ID", ids.get("userId", ""))
            self._path += "?" + query.replace("$OAUTH_CLIENT_ID", ids.get("oauthClientId", ""))
        self._auth: Key | str | None = app_key if operation.name == "get_token_info" else account
        if operation.name in oauth.PARTNERS:
            self._auth = f"Bearer {ids['accessToken']}" if operation.scopes else None
        server.requests.clear()

    def send(self) -> Answer:
        headers = {"Idempotency-Key": "the-same"} if self._operation.method == "POST" else None
        if self._operation.upload_bytes:
            headers = messaging.FORM_HEADERS | (headers or {})
            return self._wire.send("POST", self._path, self._auth, content=messaging.FORM, headers=headers)
        return self._wire.send(self._operation.method, self._path, self._auth, body=self._body, headers=headers)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_faults_apply_to_every_operation(sunshine: SunshineServer, operation: Operation) -> None:
    requests = Requests(sunshine, operation)
    sunshine.faults.next(status=418)
    assert requests.send().status == 418
    sunshine.faults.next(drop="before")
    with pytest.raises(Closed):
        requests.send()
    # Neither has been carried out: the request succeeds, and it is no repetition.
    before = sunshine.save()
    sunshine.faults.next(body=b'{"half": ')
    cut = requests.send()
    assert (cut.status, cut.content, cut.headers.get("idempotency-replayed")) == (operation.status, b'{"half": ', None)
    sunshine.load(before)
    sunshine.faults.next(drop="after")
    with pytest.raises(Closed):
        requests.send()
    assert [request.status for request in sunshine.requests] == [418, 0, operation.status, 0]
    # The last one has been carried out.
    repeated = requests.send()
    if operation.status == 201:
        assert repeated.headers["idempotency-replayed"] == "true"
    elif operation.name == "revoke_access":
        assert repeated.status == 401
    elif operation.method == "DELETE" and operation.name not in LEAVE_SOMETHING:
        assert repeated.status == 404
    else:
        assert repeated.status == operation.status or operation.name in NOT_TWICE


NOT_TWICE = {"leave_conversation", "delete_attachment", "accept_control", "get_token"}
"""The operations that are refused once they have been carried out."""

LEAVE_SOMETHING = {"delete_all_messages", "delete_user_personal_information"}
"""The operations that delete something of an object, which stays."""


@pytest.mark.parametrize("revoked", ["app_key", "key"])
def test_a_key_is_revoked_in_the_middle_of_a_post(sunshine: SunshineServer, revoked: str) -> None:
    key: Any = getattr(sunshine, revoked)
    conversation = sunshine.conversation(sunshine.user())
    sunshine.faults.next(revoke=key.id)
    with pytest.raises(sc.UnauthorizedException):
        sc.MessagesApi(sunshine.client(key)).post_message(sunshine.app_id, conversation.id, messaging.TEXT)
    assert conversation.messages == []
