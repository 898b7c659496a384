"""The console's ASGI application: it finds the page of a path and the session of a request, and shows errors as pages."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sunshine_keys.apps.table import APPS
from sunshine_keys.console import (
    account,
    apps,
    authorizing,
    chat,
    control,
    deliveries,
    forms,
    integrations,
    keys,
    live,
    rendering,
    rotations,
    sessions,
    signing,
    switchboard_entries,
    switchboards,
    trail,
    users,
)
from sunshine_keys.console.forms import Form, named
from sunshine_keys.console.requests import AnonymousHandler, AnonymousRequest, Handler, SignedInRequest
from sunshine_keys.console.sessions import SignedIn
from sunshine_keys.engine import Engine
from sunshine_keys.errors import (
    AppNotFound,
    Forbidden,
    IntegrationNotFound,
    MethodNotAllowed,
    NotFound,
    ServiceError,
    StoreUnavailable,
    Unauthorized,
)
from sunshine_keys.wire.admission import Admission
from sunshine_keys.wire.answers import error_headers, log_failure
from sunshine_keys.wire.application import CONSENT_PAGE
from sunshine_keys.wire.operation import Operation
from sunshine_keys.wire.request import ClientGone

logger = logging.getLogger("sunshine_keys.console")

_ID = "[0-9A-Za-z_-]{1,64}"


class _Route(msgspec.Struct, frozen=True):
    path: str
    pattern: re.Pattern[str]
    handlers: dict[str, Handler]
    guest_handlers: dict[str, AnonymousHandler]
    takes_file: bool = False


def _route(path: str, *, takes_file: bool = False, **handlers: Handler) -> _Route:
    """Return a route for people who are signed in. A request that `takes_file` has its form's token in a header."""
    return _Route(path, _pattern(path), handlers, {}, takes_file)


def _open(path: str, **handlers: AnonymousHandler) -> _Route:
    """Return a route that needs no session."""
    return _Route(path, _pattern(path), {}, handlers)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"{(\w+)}", rf"(?P<\1>{_ID})", path.replace("{name}", "(?P<name>[a-z.]+)")), re.ASCII)


_APP = "/console/apps/{app_id}"
_INTEGRATION = _APP + "/integrations/{integration_id}"
_CHAT = _APP + "/chat/{conversation_id}"
_BOARD = _APP + "/switchboard"
_KEYS = (_APP + "/keys", _INTEGRATION + "/keys")

ROUTES = (
    _open("/console/static/{name}", GET=rendering.static_file),
    _open("/console/sign-in", GET=signing.show_form, POST=signing.sign_in),
    _route("/console/?", GET=signing.show_home),
    _route("/console/sign-out", POST=signing.sign_out),
    _route("/console/apps", GET=apps.show_list, POST=apps.create),
    _route(_APP, GET=apps.show),
    _route(_APP + "/delete", GET=apps.delete, POST=apps.delete),
    _route(_APP + "/integrations", POST=integrations.create),
    _route(_INTEGRATION, GET=integrations.show),
    _route(_INTEGRATION + "/name", POST=integrations.rename),
    _route(_INTEGRATION + "/webhooks/{webhook_id}/secret", GET=integrations.ask_to_reveal, POST=integrations.reveal),
    _route(_INTEGRATION + "/delete", GET=integrations.delete, POST=integrations.delete),
    *(_route(path, POST=keys.create) for path in _KEYS),
    *(_route(path + "/{key_id}", GET=keys.show) for path in _KEYS),
    *(_route(path + "/{key_id}/delete", GET=keys.delete, POST=keys.delete) for path in _KEYS),
    *(_route(path + "/{key_id}/rotate", GET=rotations.rotate, POST=rotations.rotate) for path in _KEYS),
    *(_route(path + "/{key_id}/end", GET=rotations.end, POST=rotations.end) for path in _KEYS),
    *(_route(path + "/{key_id}/secret", GET=keys.ask_to_reveal, POST=keys.reveal) for path in _KEYS),
    _route(_APP + "/chat", GET=chat.show_list, POST=chat.start),
    _route(_CHAT, GET=chat.show, POST=chat.act),
    _route(_CHAT + "/files", takes_file=True, POST=chat.send_file),
    _route(_CHAT + "/live", GET=live.stream),
    _route(_CHAT + "/messages/{message_id}", GET=chat.show_message),
    _route(_APP + "/users", GET=users.show_list),
    _route(_APP + "/users/{user_id}", GET=users.show),
    _route(_APP + "/users/{user_id}/profile", GET=users.ask_to_edit, POST=users.edit),
    _route(_APP + "/users/{user_id}/delete", GET=users.delete, POST=users.delete),
    _route(_APP + "/users/{user_id}/personal-information", GET=users.depersonalise, POST=users.depersonalise),
    _route(_BOARD, GET=switchboards.show, POST=switchboards.create),
    _route(_BOARD + "/enabled", POST=switchboards.set_enabled),
    _route(_BOARD + "/default", POST=switchboards.set_default),
    _route(_BOARD + "/delete", GET=switchboards.delete, POST=switchboards.delete),
    _route(_BOARD + "/entries", POST=switchboard_entries.add),
    _route(_BOARD + "/entries/{entry_id}", GET=switchboard_entries.ask_to_edit, POST=switchboard_entries.edit),
    _route(_BOARD + "/entries/{entry_id}/delete", GET=switchboard_entries.remove, POST=switchboard_entries.remove),
    _route(_BOARD + "/{conversation_id}", GET=control.show),
    *(_route(f"{_BOARD}/{{conversation_id}}/{action}", POST=control.acting(action)) for action in control.ACTIONS),
    _route(_APP + "/deliveries", GET=deliveries.show_list),
    _route(_APP + "/deliveries/test", POST=deliveries.send_test),
    _route(_APP + "/deliveries/{number}", GET=deliveries.show),
    _route(_APP + "/deliveries/{number}/redeliver", POST=deliveries.redeliver),
    _route(account.PATH, GET=account.show),
    _route(account.PATH + "/{key_id}", GET=account.show_key),
    _route(account.PATH + "/{key_id}/delete", GET=account.delete, POST=account.delete),
    _route(trail.PATH, GET=trail.show),
    _route(trail.PATH + "/export", GET=trail.export),
    _open("/oauth/authorize", GET=authorizing.begin),
    _route(CONSENT_PAGE, GET=authorizing.ask, POST=authorizing.decide),
)


class Console:
    """`operations` are those that pages may call. `clock` returns seconds since 1970."""

    def __init__(
        self,
        engine: Engine,
        admission: Admission,
        operations: Sequence[Operation],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._operations = {operation.id: operation for operation in operations}
        self._engine = engine
        self._admission = admission
        self._clock = clock

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except (ClientDisconnect, ClientGone):
            return
        rendering.add_prefix(response, scope.get("prefix", ""))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        guest = AnonymousRequest(self._engine, self._admission, self._operations, request, self._clock, {}, Form())
        try:
            self._admission.admit_request(guest.source, guest.request_id)
            return await self._page(guest)
        except Unauthorized as error:  # there is no session, or it has ended
            request.state.code = error.code
            return authorizing.send_to_itself(request) or signing.send_to_form(request)
        except ServiceError as error:
            return await self._failed(guest, error)
        except asyncio.CancelledError:  # the server stops
            return _error_page(
                guest, StoreUnavailable("The service is stopping"), getattr(request.state, "visit", None)
            )
        except (ClientDisconnect, ClientGone):
            raise
        except Exception as error:
            log_failure(logger, f"request {guest.request_id}", error)
            return await self._failed(guest, ServiceError())

    async def _page(self, guest: AnonymousRequest) -> Response:
        request = guest.request
        method = "GET" if request.method == "HEAD" else request.method
        route, ids = _find(request.scope["path"])
        request.state.route = route.path.removesuffix("/?")
        guest.ids = ids
        if method not in (allowed := [*route.handlers, *route.guest_handlers]):
            raise MethodNotAllowed(", ".join(sorted([*allowed, "HEAD"] if "GET" in allowed else allowed)))
        if method == "POST":
            forms.require_same_origin(request)
            guest.form = forms.of_headers(request) if route.takes_file else await forms.read(request)
        if route.guest_handlers:
            return await route.guest_handlers[method](guest)
        return await route.handlers[method](await self._signed_in(guest))

    async def _signed_in(self, guest: AnonymousRequest) -> SignedInRequest:
        """Raises Unauthorized if there is no session, Forbidden for a form of another session."""
        store, request, now = self._engine.store, guest.request, self._clock()
        signed_in = await sessions.resume(store, request, now)
        if signed_in is None:
            raise Unauthorized
        request.state.actor = signed_in.actor
        self._admission.admit_key(signed_in.actor.key_id, guest.source, guest.request_id)
        visit = await self._visit(guest, signed_in, now)
        request.state.visit = visit
        if request.method == "POST" and not sessions.is_form_token(signed_in.token, guest.form.text("form_token")):
            raise Forbidden("The form is out of date. Go back, reload the page, and send the form once more")
        await sessions.touch(store, signed_in, visit.origin, now)
        return visit

    async def _visit(self, guest: AnonymousRequest, signed_in: SignedIn, now: float) -> SignedInRequest:
        app_id = signed_in.actor.app_id
        app = await self._engine.store.get(APPS, app_id) if app_id else None
        return SignedInRequest(
            **{name: getattr(guest, name) for name in AnonymousRequest.__struct_fields__},
            signed_in=signed_in,
            notice=sessions.notice_of(signed_in, guest.request, now),
            app_name=named(app.display_name, app.id) if app else "",
        )

    async def _failed(self, guest: AnonymousRequest, error: ServiceError) -> Response:
        """Return a page about the error. The request may have failed before its session was read."""
        visit: SignedInRequest | None = getattr(guest.request.state, "visit", None)
        if visit is None:
            now = self._clock()
            with suppress(ServiceError):  # without the store, the page has no navigation
                if signed_in := await sessions.resume(self._engine.store, guest.request, now):
                    visit = await self._visit(guest, signed_in, now)
                    visit.notice = ("", "")  # it belongs to the page that the person expects
        return _error_page(guest, error, visit)


def _find(path: str) -> tuple[_Route, dict[str, str]]:
    """Return the route of a path and the ids in it. Raises NotFound."""
    for route in ROUTES:
        if match := route.pattern.fullmatch(path):
            return route, match.groupdict()
    raise NotFound("There is no such page")


_HEADINGS = {
    400: "The request is invalid",
    403: "Not allowed",
    404: "Not found",
    405: "Not allowed",
    409: "Sent before",
    413: "The form is too large",
    415: "The request is invalid",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Not available at the moment",
}


def _error_page(guest: AnonymousRequest, error: ServiceError, visit: SignedInRequest | None) -> Response:
    """Return a page about the error, with the navigation if the person is signed in."""
    guest.request.state.code = error.code
    values = {
        "heading": _HEADINGS[error.status],
        "titles": error.titles,
        "status_code": error.status,
        "request_id": guest.request_id,
        "ways": _ways(visit, error) if visit else [],
    }
    response = (
        rendering.guest_page("error.html", status=error.status, **values)
        if visit is None
        else rendering.page(visit, "error.html", status=error.status, **values)
    )
    for name, value in error_headers(error):
        response.headers[name.decode()] = value.decode()
    return response


def _ways(visit: SignedInRequest, error: ServiceError) -> list[tuple[str, str]]:
    """Return links to the objects of the path that contain what the page is about: a label and a path."""
    app_id, integration_id = visit.ids.get("app_id"), visit.integration_id
    if app_id is None or isinstance(error, AppNotFound) or visit.actor.app_id not in (None, app_id):
        return []
    ways = [("Go to the app", f"/console/apps/{app_id}")]
    if integration_id is not None and not isinstance(error, IntegrationNotFound):
        ways.insert(0, ("Go to the integration", f"/console/apps/{app_id}/integrations/{integration_id}"))
    return ways
