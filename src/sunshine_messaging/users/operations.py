"""The operations on users."""

from __future__ import annotations

from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest, UserNotFound
from sunshine_keys.ids import OBJECT_ID, new_object_id
from sunshine_keys.wire import paging
from sunshine_keys.wire.checks import Values
from sunshine_keys.wire.operation import Call
from sunshine_messaging.calls import Handlers, Plane
from sunshine_messaging.metadata import require_small
from sunshine_messaging.moments import normalised, text
from sunshine_messaging.users.changes import CreateUser, DeletePersonalInformation, DeleteUser, UpdateUser
from sunshine_messaging.users.model import HandleKind, User, UserPatch, user_view, without_nulls
from sunshine_messaging.users.table import HANDLES, USERS, read_user, users_of_app, users_with

NAME = "userIdOrExternalId"


def brand(call: Call) -> str | None:
    """Return the brand that the query names."""
    return call.request.query().get("brandId")


async def user_in_path(plane: Plane, call: Call) -> User:
    """Return the user in the path. Raises AppNotFound, UserNotFound."""
    await plane.require_app(call)
    return await read_user(plane.store, call.ids["appId"], call.ids[NAME], brand(call))


async def create_user(plane: Plane, call: Call) -> Any:
    body = call.body
    metadata = without_nulls(body.get("metadata") or {})
    require_small(metadata, "User")
    signed_up = body.get("signedUpAt")
    user = User(
        id=new_object_id(),
        app_id=call.ids["appId"],
        external_id=body.get("externalId"),
        brand_id=body.get("brandId"),
        zendesk_id=None,
        signed_up_at=text(plane.now()) if signed_up is None else normalised(signed_up),
        authenticated=False,
        to_be_retained=body.get("toBeRetained"),
        profile=without_nulls(body.get("profile", {})),
        metadata=metadata,
        identities=[],
    )
    return await plane.create(call, CreateUser(user))


async def list_users(plane: Plane, call: Call) -> Any:
    await plane.require_app(call)
    email = paging.nested(call.request.query(), "filter").get("identities.email")
    if not email:
        raise BadRequest("Filter parameter identities.email is required")
    matches = await plane.store.read(users_with(HandleKind.EMAIL, call.ids["appId"], brand(call), email))
    return {"users": [user_view(user) for user in matches]}


async def list_app_users(plane: Plane, call: Call) -> Any:
    query = call.request.query()
    before, after = query.get("before"), query.get("after")
    limit = paging.number(query, "limit", 25, most=100)
    cursors = [cursor for cursor in (before, after) if cursor is not None]
    if len(cursors) > 1 or not all(OBJECT_ID.fullmatch(cursor) for cursor in cursors):
        raise BadRequest("Invalid query parameters")
    await plane.require_app(call)
    rows = await plane.store.read(users_of_app(call.ids["appId"], before, after, limit + 1))
    return {"users": [user_view(row) for row in rows[:limit]], "hasMore": len(rows) > limit}


async def get_user(plane: Plane, call: Call) -> Any:
    return {"user": user_view(await user_in_path(plane, call))}


async def update_user(plane: Plane, call: Call) -> Any:
    change = UpdateUser(call.ids["appId"], call.ids[NAME], brand(call), _patch(call.body))
    return {"user": user_view(await plane.change(call, change))}


def _patch(body: Values) -> UserPatch:
    signed_up = body.get("signedUpAt")
    return UserPatch(
        signed_up_at=msgspec.UNSET if signed_up is None else normalised(signed_up),
        to_be_retained=body.get("toBeRetained", msgspec.UNSET),
        profile=body.get("profile", msgspec.UNSET),
        metadata=body.get("metadata", msgspec.UNSET),
    )


async def delete_user(plane: Plane, call: Call) -> Any:
    await plane.change(call, DeleteUser(call.ids["appId"], call.ids[NAME], brand(call)))
    return {}


async def delete_personal_information(plane: Plane, call: Call) -> Any:
    change = DeletePersonalInformation(call.ids["appId"], call.ids[NAME], brand(call))
    return {"user": user_view(await plane.change(call, change))}


async def sync_user(plane: Plane, call: Call) -> Any:
    """Return the user as it is: a Zendesk account, which could have newer values, does not exist here."""
    await plane.require_app(call)
    app_id = call.ids["appId"]
    linked = await plane.store.read(users_with(HandleKind.ZENDESK_ID, app_id, brand(call), call.ids["zendeskId"]))
    if not linked:
        raise UserNotFound
    return {"user": user_view(linked[0])}


TABLES = (USERS, HANDLES)

HANDLERS: Handlers = {
    "CreateUser": create_user,
    "ListUsers": list_users,
    "ListAppUsers": list_app_users,
    "GetUser": get_user,
    "UpdateUser": update_user,
    "DeleteUser": delete_user,
    "DeleteUserPersonalInformation": delete_personal_information,
    "SyncUser": sync_user,
}
