"""The users of an app: a list, a search, and the page of a user with what may be changed and deleted there."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from starlette.responses import Response

from sunshine_keys.apps.table import require_app
from sunshine_keys.console import deleting
from sunshine_keys.console.deleting import Deletion
from sunshine_keys.console.forms import user_name
from sunshine_keys.console.integration_forms import name_of
from sunshine_keys.console.lists import Pager
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.integrations.table import integrations_of_app

_SHOWN = 50
_SEARCH_LENGTH = 1024
"""The most characters of an external id (documented)."""

_CLIENTS = "100"
"""The most clients that the page of a user shows."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class ProfileField(msgspec.Struct, frozen=True):
    """A field of the form for a profile. `name` is that of the API, `length` the most characters."""

    id: str
    name: str
    label: str
    length: int


PROFILE = (
    ProfileField("given-name", "givenName", "Given name", 128),
    ProfileField("surname", "surname", "Surname", 128),
    ProfileField("email", "email", "E-mail", 128),
    ProfileField("locale", "locale", "Locale", 64),
)


def _list_path(visit: SignedInRequest) -> str:
    return f"/console/apps/{visit.app_id}/users"


async def show_list(visit: SignedInRequest) -> Response:
    visit.require()
    app = await visit.engine.store.read(require_app(visit.app_id))
    search = visit.request.query_params.get("search", "").strip()
    fault = ""
    if len(search) > _SEARCH_LENGTH:
        fault = f"The text has {len(search)} characters. Ids and e-mail addresses have at most {_SEARCH_LENGTH}."
    users, pager = [], Pager("", "")
    if search and not fault:
        users = await _search(visit, search)
    elif not fault:
        users, pager = await _page(visit)
    return page(
        visit,
        "users.html",
        app=app,
        path=_list_path(visit),
        users=users,
        user_name=user_name,
        pager=pager,
        search=search,
        is_first=not (visit.request.query_params.keys() & {"before", "after"}),
        fault=fault,
        status=422 if fault else 200,
    )


async def _search(visit: SignedInRequest, text: str) -> list[Any]:
    """Return the users with this id or external id, and those with this e-mail identity."""
    users = []
    try:
        users.append((await visit.call("GetUser", userIdOrExternalId=text))["user"])
    except NotFound:
        await visit.engine.store.read(require_app(visit.app_id))
    if "@" in text:
        users += (await visit.call("ListUsers", query={"filter[identities.email]": text}))["users"]
    return list({user["id"]: user for user in users}.values())


async def _page(visit: SignedInRequest) -> tuple[list[Any], Pager]:
    """Return the page of the list that the query asks for. Raises BadRequest."""
    cursor = {
        name: visit.request.query_params[name] for name in ("before", "after") if name in visit.request.query_params
    }
    if len(cursor) > 1 or not all(OBJECT_ID.fullmatch(id) for id in cursor.values()):
        raise BadRequest("There is no such page of this list")
    answer = await visit.call("ListAppUsers", query=cursor | {"limit": str(_SHOWN)})
    if "after" in cursor and not answer["hasMore"]:  # the newest page, which holds more of them
        cursor, answer = {}, await visit.call("ListAppUsers", query={"limit": str(_SHOWN)})
    users = answer["users"]
    if "after" in cursor:
        users.reverse()
    has_older = "after" in cursor or answer["hasMore"]
    newer = f"{_list_path(visit)}?after={users[0]['id']}" if users and cursor else ""
    older = f"{_list_path(visit)}?before={users[-1]['id']}" if users and has_older else ""
    return users, Pager(newer, older)


async def show(visit: SignedInRequest) -> Response:
    visit.require()
    user = await _user(visit)
    integrations = await visit.engine.store.read(integrations_of_app(visit.app_id))
    clients = await visit.call("ListClients", query={"page[size]": _CLIENTS}, userIdOrExternalId=user["id"])
    conversations, pager = await _conversations(visit, user["id"])
    return page(
        visit,
        "user.html",
        app=await visit.engine.store.read(require_app(visit.app_id)),
        path=f"{_list_path(visit)}/{user['id']}",
        user=user,
        name=user_name(user),
        clients=clients["clients"],
        has_more_clients=clients["meta"]["hasMore"],
        integrations={integration.id: name_of(integration) for integration in integrations},
        conversations=conversations,
        pager=pager,
    )


async def _user(visit: SignedInRequest) -> Any:
    """Return the user in the path. Raises NotFound."""
    try:
        return (await visit.call("GetUser", userIdOrExternalId=visit.ids["user_id"]))["user"]
    except NotFound:
        await visit.engine.store.read(require_app(visit.app_id))
        raise NotFound("There is no such user; the user may have been deleted or merged with another") from None


async def _conversations(visit: SignedInRequest, user_id: str) -> tuple[list[Any], Pager]:
    """Return the page of the user's conversations that the query asks for. Raises BadRequest."""
    cursor = {
        f"page[{name}]": visit.request.query_params[name]
        for name in ("before", "after")
        if name in visit.request.query_params
    }
    answer = await visit.call("ListConversations", query={"filter[userId]": user_id} | cursor)
    meta, path = answer["meta"], f"{_list_path(visit)}/{user_id}"
    return answer["conversations"], Pager.of(path, "", meta.get("beforeCursor"), meta.get("afterCursor"))


async def ask_to_edit(visit: SignedInRequest) -> Response:
    visit.require()
    user = await _user(visit)
    return await _edit(visit, user, {field.id: user["profile"].get(field.name, "") for field in PROFILE})


async def _edit(
    visit: SignedInRequest, user: Any, values: dict[str, str], faults: dict[str, str] | None = None
) -> Response:
    return page(
        visit,
        "user_profile.html",
        app=await visit.engine.store.read(require_app(visit.app_id)),
        path=f"{_list_path(visit)}/{user['id']}",
        list_path=_list_path(visit),
        name=user_name(user),
        fields=PROFILE,
        values=values,
        faults=dict.fromkeys((field.id for field in PROFILE), "") | (faults or {}),
        status=422 if faults else 200,
    )


async def edit(visit: SignedInRequest) -> Response:
    """Write the profile. An empty field is removed."""
    visit.require()
    user = await _user(visit)
    values = {field.id: visit.form.text(field.id) for field in PROFILE}
    faults = {field.id: fault for field in PROFILE if (fault := _fault(field, values[field.id]))}
    if faults:
        return await _edit(visit, user, values, faults)
    profile = {field.name: values[field.id] or None for field in PROFILE}
    try:
        await visit.call("UpdateUser", {"profile": profile}, userIdOrExternalId=user["id"])
    except BadRequest as error:
        return await _edit(visit, user, values, {PROFILE[0].id: f"{'. '.join(error.titles)}."})
    return redirect(f"{_list_path(visit)}/{user['id']}", visit, ("profile-changed", user["id"]))


def _fault(field: ProfileField, value: str) -> str:
    """Return what is wrong with a field; empty if nothing is."""
    if len(value) > field.length:
        return f"The text has {len(value)} characters. Use at most {field.length}."
    if "\0" in value:
        return "The text has control characters. Remove them."
    if field.id == "email" and value and not _EMAIL.fullmatch(value):
        return "This is not an e-mail address. Enter one such as jane@example.com."
    return ""


async def delete(visit: SignedInRequest) -> Response:
    visit.require()
    deletion = _deletion(visit, await _user(visit))
    return await deleting.answer(
        visit,
        deletion,
        lambda: visit.call("DeleteUser", userIdOrExternalId=deletion.id),
        "user-deleted",
        _list_path(visit),
    )


def _deletion(visit: SignedInRequest, user: Any) -> Deletion:
    path = f"{_list_path(visit)}/{user['id']}"
    return Deletion(
        "user",
        user_name(user),
        user["id"],
        "The user’s clients, personal conversations and messages are deleted with the user. You cannot restore them.",  # noqa: RUF001 - typography
        path,
        path,
    )


async def depersonalise(visit: SignedInRequest) -> Response:
    """Delete the user's personal information."""
    visit.require()
    deletion = _depersonalisation(visit, await _user(visit))
    return await deleting.answer(
        visit,
        deletion,
        lambda: visit.call("DeleteUserPersonalInformation", userIdOrExternalId=deletion.id),
        "depersonalised",
        deletion.path,
    )


def _depersonalisation(visit: SignedInRequest, user: Any) -> Deletion:
    return msgspec.structs.replace(
        _deletion(visit, user),
        consequences="Profile, metadata and identities are cleared, and so is the name in messages and clients. The user, the ids "
        "and the conversations stay. You cannot restore what is cleared.",
        part="personal information",
        step="personal-information",
    )
