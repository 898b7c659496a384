"""JSON that parsers read differently is refused as a whole."""

from __future__ import annotations

import pytest
from support.wire import Tenant, Wire

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b'{"displayName": "a", "displayName": "b"}', "Request body should NOT name a property twice"),
        (b'{"displayName": "a", "display\\u004eame": "b"}', "Request body should NOT name a property twice"),
        (b'{"displayName": "a", "x": {"y": 1, "y": 1}}', "Request body should NOT name a property twice"),
        (b'{"displayName": "a", "x": ' + b"9" * 300 + b"}", "Request body should hold integers of at most 64 bits"),
        (b'{"displayName": "a", "x": ' + b"9" * 5000 + b"}", "Request body is not valid JSON"),
        (b'{"displayName": "a", "x": 18446744073709551616}', "Request body should hold integers of at most 64 bits"),
        (b'{"displayName": "a", "x": NaN}', "Request body is not valid JSON"),
        (b'{"displayName": "a", "x": -Infinity}', "Request body is not valid JSON"),
        (b'{"displayName": "a", "x": 1e999}', "Request body is not valid JSON"),
        (b'{"displayName": "\\ud800"}', "Request body is not valid JSON"),
        (b'{"displayName": "\xed\xa0\x80"}', "Request body is not valid JSON"),
        (b'{"displayName": "\xff"}', "Request body is not valid JSON"),
        (b'\xef\xbb\xbf{"displayName": "a"}', "Request body is not valid JSON"),
        (b'{"displayName": "a"} {}', "Request body is not valid JSON"),
        (b'{"displayName": "a",}', "Request body is not valid JSON"),
        (b'{"displayName": "a\x01"}', "Request body is not valid JSON"),
        (
            b'{"displayName": "a", "x": ' + b"[" * 64 + b"1" + b"]" * 64 + b"}",
            "Request body should NOT be nested deeper than 64",
        ),
        (b'{"displayName": "a", "x": ' + b"[" * 50000 + b"]" * 50000 + b"}", "Request body is not valid JSON"),
        (b'{"displayName": "a\\u0000b"}', "displayName should NOT contain U+0000"),
    ],
    ids=range(19),
)
def test_ambiguous_json_is_refused_and_creates_nothing(wire: Wire, tenant: Tenant, body: bytes, title: str) -> None:
    refused = wire.send("POST", tenant.keys, tenant.app_key, content=body, headers=JSON)
    assert refused.status == 400
    assert refused.errors == [("bad_request", title)]
    assert len(wire.get(tenant.keys, tenant.app_key).json["keys"]) == 1


@pytest.mark.parametrize("name", ["\ud83d\ude00", "\u202e", "\ufeff", "a\u0300", "\x7f", "'\"; DROP TABLE keys --"])
def test_every_other_text_comes_back_unchanged(wire: Wire, tenant: Tenant, name: str) -> None:
    name = name.encode("utf-16", "surrogatepass").decode("utf-16")
    key = wire.post(tenant.keys, tenant.app_key, {"displayName": name}).json["key"]
    assert key["displayName"] == name
    assert wire.get(f"{tenant.keys}/{key['id']}", tenant.app_key).json["key"]["displayName"] == name


@pytest.mark.parametrize(
    "ignored",
    [
        b'{"a": [{"a": 1}, {"a": 1}]}', b"18446744073709551615", b"-9223372036854775808", b"1.5e300", b"1e-999",
        b"0." + b"1" * 5000, b"[" * 63 + b"1" + b"]" * 63,
    ],
    ids=range(7),
)  # fmt: skip
def test_unambiguous_json_is_accepted(wire: Wire, tenant: Tenant, ignored: bytes) -> None:
    body = b'{"displayName": "a", "x": ' + ignored + b"}"
    assert wire.send("POST", tenant.keys, tenant.app_key, content=body, headers=JSON).status == 201


@pytest.mark.parametrize("setting", [b"18446744073709551616", b"[" * 70 + b"1" + b"]" * 70])
def test_a_setting_that_is_ignored_does_not_spoil_an_idempotency_key(
    wire: Wire, tenant: Tenant, setting: bytes
) -> None:
    body = b'{"displayName": "a", "settings": {"unknown": ' + setting + b"}}"
    headers = JSON | {"Idempotency-Key": "spoiled"}
    assert wire.send("POST", "/v2/apps", tenant.account, content=body, headers=headers).status == 400


def test_nul_in_metadata_comes_back_as_it_was(wire: Wire, tenant: Tenant) -> None:
    metadata = {"a\0b": "c\0d"}
    assert wire.patch(tenant.app, tenant.app_key, {"metadata": metadata}).json["app"]["metadata"] == metadata
    assert wire.get(tenant.app, tenant.app_key).json["app"]["metadata"] == metadata
