"""Decode JSON strictly: refuse what other parsers may read differently.

msgspec refuses NaN, numbers beyond a double, lone surrogates and bytes that are not UTF-8. It does not refuse two things.
It takes the last of two properties with the same name, while other parsers take the first. And it reads integers of up to
4300 digits exactly, while most other parsers round or refuse them. The standard library can detect both, so it reads every
body a second time. That takes 2 µs for a small body, and the commit that follows takes a hundred times as long. For the
worst body of 100 kB it takes 11 ms instead of 1 ms.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from sunshine_keys.errors import BadRequest

DEPTH = 64
"""The deepest nesting of arrays and objects in a body."""

_decode = msgspec.json.Decoder().decode


def decode(body: bytes) -> Any:
    """Return the decoded body. Raises BadRequest."""
    try:
        value = _decode(body)
        _check(body.decode().lstrip())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("Request body is not valid JSON") from None
    if body.count(b"{") + body.count(b"[") > DEPTH and deeper_than(DEPTH, value):
        raise BadRequest(f"Request body should NOT be nested deeper than {DEPTH}")
    return value


def deeper_than(limit: int, value: Any) -> bool:
    """Return True if arrays and objects in `value` are nested deeper than `limit`."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        raise BadRequest("Request body should NOT name a property twice")


def _integer(digits: str) -> None:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**64:
        raise BadRequest("Request body should hold integers of at most 64 bits")


_check = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer).raw_decode
