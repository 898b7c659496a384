"""Conversations in the test fixture."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import urllib3

import sunshine_conversations_client as sunshine
from sunshine_keys.testing import SunshineServer, sunshine_server


def users(server: SunshineServer) -> sunshine.UsersApi:
    return sunshine.UsersApi(server.client())


def test_program_that_posts_messages_is_tested_without_a_socket() -> None:
    with sunshine_server() as server:
        client = server.client(server.key)
        user = sunshine.UsersApi(client).create_user(server.app_id, {"externalId": "jane"}).user
        body = {"type": "personal", "participants": [{"userId": user.id}]}
        conversation = sunshine.ConversationsApi(client).create_conversation(server.app_id, body).conversation
        messages = sunshine.MessagesApi(client)
        text = {"author": {"type": "business"}, "content": {"type": "text", "text": "Hello!"}}
        posted = messages.post_message(server.app_id, conversation.id, text).messages[0]
        assert messages.list_messages(server.app_id, conversation.id).messages == [posted]
        assert [request.status for request in server.requests] == [201, 201, 201, 200]
        assert server.requests[2].json == text


def test_snapshots_include_conversations() -> None:
    with sunshine_server() as server:
        users(server).create_user(server.app_id, {"externalId": "jane"})
        snapshot = server.save()
        users(server).delete_user(server.app_id, "jane")
        users(server).create_user(server.app_id, {"externalId": "john"})
        server.load(snapshot)
        assert users(server).get_user(server.app_id, "jane").user.external_id == "jane"
        server.reset()
        for name in ("jane", "john"):
            with pytest.raises(sunshine.NotFoundException) as missing:
                users(server).get_user(server.app_id, name)
            assert missing.value.code == "user_not_found"
        users(server).create_user(server.app_id, {"externalId": "jane"})


def test_snapshots_include_uploaded_files() -> None:
    with sunshine_server() as server:
        files = sunshine.AttachmentsApi(server.client(server.key))
        url = files.upload_attachment(server.app_id, "public", b"Hello!").attachment.media_url
        path = urlsplit(url).path
        snapshot = server.save()
        files.delete_attachment(server.app_id, {"mediaUrl": url})
        assert urllib3.request("GET", server.url + path, retries=False).status == 404
        server.load(snapshot)
        assert urllib3.request("GET", server.url + path, retries=False).data == b"Hello!"
        server.reset()
        assert urllib3.request("GET", server.url + path, retries=False).status == 404
