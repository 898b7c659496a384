"""A request of a page: who sends it, what it asks for, and what it may do."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sunshine_keys.access.actor import Actor
from sunshine_keys.access.scopes import ACCOUNT, APP, Scope
from sunshine_keys.console.forms import Form
from sunshine_keys.console.sessions import SignedIn
from sunshine_keys.engine import Engine
from sunshine_keys.errors import BadRequest
from sunshine_keys.ids import OBJECT_ID
from sunshine_keys.store.change import Idempotency, Origin
from sunshine_keys.store.page import Page
from sunshine_keys.wire.admission import Admission
from sunshine_keys.wire.answers import Replay
from sunshine_keys.wire.operation import Call, Operation
from sunshine_keys.wire.request import FORM_BYTES, UPLOAD_SECONDS, host_url
from sunshine_keys.wire.request import Request as ApiRequest

_EMPTY: Mapping[str, str] = MappingProxyType({})
_PASSED_ON = (b"host", b"content-type", b"content-length", b"transfer-encoding")
"""The headers of a page's request that a call of an operation has, too."""

_ONCE = re.compile(r"[0-9a-f]{32}", re.ASCII)


class AnonymousRequest(msgspec.Struct):
    """A request of a person who may not have signed in."""

    engine: Engine
    admission: Admission
    operations: Mapping[str, Operation]
    request: Request
    clock: Callable[[], float]
    ids: dict[str, str]
    form: Form

    def __repr__(self) -> str:
        return f"{type(self).__name__}(request_id={self.request_id!r})"

    @property
    def request_id(self) -> str:
        request_id: str = self.request.state.request_id
        return request_id

    @property
    def source(self) -> str:
        """The client's address; empty if it is unknown."""
        source: str = self.request.state.source
        return source


class SignedInRequest(AnonymousRequest):
    """A request of a person who has signed in."""

    signed_in: SignedIn
    notice: tuple[str, str] = ("", "")
    """Flash message: the result of the previous request, and an id. It is shown once."""
    app_name: str = ""
    """The name of the app that the person's key belongs to; empty for a key of the account."""

    @property
    def actor(self) -> Actor:
        return self.signed_in.actor

    @property
    def origin(self) -> Origin:
        return Origin(self.actor.key_id, self.source, self.request_id)

    @property
    def is_account(self) -> bool:
        return self.actor.scope is Scope.ACCOUNT

    @property
    def app_id(self) -> str:
        """The app in the path."""
        return self.ids["app_id"]

    @property
    def integration_id(self) -> str | None:
        """The integration in the path; None on pages of the app's own keys."""
        return self.ids.get("integration_id")

    @property
    def has_simulator(self) -> bool:
        """True if this service lets requests act for people."""
        return self.engine.messaging is not None and self.engine.messaging.has_simulator

    @property
    def home(self) -> str:
        return "/console/apps" if self.is_account else f"/console/apps/{self.actor.app_id}"

    @property
    def host_url(self) -> str:
        """The service's own URL, as the browser addressed it."""
        return host_url(self.request.scope, self.request.headers.get("host", ""))

    def require(self, *, account: bool = False) -> None:
        """Raises Forbidden if the key may not do this with the app in the path."""
        scopes, app_id = ACCOUNT if account else APP, self.ids.get("app_id")
        self.admission.authorise(self.actor, self.source, self.request_id, scopes, app_id, self.integration_id)

    def origin_once(self, *values: str) -> Origin:
        """Return the origin of a create by a form. The same form sent twice creates one object. Raises BadRequest."""
        once = self.form.text("once")
        if not _ONCE.fullmatch(once):
            raise BadRequest("The form is not one of this console")
        request = msgspec.json.encode([self.request.scope["path"], *values])
        # An Idempotency-Key of the API has no space, so it never equals this one.
        return msgspec.structs.replace(
            self.origin, idempotency=Idempotency.of(self.actor.key_id, f"console {once}", request)
        )

    async def call(
        self,
        operation_id: str,
        body: Any = None,
        *,
        query: Mapping[str, str] = _EMPTY,
        part: str = "",
        has_file: bool = False,
        **ids: str,
    ) -> Any:
        """Return the answer of an operation of the API, which this person's key calls, as decoded JSON.

        The app and the integration are those of this page's path; `ids` names what else is in the operation's path, and
        `query` is its query. A form's `once` makes a create happen once; a form that creates several objects names each by its
        `part`. With `has_file`, this page's own body is the operation's. Raises what the operation answers with, for example
        NotFound, and Forbidden if the key may not call it.
        """
        operation = self.operations[operation_id]
        names = {"appId": self.ids.get("app_id"), "integrationId": self.integration_id} | ids
        named = {name: value for name in operation.placeholders if (value := names[name]) is not None}
        app_id, integration_id = named.get("appId"), named.get("integrationId")
        self.admission.authorise(self.actor, self.source, self.request_id, operation.scopes, app_id, integration_id)
        values = operation.body.values(body) if operation.body and body is not None else {}
        request = ApiRequest(self._scope(operation, named, query, part), self.request.receive, self.request_id)
        upload = request.stream(operation.upload_bytes + FORM_BYTES, UPLOAD_SECONDS) if has_file else None
        answer = await operation.run(Call(self.engine, self.actor, request, values, named, upload))
        return msgspec.json.decode(msgspec.json.encode(answer.body if isinstance(answer, Replay) else answer))

    def _scope(
        self, operation: Operation, ids: Mapping[str, str], query: Mapping[str, str], part: str
    ) -> dict[str, Any]:
        """Return the scope of a request for an operation."""
        headers = [(name, value) for name, value in self.request.scope["headers"] if name in _PASSED_ON]
        if once := self.form.text("once"):
            headers.append((b"idempotency-key", (once + part).encode()))
        path = operation.path.format_map({name: quote(value, safe="") for name, value in ids.items()})
        return {
            **self.request.scope,
            "method": operation.method,
            "raw_path": path.encode("ascii"),
            "query_string": urlencode(query).encode("ascii"),
            "headers": headers,
        }

    def page(self) -> Page:
        """Return the page of a list that the query asks for. Raises BadRequest."""
        after, before = self.request.query_params.get("after"), self.request.query_params.get("before")
        if any(cursor is not None and not OBJECT_ID.fullmatch(cursor) for cursor in (after, before)):
            raise BadRequest("There is no such page of this list")
        return Page(None if before else after, before)


Handler = Callable[[SignedInRequest], Awaitable[Response]]
AnonymousHandler = Callable[[AnonymousRequest], Awaitable[Response]]


def created_id(answer: Any) -> str:
    """Return the id of a created object, or of the one that the same form created before."""
    view = msgspec.json.decode(answer) if isinstance(answer, msgspec.Raw) else answer
    id: str = view["id"] if isinstance(view, dict) else view.id
    return id
