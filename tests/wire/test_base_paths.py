"""The API is served under /v2 and /sc/v2, with and without a second slash before or behind the v2."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wire import Service, Tenant, Wire, first_run

from sunshine_keys import server
from sunshine_keys.compose import OPERATIONS
from sunshine_keys.settings import Settings
from sunshine_keys.wire.limits import RateLimits
from sunshine_keys.wire.operation import Operation
from sunshine_keys.wire.request import split_path

BASES = ["/v2", "/sc/v2", "/v2/", "/sc/v2/", "//v2", "/sc//v2"]


def under(base: str, path: str) -> str:
    """Return a path of /v2 under another base."""
    return base + path.removeprefix("/v2")


@pytest.mark.parametrize("base", BASES)
def test_every_base_serves_reads_and_changes(wire: Wire, tenant: Tenant, base: str) -> None:
    created = wire.post(under(base, tenant.keys), tenant.app_key, {"displayName": "Mine"})
    assert created.status == 201
    key = created.json["key"]
    path = under(base, f"{tenant.keys}/{key['id']}")
    assert wire.get(path, tenant.app_key).json == {"key": key}
    assert wire.send("HEAD", path, tenant.app_key).status == 200
    assert wire.get(under(base, tenant.keys), tenant.app_key).json["keys"][-1] == key
    assert wire.get(under(base, "/v2/tokenInfo"), tenant.app_key).json["app"]["id"] == tenant.app_id
    assert wire.delete(path, tenant.app_key).json == {}
    assert wire.get(f"{tenant.keys}/{key['id']}", tenant.app_key).status == 404


OF_THE_API = [operation for operation in OPERATIONS if operation.path.startswith("/v2/")]
OTHERS = [operation for operation in OPERATIONS if operation not in OF_THE_API and operation.scopes]


@pytest.mark.parametrize("operation", OF_THE_API, ids=lambda operation: operation.name)
def test_every_operation_needs_credentials_under_every_base(wire: Wire, operation: Operation) -> None:
    for base in BASES:
        path = under(base, operation.path.replace("{", "").replace("}", ""))
        assert wire.send(operation.method, path).errors == [("unauthorized", "Authorization is required")], base


@pytest.mark.parametrize("operation", OTHERS, ids=lambda operation: operation.name)
def test_operations_at_other_paths_need_credentials(wire: Wire, operation: Operation) -> None:
    path = operation.path.replace("{", "").replace("}", "")
    assert wire.send(operation.method, path).errors == [("unauthorized", "Authorization is required")]


@pytest.mark.parametrize(
    "path",
    ["/sc", "/sc/", "/sc/v2", "/sc/v2/", "/sc/v2//", "/v2//", "/v2///apps", "/sc/v2///apps", "/sc///v2/apps", "///v2/apps", "//sc/v2/apps",
     "/sc/v1/apps", "/sc/sc/v2/apps", "/sc/healthz", "/sc/console", "/sc/openapi.json", "/v2//apps//x", "/SC/v2/apps"],
)  # fmt: skip
def test_what_only_looks_like_a_base_is_not_found(wire: Wire, service: Service, path: str) -> None:
    assert wire.get(path, service.account).errors == [("not_found", "Resource not found")]


@pytest.mark.parametrize("base", BASES)
def test_links_of_a_page_keep_the_base_of_the_request(wire: Wire, tenant: Tenant, base: str) -> None:
    path = under(base, f"{tenant.app}/integrations")
    first = wire.get(f"{path}?page[size]=1", tenant.app_key).json
    link = first["links"]["next"]
    clean = under("/sc/v2" if "sc" in base else "/v2", f"{tenant.app}/integrations")
    assert link.startswith(f"{wire.url}{clean}?page[size]=1&page[after]=")
    second = wire.get(link.removeprefix(wire.url), tenant.app_key).json
    ids = [page["integrations"][0]["id"] for page in (first, second)]
    assert ids == [tenant.integration_id, tenant.web_id]
    assert second["links"]["prev"].startswith(f"{wire.url}{clean}?")


def test_repetition_may_use_another_base(wire: Wire, tenant: Tenant) -> None:
    headers = {"Idempotency-Key": "once"}
    answers = [
        wire.post(under(base, tenant.keys), tenant.app_key, {"displayName": "Mine"}, headers=headers) for base in BASES
    ]
    assert {answer.status for answer in answers} == {201}
    assert ["idempotency-replayed" in answer.headers for answer in answers] == [False, True, True, True, True, True]
    assert len({answer.content for answer in answers}) == 1


def test_method_that_is_missing_is_named_under_every_base(wire: Wire, service: Service) -> None:
    for base in BASES:
        refused = wire.post(under(base, "/v2/tokenInfo"), service.account)
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


def test_bases_share_the_limit_of_an_address(tmp_path: Path) -> None:
    first_run(tmp_path)
    with server.running(Settings(tmp_path, rate_limits=RateLimits.of(None, "2/hour", None))) as url:
        wire = Wire(url)
        statuses = [wire.get(under(base, "/v2/tokenInfo")).status for base in BASES]
    assert statuses == [401, 401, 429, 429, 429, 429]


@pytest.mark.parametrize(
    ("path", "base", "segments"),
    [
        ("/v2/apps/x", "/v2", ["v2", "apps", "x"]),
        ("/sc/v2/apps/x", "/sc/v2", ["v2", "apps", "x"]),
        ("/v2//apps", "/v2", ["v2", "apps"]),
        ("/sc/v2//apps", "/sc/v2", ["v2", "apps"]),
        ("//v2/apps", "/v2", ["v2", "apps"]),
        ("/sc//v2//apps", "/sc/v2", ["v2", "apps"]),
        ("/sc///v2/apps", "/v2", ["sc", "", "", "v2", "apps"]),
        ("/sc", "/v2", ["sc"]),
        ("/v2/apps//x", "/v2", ["v2", "apps", "", "x"]),
        ("/v2/a%2Fb/..", "/v2", ["v2", "a/b", ".."]),
        ("/console", "/v2", ["console"]),
        ("/", "/v2", [""]),
    ],
)
def test_path_is_split_into_base_and_segments(path: str, base: str, segments: list[str]) -> None:
    assert split_path(path) == (base, segments)
