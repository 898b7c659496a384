"""The account's own keys: a list, a page of each, and the deletion of those that the person did not sign in with."""

from __future__ import annotations

from starlette.responses import Response

from sunshine_keys.console import deleting, keys
from sunshine_keys.console.deleting import Deletion
from sunshine_keys.console.key_lists import key_list
from sunshine_keys.console.rendering import page
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.keys.changes import DeleteKey
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.table import account_keys

PATH = "/console/account-keys"


async def show(visit: SignedInRequest) -> Response:
    visit.require(account=True)
    keys = await visit.engine.store.read(account_keys())
    return page(visit, "account.html", keys=await key_list(visit, keys, PATH, PATH))


async def show_key(visit: SignedInRequest) -> Response:
    visit.require(account=True)
    key = await _key(visit)
    return await keys.show_key(visit, key, f"{PATH}/{key.id}")


async def delete(visit: SignedInRequest) -> Response:
    """Delete a key. The last one cannot be deleted here: the transaction requires that the session's own key exists."""
    visit.require(account=True)
    deletion = await _deletion(visit)
    return await deleting.answer(
        visit,
        deletion,
        lambda: visit.engine.store.transact(
            visit.origin, DeleteKey(None, None, deletion.id, now=visit.engine.store.now())
        ),
        "key-deleted",
        PATH,
    )


async def _key(visit: SignedInRequest) -> Key:
    """Return the key in the path. Raises NotFound."""
    for key in await visit.engine.store.read(account_keys()):
        if key.id == visit.ids["key_id"]:
            return key
    raise NotFound("There is no such key; it may have been deleted")


async def _deletion(visit: SignedInRequest) -> Deletion:
    """Raises NotFound, and BadRequest for the key of the session."""
    key = await _key(visit)
    if key.id == visit.actor.key_id:
        raise BadRequest(
            "You signed in with this key. Sign in with another account key to delete it, or use "
            "`sunshine-keys account-keys delete`"
        )
    return Deletion.of_key(key, f"{PATH}/{key.id}", f"{PATH}/{key.id}")
