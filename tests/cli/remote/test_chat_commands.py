"""The lines of `chat` that begin with a slash."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from support.remote import Commands

import sunshine_conversations_client as sc
from sunshine_keys.testing import SunshineServer

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class Chat:
    """`chat` as the person jane, line by line, and what the service has of her conversation."""

    def __init__(self, commands: Commands, server: SunshineServer) -> None:
        self._commands = commands
        self._server = server
        self.heard: list[dict[str, Any]] = []
        server.user("jane")
        server.deliver_to(self._hear)

    def _hear(self, environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read()
        if body:
            self.heard += json.loads(body)["events"]
        start_response("200 OK", [])
        return []

    def says(self, *lines: str) -> str:
        """Send lines in a new conversation, and return what `chat` printed."""
        result = self._commands("chat", "--user", "jane", stdin="".join(f"{line}\n" for line in lines))
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    @property
    def id(self) -> str:
        conversations = sc.ConversationsApi(self._server.client())
        answer = conversations.list_conversations(
            self._server.app_id, filter=sc.ConversationListFilter(user_external_id="jane")
        )
        return str(answer.conversations[-1].id)

    @property
    def contents(self) -> list[dict[str, Any]]:
        answer = sc.MessagesApi(self._server.client()).list_messages(self._server.app_id, self.id)
        return [message["content"] for message in answer.to_dict()["messages"]]


@pytest.fixture
def chat(commands: Commands, served: SunshineServer) -> Chat:
    return Chat(commands, served)


def test_file_is_sent_as_a_file_and_an_image_as_an_image(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "a picture.png").write_bytes(PNG)
    (tmp_path / "order.pdf").write_bytes(b"%PDF-1.4")
    assert chat.says(f"/file {tmp_path}/a picture.png", f"/file {tmp_path}/order.pdf") == ""
    image, file = chat.contents
    assert (image["type"], image["mediaType"]) == ("image", "image/png")
    assert (file["type"], file["mediaType"]) == ("file", "application/pdf")
    with urllib.request.urlopen(image["mediaUrl"]) as answer:
        assert answer.read() == PNG


def test_location_typing_and_reading_are_heard(chat: Chat) -> None:
    assert chat.says("Hello", "/location 48.85, 2.35", "/typing", "/stop", "/read") == ""
    assert chat.contents[-1]["coordinates"] == {"lat": 48.85, "long": 2.35}
    activities = [event["payload"]["activity"]["type"] for event in chat.heard if "activity" in event["payload"]]
    assert activities == ["typing:start", "typing:stop", "conversation:read"]


def test_agent_takes_over_and_hands_back(chat: Chat) -> None:
    said = chat.says("/takeover", "/switchboard")
    assert said.splitlines() == [
        "  The app has no switchboard. /switchboard creates one, with the bot first and agents next",
        "  The app has a switchboard: the entry bot is the default, and agents is next. It applies to new conversations",
    ]
    said = chat.says("/takeover", "/agent I am Ann.", "/handback", "/takeover", "/close", "/switchboard")
    assert said.splitlines() == [
        "  agents has control", "Agent: I am Ann.", "  bot has control", "  agents has control", "  [ticket:closed]",
        "  The app has a switchboard already",
    ]  # fmt: skip
    events = [event["type"] for event in chat.heard if event["type"].startswith("switchboard:")]
    assert events.count("switchboard:passControl") == 3
    assert events[-1] == "switchboard:releaseControl"


def test_line_with_two_slashes_is_a_text(chat: Chat) -> None:
    assert chat.says("//help", "///") == ""
    assert [content["text"] for content in chat.contents] == ["/help", "//"]


def test_help_lists_every_command(chat: Chat) -> None:
    said = chat.says("/help")
    names = [line.split()[0] for line in said.splitlines()]
    assert names == [
        "/file", "/location", "/read", "/typing", "/stop", "/agent", "/takeover", "/handback", "/close", "/switchboard",
        "/help", "//TEXT",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/hlep", "There is no command /hlep. /help lists them. To send a text that begins with /, type //"),
        ("/", "There is no command /."),
        ("/file", "Usage: /file PATH"),
        ("/file /nowhere/x.png", "There is no file /nowhere/x.png"),
        ("/file /", "There is no file /"),
        ("/location", "Usage: /location LATITUDE LONGITUDE"),
        ("/location Paris", "such as /location 48.85 2.35"),
        ("/location nan 1", "such as /location 48.85 2.35"),
        ("/location 1 2 3", "such as /location 48.85 2.35"),
        ("/location 95 2", "content.coordinates.lat should be"),
        ("/agent", "Usage: /agent TEXT"),
        ("/read now", "Usage: /read"),
    ],
)
def test_invalid_command_is_explained_and_sends_nothing(chat: Chat, line: str, said: str) -> None:
    assert said in chat.says(line)
    assert chat.contents == []


def test_file_over_the_limit_is_refused_and_the_conversation_goes_on(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(bytes(51 * 1024 * 1024))
    said = chat.says(f"/file {tmp_path}/big.bin", "Hello")
    assert said.count("\n") == 1
    assert [content["text"] for content in chat.contents] == ["Hello"]


def test_switchboard_is_not_created_for_an_app_with_several_bots(chat: Chat, served: SunshineServer) -> None:
    body: Any = {
        "type": "custom",
        "displayName": "Other",
        "webhooks": [{"target": "http://localhost:1/", "triggers": ["conversation:read"]}],
    }
    sc.IntegrationsApi(served.client()).create_integration(served.app_id, body)
    assert "The app has 2 custom integrations" in chat.says("/switchboard")
    assert sc.SwitchboardsApi(served.client()).list_switchboards(served.app_id).switchboards == []
