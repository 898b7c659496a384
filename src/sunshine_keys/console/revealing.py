"""Show a secret once more: to a person who enters the secret of the session's key, because a browser may be left open."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from sunshine_keys.console.rendering import page
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.errors import TooManyRequests, Unauthorized


class Hidden(msgspec.Struct, frozen=True):
    """A secret. `owner` describes the object that it belongs to, `power` what a person who sees it can do.

    `path` is the page that asks, `back` the page that shows the secret.
    """

    owner: str
    name: str
    id: str
    power: str
    path: str
    back: str


def ask(visit: SignedInRequest, hidden: Hidden, fault: str = "", status: int = 200) -> Response:
    return page(visit, "reveal.html", hidden=hidden, fault=fault, status=status)


async def refusal(visit: SignedInRequest, hidden: Hidden) -> Response | None:
    """Return the page once more if the form does not have the secret of the session's key; None if it has."""
    secret = visit.form.text("secret")
    if not secret:
        return ask(visit, hidden, "The secret is empty. Enter the secret of the key that you signed in with.", 422)
    try:
        await visit.admission.authenticate_secret(visit.source, visit.request_id, visit.actor.key_id, secret)
    except Unauthorized as error:
        visit.request.state.code = error.code
        fault = "This is not the secret of the key that you signed in with. Try again."
        return ask(visit, hidden, fault, error.status)
    except TooManyRequests as error:
        visit.request.state.code = error.code
        return ask(visit, hidden, f"{error.titles[0]}. Wait a minute.", error.status)
    return None
