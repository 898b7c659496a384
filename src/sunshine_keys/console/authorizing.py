"""The consent page: a person decides whether a partner may open an app.

The form holds what the partner asks for as the text of a query, because browsers change line ends in the fields of forms.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from sunshine_keys.access.scopes import APP
from sunshine_keys.apps.table import apps_page, require_app
from sunshine_keys.console.rendering import PAGE_HEADERS, allow_redirect, guest_page, page
from sunshine_keys.console.requests import AnonymousRequest, SignedInRequest
from sunshine_keys.errors import AppNotFound, BadRequest
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.oauth import authorization
from sunshine_keys.oauth.authorization import AuthorizationRequest
from sunshine_keys.oauth.model import origin_of
from sunshine_keys.store import Origin
from sunshine_keys.store.page import Page
from sunshine_keys.wire.application import CONSENT_PAGE

_LISTED_APPS = 100
"""The most apps in the list of the form. With more of them, the person types the id of an app."""

_CONTINUED = "continued"


async def begin(guest: AnonymousRequest) -> Response:
    """Answer /oauth/authorize for a browser, as the operation does, but with a page about an error."""
    origin = Origin(None, guest.source, guest.request_id)
    url = await authorization.begin(guest.engine, _fields(guest.request), origin, guest.clock(), CONSENT_PAGE)
    return PlainTextResponse(f"Found. Redirecting to {url}", 302, PAGE_HEADERS | {"location": url})


def send_to_itself(request: Request) -> Response | None:
    """Return a page that opens the consent page once more; None if the request is not the first one for that page.

    Browsers send the session's cookie only with requests that a page of this service has caused (SameSite=Strict). A
    partner's page has caused the first one.
    """
    if request.method != "GET" or request.scope["path"] != CONSENT_PAGE or _CONTINUED in request.query_params:
        return None
    query = urlencode([*request.query_params.multi_items(), (_CONTINUED, "1")])
    return guest_page("continue.html", prefix=request.scope.get("prefix", ""), path=f"{CONSENT_PAGE}?{query}")


async def ask(visit: SignedInRequest) -> Response:
    """Show the request of a partner, and ask for a decision."""
    return await _ask(visit, await _asked(visit, _fields(visit.request)))


async def decide(visit: SignedInRequest) -> Response:
    """Send the browser back to the partner with a code, or with a refusal."""
    asked = await _asked(visit, dict(parse_qsl(visit.form.text("request"), keep_blank_values=True)))
    match visit.form.text("decision"):
        case "deny":
            return RedirectResponse(asked.refused("access_denied"), 303, PAGE_HEADERS)
        case "allow":
            return await _allow(visit, asked)
        case _:
            raise BadRequest("The form is not one of this console")


async def _allow(visit: SignedInRequest, asked: AuthorizationRequest) -> Response:
    app_id = visit.form.text("app_id")
    if not OBJECT_ID.fullmatch(app_id):
        return await _ask(visit, asked, "Choose an app. Its id has 24 hex digits.")
    visit.admission.authorise(visit.actor, visit.source, visit.request_id, APP, app_id, None)
    try:
        url = await authorization.allow(visit.engine, asked, app_id, visit.origin, visit.clock())
    except AppNotFound:
        return await _ask(visit, asked, "There is no such app. It may have been deleted: choose another.")
    return RedirectResponse(url, 303, PAGE_HEADERS)


async def _asked(visit: SignedInRequest, fields: dict[str, str]) -> AuthorizationRequest:
    """Return what the partner asks for. Raises BadRequest and, for a key of another scope, Forbidden."""
    visit.require()
    asked = await authorization.read(visit.engine, fields)
    if asked.error:
        raise BadRequest("response_type should be code")
    return asked


async def _ask(visit: SignedInRequest, asked: AuthorizationRequest, fault: str = "") -> Response:
    store = visit.engine.store
    if visit.actor.app_id is None:
        apps, has_more = await store.read(apps_page(Page(size=_LISTED_APPS)))
    else:
        apps, has_more = [await store.read(require_app(visit.actor.app_id))], False
    response = page(
        visit,
        "authorize.html",
        asked=asked,
        apps=[] if has_more else apps,
        has_apps=bool(apps),
        app_id=visit.form.text("app_id"),
        target=asked.redirect_uri.partition("?")[0],
        fault=fault,
        status=422 if fault else 200,
    )
    return allow_redirect(response, origin_of(asked.redirect_uri))


def _fields(request: Request) -> dict[str, str]:
    """Return the parameters of the query. Raises BadRequest if one is there twice."""
    pairs = request.query_params.multi_items()
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise BadRequest("Invalid query parameters")
    return fields
