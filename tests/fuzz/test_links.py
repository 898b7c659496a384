"""Sequences of requests that follow the links of the service's own description get only answers that it describes.

A link leads from the answer that created an object to the operations that take its id.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest
import schemathesis
from api_facts import snake
from hypothesis import HealthCheck, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.checks import ensure_resource_availability, use_after_free
from support import messaging
from support.wire import WEBHOOK, Service, Tenant, Wire, make_tenant

from sunshine_keys.compose import ROUTER
from sunshine_keys.wire import openapi

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    ensure_resource_availability,
    use_after_free,
]
AN_ID = re.compile("((act|app|int)_)?[0-9a-f]{24}")
DOCUMENT = json.loads(openapi.document(ROUTER))
LINKED = {
    link["operationId"]
    for path in DOCUMENT["paths"].values()
    for method, described in path.items()
    if method != "parameters"
    for response in described["responses"].values()
    for link in response.get("links", {}).values()
}
BODIES: dict[str, Any] = {
    "CreateApp": {"displayName": "x"},
    "CreateIntegration": {"type": "custom", "displayName": "x"},
    "CreateAppKey": {"displayName": "x"},
    "CreateCustomIntegrationKey": {"displayName": "x"},
    "CreateWebhook": WEBHOOK,
}


@pytest.mark.timeout(0)
def test_linked_operations_answer_as_described(wire: Wire, service: Service) -> None:
    succeeded: set[str] = set()
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.update(base_url=wire.url)

    class Machine(schema.as_state_machine()):  # type: ignore[misc] # the base class is built from the schema
        tenant: Tenant
        ids: dict[str, str]

        def setup(self) -> None:
            """Create an app for each sequence, so that a sequence depends on no other one."""
            self.tenant = make_tenant(wire, service.account)
            known = {"appId": self.tenant.app_id, "integrationId": self.tenant.integration_id}
            self.ids = messaging.placeholders(wire, service, self.tenant) | known

        def before_call(self, case: Any) -> None:
            """Replace generated ids and bodies by those of what there is. Ids from links stay, and so does what is deleted.

            An operation in an app that is new has no objects to refer to, so it goes to the tenant's.
            """
            *parents, _ = case.path_parameters or [""]
            for name in parents if case.method == "DELETE" else case.path_parameters:
                if not AN_ID.fullmatch(str(case.path_parameters[name])) and name in self.ids:
                    case.path_parameters[name] = self.ids[name]
            if case.path != "/v2/apps/{appId}":
                case.path_parameters["appId"] = self.tenant.app_id
            id = case.operation.definition.raw["operationId"]
            body = BODIES.get(id) or messaging.filled(messaging.BODIES.get(snake(id)), self.ids)
            if body is not None:
                case.body = body
            (case.headers or {}).pop("Idempotency-Key", None)

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": {"Authorization": service.account.basic()}}

        def validate_response(self, response: Any, case: Any, additional_checks: Any = (), **options: Any) -> None:
            case.validate_response(response, checks=CHECKS)
            if response.status_code < 300:
                succeeded.add(case.operation.definition.raw["operationId"])

    Machine.run(
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize="FUZZ_EXAMPLES" not in os.environ,
        )
    )
    assert len(LINKED) > 30
    assert len(LINKED & succeeded) > 0.5 * len(LINKED), f"these never succeeded: {sorted(LINKED - succeeded)}"
