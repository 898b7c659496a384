"""The entries of an app's switchboard: add one, change it, remove it."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Any

from starlette.responses import Response

from sunshine_keys.apps.table import require_app
from sunshine_keys.console import deleting
from sunshine_keys.console.deleting import Deletion
from sunshine_keys.console.forms import named
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.console.switchboards import (
    BUILT_IN,
    Board,
    board_path,
    custom_integrations,
    require_board,
    sentence,
    show_board,
)
from sunshine_keys.errors import BadRequest, NotFound

_NAME_LENGTH = 128
_COUNT = re.compile(r"[0-9]{1,3}", re.ASCII)


async def add(visit: SignedInRequest) -> Response:
    visit.require()
    board = await require_board(visit)
    body, faults = _entry_body(visit, board, None)
    if faults:
        return await show_board(visit, faults=faults)
    try:
        answer = await visit.call("CreateSwitchboardIntegration", body, switchboardId=board.switchboard["id"])
    except (BadRequest, NotFound) as error:
        return await show_board(visit, sentence(error))
    return redirect(board_path(visit), visit, ("entry-added", answer["switchboardIntegration"]["id"]))


def _entry_body(visit: SignedInRequest, board: Board, entry: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the body of the API for an entry's form, and the faults of the form by field. `entry` is None for a new one."""
    form = visit.form
    name, integration, count = form.text("entry-name"), form.text("integration"), form.text("history")
    faults: dict[str, str] = {}
    if not name:
        faults["entry-name"] = "The name is empty. Enter a name, such as bot."
    elif len(name) > _NAME_LENGTH:
        faults["entry-name"] = f"The name has {len(name)} characters. Use at most {_NAME_LENGTH}."
    elif any(other["name"] == name for other in board.entries if entry is None or other["id"] != entry["id"]):
        faults["entry-name"] = "Another entry has this name. Choose a different one."
    elif name == "next":
        faults["entry-name"] = "The API uses this name for the next entry. Choose a different one."
    if not integration and entry is None:
        faults["integration"] = "Choose an integration."
    if count and not (_COUNT.fullmatch(count) and 1 <= int(count) <= 10):
        faults["history"] = "Enter a number from 1 to 10, or nothing."
    if faults:
        return {}, faults
    body: dict[str, Any] = {"name": name, "deliverStandbyEvents": form.text("standby") == "on"}
    following = form.text("next")
    if entry is not None or following:
        body["nextSwitchboardIntegrationId"] = following or None
    if entry is not None or count:
        body["messageHistoryCount"] = int(count) if count else None
    if integration:
        body["integrationType" if integration in BUILT_IN else "integrationId"] = integration
    return body, {}


async def ask_to_edit(visit: SignedInRequest) -> Response:
    visit.require()
    board = await require_board(visit)
    return await _edit(visit, board, _entry(visit, board))


def _entry(visit: SignedInRequest, board: Board) -> Any:
    """Return the entry in the path. Raises NotFound."""
    entry = board.find(visit.ids["entry_id"])
    if entry is None:
        raise NotFound("There is no such entry; it may have been removed")
    return entry


async def _edit(
    visit: SignedInRequest, board: Board, entry: Any, alert: str = "", faults: dict[str, str] | None = None
) -> Response:
    integrations = await custom_integrations(visit)
    return page(
        visit,
        "switchboard_entry.html",
        app=await visit.engine.store.read(require_app(visit.app_id)),
        path=board_path(visit),
        board=board,
        entry=entry,
        integration_name=integration_name(entry, integrations),
        alert=alert,
        faults=dict.fromkeys(("entry-name", "history"), "") | (faults or {}),
        is_sent=visit.request.method == "POST",
        form=visit.form,
        status=422 if alert or faults else 200,
    )


def integration_name(entry: Any, integrations: dict[str, str]) -> str:
    """Return the name of the integration of an entry."""
    type: str = entry["integrationType"]
    return BUILT_IN.get(type) or integrations.get(entry["integrationId"], f"deleted ({entry['integrationId']})")


async def edit(visit: SignedInRequest) -> Response:
    visit.require()
    board = await require_board(visit)
    entry = _entry(visit, board)
    body, faults = _entry_body(visit, board, entry)
    if faults:
        return await _edit(visit, board, entry, faults=faults)
    board_id, entry_id = board.switchboard["id"], entry["id"]
    try:
        await visit.call(
            "UpdateSwitchboardIntegration", body, switchboardId=board_id, switchboardIntegrationId=entry_id
        )
    except (BadRequest, NotFound) as error:
        return await _edit(visit, board, entry, sentence(error))
    return redirect(board_path(visit), visit, ("entry-changed", entry["id"]))


async def remove(visit: SignedInRequest) -> Response:
    visit.require()
    board = await require_board(visit)
    removal = _removal(visit, board)
    board_id = board.switchboard["id"]

    def delete() -> Awaitable[Any]:
        return visit.call("DeleteSwitchboardIntegration", switchboardId=board_id, switchboardIntegrationId=removal.id)

    try:
        return await deleting.answer(visit, removal, delete, "entry-removed", board_path(visit))
    except BadRequest as error:
        return deleting.ask(visit, removal, sentence(error))


def _removal(visit: SignedInRequest, board: Board) -> Deletion:
    entry = _entry(visit, board)
    path = f"{board_path(visit)}/entries/{entry['id']}"
    return Deletion(
        "switchboard entry",
        named(entry["name"], entry["id"]),
        entry["id"],
        "Nobody has control of the conversations that it controls until a person writes in them. The integration stays.",
        path,
        path,
    )
