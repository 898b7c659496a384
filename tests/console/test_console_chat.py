"""The chat: conversations as a person, an agent and a business see them, without scripts and as a stream of changes."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.messaging import TEXT, chat, create_switchboard, create_user, post
from support.rotations import rotation_path
from support.servers import Server
from support.visitor import Page, Visitor
from support.waiting import wait_until
from support.wire import Key, Tenant, Wire, first_run

from sunshine_keys.console import live

BUSINESS = {"type": "business"}
CHOICE = {"type": "reply", "text": "Order", "payload": "ORDER"}
FORM = {"type": "form", "fields": [{"type": "text", "name": "name", "label": "Your name"}]}


def chat_path(tenant: Tenant) -> str:
    return f"/console/apps/{tenant.app_id}/chat"


@pytest.fixture
def path(member: Visitor, tenant: Tenant) -> str:
    """Start a conversation as Jane, and return the path of its page."""
    started = member.submit(member.get(chat_path(tenant)), "/chat", name="Jane")
    return started.headers["location"]


def messages(wire: Wire, tenant: Tenant, path: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = wire.get(
        f"{tenant.conversations}/{path.rpartition('/')[2]}/messages", tenant.app_key
    ).json["messages"]
    return listed


def do(member: Visitor, page: Page, path: str, **fields: str) -> Page:
    """Send what a form of the page would send."""
    token = page.html.partition('name="form_token" value="')[2].partition('"')[0]
    once = page.html.partition('name="once" value="')[2].partition('"')[0]
    return member.post(path, {"form_token": token, "once": once} | fields)


def offered(wire: Wire, tenant: Tenant, path: str, content: dict[str, Any]) -> dict[str, Any]:
    return post(wire, tenant, path.rpartition("/")[2], {"author": BUSINESS, "content": content})


# Without scripts


def test_person_writes_and_reads(member: Visitor, wire: Wire, tenant: Tenant, path: str) -> None:
    page = member.get(path)
    assert "Jane" in page.text and "No messages yet" in page.text
    answer = do(member, page, path, do="say", text=" Hello <b>you</b> ")
    (said,) = messages(wire, tenant, path)
    assert (said["author"]["type"], said["content"]["text"]) == ("user", "Hello <b>you</b>")
    shown = member.follow(answer)
    assert "Hello &lt;b&gt;you&lt;/b&gt;" in shown.html
    assert "Hello <b>you</b>" in member.get(chat_path(tenant)).text  # the list has the last message


def test_tap_of_a_quick_reply_posts_it(member: Visitor, wire: Wire, tenant: Tenant, path: str) -> None:
    message = offered(wire, tenant, path, {"type": "text", "text": "What?", "actions": [CHOICE]})
    page = member.get(path)
    assert f'value="{message["id"]} ORDER"' in page.html
    assert do(member, page, path, do="tap", tap=f"{message['id']} ORDER").status == 303
    assert messages(wire, tenant, path)[-1]["content"] == {"type": "text", "text": "Order", "payload": "ORDER"}
    assert f'value="{message["id"]} ORDER"' not in member.get(path).html  # only the newest message offers replies


def test_form_of_a_bot_is_filled_in(member: Visitor, wire: Wire, tenant: Tenant, path: str) -> None:
    form = offered(wire, tenant, path, FORM)
    page = member.get(path)
    fields = {"do": "answer", "message": form["id"], "field.name": ""}
    refused = do(member, page, path, **fields)
    assert refused.status == 400
    assert "fields.name should have 1 to 128 characters." in refused.text
    assert len(messages(wire, tenant, path)) == 1
    assert do(member, page, path, **(fields | {"field.name": "Jane"})).status == 303
    assert messages(wire, tenant, path)[-1]["content"]["type"] == "formResponse"


@pytest.mark.parametrize("payload", [" ORDER ", "ORDER ", " "])
def test_payload_may_begin_and_end_with_spaces(
    member: Visitor, wire: Wire, tenant: Tenant, path: str, payload: str
) -> None:
    action = {"type": "postback", "text": "Order", "payload": payload}
    message = offered(wire, tenant, path, {"type": "text", "text": "What?", "actions": [action]})
    page = member.get(path)
    assert f'value="{message["id"]} {payload}"' in page.html
    assert do(member, page, path, do="tap", tap=f"{message['id']} {payload}").status == 303


def test_longest_text_may_be_of_any_letters(member: Visitor, wire: Wire, tenant: Tenant, path: str) -> None:
    text = "漢" * 4096
    assert do(member, member.get(path), path, do="say", text=text).status == 303
    assert messages(wire, tenant, path)[-1]["content"]["text"] == text


def test_form_stays_as_it_is_when_another_message_follows(
    member: Visitor, wire: Wire, tenant: Tenant, path: str
) -> None:
    form = offered(wire, tenant, path, FORM)
    version = re.compile(rf'id="m-{form["id"]}" data-version="([0-9a-f]+)"')
    before = version.findall(member.get(path).html)
    offered(wire, tenant, path, {"type": "text", "text": "Take your time"})
    assert version.findall(member.get(path).html) == before != []


def test_same_form_sent_twice_posts_once(member: Visitor, wire: Wire, tenant: Tenant, path: str) -> None:
    page = member.get(path)
    for _ in range(2):
        assert do(member, page, path, do="say", text="Once").status == 303
    assert len(messages(wire, tenant, path)) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"do": "say", "text": "  "}, "content.text"),
        ({"do": "say", "text": "x" * 4097}, "4096"),
        ({"do": "place", "lat": "north", "long": "2"}, "should be numbers"),
        ({"do": "content", "content": "{"}, "not JSON"),
        ({"do": "content", "content": "[]"}, "JSON object"),
        ({"do": "content", "content": "[" * 9000}, "inside each other"),
        ({"do": "content", "content": '{"type": "carousel", "items": []}'}, "items"),
        ({"do": "tap", "tap": "x"}, ""),
        ({"do": "answer", "message": "0" * 24}, "not found"),
        ({"do": "pass", "to": "nobody"}, ""),
        ({"do": "dance"}, "not one of this console"),
        ({"as": "0" * 24, "do": "say", "text": "x"}, "takes no part"),
        ({"as": "../x", "do": "say", "text": "x"}, "takes no part"),
    ],
)  # fmt: skip
def test_fault_is_shown_and_nothing_is_posted(
    member: Visitor, wire: Wire, tenant: Tenant, path: str, fields: dict[str, str], reason: str
) -> None:
    answer = do(member, member.get(path), path, **fields)
    assert answer.status in (400, 403, 404, 422)
    assert reason.lower() in answer.text.lower()
    assert messages(wire, tenant, path) == []


def test_script_gets_the_fault_as_json(member: Visitor, path: str) -> None:
    page = member.get(path)
    token = page.html.partition('name="form_token" value="')[2].partition('"')[0]
    fields = {"form_token": token, "once": "0" * 32, "do": "say"}
    answer = member.post(path, fields | {"text": ""}, {"X-Live": "1"})
    assert "content.text" in json.loads(answer.html)["fault"]
    assert member.post(path, fields | {"text": "x", "once": "1" * 32}, {"X-Live": "1"}).status == 204


def test_every_example_can_be_sent(member: Visitor, wire: Wire, tenant: Tenant, path: str) -> None:
    page = member.get(f"{path}?as=business")
    links = [part.partition('#more"')[0] for part in page.html.split("content=")[1:] if '#more"' in part[:40]]
    assert len(links) == 9
    for link in links:
        example = member.get(f"{path}?as=business&content={link}")
        content = example.html.partition('<textarea id="content"')[2].partition(">")[2].partition("</textarea>")[0]
        written = content.replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">")
        assert do(member, example, path, **{"as": "business", "do": "content", "content": written}).status == 303, link
    shown = [message["content"]["type"] for message in messages(wire, tenant, path)]
    assert sorted(shown) == ["carousel", "file", "form", "image", "list", "location", "text", "text", "text"]
    person = member.get(path)
    assert person.status == 200
    assert "<b>Hello</b>, <i>you</i>" in person.html
    assert "https://example.com/hat.png" in person.text and 'src="https' not in person.html


def test_agent_writes_takes_over_and_hands_back(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    create_switchboard(wire, tenant)
    path = member.submit(member.get(chat_path(tenant)), "/chat", name="Jane").headers["location"]
    page = member.get(f"{path}?as=agent")
    assert "bot has control" in page.text
    assert do(member, page, path, **{"as": "agent", "do": "pass", "to": "human"}).status == 303
    assert "human has control" in member.get(path).text
    page = member.get(f"{path}?as=agent")
    assert do(member, page, path, **{"as": "agent", "do": "say", "text": "I am Ann"}).status == 303
    (said,) = messages(wire, tenant, path)
    assert said["source"]["type"] == "zd:agentWorkspace"
    page = member.get(f"{path}?as=agent")
    assert do(member, page, path, **{"as": "agent", "do": "pass", "to": "bot"}).status == 303
    assert "bot has control" in member.get(path).text


def test_person_starts_with_an_external_id(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    create_user(wire, tenant, externalId="jane", profile={"givenName": "Jane", "surname": "Doe"})
    page = member.get(chat_path(tenant))
    assert "Jane Doe" in member.follow(member.submit(page, "/chat", external_id="jane")).text
    refused = member.submit(member.get(chat_path(tenant)), "/chat", external_id="joe")
    assert refused.status == 422
    assert "User not found" in refused.text


def test_message_is_shown_as_json_with_its_webhook_calls(
    member: Visitor, wire: Wire, tenant: Tenant, path: str
) -> None:
    hook = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"][0]["id"]
    body = {"triggers": ["conversation:message"]}
    assert wire.patch(f"{tenant.webhooks}/{hook}", tenant.app_key, body).status == 200
    message = offered(wire, tenant, path, {"type": "text", "text": "Hi"})
    page = member.get(f"{path}/messages/{message['id']}")
    assert f"&#34;id&#34;: &#34;{message['id']}&#34;" in page.html
    assert "conversation:message: pending" in page.text or "conversation:message: failed" in page.text
    assert member.get(f"{path}/messages/{'0' * 24}").status == 404


def test_conversation_of_another_app_is_not_found(
    member: Visitor, owner: Visitor, wire: Wire, tenant: Tenant, other: Tenant
) -> None:
    foreign = chat(wire, other, create_user(wire, other))
    for place in ("", "/live", f"/messages/{'0' * 24}"):
        assert member.get(f"{chat_path(tenant)}/{foreign}{place}").status == 404
        assert member.get(f"{chat_path(other)}/{foreign}{place}").status == 403
    assert owner.get(f"{chat_path(other)}/{foreign}").status == 200
    assert member.get(f"{chat_path(tenant)}/x").status == 404


def test_list_has_pages(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    for number in range(26):
        chat(wire, tenant, create_user(wire, tenant, profile={"givenName": f"Person {number:02}"}))
    page = member.get(chat_path(tenant))
    assert "Person 25" in page.text and "Person 00" not in page.text
    older = page.html.partition("/chat?before=")[2].partition('"')[0]
    assert "Person 00" in member.get(f"{chat_path(tenant)}?before={older}").text
    assert member.get(f"{chat_path(tenant)}?before=x").status == 400


def test_without_a_simulator_there_is_only_the_business(tmp_path: Path) -> None:
    created = first_run(tmp_path / "data", sample=True)
    app = created["app"]["id"]
    with Server(tmp_path / "data") as server:
        visitor = Visitor(server.wire.url).signed_in(Key.of(created["account_key"]))
        page = visitor.get(f"/console/apps/{app}/chat")
        assert "--simulator" in page.text
        assert "Start a conversation" not in page.text


# The stream


@contextmanager
def streaming(member: Visitor, path: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(urlsplit(member.url).netloc, timeout=20)
    cookies = "; ".join(f"{name}={value}" for name, value in member.cookies.items())
    connection.request("GET", f"{path}/live", headers={"Cookie": cookies})
    answer = connection.getresponse()
    try:
        yield answer
    finally:
        answer.close()
        connection.close()


def event(stream: http.client.HTTPResponse, name: str, **expected: str) -> dict[str, str]:
    """Return the data of the next event of a name, with these values."""
    while line := stream.readline().decode():
        if line == f"event: {name}\n":
            data: dict[str, str] = json.loads(stream.readline().decode().removeprefix("data: "))
            if expected.items() <= data.items():
                return data
    raise AssertionError(f"the stream has ended without {name}")


def test_stream_shows_what_happens(member: Visitor, wire: Wire, tenant: Tenant, path: str) -> None:
    conversation = f"{tenant.conversations}/{path.rpartition('/')[2]}"
    with streaming(member, path) as stream:
        assert stream.getheader("content-type", "").startswith("text/event-stream")
        event(stream, "put", id="control")
        message = offered(wire, tenant, path, {"type": "text", "text": "Hi"})
        assert "Hi" in event(stream, "put", id=f"m-{message['id']}")["html"]
        wire.post(f"{conversation}/activity", tenant.app_key, {"author": BUSINESS, "type": "typing:start"})
        assert "is typing" in event(stream, "put", id="typing")["html"]
        wire.post(f"{conversation}/activity", tenant.app_key, {"author": BUSINESS, "type": "conversation:read"})
        assert "the business" in event(stream, "put", id="reads")["html"]
        assert wire.delete(f"{conversation}/messages/{message['id']}", tenant.app_key).status == 200
        event(stream, "drop", id=f"m-{message['id']}")


def test_stream_begins_with_the_messages_that_are_present(
    member: Visitor, wire: Wire, tenant: Tenant, path: str
) -> None:
    ids = [offered(wire, tenant, path, {"type": "text", "text": text})["id"] for text in ("Hi", "Ho")]
    conversation = f"{tenant.conversations}/{path.rpartition('/')[2]}"
    assert wire.delete(f"{conversation}/messages/{ids[0]}", tenant.app_key).status == 200
    with streaming(member, path) as stream:
        present = event(stream, "present")["ids"].split()
        assert f"m-{ids[1]}" in present and f"m-{ids[0]}" not in present


def test_stream_ends_with_its_session(member: Visitor, tenant: Tenant, path: str) -> None:
    with streaming(member, path) as stream:
        event(stream, "put", id="control")
        page = member.get(path)
        member.submit(page, "/sign-out")
        event(stream, "ended")
        assert stream.read().strip() == b""


@pytest.mark.parametrize("ends", ["deleted", "expired"])
def test_stream_ends_with_its_key(member: Visitor, wire: Wire, tenant: Tenant, path: str, ends: str) -> None:
    with streaming(member, path) as stream:
        event(stream, "put", id="control")
        if ends == "deleted":
            answer = wire.delete(f"{tenant.app}/keys/{tenant.app_key.id}", tenant.account)
        else:
            rotation = rotation_path(tenant, tenant.app_key)
            answer = wire.send("PUT", rotation, tenant.account, body={"graceSeconds": 0})
        assert answer.status == 200
        event(stream, "ended")


def test_number_of_streams_is_limited(member: Visitor, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_until(lambda: not live._open_streams)  # those of other tests
    monkeypatch.setattr(live, "MOST_STREAMS", 1)
    with streaming(member, path) as first:
        event(first, "put", id="control")
        with streaming(member, path) as second:
            assert second.status == 429
    assert member.get(path).status == 200


def test_head_of_a_stream_has_no_body(member: Visitor, path: str) -> None:
    answer = member.send("HEAD", f"{path}/live")
    assert (answer.status, answer.html) == (200, "")


# Files


def test_file_is_sent_and_shown(member: Visitor, wire: Wire, tenant: Tenant, path: str) -> None:
    page = member.get(path)
    token = page.html.partition('name="form_token" value="')[2].partition('"')[0]
    body = (
        b'--x\r\nContent-Disposition: form-data; name="source"; filename="hat.png"\r\nContent-Type: image/png\r\n\r\n'
        b"\x89PNG\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x", "X-Form-Token": token, "X-Form-Once": "0" * 32}
    for _ in range(2):  # a file that is sent twice is posted once
        assert member.send("POST", f"{path}/files", body, headers).status == 204
    (said,) = messages(wire, tenant, path)
    assert (said["content"]["type"], said["author"]["type"]) == ("image", "user")
    shown = member.get(path)
    source = shown.html.partition('<img src="/attachments/')[2].partition('"')[0]
    assert wire.get(f"/attachments/{source}").status == 200
    for changed in ({"X-Form-Token": "x"}, {"X-Form-Token": ""}, {"Sec-Fetch-Site": "cross-site"}):
        assert member.send("POST", f"{path}/files", body, headers | changed).status == 403
    fault = member.send("POST", f"{path}/files", b"", headers | {"X-Form-Once": "1" * 32})
    assert "fault" in json.loads(fault.html)
    assert len(messages(wire, tenant, path)) == 1


def test_upload_that_its_client_gives_up_is_no_failure(tmp_path: Path) -> None:
    created = first_run(tmp_path / "data", sample=True)
    log = tmp_path / "log"
    with Server(tmp_path / "data", "--simulator", log=log) as server:
        member = Visitor(server.wire.url).signed_in(Key.of(created["account_key"]))
        page = member.get(f"/console/apps/{created['app']['id']}/chat")
        path = member.submit(page, "/chat", name="Jane").headers["location"]
        token = member.get(path).html.partition('name="form_token" value="')[2].partition('"')[0]
        connection = http.client.HTTPConnection(urlsplit(member.url).netloc, timeout=20)
        connection.putrequest("POST", f"{path}/files")
        for name, value in {
            "Cookie": "; ".join(f"{name}={value}" for name, value in member.cookies.items()),
            "Content-Type": "multipart/form-data; boundary=x",
            "Content-Length": "1000",
            "X-Form-Token": token,
            "X-Form-Once": "0" * 32,
        }.items():
            connection.putheader(name, value)
        connection.endheaders(b'--x\r\nContent-Disposition: form-data; name="source"; filename="a"\r\n\r\nHi')
        connection.close()
        wait_until(lambda: "/files" in log.read_text())
    logged = log.read_text()
    assert " ERROR " not in logged
    assert "client_gone" in logged


def test_file_of_another_host_is_not_loaded(member: Visitor, wire: Wire, tenant: Tenant, path: str) -> None:
    own = "/attachments/v2/01M8EH2QZZ6A8AGDR0P342TRPW/hat.png"
    offered(wire, tenant, path, {"type": "image", "mediaUrl": f"https://elsewhere.example{own}"})
    page = member.get(path)
    assert '<img src="/attachments' not in page.html
    assert "elsewhere.example" in page.text


def test_text_of_a_message_never_becomes_markup(member: Visitor, wire: Wire, tenant: Tenant, path: str) -> None:
    evil = '"><script>alert(1)</script>'
    for content in (
        {"type": "text", "text": evil, "actions": [{"type": "postback", "text": evil, "payload": evil}]},
        {"type": "text", "text": "x", "actions": [{"type": "link", "text": "x", "uri": "javascript:alert(1)"}]},
        {"type": "text", "text": "x", "actions": [{"type": "link", "text": "x", "uri": "https"}]},
        {"type": "file", "mediaUrl": "javascript:alert(1)", "altText": evil},
        {"type": "carousel", "items": [{"title": evil, "description": evil, "actions": [CHOICE | {"type": "postback"}]}]},
        {"type": "form", "fields": [{"type": "text", "name": evil, "label": evil, "placeholder": evil}]},
        {"type": "location", "coordinates": {"lat": 1, "long": 2}, "location": {"name": evil, "address": evil}},
        {"type": "text", "htmlText": f"<b>ok</b>{evil}<img src=x onerror=alert(1)>"},
    ):  # fmt: skip
        answer = wire.post(
            f"{tenant.conversations}/{path.rpartition('/')[2]}/messages",
            tenant.key,
            {"author": BUSINESS | {"displayName": evil[:90]}, "content": content},
        )
        assert answer.status in (201, 400), answer
    page = member.get(path)
    thread = page.html.partition('id="thread"')[2].partition('class="below"')[0]
    assert "<script" not in thread and "onerror" not in thread
    assert 'href="javascript' not in thread and 'href="https"' not in thread


def test_link_in_the_html_of_a_message_leads_to_another_site_only(
    member: Visitor, wire: Wire, tenant: Tenant, path: str
) -> None:
    links = (
        "/console/apps",
        "//elsewhere.example/x",
        "?as=business",
        "#x",
        "x",
        "http:/console",
        "HTTPS://elsewhere.example",
        "tel:1",
    )
    html = " ".join(f'<a href="{link}">x</a>' for link in links)
    offered(wire, tenant, path, {"type": "text", "htmlText": html})
    shown = member.get(path).html.partition('class="rich"')[2].partition("</div>")[0]
    assert shown.count("<a") == len(links)
    assert shown.count("href=") == 2


def test_name_cannot_change_the_direction_of_the_text_behind_it(member: Visitor, wire: Wire, tenant: Tenant) -> None:
    conversation = chat(wire, tenant, create_user(wire, tenant, profile={"givenName": "x\u202ey"}))
    for shown in (chat_path(tenant), f"{chat_path(tenant)}/{conversation}"):
        page = member.get(shown).html
        assert "\u202e" not in page
        assert r"x\u202ey" in page


@pytest.mark.parametrize(
    "fields", [{"profile": {"givenName": "\u202e\u200b"}}, {"profile": {"email": "j@example.com"}}]
)
def test_person_has_the_same_name_in_the_chat_and_in_the_list_of_users(
    member: Visitor, wire: Wire, tenant: Tenant, fields: dict[str, Any]
) -> None:
    user = create_user(wire, tenant, **fields)
    conversation = chat(wire, tenant, user)
    post(wire, tenant, conversation, TEXT)
    name = fields["profile"].get("email", user["id"])
    users = f"/console/apps/{tenant.app_id}/users"
    for shown in (users, chat_path(tenant), f"{chat_path(tenant)}/{conversation}"):
        assert name in member.get(shown).text
