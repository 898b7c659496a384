"""Who controls a conversation, what happened to its control, and changes of it by hand."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from sunshine_keys.apps.table import require_app
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import Handler, SignedInRequest
from sunshine_keys.console.switchboards import read_board, sentence
from sunshine_keys.errors import BadRequest, NotFound

ACTIONS = {"pass": "PassControl", "offer": "OfferControl", "accept": "AcceptControl", "release": "ReleaseControl"}
"""What the page does, and the operations behind it."""

_NEEDS_ENTRY = ("pass", "offer")


def _path(visit: SignedInRequest) -> str:
    return f"/console/apps/{visit.app_id}/switchboard/{visit.ids['conversation_id']}"


async def show(visit: SignedInRequest) -> Response:
    visit.require()
    return await _show(visit)


async def _show(visit: SignedInRequest, alert: str = "", fault: str = "", faulty: str = "") -> Response:
    """Return the page. `alert` says what was refused; `fault` is that of the form of the action `faulty`."""
    app = await visit.engine.store.read(require_app(visit.app_id))
    conversation_id = visit.ids["conversation_id"]
    conversation = await _conversation(visit)
    records = (await visit.call("ListControlRecords", conversationId=conversation_id))["controlRecords"]
    board = await read_board(visit)
    return page(
        visit,
        "control.html",
        app=app,
        board=board,
        is_on=board is not None and board.switchboard["enabled"],
        conversation=conversation,
        active=conversation.get("activeSwitchboardIntegration"),
        pending=conversation.get("pendingSwitchboardIntegration"),
        records=records,
        path=_path(visit),
        chosen=visit.form.text("entry"),
        alert=alert,
        faults=dict.fromkeys(_NEEDS_ENTRY, "") | ({faulty: fault} if faulty else {}),
        status=422 if alert or fault else 200,
    )


async def _conversation(visit: SignedInRequest) -> Any:
    try:
        answer = await visit.call("GetConversation", conversationId=visit.ids["conversation_id"])
    except NotFound:
        raise NotFound("There is no such conversation in this app; it may have been deleted") from None
    return answer["conversation"]


def acting(action: str) -> Handler:
    """Return the handler of a form that passes, offers, accepts or releases control."""

    async def act(visit: SignedInRequest) -> Response:
        visit.require()
        entry = visit.form.text("entry")
        if action in _NEEDS_ENTRY and not entry:
            return await _show(visit, fault="Choose an entry.", faulty=action)
        body = {"switchboardIntegration": entry} if action in _NEEDS_ENTRY else {}
        await _conversation(visit)
        try:
            await visit.call(ACTIONS[action], body, conversationId=visit.ids["conversation_id"])
        except BadRequest as error:
            return await _show(visit, sentence(error))
        return redirect(_path(visit), visit, (f"control-{action}", visit.ids["conversation_id"]))

    return act
