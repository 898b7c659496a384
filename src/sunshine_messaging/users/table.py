"""The tables of users and their handles, and the reads of them."""

from __future__ import annotations

from sunshine_keys.errors import UserNotFound
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.store.statements import Statements, execute
from sunshine_keys.store.store import Reader
from sunshine_keys.store.table import Index, Table
from sunshine_messaging.users.model import Handle, HandleKind, User, handle_prefix, handles

USERS = Table(
    "users",
    User,
    references={"app_id": "apps"},
    indexes=(Index("users_by_app", ("app_id", "id")),),
    remembered=True,
)
HANDLES = Table(
    "handles",
    Handle,
    references={"user_id": "users"},
    indexes=(Index("handles_by_user", ("user_id",)),),
)


def users_with(kind: HandleKind, app_id: str, brand_id: str | None, value: str) -> Statements[list[User]]:
    """Return the users whom a handle finds, oldest first."""
    prefix = handle_prefix(kind, app_id, brand_id, value)
    clauses = "WHERE id IN (SELECT user_id FROM handles WHERE key > $1 AND key < $2) ORDER BY id"
    return USERS.select(clauses, prefix, f"{prefix[:-1]};")


def users_of_app(app_id: str, before: str | None, after: str | None, limit: int) -> Statements[list[User]]:
    """Return the app's newest users, or those before the user `before`, newest first; or those after `after`, oldest first."""
    order = "DESC" if after is None else "ASC"
    return USERS.select(
        f"WHERE app_id = $1 AND id < $2 AND id > $3 ORDER BY id {order} LIMIT $4",
        app_id,
        before or "g",
        after or "",
        limit,
    )


def find_by_external_id(app_id: str, external_id: str, brand_id: str | None) -> Statements[User | None]:
    """Return the user with this external id and exactly this brand, or None."""
    users = yield from users_with(HandleKind.EXTERNAL_ID, app_id, brand_id, external_id)
    return users[0] if users else None


def find_by_id(app_id: str, user_id: str) -> Statements[User | None]:
    """Return the app's user with this id, or None."""
    if not OBJECT_ID.fullmatch(user_id):
        return None
    user = yield from USERS.get(user_id)
    return user if user is not None and user.app_id == app_id else None


async def read_user_by_id(store: Reader, app_id: str, user_id: str) -> User | None:
    """Return the same, from memory if nothing has changed since it was read."""
    if not OBJECT_ID.fullmatch(user_id):
        return None
    user = await store.get(USERS, user_id)
    return user if user is not None and user.app_id == app_id else None


async def read_user(store: Reader, app_id: str, id_or_external_id: str, brand_id: str | None) -> User:
    """Return the user as `require_user` does, from memory if nothing has changed since it was read. Raises UserNotFound."""
    user = await read_user_by_id(store, app_id, id_or_external_id)
    if user is None:
        user = await store.read(find_by_external_id(app_id, id_or_external_id, brand_id))
    if user is None:
        raise UserNotFound
    return user


def require_user(app_id: str, id_or_external_id: str, brand_id: str | None) -> Statements[User]:
    """Return the user with this id or, if there is none, with this external id. Raises UserNotFound."""
    user = yield from find_by_id(app_id, id_or_external_id)
    if user is None:
        user = yield from find_by_external_id(app_id, id_or_external_id, brand_id)
    if user is None:
        raise UserNotFound
    return user


def handle_exists(key_prefix: str) -> Statements[bool]:
    """Return True if a handle with this prefix exists."""
    rows = yield from execute(
        "SELECT 1 FROM handles WHERE key > $1 AND key < $2 LIMIT 1", key_prefix, f"{key_prefix[:-1]};"
    )
    return bool(rows)


def replace_handles(before: User, after: User) -> Statements[None]:
    """Write the handles of a user that has changed."""
    previous, current = ({handle.key: handle for handle in handles(user)} for user in (before, after))
    for key in previous.keys() - current.keys():
        yield from HANDLES.delete("key = $1", key)
    for key in current.keys() - previous.keys():
        yield from HANDLES.insert(current[key])
