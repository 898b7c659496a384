"""The chat: an app's conversations, and one of them as a person, as an agent, or as a program of the business."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from sunshine_keys.console.conversation_lines import preview
from sunshine_keys.console.forms import legible, seen, user_name
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.console.thread import AGENT, BUSINESS, Json, Part, Thread
from sunshine_keys.errors import BadRequest, ConversationNotFound, NotFound, ServiceError
from sunshine_keys.ids import OBJECT_ID

CONTENTS: dict[str, Json] = {
    "quick replies": {
        "type": "text",
        "text": "Which size?",
        "actions": [{"type": "reply", "text": size, "payload": size[0]} for size in ("Small", "Large")],
    },
    "buttons": {
        "type": "text",
        "text": "What next?",
        "actions": [
            {"type": "postback", "text": "Start", "payload": "START"},
            {"type": "link", "text": "Read more", "uri": "https://example.com"},
            {"type": "locationRequest", "text": "Share my location"},
        ],
    },
    "HTML": {"type": "text", "htmlText": "<b>Hello</b>, <i>you</i>"},
    "carousel": {
        "type": "carousel",
        "items": [
            {
                "title": title,
                "description": "A hat",
                "actions": [{"type": "postback", "text": "Buy", "payload": f"BUY {title}"}],
            }
            for title in ("Straw hat", "Bowler")
        ],
    },
    "list": {
        "type": "list",
        "items": [
            {"title": title, "actions": [{"type": "postback", "text": "Choose", "payload": title}]}
            for title in ("Morning", "Evening")
        ],
    },
    "form": {
        "type": "form",
        "fields": [
            {"type": "text", "name": "name", "label": "Your name"},
            {"type": "email", "name": "mail", "label": "Your e-mail"},
            {
                "type": "select",
                "name": "size",
                "label": "Size",
                "options": [{"name": "s", "label": "Small"}, {"name": "l", "label": "Large"}],
            },
        ],
    },
    "image": {"type": "image", "mediaUrl": "https://example.com/hat.png", "altText": "A hat"},
    "file": {"type": "file", "mediaUrl": "https://example.com/bill.pdf", "altText": "bill.pdf"},
    "location": {
        "type": "location",
        "coordinates": {"lat": 48.8584, "long": 2.2945},
        "location": {"name": "Eiffel Tower"},
    },
}
"""Examples of contents by their names."""

OF_PEOPLE = ("image", "file", "location")
"""The examples that a person can send."""


class _Summary(msgspec.Struct, frozen=True):
    id: str
    name: str
    line: str
    moment: str


async def _summaries(visit: SignedInRequest, before: str = "") -> tuple[list[_Summary], bool]:
    """Return the newest conversations of the app, or those older than `before`, and whether there are more."""
    query = {"before": before} if before else {}
    answer = await visit.call("ListAppConversations", query=query)
    return [_summary(item) for item in answer["conversations"]], answer["hasMore"]


def _summary(item: Json) -> _Summary:
    conversation, message = item["conversation"], item.get("lastMessage")
    people = ", ".join(legible(user_name(user)) for user in item["users"]) or "Nobody"
    name = conversation.get("displayName") or people
    moment = message["received"] if message else conversation["createdAt"]
    return _Summary(conversation["id"], legible(name) if seen(name) else people, preview(message), moment)


async def chats_part(visit: SignedInRequest, thread: Thread, former: Part | None = None) -> Part:
    """Return the list of conversations beside a conversation."""
    summaries, _ = await _summaries(visit)
    return thread.part("chats", summaries, thread.app_path, visit.ids["conversation_id"], former=former)


async def show_list(visit: SignedInRequest) -> Response:
    visit.require()
    return await _list(visit)


async def _list(visit: SignedInRequest, fault: str = "") -> Response:
    before = visit.request.query_params.get("before", "")
    summaries, more = await _summaries(visit, before)
    return page(
        visit,
        "chats.html",
        app=(await visit.call("GetApp"))["app"],
        summaries=summaries,
        older=f"/console/apps/{visit.app_id}/chat?before={summaries[-1].id}" if more else "",
        is_first=not before,
        fault=fault,
        name=visit.form.text("name"),
        external_id=visit.form.text("external_id"),
        status=422 if fault else 200,
    )


async def start(visit: SignedInRequest) -> Response:
    """Start a conversation as a person: a new one with a name, or a user with an external id."""
    visit.require()
    name, external_id = visit.form.text("name"), visit.form.text("external_id")
    body: Json = {"profile": {"givenName": name}} if name else {}
    if external_id:
        body = {"userExternalId": external_id}
    try:
        conversation = (await visit.call("SimulateConversation", body))["conversation"]
    except (BadRequest, NotFound) as error:
        return await _list(visit, f"{error.titles[0]}.")
    return redirect(f"/console/apps/{visit.app_id}/chat/{conversation['id']}")


async def require_thread(visit: SignedInRequest) -> Thread:
    """Return the conversation in the path as the side in the query or the form sees it. Raises NotFound."""
    id = visit.ids["conversation_id"]
    if not OBJECT_ID.fullmatch(id):
        raise NotFound("There is no such conversation")
    side = visit.form.text("as") or visit.request.query_params.get("as", "")
    thread = Thread(visit, id, side)
    try:
        members = await thread.read_members()
    except ConversationNotFound:
        raise NotFound("There is no such conversation; it may have been deleted") from None
    if side and side not in (AGENT, BUSINESS) and side not in [member["userId"] for member in members]:
        raise NotFound("This person takes no part in the conversation")
    return thread


async def show(visit: SignedInRequest) -> Response:
    visit.require()
    return await _show(visit)


async def _show(visit: SignedInRequest, fault: str = "", status: int = 200) -> Response:
    thread = await require_thread(visit)
    await thread.refresh()
    parts = await thread.parts()
    example = visit.request.query_params.get("content", "")
    written = visit.form.text("content")
    names = OF_PEOPLE if thread.is_person else tuple(CONTENTS)
    return page(
        visit,
        "chat.html",
        app=(await visit.call("GetApp"))["app"],
        thread=thread,
        messages=[part for part in parts if part.id.startswith("m-")],
        others={part.id: part for part in parts if not part.id.startswith("m-")},
        chats=await chats_part(visit, thread),
        sides=_sides(visit, thread),
        examples=names,
        content=written or (_pretty(CONTENTS[example]) if example in names else ""),
        text=visit.form.text("text"),
        fault=fault,
        status=status,
    )


def _sides(visit: SignedInRequest, thread: Thread) -> list[tuple[str, str]]:
    """Return the sides that a person at the console can take, with their names."""
    sides = [(person.id, person.name) for person in thread.people] if visit.has_simulator else []
    return [*sides, *([(AGENT, "Agent")] if visit.has_simulator else []), (BUSINESS, "Business")]


def _pretty(content: Json) -> str:
    return msgspec.json.format(msgspec.json.encode(content)).decode()


async def act(visit: SignedInRequest) -> Response:
    """Do what a form of the page says. A script that sends the form gets an empty answer, or the fault as JSON."""
    visit.require()
    thread = await require_thread(visit)
    is_script = "x-live" in visit.request.headers
    try:
        await _do(visit, thread)
    except ServiceError as error:
        if error.status >= 500:
            raise
        visit.request.state.code = error.code
        fault = "; ".join(error.titles)
        if is_script:
            return _fault(fault)
        return await _show(visit, f"{fault}.", error.status)
    return Response(status_code=204) if is_script else redirect(f"{thread.path}?as={thread.side}")


def _fault(text: str) -> Response:
    """Return a fault to a script. Its status is 200: browsers report others as errors of the page."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(msgspec.json.encode({"fault": text}), 200, headers)


async def send_file(visit: SignedInRequest) -> Response:
    """Send the file in the request's body. Only scripts do so: they send it with the token in a header."""
    visit.require()
    thread = await require_thread(visit)
    try:
        id = visit.ids["conversation_id"]
        query = {"access": "public", "for": "message", "conversationId": id}
        attachment = (await visit.call("UploadAttachment", query=query, has_file=True))["attachment"]
        kind = "image" if attachment["mediaType"].startswith("image/") else "file"
        if once := visit.form.text("once"):  # that of the upload; the message has its own
            visit.form = msgspec.structs.replace(visit.form, fields={"once": f"{once}-message"})
        await _say(visit, thread, {"type": kind, "mediaUrl": attachment["mediaUrl"]})
    except ServiceError as error:
        if error.status >= 500:
            raise
        visit.request.state.code = error.code
        return _fault("; ".join(error.titles))
    return Response(status_code=204)


async def _do(visit: SignedInRequest, thread: Thread) -> None:
    form = visit.form
    match form.text("do"):
        case "say":
            await _say(visit, thread, {"type": "text", "text": form.fields.get("text", "").strip()})
        case "place":
            await _say(visit, thread, {"type": "location", "coordinates": _coordinates(visit)})
        case "content":
            await _say(visit, thread, _written(form.text("content")))
        case "tap":
            message, _, action = form.fields.get("tap", "").partition(" ")  # a payload may end with a space
            await _person_call(visit, thread, "SimulateTap", {"messageId": message, "action": action})
        case "answer":
            prefix = "field."
            fields = {
                name.removeprefix(prefix): value for name, value in form.fields.items() if name.startswith(prefix)
            }
            body = {"messageId": form.text("message"), "fields": fields}
            await _person_call(visit, thread, "SimulateFormResponse", body)
        case "conversation:read" | "typing:start" | "typing:stop" as type:
            await _activity(visit, thread, type)
        case "conversation:endedByUser" as type:
            await _person_call(visit, thread, "SimulateActivity", {"type": type})
        case "ticket:closed" as type:
            await visit.call("SimulateTicket", {"type": type}, conversationId=visit.ids["conversation_id"])
        case "pass":
            body = {"switchboardIntegration": form.text("to")}
            await visit.call("PassControl", body, conversationId=visit.ids["conversation_id"])
        case _:
            raise BadRequest("The form is not one of this console")


async def _person_call(visit: SignedInRequest, thread: Thread, operation_id: str, body: Json) -> None:
    if not thread.is_person:
        raise BadRequest("Only a person does this: choose one above")
    body = {"userId": thread.side} | body
    await visit.call(operation_id, body, conversationId=visit.ids["conversation_id"])


async def _say(visit: SignedInRequest, thread: Thread, content: Json) -> None:
    id = visit.ids["conversation_id"]
    if thread.is_person:
        await _person_call(visit, thread, "SimulateMessage", {"content": content})
    elif thread.side == AGENT:
        await visit.call("SimulateAgentMessage", {"content": content, "displayName": "Agent"}, conversationId=id)
    else:
        await visit.call("PostMessage", {"author": {"type": "business"}, "content": content}, conversationId=id)


async def _activity(visit: SignedInRequest, thread: Thread, type: str) -> None:
    if thread.is_person:
        await _person_call(visit, thread, "SimulateActivity", {"type": type})
        return
    body = {"author": {"type": "business"}, "type": type}
    await visit.call("PostActivity", body, conversationId=visit.ids["conversation_id"])


def _coordinates(visit: SignedInRequest) -> Any:
    try:
        return {"lat": float(visit.form.text("lat")), "long": float(visit.form.text("long"))}
    except ValueError:
        raise BadRequest("The latitude and the longitude should be numbers, such as 48.85 and 2.29") from None


def _written(text: str) -> Any:
    try:
        content = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise BadRequest(f"The content is not JSON: {error}") from None
    except RecursionError:
        raise BadRequest("The content has too many objects or arrays inside each other") from None
    if not isinstance(content, dict):
        raise BadRequest("The content should be a JSON object with a type")
    return content


async def show_message(visit: SignedInRequest) -> Response:
    """Show the JSON of a message, and the calls of webhooks that it caused."""
    visit.require()
    conversation_id, message_id = visit.ids["conversation_id"], visit.ids["message_id"]
    message = await _message(visit, conversation_id, message_id)
    return page(
        visit,
        "chat_message.html",
        app=(await visit.call("GetApp"))["app"],
        conversation_id=conversation_id,
        message=message,
        deliveries=await _deliveries(visit, conversation_id, message),
    )


async def _message(visit: SignedInRequest, conversation_id: str, message_id: str) -> Json:
    """Return a message. It is in the page of messages that ends with it, or with the newest one. Raises NotFound."""
    missing = NotFound("There is no such message; it may have been deleted")
    if not OBJECT_ID.fullmatch(conversation_id) or not OBJECT_ID.fullmatch(message_id):
        raise missing
    query: dict[str, str] = {}
    while True:
        try:
            answer = await visit.call("ListMessages", query=query, conversationId=conversation_id)
        except (NotFound, BadRequest):
            raise missing from None
        messages: list[Json] = answer["messages"]
        for message in messages:
            if message["id"] == message_id:
                return message
        if not messages or messages[0]["id"] < message_id or not answer["meta"]["hasMore"]:
            raise missing
        query = {"page[before]": messages[0]["id"]}


async def _deliveries(visit: SignedInRequest, conversation_id: str, message: Json) -> list[Json]:
    """Return the deliveries of the events that a message has raised."""
    query = {"conversationId": conversation_id, "limit": "100"}
    listed: list[Json] = (await visit.call("ListDeliveries", query=query))["deliveries"]
    shown: list[Json] = []
    for line in reversed(listed):
        if (
            not line["event"]["type"].startswith("conversation:message")
            or line["event"]["createdAt"] < message["received"][:19]
        ):
            continue
        delivery = (await visit.call("GetDelivery", deliveryNumber=str(line["number"])))["delivery"]
        if (delivery["event"].get("payload", {}).get("message") or {}).get("id") == message["id"]:
            shown.append(delivery)
    return shown
