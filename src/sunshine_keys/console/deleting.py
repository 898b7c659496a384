"""Confirm a deletion: a page that names the consequences and asks the person to type the name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from sunshine_keys.console.forms import named, seen
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.keys.model import Key


class Deletion(msgspec.Struct, frozen=True):
    """An object to delete. `name` is the text to type: its display name, or its id if it has none.

    `path` is the object's path below /console, `back` the page for a person who does not delete it. `part` names what of
    the object is deleted, empty for all of it; `step` is the end of this page's path.
    """

    kind: str
    name: str
    id: str
    consequences: str
    path: str
    back: str
    part: str = ""
    step: str = "delete"

    @classmethod
    def of_key(cls, key: Key, path: str, back: str) -> Deletion:
        """Return the deletion of a key."""
        name = named(key.display_name, key.id)
        consequences = (
            "Programs that use it, or a token that it signed, are refused from that moment on. You cannot restore it."
        )
        return cls("key", name, key.id, consequences, path, back)


async def answer(
    visit: SignedInRequest, deletion: Deletion, delete: Callable[[], Awaitable[Any]], notice: str, then: str
) -> Response:
    """Show the page that asks for the name; delete the object if a form was sent with the name as a person sees it.

    `delete` deletes it. The page at the path `then` follows, with a notice of the kind `notice`.
    """
    if visit.request.method != "POST":
        return ask(visit, deletion)
    if seen(visit.form.text("name")) != seen(deletion.name):
        kind = deletion.kind
        return ask(
            visit,
            deletion,
            f"This is not the name of the {kind}. Nothing was deleted: type the name as it is shown.",
        )
    await delete()
    return redirect(then, visit, (notice, deletion.id))


def ask(visit: SignedInRequest, deletion: Deletion, fault: str = "") -> Response:
    """Show the page that asks for the name, with what was wrong with the form that was sent."""
    return page(visit, "delete.html", deletion=deletion, fault=fault, status=422 if fault else 200)
