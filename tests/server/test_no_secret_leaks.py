"""Plant known secrets, provoke requests and failures, and search everything that was written for the secrets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import pprint
import socket
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jwt
from support.leaks import SEALING_KEY, Serving, assert_nowhere
from support.wire import WEBHOOK, Answer, Key

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._auth import Signer
from sunshine_conversations_client._messages import Headers, Request, Response
from sunshine_keys import scanning, testing
from sunshine_keys.access import tokens
from sunshine_keys.access.actor import Actor
from sunshine_keys.access.scopes import Scope
from sunshine_keys.compose import ROUTER, open_engine
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys.changes import CreateKey
from sunshine_keys.keys.secrets import new_secret, new_webhook_secret
from sunshine_keys.sealing.sealer import SealError
from sunshine_keys.sealing.sources import FixedKeys
from sunshine_keys.settings import Settings
from sunshine_keys.store.change import Origin
from sunshine_keys.store.locations import PostgresUrl
from sunshine_keys.testing.faults import RecordedRequest
from sunshine_keys.webhooks.model import WebhookView
from sunshine_keys.webhooks.operations import WebhookSpec
from sunshine_keys.wire.application import Application
from sunshine_keys.wire.operation import Call
from sunshine_keys.wire.request import Request as ServedRequest


def hostile_requests(serving: Serving, planted: str) -> None:
    app, integration, good = serving.app, serving.integration, serving.app_key
    as_json = {"Content-Type": "application/json"}
    for text in (f'{{"displayName": "{planted}', f'{{"displayName": "x"}}{planted}', f'"{planted}"', planted):
        serving.refused("POST", f"{integration}/keys", good, content=text.encode(), headers=as_json)
    for body in (
        {"displayName": [planted], "secret": planted},
        {"displayName": planted * 2 + "x" * 100},
        {planted: planted},
        [planted],
    ):
        serving.refused("POST", f"{integration}/keys", good, body=body)
    serving.refused("POST", f"{app}/integrations", good, body={"type": planted})
    serving.refused("POST", f"{integration}/webhooks", good, body={"target": planted, "triggers": [planted]})
    serving.refused("PATCH", app, good, body={"displayName": "x", "settings": {"echoPostback": planted}})
    serving.refused("PATCH", app, good, body={"metadata": {"x": planted * 200}})
    inside = quote(planted, safe="")
    for path in (f"/v2/{inside}", f"/v2/apps/{inside}", f"{app}/integrations/{inside}/keys/{inside}", f"/{inside}"):
        serving.refused("GET", path)
        serving.refused("GET", path, good)
        serving.refused("DELETE", path, serving.account)
    serving.refused("DELETE", f"{integration}/keys/{inside}", good)
    serving.refused("GET", f"{app}/integrations?page[after]=x&page[before]={inside}", good)
    serving.refused("GET", f"{app}/integrations?filter[types]={inside}", good)
    serving.refused("GET", f"{app}/keys?secret={inside}", good)
    serving.refused("GET", f"/v2/apps/boom{inside}", serving.account)
    for credentials in (f"Basic {planted}", f"Bearer {planted}", f"Digest {planted}", planted, f"Bearer {planted}.a.b"):
        serving.refused("GET", "/v2/apps/another", credentials)  # some of these are valid
    serving.refused("GET", app, Key(planted, planted))
    serving.refused("GET", app, Key(good.id, planted + "x"))
    for header in ({"kid": planted}, {"kid": good.id}, {"kid": good.id, planted: planted}):
        serving.refused(
            "GET", app, "Bearer " + jwt.encode({"scope": planted}, "another key's secret" * 4, headers=header)
        )
    for name in ("Content-Type", "Content-Encoding", "Idempotency-Key"):
        headers = as_json | {name: planted + "\xff"}
        serving.refused("POST", f"{integration}/keys", good, content=b'{"displayName": "x"}', headers=headers)
    serving.refused(
        "GET", f"{app}/nowhere", good, headers={"X-Forwarded-For": planted, "Host": planted, "Cookie": planted}
    )
    address = urlsplit(serving.wire.url)
    for raw in (
        f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization {planted}\r\n\r\n",
        f"{planted} / HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET / {planted}\r\nHost: x\r\n\r\n",
        f"POST {app} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{planted}\r\n",
    ):
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(raw.encode())
            content = b""
            with contextlib.suppress(ConnectionError):
                while part := connection.recv(65536):
                    content += part
        serving.refusals.append(Answer(400, {}, content))
    with socket.create_connection((address.hostname, address.port), timeout=10) as gone:
        gone.sendall(
            f"POST {app} HTTP/1.1\r\nHost: x\r\nX: {planted}\r\nContent-Length: 99\r\n\r\n{planted[:50]}".encode()
        )


def good_requests(serving: Serving) -> list[str]:
    """Send requests that succeed, and return the secrets that they created."""
    wire, secrets = serving.wire, []
    for auth in (serving.app_key, serving.app_key.bearer()):
        body = {"displayName": "neighbour", "secret": serving.key.secret}
        headers = {"Idempotency-Key": f"once-{type(auth).__name__}"}
        answers = [wire.post(f"{serving.integration}/keys", auth, body, headers=headers) for _ in range(2)]
        key = Key.of(answers[0].json["key"])
        webhook = wire.post(f"{serving.integration}/webhooks", key, WEBHOOK).json["webhook"]
        assert wire.get(serving.integration, auth).status == 200
        assert wire.get(f"{serving.integration}/webhooks", key.bearer()).status == 200
        secrets += [key.secret, webhook["secret"], key.bearer()[7:], key.basic()[6:]]
        assert wire.delete(f"{serving.integration}/keys/{key.id}", auth).status == 200
        serving.refused("GET", serving.integration, key)
        serving.refused("GET", serving.integration, key.bearer())
    return secrets


def test_no_secret_is_in_anything_that_a_server_writes(serving: Serving) -> None:
    import sqlite3

    for planted in serving.planted:
        hostile_requests(serving, planted)
    planted = serving.planted + good_requests(serving)
    lock = sqlite3.connect(serving.data / "sunshine-keys.sqlite3", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    for secret in serving.planted[:3]:
        serving.refused(
            "POST", f"{serving.integration}/keys", serving.app_key, body={"displayName": "x", "secret": secret}
        )
    assert {answer.status for answer in serving.refusals[-3:]} == {503}
    lock.execute("ROLLBACK")
    lock.close()
    assert {400, 401, 403, 404, 415, 500, 503} <= {answer.status for answer in serving.refusals}
    files = {file.name: file.read_bytes() for file in serving.data.iterdir()}
    assert {"sunshine-keys.sqlite3", "sunshine-keys.sqlite3-wal", "sunshine-keys.sqlite3-shm"} <= files.keys()
    assert len(files["sunshine-keys.sqlite3-wal"]) > 0
    answers = {f"answer {number}": repr(answer).encode() for number, answer in enumerate(serving.refusals)}
    assert_nowhere(planted, files | answers)
    serving.stop()
    written = serving.written()
    assert b"RuntimeError" in written and b"was not committed" in written and b"DEBUG" in written
    assert b"sunshine_keys.request: " in written
    # A new store would print its account key first; this store existed before.
    assert_nowhere(planted, {"standard output and error": written})
    assert_nowhere(planted, {file.name: file.read_bytes() for file in serving.data.iterdir()})


def secretive(planted: str, folder: Path) -> list[Any]:
    """Return an object of every class that holds or may hold a secret."""
    secret = planted
    engine = asyncio.run(open_engine(Settings(folder, sealing=FixedKeys([SEALING_KEY]))))
    key, view = keys.issue(engine.sealer, Scope.INTEGRATION, "a", "i", "A key")
    view = type(view)(view.id, view.display_name, secret)
    token = jwt.encode({"scope": "app"}, secret, headers={"kid": "app_1"})
    headers = Headers([("Authorization", f"Bearer {secret}"), ("Accept", "*/*")])
    scope = {
        "type": "http", "method": "GET", "raw_path": b"/v2/apps", "headers": [(b"authorization", secret.encode())],
        "query_string": secret.encode(), "client": None,
    }  # fmt: skip
    served = ServedRequest(scope, None, "request-id")  # type: ignore[arg-type]
    actor = Actor(key.id, key.scope, "a", "i")
    configuration = sunshine.Configuration("http://127.0.0.1:1", key_id="int_1", secret=secret)
    passwords = sunshine.Configuration("http://127.0.0.1:1", username="int_1", password=secret, access_token=secret)
    answered = {"id": "int_1", "displayName": "x", "secret": secret}
    refusal = sunshine.ApiException(400, "Bad", body=json.dumps(answered))
    refusal.headers = headers
    signer = Signer()
    signer.token("int_1", secret, "app", 0.0)
    objects = [
        Settings(folder, sealing=FixedKeys([SEALING_KEY])), PostgresUrl(f"postgresql://u:{secret}@h/d"), engine, engine.sealer, engine.store, key, view, CreateKey(key),
        WebhookView("w", "v2", "https://example.com", [], secret, False, False),
        WebhookSpec("https://example.com", []), actor, served, Origin("int_1", "", "r"), Application(engine, ROUTER),
        Call(engine, actor, served, {"displayName": "x"}, {}), tokens.read_token(token), scanning.Leak(1, 1, secret),
        testing.Key("int_1", secret), testing.Snapshot(secret.encode()),
        RecordedRequest("GET", "/v2/apps", {"authorization": secret}, secret.encode(), 200),
        configuration, passwords, sunshine.ApiClient(configuration), headers, signer,
        Request("POST", f"http://u:{secret}@127.0.0.1/?x={secret}", headers, secret.encode()),
        Response(200, "OK", headers, secret.encode()), refusal,
        sunshine.ApiKey.from_dict(answered), sunshine.AppKey.from_dict(answered),
        sunshine.IntegrationApiKeyResponse.from_dict({"key": answered}),
        sunshine.IntegrationApiKeyListResponse.from_dict({"keys": [answered]}),
        sunshine.Webhook.from_dict({"id": "w", "target": "https://example.com", "secret": secret}),
        sunshine.Custom.from_dict({"type": "custom", "webhooks": [{"target": "https://example.com", "secret": secret}]}),
        sunshine.ApiResponse(200, headers, data=None, raw_data=secret.encode()),
        SealError("x"), Key("int_1", secret),
    ]  # fmt: skip
    asyncio.run(engine.close())
    return objects


def test_no_object_that_holds_a_secret_shows_it(tmp_path: Path) -> None:
    for planted in (new_secret(), new_webhook_secret()):
        token = jwt.encode({"scope": "app"}, planted, headers={"kid": "app_1"})
        for value in secretive(planted, tmp_path):
            shown = [repr(value), str(value), f"{value}", f"{value!r}", pprint.pformat([value])]
            shown.append("%s %r" % (value, value))  # noqa: UP031 - logging formats like this
            shown += traceback.format_exception(value if isinstance(value, BaseException) else RuntimeError(value))
            place = {type(value).__name__: "\n".join(shown).encode()}
            assert_nowhere([planted, token, token.rpartition(".")[2]], place)
            assert repr(SEALING_KEY) not in "\n".join(shown)


def test_the_search_finds_a_planted_secret() -> None:
    for written in ("x", base64.b64encode(b"secret of 12").decode(), b"secret of 12".hex(), "secret%20of%2012"):
        with contextlib.suppress(AssertionError):
            assert_nowhere(["secret of 12"], {"place": f"a {written} b".encode()})
            assert written == "x", written
