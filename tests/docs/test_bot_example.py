"""The bot in examples/bot: in this process, over a socket, and with two nodes on PostgreSQL."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.postgres import Postgres
from support.servers import Server
from support.waiting import wait_until
from support.wire import Key, Place, Wire, first_run

import sunshine_conversations_client as sc
from sunshine_keys.testing import SunshineServer
from sunshine_keys.webhooks.model import TRIGGERS

PROGRAM = Path(__file__).parents[2] / "examples" / "bot" / "bot.py"


def load() -> Any:
    spec = importlib.util.spec_from_file_location("bot", PROGRAM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(message: sc.Message) -> Any:
    return message.content.text


def test_bot_talks_to_a_person(sunshine: SunshineServer) -> None:
    bot = load().Bot(sunshine.client(sunshine.key), sunshine.app_id, [], sunshine.integration_id)
    bot.secrets = sunshine.deliver_to(bot).secret
    chat = sunshine.person("jane").start_conversation()
    assert text_of(chat.last) == "How can I help?"
    chat.says("Hello?")
    assert text_of(chat.last) == "You said: Hello?"
    chat.says({"type": "location", "coordinates": {"lat": 1, "long": 2}})
    assert text_of(chat.last) == "You sent a message of type location."
    chat.taps("Contact form")
    chat.fills_in({"name": "Jane", "mail": "jane@example.com"})
    assert text_of(chat.last) == "Thank you, Jane!"
    chat.taps("Talk to a person")
    assert text_of(chat.last) == "Nobody is there at the moment."
    assert {delivery.status for delivery in sunshine.deliveries} == {200}


def test_bot_hands_over_to_an_agent_and_back(sunshine: SunshineServer) -> None:
    bot = load().Bot(sunshine.client(sunshine.key), sunshine.app_id, [], sunshine.integration_id)
    bot.secrets = sunshine.deliver_to(bot).secret
    client, app_id = sunshine.client(), sunshine.app_id
    switchboards, entries = sc.SwitchboardsApi(client), sc.SwitchboardIntegrationsApi(client)
    switchboard = switchboards.create_switchboard(app_id).switchboard.id
    agents = {"name": "agents", "integrationType": "zd:agentWorkspace"}
    following = entries.create_switchboard_integration(app_id, switchboard, agents).switchboard_integration.id
    bot_entry = {
        "name": "bot", "integrationId": sunshine.integration_id, "deliverStandbyEvents": True,
        "nextSwitchboardIntegrationId": following,
    }  # fmt: skip
    default = entries.create_switchboard_integration(app_id, switchboard, bot_entry).switchboard_integration.id
    enabled = {"enabled": True, "defaultSwitchboardIntegrationId": default}
    switchboards.update_switchboard(app_id, switchboard, enabled)

    chat = sunshine.person().start_conversation()
    assert text_of(chat.last) == "How can I help?"
    chat.taps("Talk to a person")
    conversation = sc.ConversationsApi(client).get_conversation(app_id, chat.id).conversation
    assert conversation.active_switchboard_integration.name == "agents"
    chat.says("Are you there?")
    chat.posts("Yes, this is Jane.")
    assert [text_of(message) for message in chat.messages[1:]] == [
        "Talk to a person",
        "Are you there?",
        "Yes, this is Jane.",
    ]
    back = {"switchboardIntegration": "bot", "metadata": {"solved": True}}
    sc.SwitchboardActionsApi(client).pass_control(app_id, chat.id, back)
    assert text_of(chat.hears()) == "How can I help?"
    assert text_of(chat.hears()) == "Yes, this is Jane."
    assert text_of(chat.hears()) == "How can I help?"
    chat.says("Thank you!")
    assert text_of(chat.last) == "You said: Thank you!"


def test_bot_refuses_what_no_webhook_sent(sunshine: SunshineServer) -> None:
    bot = load().Bot(sunshine.client(sunshine.key), sunshine.app_id, "another secret")
    sunshine.deliver_to(bot)
    sunshine.person().start_conversation()
    assert [delivery.status for delivery in sunshine.deliveries] == [401]


@contextlib.contextmanager
def running(server: Wire, sample: dict[str, Any], secret: str) -> Iterator[str]:
    """Run the program, and yield the URL of its webhook."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        "SUNSHINE_CONVERSATIONS_HOST": server.url,
        "KEY_ID": sample["key"]["id"],
        "SECRET": sample["key"]["secret"],
        "APP_ID": sample["app"]["id"],
        "INTEGRATION_ID": sample["integration"]["id"],
        "WEBHOOK_SECRET": secret,
        "PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, str(PROGRAM)], env=os.environ | environment, stderr=subprocess.DEVNULL)
    try:

        def listens() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                return True
            return False

        wait_until(listens)
        yield f"http://127.0.0.1:{port}/webhook"
    finally:
        process.kill()
        process.wait()


def talk(nodes: list[Wire], sample: dict[str, Any]) -> None:
    """Let a person talk to the bot. Each request goes to the next node."""
    turn = iter(nodes * 100)
    app = f"/v2/apps/{sample['app']['id']}"
    simulated = f"/simulator/v1/apps/{sample['app']['id']}/conversations"
    auth = Key.of(sample["app_key"])
    path = f"{app}/integrations/{sample['integration']['id']}/webhooks"
    (webhook,) = next(turn).get(path, auth).json["webhooks"]
    with running(nodes[0], sample, webhook["secret"]) as url:
        change = {"target": url, "triggers": list(TRIGGERS)}
        assert next(turn).patch(f"{path}/{webhook['id']}", auth, change).status == 200
        chat = next(turn).post(simulated, auth, {}).json["conversation"]["id"]

        def texts() -> list[str | None]:
            listed = next(turn).get(f"{app}/conversations/{chat}/messages", auth).json["messages"]
            return [message["content"].get("text") for message in listed]

        wait_until(lambda: texts() == ["How can I help?"])
        said = {"content": {"type": "text", "text": "Hello?"}}
        assert next(turn).post(f"{simulated}/{chat}/messages", auth, said).status == 201
        wait_until(lambda: texts()[-1] == "You said: Hello?")
        assert next(turn).post(f"{simulated}/{chat}/taps", auth, {"action": "Contact form"}).status == 201
        wait_until(lambda: len(texts()) == 5)
        fields = {"fields": {"name": "Jane", "mail": "jane@example.com"}}
        assert next(turn).post(f"{simulated}/{chat}/formResponses", auth, fields).status == 201
        wait_until(lambda: texts()[-1] == "Thank you, Jane!")


def test_bot_runs_over_a_socket(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    sample = first_run(place, sample=True)
    with Server(place, "--simulator") as server:
        talk([server.wire], sample)


def test_bot_runs_with_two_nodes_on_postgresql(tmp_path: Path, postgres: Postgres) -> None:
    place = Place(tmp_path, postgres.new_store())
    sample = first_run(place, sample=True)
    with Server(place, "--simulator") as first, Server(place, "--simulator") as second:
        talk([first.wire, second.wire], sample)
