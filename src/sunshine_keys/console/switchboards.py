"""The switchboard of an app: create it, turn it on and off, choose its default entry, delete it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from sunshine_keys.apps.table import require_app
from sunshine_keys.console import deleting
from sunshine_keys.console.deleting import Deletion
from sunshine_keys.console.forms import legible, named
from sunshine_keys.console.integration_forms import name_of
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.integrations.table import integrations_of_app

BUILT_IN = {"zd:agentWorkspace": "Agents of Zendesk", "zd:answerBot": "Zendesk bot"}
"""The types of integrations that every app has, and their names on the pages."""

AGENTS = "agents"
"""The name of the agents' entry in a switchboard that the page creates."""

_MOST_ENTRIES = 10
_LISTED = 50
"""The most integrations in the forms."""


class Board(msgspec.Struct, frozen=True):
    """The switchboard of an app with its entries, as the API has them."""

    switchboard: Any
    entries: list[Any]

    @property
    def default_id(self) -> str:
        id: str = self.switchboard.get("defaultSwitchboardIntegrationId", "")
        return id

    def find(self, entry_id: str) -> Any:
        """Return the entry with this id, or None."""
        return next((entry for entry in self.entries if entry["id"] == entry_id), None)

    def choices(self, without: str = "") -> list[tuple[str, str]]:
        """Return the ids and names of the entries for a form, except the entry `without`."""
        return [(entry["id"], legible(entry["name"])) for entry in self.entries if entry["id"] != without]


class Chain(msgspec.Struct, frozen=True):
    """Entries that pass control on to each other. `back_to` is the name of the entry after the last one, which is before it."""

    entries: list[Any]
    back_to: str = ""


def chains(board: Board) -> list[Chain]:
    """Return the entries as the chains that they form, that of the default entry first. Each entry is in one chain."""
    following = {entry["id"]: entry.get("nextSwitchboardIntegrationId") for entry in board.entries}
    targets = set(following.values())
    order = sorted(board.entries, key=lambda entry: (entry["id"] != board.default_id, entry["id"] in targets))
    chains: list[Chain] = []
    placed: set[str] = set()
    for first in order:
        chain: list[Any] = []
        entry = first
        while entry is not None and entry["id"] not in placed:
            placed.add(entry["id"])
            chain.append(entry)
            entry = board.find(following[entry["id"]] or "")
        if chain:
            chains.append(Chain(chain, "" if entry is None else entry["name"]))
    return chains


def board_path(visit: SignedInRequest) -> str:
    return f"/console/apps/{visit.app_id}/switchboard"


async def read_board(visit: SignedInRequest) -> Board | None:
    """Return the app's switchboard; None if it has none. Raises AppNotFound."""
    switchboards = (await visit.call("ListSwitchboards"))["switchboards"]
    if not switchboards:
        return None
    listed = await visit.call("ListSwitchboardIntegrations", switchboardId=switchboards[0]["id"])
    return Board(switchboards[0], listed["switchboardIntegrations"])


async def require_board(visit: SignedInRequest) -> Board:
    """Raises NotFound without a switchboard."""
    board = await read_board(visit)
    if board is None:
        raise NotFound("This app has no switchboard; it may have been deleted")
    return board


async def show(visit: SignedInRequest) -> Response:
    visit.require()
    conversation_id = visit.request.query_params.get("conversation")
    if conversation_id is None:
        return await show_board(visit)
    if not OBJECT_ID.fullmatch(conversation_id := conversation_id.strip()):
        return await show_board(visit, faults={"conversation": "The id of a conversation has 24 hex digits."})
    return redirect(f"{board_path(visit)}/{conversation_id}")


async def show_board(visit: SignedInRequest, alert: str = "", faults: dict[str, str] | None = None) -> Response:
    """Return the page. `alert` says what was refused, `faults` what is wrong with the fields of a form."""
    app = await visit.engine.store.read(require_app(visit.app_id))
    board = await read_board(visit)
    integrations = await custom_integrations(visit)
    taken = {entry["integrationId"] for entry in board.entries} if board else set()
    types = {entry["integrationType"] for entry in board.entries} if board else set()
    free = [(id, name) for id, name in integrations.items() if id not in taken]
    return page(
        visit,
        "switchboard.html",
        app=app,
        path=board_path(visit),
        board=board,
        chains=chains(board) if board else [],
        integrations=integrations,
        built_in=BUILT_IN,
        free=free[:_LISTED] + [(type, name) for type, name in BUILT_IN.items() if type not in types],
        hidden=max(len(free) - _LISTED, 0),
        is_full=board is not None and len(board.entries) >= _MOST_ENTRIES,
        alert=alert,
        faults=dict.fromkeys(("conversation", "entry-name", "integration", "history"), "") | (faults or {}),
        form=visit.form,
        conversation=visit.request.query_params.get("conversation", ""),
        status=422 if alert or faults else 200,
    )


async def custom_integrations(visit: SignedInRequest) -> dict[str, str]:
    """Return the names of the app's custom integrations by id."""
    integrations = await visit.engine.store.read(integrations_of_app(visit.app_id))
    return {integration.id: name_of(integration) for integration in integrations if integration.type == "custom"}


async def create(visit: SignedInRequest) -> Response:
    """Create a switchboard whose entries are the chosen integrations in their order and the agents, and turn it on."""
    visit.require()
    integrations = await custom_integrations(visit)
    chosen = [id for id in integrations if visit.form.text(f"integration-{id}")]
    if not chosen:
        return await show_board(
            visit, faults={"integration": "Choose an integration: it answers before the agents do."}
        )
    if len(chosen) >= _MOST_ENTRIES:
        return await show_board(
            visit,
            faults={"integration": f"A switchboard has at most {_MOST_ENTRIES} entries. Choose fewer integrations."},
        )
    names = _entry_names([integrations[id] for id in chosen])
    bodies = [{"name": name, "integrationId": id} for name, id in zip(names, chosen, strict=True)]
    bodies.append({"name": AGENTS, "integrationType": "zd:agentWorkspace"})
    try:
        created = await _create(visit, bodies)
    except (BadRequest, NotFound) as error:
        return await show_board(visit, sentence(error))
    return redirect(board_path(visit), visit, ("switchboard-created", created))


async def _create(visit: SignedInRequest, bodies: list[dict[str, Any]]) -> str:
    """Create a switchboard with entries that follow each other, turn it on, and return its id.

    If an integration is deleted meanwhile, the switchboard stays off, with the entries that follow that one.
    """
    created: str = (await visit.call("CreateSwitchboard"))["switchboard"]["id"]
    following: str | None = None
    for place, body in reversed(list(enumerate(bodies))):
        linked = body if following is None else body | {"nextSwitchboardIntegrationId": following}
        answer = await visit.call("CreateSwitchboardIntegration", linked, part=f"{place}", switchboardId=created)
        following = answer["switchboardIntegration"]["id"]
    enabled = {"enabled": True, "defaultSwitchboardIntegrationId": following}
    await visit.call("UpdateSwitchboard", enabled, switchboardId=created)
    return created


def _entry_names(names: Sequence[str]) -> list[str]:
    """Return a name for the entry of each integration: its own, with a number if another entry has it."""
    taken = {AGENTS, "next"}
    entry_names: list[str] = []
    for name in names:
        entry_name, number = name, 2
        while entry_name in taken:
            entry_name, number = f"{name} {number}", number + 1
        taken.add(entry_name)
        entry_names.append(entry_name)
    return entry_names


async def set_enabled(visit: SignedInRequest) -> Response:
    visit.require()
    board, is_on = await require_board(visit), visit.form.text("enabled") == "on"
    kind = "switchboard-enabled" if is_on else "switchboard-disabled"
    return await _update(visit, board, {"enabled": is_on}, kind)


async def set_default(visit: SignedInRequest) -> Response:
    visit.require()
    board = await require_board(visit)
    entry = board.find(visit.form.text("entry"))
    if entry is None:
        return await show_board(visit, "There is no such entry. It may have been removed: choose another.")
    return await _update(visit, board, {"defaultSwitchboardIntegrationId": entry["id"]}, "default-set")


async def _update(visit: SignedInRequest, board: Board, body: dict[str, Any], kind: str) -> Response:
    try:
        await visit.call("UpdateSwitchboard", body, switchboardId=board.switchboard["id"])
    except (BadRequest, NotFound) as error:
        return await show_board(visit, sentence(error))
    return redirect(board_path(visit), visit, (kind, board.switchboard["id"]))


async def delete(visit: SignedInRequest) -> Response:
    visit.require()
    deletion = await _deletion(visit)
    return await deleting.answer(
        visit,
        deletion,
        lambda: visit.call("DeleteSwitchboard", switchboardId=deletion.id),
        "switchboard-deleted",
        board_path(visit),
    )


async def _deletion(visit: SignedInRequest) -> Deletion:
    board = await require_board(visit)
    app = await visit.engine.store.read(require_app(visit.app_id))
    return Deletion(
        "switchboard of the app",
        named(app.display_name, app.id),
        board.switchboard["id"],
        "Its entries are deleted with it. From then on, every webhook of the app hears every event, and no conversation is "
        "under anybody's control. The integrations stay.",
        board_path(visit),
        board_path(visit),
    )


_SENTENCES = {
    "Only one switchboard can be created per app": "The app has a switchboard already. This page shows it.",
    "Enabled switchboard must have an associated default switchboardIntegration": (
        "A switchboard needs a default entry. Choose the default first."
    ),
    "switchboard_not_found": "The switchboard has been deleted meanwhile. Reload the page.",
    "switchboard_integration_not_found": "An entry that the form names has been removed meanwhile. Reload the page.",
    "integration_not_found": "The integration has been deleted meanwhile. Choose another.",
    "too_many_switchboard_integrations": f"A switchboard has at most {_MOST_ENTRIES} entries. Remove one first.",
    "Switchboard is not enabled": "The app has no enabled switchboard. Turn it on first.",
    "There is no pendingSwitchboardIntegration": "Nobody has been offered control, so it cannot be accepted. Offer it first.",
    "Cannot offer control to the active switchboard integration.": (
        "This entry has control already. Offer control to another one."
    ),
    "Switchboard invalid target": "There is no such entry. It may have been removed, or no entry follows: choose another.",
    "The integration is linked to another switchboardIntegration": (
        "The integration has an entry already. Change that one instead."
    ),
    "SwitchboardIntegration is referenced by another switchboardIntegration": (
        "Another entry passes control on to this one. Choose a different next entry there first."
    ),
    "nextSwitchboardIntegrationId should be another switchboardIntegration": (
        "An entry cannot pass control on to itself. Choose another next entry."
    ),
}
"""What refusals of the API mean to a person, by code or title."""


def sentence(error: BadRequest | NotFound) -> str:
    """Return what a refusal means to the person who sent a form."""
    title = error.titles[0]
    return _SENTENCES.get(title) or _SENTENCES.get(error.code) or f"{title.rstrip('.')}."
