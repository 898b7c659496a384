"""The checks of bodies and the schemas that describe them: what one takes, the other takes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from sunshine_keys.errors import BadRequest
from sunshine_keys.wire import bodies

WEBHOOK = {"target": "https://example.com", "triggers": ["a"], "includeFullUser": True, "includeFullSource": False}
APP = {
    "displayName": "An app",
    "settings": dict.fromkeys(bodies.SETTINGS.properties, True) | {"conversationRetentionSeconds": 1},
    "metadata": {"a": 1},
}
UPDATE = {"displayName": "Mine", "defaultResponderId": "x", "showAIDisclaimer": True}
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("KEY", {"displayName": "A key"}),
    ("APP_CREATE", APP),
    ("APP_UPDATE", APP),
    ("INTEGRATION_CREATE", {"type": "web", **UPDATE}),
    ("INTEGRATION_CREATE", {"type": "custom", "displayName": "Mine", "webhooks": [WEBHOOK]}),
    ("INTEGRATION_UPDATE", UPDATE),
    ("WEBHOOK_CREATE", WEBHOOK),
    ("WEBHOOK_UPDATE", WEBHOOK),
]
VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2**53 - 1, 2**53, 0.5, [], {}, {"unknown": 1}, ["a"], ["a", "b"], [None], [WEBHOOK],
    [WEBHOOK, WEBHOOK], ["a"] * 100, ["a"] * 101, "a\0b", "web", "custom", "whatsapp", "Custom", "ftp://x", "http://",
    "http://x y", "HTTP://x", "https://x\x7f", "http://" + "x" * 2041, "http://" + "x" * 2042,
    *("é" * length for length in (0, 1, 100, 101, 128, 129, 2048, 2049)),
]  # fmt: skip

# What a JSON Schema cannot say.
UNSAID = ("should be an http or https URL", "limited to 4096 bytes in size.")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from places(each, (*path, name))


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    made = copy.deepcopy(body)
    holder = made
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return made


def removed(body: Any, path: tuple[Any, ...]) -> Any:
    made = copy.deepcopy(body)
    holder = made
    for name in path[:-1]:
        holder = holder[name]
    del holder[path[-1]]
    return made


@pytest.mark.parametrize(("name", "good"), GOOD)
def test_a_body_has_no_faults_where_it_fits_its_schema(name: str, good: dict[str, Any]) -> None:
    checked = getattr(bodies, name)
    validator = jsonschema_rs.validator_for(checked.schema)
    assert checked.values(good) == good
    variants = [replaced(good, path, value) for path in places(good) for value in VALUES]
    variants += [removed(good, path) for path in places(good) if path]
    for body in [good, *variants]:
        try:
            checked.values(body)
            faults: tuple[str, ...] = ()
        except BadRequest as error:
            faults = error.titles
        if not all(fault.endswith(UNSAID) for fault in faults) or not faults:
            assert validator.is_valid(body) == (not faults), (body, faults)
