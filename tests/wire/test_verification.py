"""`/auth`: whose key a request has, as proxies ask for it; and behind the real nginx, with the configuration of deploy/."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.machine import needs
from support.waiting import wait_until
from support.wire import Answer, Key, Service, Tenant, Wire

NGINX = Path(__file__).parents[2] / "deploy" / "auth" / "nginx.conf"


def verify(wire: Wire, key: Key | None, query: str = "") -> Answer:
    return wire.get(f"/auth{query}", key)


def test_caller_is_named_in_headers_and_body(wire: Wire, service: Service, tenant: Tenant) -> None:
    for key, ids in (
        (tenant.key, (tenant.app_id, tenant.integration_id)),
        (tenant.app_key, (tenant.app_id, "")),
        (service.account, ("", "")),
    ):
        answer = verify(wire, key)
        assert answer.status == 200
        names = ("x-sunshine-key-id", "x-sunshine-scope", "x-sunshine-app-id", "x-sunshine-integration-id")
        assert tuple(answer.headers[name] for name in names) == (key.id, key.scope.value, *ids)
        values = dict(zip(("keyId", "scope", "appId", "integrationId"), (key.id, key.scope.value, *ids), strict=True))
        assert answer.json == {name: value for name, value in values.items() if value}
        assert answer.headers["cache-control"] == "no-store"


def test_token_is_accepted_like_a_secret(wire: Wire, tenant: Tenant) -> None:
    answer = wire.send("GET", "/auth", headers={"Authorization": tenant.key.bearer()})
    assert answer.headers["x-sunshine-key-id"] == tenant.key.id


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ("", (200, 200, 200)),
        ("?scope=integration", (200, 403, 403)),
        ("?scope=app,account", (403, 200, 200)),
        ("?app={app}", (200, 200, 200)),
        ("?app={other}", (403, 403, 200)),
        ("?app={app}&integration={integration}", (200, 200, 200)),
        ("?app={app}&integration={other}", (403, 200, 200)),
        ("?app={other}&integration={integration}", (403, 403, 200)),
    ],
)
def test_constraints_follow_the_rules_of_the_api(
    wire: Wire, service: Service, tenant: Tenant, query: str, statuses: tuple[int, ...]
) -> None:
    query = query.format(app=tenant.app_id, integration=tenant.integration_id, other="0" * 24)
    keys = (tenant.key, tenant.app_key, service.account)
    assert tuple(verify(wire, key, query).status for key in keys) == statuses


@pytest.mark.parametrize(
    "query",
    ["?scope=", "?scope=x", "?scope=app,", "?app=", "?app=x", "?apps=x", "?scope=app&scope=account", "?integration={id}"],
)  # fmt: skip
def test_wrong_constraints_let_nobody_in(wire: Wire, service: Service, query: str) -> None:
    answer = verify(wire, service.account, query.format(id="0" * 24))
    assert answer.status == 400
    assert answer.json["errors"][0]["code"] == "bad_request"


def test_caller_without_a_live_key_is_refused_as_by_the_api(wire: Wire, tenant: Tenant) -> None:
    for key in (None, Key(tenant.key.id, "wrong")):
        refused, api = verify(wire, key), wire.get("/v2/tokenInfo", key)
        assert (refused.status, refused.json) == (401, api.json)
        assert refused.headers["www-authenticate"] == api.headers["www-authenticate"]
        assert "x-sunshine-key-id" not in refused.headers
    assert verify(wire, tenant.key).status == 200
    assert wire.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key).status in (200, 204)
    assert verify(wire, tenant.key).status == 401


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_envoy_asks_with_the_method_and_the_path_of_the_request(wire: Wire, tenant: Tenant, method: str) -> None:
    basic = {"Authorization": tenant.key.basic()}
    for path, status in (
        ("/auth/v1/things?scope=nobody", 200),
        ("/auth/", 200),
        ("/auth//v2/x%2Fy", 200),
        ("/auth/scope=integration/v1/things?app=x", 200),
        ("/auth/scope=app/v1/things", 403),
        (f"/auth/app={tenant.app_id}&integration={tenant.integration_id}/", 200),
        ("/auth/scope=app&scope=integration/x", 400),
        ("/auth/scopes=app/x", 400),
    ):
        assert wire.send(method, path, headers=basic).status == status, path


def test_traefik_and_caddy_ask_with_the_headers_of_the_request(wire: Wire, tenant: Tenant) -> None:
    headers = {
        "Authorization": tenant.key.basic(), "X-Forwarded-Method": "POST", "X-Forwarded-Uri": "/things?scope=nobody",
        "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop.example", "X-Sunshine-Key-Id": "act_invented",
    }  # fmt: skip
    answer = wire.send("GET", "/auth?scope=integration", headers=headers)
    assert (answer.status, answer.headers["x-sunshine-key-id"]) == (200, tenant.key.id)


# nginx


@contextmanager
def upstream() -> Iterator[tuple[int, list[dict[str, str]]]]:
    """Serve what is behind nginx. Yield the port and the headers of its requests."""
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"in")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site.server_port, received
        site.shutdown()


@contextmanager
def nginx(folder: Path, service_url: str, upstream_port: int, port: int) -> Iterator[Wire]:
    """Run nginx with the configuration of deploy/, on ports of this test."""
    text = NGINX.read_text()
    for example, real in (
        ("127.0.0.1:8080", urlsplit(service_url).netloc),
        ("127.0.0.1:9000", f"127.0.0.1:{upstream_port}"),
        ("127.0.0.1:8000", f"127.0.0.1:{port}"),
    ):
        assert example in text
        text = text.replace(example, real)
    places = "".join(
        f"    {name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = text.replace("http {\n", f"http {{\n    access_log off;\n{places}", 1)
    (folder / "nginx.conf").write_text(f"daemon off;\nmaster_process off;\npid {folder}/pid;\n{text}")
    process = subprocess.Popen(
        ["nginx", "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    )
    wire = Wire(f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: _answers(wire) or process.poll() is not None, 20)
        assert process.poll() is None, (folder / "error.log").read_text()
        yield wire
    finally:
        process.terminate()
        process.wait(20)


def _answers(wire: Wire) -> bool:
    try:
        return wire.get("/").status > 0
    except OSError:
        return False


@needs("nginx")
def test_nginx_passes_on_only_requests_with_a_live_key(
    tmp_path: Path, service: Service, tenant: Tenant, unused_port: int
) -> None:
    api = Wire(service.url)
    with upstream() as (port, received), nginx(tmp_path, service.url, port, unused_port) as proxy:
        assert received == []
        invented = {"X-Sunshine-Key-Id": "act_invented", "X-Sunshine-Integration-Id": "invented"}
        answer = proxy.send("GET", "/things", headers=invented | {"Authorization": tenant.key.basic()})
        assert (answer.status, answer.content) == (200, b"in")
        (headers,) = received
        assert (headers["x-sunshine-key-id"], headers["x-sunshine-app-id"]) == (tenant.key.id, tenant.app_id)
        assert headers["x-sunshine-integration-id"] == tenant.integration_id
        assert "authorization" not in headers

        assert proxy.get("/things", tenant.app_key).status == 403
        refused = proxy.send("GET", "/things", headers=invented)
        assert refused.status == 401
        assert "Bearer" in refused.headers["www-authenticate"]
        assert api.delete(f"{tenant.keys}/{tenant.key.id}", tenant.app_key).status in (200, 204)
        assert proxy.get("/things", tenant.key).status == 401
        assert len(received) == 1


def test_configurations_name_the_headers_that_there_are(wire: Wire, tenant: Tenant) -> None:
    names = [name for name in verify(wire, tenant.key).headers if name.startswith("x-sunshine-")]
    assert len(names) == 4
    for file in NGINX.parent.iterdir():
        text = file.read_text().lower().replace("_", "-")
        assert "/auth" in text
        if file.name != "envoy.yaml":  # it names their beginning
            assert all(name in text for name in names), file
    json.loads(verify(wire, tenant.key).content)
