"""wire/facts.json holds what the published description and api/service.yaml say; nothing else needs to be typed."""

from __future__ import annotations

from typing import Any

import api_facts
import generate_service
import yaml

from sunshine_keys.compose import OPERATIONS
from sunshine_keys.wire.operation import FACTS, messaging_facts

SERVICE: dict[str, Any] = yaml.safe_load((api_facts.FOLDER / "service.yaml").read_text())


def test_file_is_what_the_description_generates() -> None:
    written = generate_service.facts(api_facts.with_own(api_facts.load()), SERVICE)
    assert [as_lists(facts) for facts in written] == [FACTS, messaging_facts()]


def as_lists(value: Any) -> Any:
    """Return what JSON makes of a value: tuples become lists."""
    if isinstance(value, dict):
        return {name: as_lists(part) for name, part in value.items()}
    return [as_lists(part) for part in value] if isinstance(value, list | tuple) else value


def test_every_described_operation_is_served() -> None:
    assert {operation.id for operation in OPERATIONS} == set(FACTS["operations"])


def test_service_changes_only_what_the_description_has() -> None:
    api = api_facts.with_own(api_facts.load())
    assert {*SERVICE["requests"], *SERVICE["answers"], *SERVICE["fields"], *SERVICE["components"]} <= set(api.schemas)
    assert set(SERVICE["operations"]) <= set(api.operations)
    assert set(SERVICE["tags"]) <= {api.operations[name].tag for name in SERVICE["operations"]}


PARTNERS = [("Authorize", ()), ("GetToken", ()), ("RevokeAccess", ("integration",))]
"""The operations that partners call, and the scopes that these need."""


def test_every_served_operation_has_a_summary_and_scopes() -> None:
    api = api_facts.with_own(api_facts.load())
    for name in SERVICE["operations"]:
        assert FACTS["operations"][name]["summary"].endswith(".")
        scopes = api.operations[name].scopes
        assert "account" in scopes or (name, scopes) in PARTNERS


def test_covering_more_operations_in_the_client_changes_nothing_in_the_service() -> None:
    api = api_facts.with_own(api_facts.load())
    more = api_facts.Api(api.facts, api.overlay | {"operations": dict.fromkeys(api.operations, "Call it.")})
    assert set(generate_service.facts(more, SERVICE)[0]["operations"]) == set(FACTS["operations"])


def test_patch_merges_removes_and_resolves() -> None:
    api = api_facts.with_own(api_facts.load())
    patched = generate_service.merge_patch(api, {"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None, "e": 3}, "d": [2]})
    assert patched == {"a": {"c": 2, "e": 3}, "d": [2]}
    resolved = generate_service.merge_patch(api, {"$ref": "#/components/schemas/displayName"}, {"minLength": None})
    assert resolved == {"type": "string", "nullable": True, "maxLength": 100}
