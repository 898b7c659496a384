"""Simulated people, and a bot that hears them: in this process, by WSGI, and over a socket."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from support import targets

import sunshine_conversations_client as sc
from sunshine_conversations_client import aio, webhooks
from sunshine_keys.testing import Chat, SunshineServer, sunshine_server

SHOP: dict[str, Any] = {
    "type": "text",
    "text": "Which order?",
    "actions": [
        {"type": "reply", "text": "Order 17", "payload": "ORDER_17", "metadata": {"order": 17}},
        {"type": "reply", "text": "Order 18", "payload": "ORDER_18"},
    ],
}
FORM: dict[str, Any] = {
    "type": "form",
    "fields": [
        {"type": "text", "name": "name", "label": "Your name", "minSize": 2},
        {"type": "email", "name": "mail", "label": "Your e-mail"},
        {"type": "select", "name": "size", "label": "Size", "options": [{"name": "s", "label": "Small"}, {"name": "l", "label": "Large"}]},
    ],
}  # fmt: skip


class Bot:
    """An ASGI application that answers messages of people as `answer` says, by the client."""

    def __init__(self, client: sc.ApiClient, app_id: str) -> None:
        self._messages = sc.MessagesApi(client)
        self._app_id = app_id
        self.secret = ""
        self.heard: list[str] = []

    def handle(self, headers: Any, body: bytes) -> None:
        for event in webhooks.parse(headers, body, self.secret).events:
            self.heard.append(event.type)
            if event.type == "conversation:message" and event.payload.message.author.type == "user":
                post = {"author": {"type": "business"}, "content": SHOP}
                self._messages.post_message(self._app_id, event.payload.conversation.id, post)

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        self.handle(scope["headers"], (await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    def wsgi(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.handle(environ, environ["wsgi.input"].read())
        start_response("204 No Content", [])
        return []


@pytest.fixture
def bot(sunshine: SunshineServer) -> Bot:
    bot = Bot(sunshine.client(sunshine.key), sunshine.app_id)
    bot.secret = sunshine.deliver_to(bot).secret
    return bot


def text_of(message: sc.Message) -> Any:
    return message.content.text


def test_bot_answers_a_person(sunshine: SunshineServer, bot: Bot) -> None:
    chat = sunshine.person("jane", givenName="Jane").start_conversation()
    said = chat.says("Where is my order?")
    assert (said.author.type, said.source.type, said.source.integration_id) == (
        "user",
        "web",
        sunshine.other_integration_id,
    )
    assert text_of(chat.last) == "Which order?"
    reply = chat.taps("Order 17")
    assert reply is not None
    assert (text_of(reply), reply.content.payload, reply.metadata) == ("Order 17", "ORDER_17", {"order": 17})
    assert [text_of(message) for message in chat.messages] == [
        "Where is my order?",
        "Which order?",
        "Order 17",
        "Which order?",
    ]
    assert {delivery.status for delivery in sunshine.deliveries} == {200}
    assert bot.heard == ["conversation:create", *["conversation:message"] * 4]
    assert sunshine.deliveries[0].events[0]["payload"]["creationReason"] == "startConversation"


def test_bot_may_be_a_wsgi_application_or_a_url(sunshine: SunshineServer, bot: Bot) -> None:
    sunshine.deliver_to(bot.wsgi)
    chat = sunshine.person().start_conversation()
    chat.says("Hello?")
    assert text_of(chat.last) == "Which order?"
    with targets.listening() as target:
        sunshine.deliver_to(target.url)
        chat.says("Anybody there?")
        assert text_of(chat.last) == "Anybody there?"
        (call,) = target.calls
        assert call.headers["X-API-Key"] == sunshine.webhook.secret


async def test_people_act_in_asynchronous_tests(sunshine: SunshineServer) -> None:
    client = sunshine.async_client(sunshine.key)

    async def application(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        (event,) = json.loads((await receive())["body"])["events"]
        if event["type"] == "conversation:message" and event["payload"]["message"]["author"]["type"] == "user":
            conversation = event["payload"]["conversation"]["id"]
            post = {"author": {"type": "business"}, "content": {"type": "text", "text": "Hello, Jane!"}}
            await aio.MessagesApi(client).post_message(sunshine.app_id, conversation, post)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    sunshine.deliver_to(application)
    chat = await sunshine.person().start_conversation_async()
    await chat.says_async("Hello?")
    assert [text_of(message) for message in await chat.messages_async()] == ["Hello?", "Hello, Jane!"]
    assert text_of(await chat.hears_async()) == "Hello, Jane!"


def test_postback_raises_an_event_and_posts_only_with_the_setting(sunshine: SunshineServer, bot: Bot) -> None:
    chat = sunshine.person().start_conversation()
    chat.posts({"type": "text", "text": "?", "actions": [{"type": "postback", "text": "Yes", "payload": "YES"}]})
    assert chat.taps("YES") is None
    postback = sunshine.deliveries[-1].events[0]
    assert (postback["type"], postback["payload"]["postback"]) == ("conversation:postback", {"payload": "YES"})
    assert [text_of(message) for message in chat.messages] == ["?"]
    sc.AppsApi(sunshine.client()).update_app(sunshine.app_id, {"settings": {"echoPostback": True}})
    echo = chat.taps("Yes")
    assert echo is not None and text_of(echo) == "Yes"


def test_form_is_filled_in_once(sunshine: SunshineServer) -> None:
    chat = sunshine.person().start_conversation()
    form = chat.posts(FORM)
    with pytest.raises(sc.BadRequestException) as faults:
        chat.fills_in({"name": "J", "mail": "jane", "size": "XL", "x": "y"})
    assert [error["title"] for error in json.loads(faults.value.body)["errors"]] == [
        "fields should NOT have property 'x': the form has no such field"
    ]
    with pytest.raises(sc.BadRequestException) as faults:
        chat.fills_in({"name": "J", "mail": "jane", "size": "XL"})
    assert len(json.loads(faults.value.body)["errors"]) == 3
    with pytest.raises(sc.BadRequestException, match="required property 'name'"):
        chat.fills_in({})
    assert not chat.last.content.submitted
    response = chat.fills_in({"name": "Jane", "mail": "jane@example.com", "size": "Large"})
    assert [field.to_dict() for field in response.content.fields] == [
        {"type": "text", "name": "name", "label": "Your name", "text": "Jane"},
        {"type": "email", "name": "mail", "label": "Your e-mail", "email": "jane@example.com"},
        {"type": "select", "name": "size", "label": "Size", "select": [{"name": "l", "label": "Large"}]},
    ]
    assert response.quoted_message.message.id == form.id
    assert chat.messages[0].content.submitted
    with pytest.raises(sc.BadRequestException):
        chat.fills_in({"name": "Jane", "mail": "jane@example.com", "size": "s"}, form)
    with pytest.raises(sc.BadRequestException, match="no open form"):
        chat.fills_in({})


def test_reading_and_typing_raise_events(sunshine: SunshineServer) -> None:
    sunshine.deliver_to(lambda environ, start: (start("200 OK", []), [b""])[1])
    chat = sunshine.person().start_conversation()
    chat.posts("Hello!")
    participants = sc.ParticipantsApi(sunshine.client())
    assert participants.list_participants(sunshine.app_id, chat.id).participants[0].unread_count == 1
    chat.types()
    chat.reads()
    assert participants.list_participants(sunshine.app_id, chat.id).participants[0].unread_count == 0
    typed, read = [delivery.events[0] for delivery in sunshine.deliveries[-2:]]
    assert (typed["type"], typed["payload"]["activity"]["type"]) == ("conversation:typing", "typing:start")
    assert read["type"] == "conversation:read"
    assert read["payload"]["activity"]["source"]["type"] == "web"


@pytest.fixture
def heard(sunshine: SunshineServer) -> Callable[[], list[dict[str, Any]]]:
    """A function that returns the events that a bot has heard since its last call."""
    sunshine.deliver_to(lambda environ, start: (start("200 OK", []), [b""])[1])
    seen = [0]

    def heard() -> list[dict[str, Any]]:
        events = [event for delivery in sunshine.deliveries[seen[0] :] for event in delivery.events]
        seen[0] = len(sunshine.deliveries)
        return events

    return heard


def types_of(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def workspace(sunshine: SunshineServer) -> None:
    """Let the agents' workspace control new conversations."""
    switchboards = sc.SwitchboardsApi(sunshine.client())
    entries = sc.SwitchboardIntegrationsApi(sunshine.client())
    board = switchboards.create_switchboard(sunshine.app_id).switchboard
    body = {"name": "agents", "integrationType": "zd:agentWorkspace"}
    entry = entries.create_switchboard_integration(sunshine.app_id, board.id, body).switchboard_integration
    enabled = {"enabled": True, "defaultSwitchboardIntegrationId": entry.id}
    switchboards.update_switchboard(sunshine.app_id, board.id, enabled)


def link(sunshine: SunshineServer, chat: Chat, confirmation: str = "prompt") -> sc.Client:
    """Begin to link a person to a channel. Return the client."""
    integrations = sc.IntegrationsApi(sunshine.client())
    twilio = integrations.create_integration(sunshine.app_id, {"type": "twilio"}).integration
    body = {
        "matchCriteria": {"type": "twilio", "integrationId": twilio.id, "phoneNumber": "+15550001111"},
        "confirmation": {"type": confirmation},
        "target": {"conversationId": chat.id},
    }
    return sc.ClientsApi(sunshine.client()).create_client(sunshine.app_id, chat.person.id, body).client


def test_agent_talks_and_closes_the_ticket(sunshine: SunshineServer, heard: Callable[[], list[dict[str, Any]]]) -> None:
    workspace(sunshine)
    chat = sunshine.person().start_conversation()
    said = chat.agent_says("I am Ann. How can I help?", name="Ann")
    assert (said.author.subtypes, said.author.display_name, said.source.type) == (["agent"], "Ann", "zd:agentWorkspace")
    heard()
    closed = chat.agent_closes_ticket()
    assert (closed.activity.type, closed.content) == ("ticket:closed", None)
    posted, released = heard()
    assert posted["payload"]["message"]["activity"] == {"type": "ticket:closed"}
    assert (released["type"], released["payload"]["reason"]) == ("switchboard:releaseControl", "ticketClosed")
    assert "activeSwitchboardIntegration" not in released["payload"]["conversation"]
    chat.agent_closes_ticket()  # the agents have no control to release
    assert types_of(heard()) == ["conversation:message"]
    chat.says("One more thing")
    heard()
    chat.agent_transfers_to_email()
    assert heard()[-1]["payload"]["reason"] == "transferToEmail"
    assert chat.ends_session().activity.type == "conversation:endedByUser"


def test_person_logs_in_and_becomes_a_known_user(
    sunshine: SunshineServer, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    jane = sunshine.user("jane")
    known = sunshine.conversation(jane)
    person = sunshine.person()
    chat = person.start_conversation("Hello?")
    anonymous = person.id
    heard()
    person.logs_in("jane", email="jane@example.com")
    assert (person.id, person.external_id, chat.id) == (jane.id, "jane", known.id)
    assert types_of(heard()) == ["user:merge", "client:add", "user:update"]
    assert [text_of(message) for message in chat.messages] == ["Hello?"]
    assert chat.says("It is me").author.user_id == jane.id
    with pytest.raises(sc.NotFoundException):
        sc.UsersApi(sunshine.client()).get_user(sunshine.app_id, anonymous)
    with pytest.raises(sc.BadRequestException, match="has this external id already"):
        person.logs_in("joe")


def test_link_of_a_channel_goes_as_the_person_wants(
    sunshine: SunshineServer, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    person = sunshine.person()
    chat = person.start_conversation()
    with pytest.raises(LookupError, match="link one first"):
        person.client_becomes("confirmed")
    client = link(sunshine, chat)
    confirmed = person.client_becomes("confirmed", client, displayName="Jane's phone")
    assert confirmed is not None
    assert (confirmed.status, confirmed.display_name) == ("active", "Jane's phone")
    heard()
    chat.posts("Hello!")
    assert types_of(heard()) == [
        "conversation:message",
        "conversation:message:delivery:channel",
        "conversation:message:delivery:user",
    ]
    person.next_message_fails("uncategorized_error", "The line is busy")
    chat.posts("Hello!")
    failure = heard()[-1]
    assert failure["type"] == "conversation:message:delivery:failure"
    assert failure["payload"]["error"] == {"code": "uncategorized_error", "message": "The line is busy"}
    assert chat.says("Hello?").source.type == "twilio"
    person.client_becomes("blocked")
    assert heard()[-1]["payload"]["reason"] == "blocked"
    assert [client.type for client in person.clients] == ["sdk", "twilio"]
    assert person.clients[1].integration_id is not None
    sunshine.next_link_becomes("linkCancelled", person.clients[1].integration_id)
    other = sunshine.person().start_conversation()
    body = {
        "matchCriteria": {
            "type": "twilio",
            "integrationId": person.clients[1].integration_id,
            "phoneNumber": "+1555000",
        },
        "confirmation": {"type": "immediate"},
        "target": {"conversationId": other.id},
    }
    sc.ClientsApi(sunshine.client()).create_client(sunshine.app_id, other.person.id, body)
    assert [client.type for client in other.person.clients] == ["sdk"]


def test_person_comes_by_a_channel_and_by_a_referral(
    sunshine: SunshineServer, heard: Callable[[], list[dict[str, Any]]]
) -> None:
    integrations = sc.IntegrationsApi(sunshine.client())
    telegram = integrations.create_integration(sunshine.app_id, {"type": "telegram"}).integration.id
    chat = sunshine.person().start_conversation("Hello?", integrationId=telegram, referral={"code": "spring"})
    created, posted = heard()
    assert (created["payload"]["referral"], created["payload"]["source"]["type"]) == ({"code": "spring"}, "telegram")
    assert posted["payload"]["message"]["source"]["originalMessageId"]
    chat.is_referred("autumn", adId="17")
    chat.passes_through({"interactive": {"id": 1}})
    referred, forwarded = heard()
    assert referred["payload"]["referral"] == {"code": "autumn", "details": {"adId": "17"}}
    assert (forwarded["type"], forwarded["payload"]["interactive"]) == ("passthrough:messaging", {"id": 1})


async def test_everybody_acts_in_asynchronous_tests(sunshine: SunshineServer) -> None:
    person = sunshine.person()
    chat = await person.start_conversation_async("Hello?")
    await chat.reads_async()
    await chat.types_async()
    await chat.is_referred_async("spring")
    await chat.passes_through_async({"a": 1})
    assert text_of(await chat.agent_says_async("Hello!")) == "Hello!"
    assert (await chat.agent_closes_ticket_async()).activity.type == "ticket:closed"
    assert (await chat.agent_transfers_to_email_async()).activity.type == "ticket:transfer:email"
    assert (await chat.ends_session_async()).activity.type == "conversation:endedByUser"
    await person.logs_in_async("jane")
    assert person.external_id == "jane"
    client = link(sunshine, chat)
    matched = await person.client_becomes_async("matched")
    assert matched is not None
    assert (matched.id, matched.status) == (client.id, "pending")
    await person.next_message_fails_async("uncategorized_error", "Nobody is there", client)
    assert [client.type for client in await person.clients_async()] == ["sdk", "twilio"]


def test_retention_follows_the_clock(sunshine: SunshineServer) -> None:
    settings = {"settings": {"conversationRetentionSeconds": 3600}}
    sc.AppsApi(sunshine.client()).update_app(sunshine.app_id, settings)
    chat = sunshine.person().start_conversation()
    chat.says("Hello?")
    sunshine.advance(3500)
    assert len(chat.messages) == 1
    sunshine.advance(200)
    assert chat.messages == []


def test_exception_of_the_application_is_recorded(sunshine: SunshineServer) -> None:
    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise RuntimeError("a fault in the bot")

    sunshine.deliver_to(application)
    sunshine.person().start_conversation()
    (delivery,) = sunshine.deliveries
    assert delivery.status == 500
    assert str(delivery.exception) == "a fault in the bot"


def test_failed_delivery_is_repeated_when_the_clock_moves(sunshine: SunshineServer) -> None:
    statuses = [500, 200]

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response(f"{statuses.pop(0)} x", [])
        return []

    sunshine.deliver_to(application)
    sunshine.person().start_conversation()
    assert [delivery.status for delivery in sunshine.deliveries] == [500]
    sunshine.advance(15)
    deadline = time.monotonic() + 30
    while len(sunshine.deliveries) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    first, second = sunshine.deliveries
    assert (second.status, second.body) == (200, first.body)


def test_without_a_target_nothing_is_called(sunshine: SunshineServer) -> None:
    chat = sunshine.conversation(sunshine.user("jane"))
    chat.posts("Hello!")
    (delivery,) = sunshine.deliveries
    assert (delivery.status, "deliver_to" in delivery.error) == (0, True)


def test_reset_forgets_people_and_deliveries(sunshine: SunshineServer, bot: Bot) -> None:
    sunshine.person("jane").start_conversation().says("Hello?")
    sunshine.reset()
    assert sunshine.deliveries == []
    bot.secret = sunshine.deliver_to(bot).secret
    chat = sunshine.person("jane").start_conversation()
    chat.says("Hello?")
    assert len(sunshine.deliveries) == 3


def test_requests_of_people_are_not_recorded(sunshine: SunshineServer) -> None:
    chat = sunshine.person().start_conversation()
    sunshine.faults.next(status=500)
    chat.says("Hello?")
    assert sunshine.requests == []
    with pytest.raises(sc.ServiceException):
        sc.MessagesApi(sunshine.client(retries=False)).list_messages(sunshine.app_id, chat.id)


def test_server_without_delivery_loads_no_client_of_http() -> None:
    import subprocess
    import sys

    program = (
        "import sys, sunshine_keys.testing as t\n"
        "with t.sunshine_server() as s: s.client()\n"
        "assert 'aiohttp' not in sys.modules and not any(n.startswith('sunshine_messaging') for n in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_conversation_is_made_as_by_a_program() -> None:
    with sunshine_server() as server:
        chat = server.conversation(server.user("jane"))
        assert chat.posts("Hello!").author.type == "business"
        assert chat.person.external_id == "jane"
