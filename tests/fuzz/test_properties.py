"""Any names, ids, headers, queries and bodies get an answer in the documented shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.wire import Key, Service, Tenant, Wire, make_tenant

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
HTTP_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.fixture(scope="module")
def tenant(wire: Wire, service: Service) -> Tenant:
    return make_tenant(wire, service.account)


@pytest.fixture(scope="module")
def integration(wire: Wire, service: Service, tenant: Tenant) -> str:
    body = {"type": "custom", "webhooks": [{"target": "https://example.com", "triggers": []}]}
    return f"{tenant.app}/integrations/{wire.post(f'{tenant.app}/integrations', tenant.app_key, body).json['integration']['id']}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(name=st.text(max_size=110))
def test_a_name_comes_back_unchanged_or_is_refused(wire: Wire, tenant: Tenant, integration: str, name: str) -> None:
    answer = wire.post(f"{integration}/keys", tenant.app_key, {"displayName": name})
    if 1 <= len(name) <= 100 and "\0" not in name:
        assert answer.status == 201
        key = answer.json["key"]
        path = f"{integration}/keys/{key['id']}"
        assert wire.get(path, tenant.app_key).json["key"] == key
        assert key["displayName"] == name
        assert wire.delete(path, tenant.app_key).status == 200
    else:
        assert answer.status == 400
        assert answer.errors[0][1].startswith("displayName should NOT ")


@settings(max_examples=150)
@given(body=json_values)
def test_any_json_is_answered_in_shape(wire: Wire, tenant: Tenant, integration: str, body: Any) -> None:
    for method, path in (
        ("POST", f"{integration}/keys"),
        ("PATCH", tenant.app),
        ("POST", f"{tenant.app}/integrations"),
        ("PATCH", integration),
        ("POST", f"{integration}/webhooks"),
    ):
        answer = wire.send(method, path, tenant.app_key, body=body)
        assert answer.status in (200, 400), (method, path, answer)
        if answer.status == 400:
            assert all(code == "bad_request" for code, _ in answer.errors)


def test_metadata_comes_back_unchanged_or_is_refused(wire: Wire, tenant: Tenant) -> None:
    statuses = set()

    @settings(max_examples=100)
    @given(metadata=st.dictionaries(st.text(max_size=10), json_values, max_size=4))
    @example(metadata={"plan": "gold"})
    @example(metadata={"plan": "\0"})
    def check(metadata: dict[str, Any]) -> None:
        answer = wire.patch(tenant.app, tenant.app_key, {"metadata": metadata})
        statuses.add(answer.status)
        if answer.status == 200:
            assert wire.get(tenant.app, tenant.app_key).json["app"]["metadata"] == metadata

    check()
    assert statuses == {200, 400}


@settings(max_examples=200)
@given(content=st.binary(max_size=200), kind=st.sampled_from(["application/json", "text/plain", ""]))
def test_any_bytes_are_answered_in_shape(wire: Wire, tenant: Tenant, content: bytes, kind: str) -> None:
    answer = wire.post(f"{tenant.keys}", tenant.app_key, content=content, headers={"Content-Type": kind})
    assert answer.status in (400, 415)
    assert answer.errors


@settings(max_examples=300)
@given(
    method=st.sampled_from(HTTP_METHODS),
    segments=st.lists(
        st.sampled_from(["v2", "apps", "integrations", "keys", "webhooks", "tokenInfo", "", ".", "..", "%2F", "%00"])
        | st.from_regex(r"[A-Za-z0-9_.~%-]{1,12}", fullmatch=True),
        max_size=9,
    ),
    query=st.from_regex(r"[A-Za-z0-9_.~%&=\[\]-]{0,30}", fullmatch=True),
    own=st.booleans(),
)
def test_any_target_is_answered_in_shape(
    wire: Wire, service: Service, method: str, segments: list[str], query: str, own: bool
) -> None:
    answer = wire.send(
        method, "/" + "/".join(segments) + (f"?{query}" if query else ""), service.account if own else None
    )
    assert answer.status < 500
    assert answer.headers["x-request-id"]
    if method != "HEAD" and answer.status >= 400:
        assert answer.errors


@settings(max_examples=300)
@given(
    value=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60),
    scheme=st.sampled_from(["Basic ", "Bearer ", "basic", "", "Digest "]),
)
def test_any_authorization_is_refused_in_shape(wire: Wire, tenant: Tenant, value: str, scheme: str) -> None:
    answer = wire.get(tenant.keys, scheme + value)
    assert answer.status == 401
    assert [code for code, _ in answer.errors] == ["unauthorized"]


@settings(max_examples=100)
@given(secret=st.text(max_size=100), key_id=st.text(max_size=40))
def test_any_pair_is_refused(wire: Wire, tenant: Tenant, key_id: str, secret: str) -> None:
    for key in (Key(tenant.app_key.id, secret), Key(key_id, tenant.app_key.secret)):
        assert wire.get(tenant.keys, key.basic()).status == 401


@settings(max_examples=150)
@given(
    headers=st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True).filter(
            lambda name: name.lower() not in ("connection", "upgrade", "host", "content-length", "transfer-encoding", "expect", "te", "trailer", "keep-alive", "authorization")
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
        max_size=5,
    )
)  # fmt: skip
def test_any_other_headers_change_nothing(wire: Wire, tenant: Tenant, headers: dict[str, str]) -> None:
    plain = wire.get(tenant.keys, tenant.app_key)
    answer = wire.get(tenant.keys, tenant.app_key, headers=headers)
    assert (answer.status, json.loads(answer.content)) == (200, plain.json)
