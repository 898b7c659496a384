"""Sign in with a key's id and secret or with a sign-in link, and sign out.

The token of a sign-in link, which the key signed, is in the fragment of its URL, so that no request and no log contains
it: the page's script posts it with the form.
"""

from __future__ import annotations

import math
import re
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from sunshine_keys.access.scopes import APP, Scope
from sunshine_keys.console import sessions
from sunshine_keys.console.rendering import guest_page, redirect
from sunshine_keys.console.requests import AnonymousRequest, SignedInRequest
from sunshine_keys.errors import Forbidden, ServiceError, TooManyRequests, Unauthorized
from sunshine_keys.keys.model import KEY_ID
from sunshine_keys.store import Origin
from sunshine_keys.wire.application import CONSENT_PAGE

_FIELDS: tuple[str, ...] = ("key_id", "secret")
_HOME = "/console"
_PAGE = re.compile(r"/console(?:/[0-9A-Za-z_-]+)+|/console/authorize\?[0-9A-Za-z_.~%&=+-]+", re.ASCII)
_OTHER_SITES = ("cross-site", "same-site")
"""Where a browser says that a page of another site led to the form. A sign-in link there could be anybody's."""
_REASONS = {"ended": "Your session has ended. Sign in again.", "out": "You have signed out."}


def send_to_form(request: Request) -> Response:
    """Return a redirect to the sign-in form. After signing in, the person gets the page that was asked for."""
    page = _page(_asked(request)) if request.method == "GET" else _HOME
    reason = ["ended"] if sessions.has_cookie(request) else []
    query = "&".join([*reason, *([] if page == _HOME else [f"to={quote(page)}"])])
    response = redirect("/console/sign-in" + (f"?{query}" if query else ""))
    sessions.delete_cookies(request, response)
    return response


def _asked(request: Request) -> str:
    """Return the path of the page, with the query of the consent page, which holds what a partner asks for."""
    path: str = request.scope["path"]
    return f"{path}?{urlencode(request.query_params.multi_items())}" if path == CONSENT_PAGE else path


def _page(path: str) -> str:
    """Return `path` if it is a page of the console, else the first page: anyone can write a link to the form."""
    return path if _PAGE.fullmatch(path) else _HOME


async def show_form(guest: AnonymousRequest) -> Response:
    """Show the form, or redirect a person who is signed in. A sign-in link, which has `link`, shows it to everybody."""
    if "link" not in guest.request.query_params and await sessions.resume(
        guest.engine.store, guest.request, guest.clock()
    ):
        return redirect(_page(guest.request.query_params.get("to", "")))
    reason = next((text for name, text in _REASONS.items() if name in guest.request.query_params), "")
    return _form(guest, reason=reason)


async def sign_in(guest: AnonymousRequest) -> Response:
    token = sessions.sign_in_token(guest.request)
    if not token or not sessions.is_form_token(token, guest.form.text("form_token")):
        return _form(
            guest, fault="The form is too old, or the browser blocks cookies. Allow cookies and try again.", status=403
        )
    link_token = guest.form.text("token")
    key_id, secret = guest.form.text("key_id"), guest.form.text("secret")
    faults: dict[str, str] = dict.fromkeys(_FIELDS, "")
    if not key_id:
        faults["key_id"] = "The id is empty. Enter the key's id."
    if not secret:
        faults["secret"] = "The secret is empty. Enter the key's secret."  # noqa: S105 - a text for people
    if any(faults.values()) and not link_token:
        return _form(guest, faults=faults, status=422)
    try:
        if link_token:
            actor = await guest.admission.authenticate_link(guest.source, guest.request_id, link_token)
        else:
            actor = await guest.admission.authenticate_secret(guest.source, guest.request_id, key_id, secret)
        guest.request.state.actor = actor
        origin = Origin(actor.key_id, guest.source, guest.request_id)
        guest.admission.authorise(actor, guest.source, guest.request_id, APP, None, None)
        session = await sessions.open_session(guest.engine.store, origin, actor, guest.clock())
    except (Unauthorized, Forbidden, TooManyRequests) as error:
        guest.request.state.code = error.code
        response = _form(guest, fault=_text(error, by_link=bool(link_token)), status=error.status)
        if isinstance(error, TooManyRequests):
            response.headers["retry-after"] = str(math.ceil(error.wait))
        return response
    response = redirect(_page(guest.form.text("to")))
    sessions.set_cookie(guest.request, response, session)
    return response


def _text(error: ServiceError, *, by_link: bool) -> str:
    match error:
        case Unauthorized() if by_link:
            return f"The sign-in link is invalid: {error.titles[0]}. For a new one, run sunshine-keys open."
        case Forbidden():
            return (
                "The key of an integration cannot manage anything, so it cannot sign in here. "
                "Use the key of an app (app_…) or of the account (act_…)."
            )
        case TooManyRequests():
            return f"{error.titles[0]}. Try again in {math.ceil(error.wait)} seconds."
        case _:
            return f"{error.titles[0]}."


def _form(
    guest: AnonymousRequest,
    *,
    reason: str = "",
    fault: str = "",
    faults: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    """Return the sign-in form. It repeats the id that was entered only if it has the form of one: it may be the secret."""
    cookie = sessions.sign_in_token(guest.request)
    token = cookie or sessions.new_token()
    response = guest_page(
        "sign_in.html",
        status=status,
        reason=reason,
        fault=fault,
        faults=faults or dict.fromkeys(_FIELDS, ""),
        key_id=guest.form.text("key_id") if KEY_ID.fullmatch(guest.form.text("key_id")) else "",
        form_token=sessions.form_token(token),
        takes_token=guest.request.headers.get("sec-fetch-site") not in _OTHER_SITES,
        to=_page(guest.form.text("to") or guest.request.query_params.get("to", "")),
    )
    if not cookie:
        sessions.set_sign_in_token(guest.request, response, token)
    return response


async def sign_out(visit: SignedInRequest) -> Response:
    await sessions.close(visit.engine.store, visit.signed_in, visit.origin)
    response = redirect("/console/sign-in?out")
    sessions.delete_cookies(visit.request, response)
    return response


async def show_home(visit: SignedInRequest) -> Response:
    if visit.actor.scope is Scope.INTEGRATION:  # such a session is never opened
        raise Forbidden
    return redirect(visit.home)
