"""Requests made up from the service's own description: every answer is one that it tells of."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import schemathesis
from conftest import Service, Tenant, Wire, make_tenant
from hypothesis import HealthCheck, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from sunshine_keys.http import openapi

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))

schema = schemathesis.openapi.from_dict(json.loads(openapi.document()))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def fuzzed(wire: Wire, service: Service) -> Tenant:
    return make_tenant(wire, service.account)


@pytest.mark.timeout(0)
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize="FUZZ_EXAMPLES" not in os.environ,
)
def test_every_answer_is_told_of(case: Any, service: Service, fuzzed: Tenant) -> None:
    parameters = case.path_parameters
    # Half of the ids are those of what is there, else everything ends in 404.
    if len(str(case.body)) % 2 == 0:
        for name, value in (
            ("appId", fuzzed.app_id),
            ("integrationId", fuzzed.integration_id),
            ("keyId", fuzzed.key.id),
        ):
            if name in parameters:
                parameters[name] = value
    auth = service.account if case.path.endswith("/apps") else fuzzed.app_key
    case.call_and_validate(base_url=service.url, headers={"Authorization": auth.basic()}, checks=CHECKS)
