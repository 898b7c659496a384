"""The service's own description of itself."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from conftest import Service, Tenant, Wire

from sunshine_keys.http.operations import OPERATIONS


@pytest.fixture(scope="module")
def document(wire: Wire) -> Any:
    answer = wire.get("/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
    return answer.json


def test_it_needs_no_credentials_and_only_get(wire: Wire) -> None:
    assert wire.send("HEAD", "/openapi.json").status == 200
    refused = wire.post("/openapi.json")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


def test_it_tells_of_every_operation_and_of_no_other(document: Any) -> None:
    told = {
        (path, method.upper())
        for path, methods in document["paths"].items()
        for method in methods
        if method != "parameters"
    }
    served = {(path, method) for path, methods in OPERATIONS.items() for method in methods}
    assert told == served | {("/healthz", "GET"), ("/openapi.json", "GET")}
    ids = [
        each["operationId"] for methods in document["paths"].values() for each in methods.values() if "summary" in each
    ]
    assert len(ids) == len(set(ids)) == len(told)


def test_its_statuses_are_those_of_the_operations(document: Any) -> None:
    for path, methods in OPERATIONS.items():
        for method, operation in methods.items():
            responses = document["paths"][path][method.lower()]["responses"]
            assert [each for each in responses if each < "300"] == [str(operation.status)]
            assert ("413" in responses) == (operation.body is not None)


def test_its_schemas_are_schemas(document: Any) -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "schema" in value:
                jsonschema_rs.meta.validate(value["schema"])
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(document)
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)


def test_a_key_that_is_answered_fits_it(wire: Wire, service: Service, tenant: Tenant, document: Any) -> None:
    path = "/v2/apps/{appId}/integrations/{integrationId}/keys"
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    validator = jsonschema_rs.validator_for({**schema, "components": document["components"]})
    validator.validate(wire.get(tenant.keys, tenant.app_key).json)
    assert not validator.is_valid({"keys": [{"id": "int_1"}]})
