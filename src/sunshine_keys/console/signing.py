"""Signing in by a key's id and secret, and out again."""

from __future__ import annotations

import math
import re

from starlette.requests import Request
from starlette.responses import Response

from sunshine_keys.access.scopes import APP, Scope
from sunshine_keys.console import sessions
from sunshine_keys.console.rendering import guest_page, redirect
from sunshine_keys.console.visits import Guest, Visit
from sunshine_keys.errors import Forbidden, ServiceError, TooManyRequests, Unauthorized
from sunshine_keys.keys.model import KEY_ID
from sunshine_keys.store import Origin

_FIELDS: tuple[str, ...] = ("key_id", "secret")
_HOME = "/console"
_PAGE = re.compile(r"/console(?:/[0-9A-Za-z_-]+)+", re.ASCII)
_WHY = {"ended": "Your session has ended. Sign in again.", "out": "You have signed out."}


def send_to_form(request: Request) -> Response:
    """For whoever is not signed in (any more); where a page was asked for, signing in leads to it."""
    page = _page(request.scope["path"]) if request.method == "GET" else _HOME
    told = ["ended"] if sessions.had_one(request) else []
    query = "&".join([*told, *([] if page == _HOME else [f"to={page}"])])
    response = redirect("/console/sign-in" + (f"?{query}" if query else ""))
    sessions.take(request, response)
    return response


def _page(given: str) -> str:
    """A page of the console, as it was given; the first where it is none, since anyone can make a link to the form."""
    return given if _PAGE.fullmatch(given) else _HOME


async def show_form(guest: Guest) -> Response:
    if await sessions.resume(guest.engine.store, guest.request, guest.clock()):
        return redirect(_page(guest.request.query_params.get("to", "")))
    why = next((told for name, told in _WHY.items() if name in guest.request.query_params), "")
    return _form(guest, told=why)


async def sign_in(guest: Guest) -> Response:
    token = sessions.guest_token(guest.request)
    if not token or not sessions.is_form_token(token, guest.form.text("form_token")):
        return _form(guest, fault="The form had waited for too long, or cookies are off. Try again.", status=403)
    key_id, secret = guest.form.text("key_id"), guest.form.text("secret")
    faults: dict[str, str] = dict.fromkeys(_FIELDS, "")
    if not key_id:
        faults["key_id"] = "Give the key's id."
    if not secret:
        faults["secret"] = "Give the key's secret."  # noqa: S105 - words for a person
    if any(faults.values()):
        return _form(guest, faults=faults, status=422)
    try:
        actor = await guest.admission.authenticate_secret(guest.source, guest.request_id, key_id, secret)
        guest.request.state.actor = actor
        origin = Origin(actor.key_id, guest.source, guest.request_id)
        guest.admission.authorise(actor, guest.source, guest.request_id, APP, None, None)
        session = await sessions.open_session(guest.engine.store, origin, actor, guest.clock())
    except (Unauthorized, Forbidden, TooManyRequests) as error:
        guest.request.state.code = error.code
        response = _form(guest, fault=_told(error), status=error.status)
        if isinstance(error, TooManyRequests):
            response.headers["retry-after"] = str(math.ceil(error.wait))
        return response
    response = redirect(_page(guest.form.text("to")))
    sessions.give(guest.request, response, session)
    return response


def _told(error: ServiceError) -> str:
    match error:
        case Forbidden():
            return (
                "An integration's key cannot manage anything, so it cannot sign in here. "
                "Use the key of an app (app_…) or of the account (act_…)."
            )
        case TooManyRequests():
            return f"{error.titles[0]}. Try again in {math.ceil(error.wait)} seconds."
        case _:
            return f"{error.titles[0]}."


def _form(
    guest: Guest, *, told: str = "", fault: str = "", faults: dict[str, str] | None = None, status: int = 200
) -> Response:
    """What was given for an id is put into it again only where it is one: it may have been the secret."""
    kept = sessions.guest_token(guest.request)
    token = kept or sessions.new_token()
    response = guest_page(
        "sign_in.html",
        status=status,
        told=told,
        fault=fault,
        faults=faults or dict.fromkeys(_FIELDS, ""),
        key_id=guest.form.text("key_id") if KEY_ID.fullmatch(guest.form.text("key_id")) else "",
        form_token=sessions.form_token(token),
        to=_page(guest.form.text("to") or guest.request.query_params.get("to", "")),
    )
    if not kept:
        sessions.give_guest(guest.request, response, token)
    return response


async def sign_out(visit: Visit) -> Response:
    await sessions.close(visit.engine.store, visit.signed_in, visit.origin)
    response = redirect("/console/sign-in?out")
    sessions.take(visit.request, response)
    return response


async def show_home(visit: Visit) -> Response:
    if visit.actor.scope is Scope.INTEGRATION:  # no such session is ever opened
        raise Forbidden
    return redirect(visit.home)
