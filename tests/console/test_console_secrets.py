"""No secret that a person enters or sees is written to a file or a log, or appears in another page."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.requests import Request
from support.leaks import Serving, assert_nowhere
from support.visitor import Visitor
from support.wire import Key

from sunshine_keys.access.actor import Actor
from sunshine_keys.access.scopes import Scope
from sunshine_keys.compose import create_first_objects, open_engine
from sunshine_keys.console.forms import Form
from sunshine_keys.console.model import ConsoleSession
from sunshine_keys.console.requests import AnonymousRequest, SignedInRequest
from sunshine_keys.console.sessions import SignedIn
from sunshine_keys.settings import Settings


def test_no_secret_is_in_files_error_pages_or_the_log(serving: Serving) -> None:
    integration = f"/console{serving.integration.removeprefix('/v2')}"
    visitor = Visitor(serving.wire.url).signed_in(serving.app_key)
    (session,) = visitor.cookies.values()
    form_token = visitor.get(integration).form("/keys").fields["form_token"]
    created = visitor.follow(visitor.submit(visitor.get(integration), "/keys", name="Fresh"))
    asked = visitor.get(f"{integration}/keys/{serving.key.id}/secret")
    assert visitor.follow(visitor.submit(asked, "/secret", secret=serving.app_key.secret)).of("secret")
    repeated = []
    for secret in serving.planted[:3]:
        wrong = Visitor(serving.wire.url)
        keys = (Key(secret, secret), Key(serving.app_key.id, secret + "x"), Key(serving.key.id, secret))
        repeated += [
            *(wrong.sign_in(key) for key in keys),
            visitor.submit(visitor.get(f"{integration}/delete"), "/delete", name=secret),
            visitor.submit(visitor.get(f"{integration}/keys/{serving.key.id}/secret"), "/secret", secret=secret + "x"),
            visitor.get(f"/console/{secret}"),
            visitor.post(f"/console/apps/{secret}/integrations", {"name": secret, secret: secret}),
            visitor.get(f"/console/apps/boom{secret[:20]}"),
        ]
    planted = [*serving.planted, created.of("secret"), session]
    assert all(page.status >= 400 for page in repeated)
    files = {file.name: file.read_bytes() for file in serving.data.iterdir()}
    assert_nowhere(planted, files | {f"page {number}": page.html.encode() for number, page in enumerate(repeated)})
    serving.stop()
    assert_nowhere([*planted, form_token], {"standard output and error": serving.written()})


def test_no_secret_is_in_the_repr_of_an_object(tmp_path: Path) -> None:
    secret = "a secret that nobody should see"
    create_first_objects(Settings(tmp_path))
    engine = asyncio.run(open_engine(Settings(tmp_path)))
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/console",
        "headers": [(b"cookie", secret.encode())],
        "state": {"request_id": "r"},
    }
    form = Form({"secret": secret})
    signed_in = SignedIn(secret, ConsoleSession(b"x", "app_1", 1, 1), Actor("app_1", Scope.APP, "a", None), "A key")
    fields = (engine, None, {}, Request(scope), None, {}, form)
    for item in (form, signed_in, AnonymousRequest(*fields), SignedInRequest(*fields, signed_in=signed_in)):  # type: ignore[arg-type]
        assert secret not in f"{item!r} {item}"
    asyncio.run(engine.store.close())
