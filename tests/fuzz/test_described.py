"""Requests generated from the service's own description get only answers that it describes.

Left alone they would end in 403 and 404. So most ids are replaced by those of what there is, what a request deletes is
made for it, and what it makes is deleted; and at the end every operation must have succeeded at least once.
"""

from __future__ import annotations

import itertools
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.specs.openapi.checks import negative_data_rejection
from support import messaging, oauth
from support.wire import WEBHOOK, Service, Tenant, Wire, make_tenant

from sunshine_keys.compose import OPERATIONS, ROUTER
from sunshine_keys.wire import openapi

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "5"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
ANY_BYTES = ["UploadAttachment"]
"""Its body is a file. A generated value of another type is sent as JSON, and so is a file like any other."""
FILE_PATH = "/attachments/v2/{attachmentId}/{name}"

BODIES: dict[str, Any] = {
    "apps": {"displayName": "x"},
    "integrations": {"type": "web"},
    "keys": {"displayName": "x"},
    "webhooks": WEBHOOK,
    "users": messaging.BODIES["create_user"],
    "conversations": {"type": "sdkGroup"},
    "messages": messaging.TEXT,
    "clients": messaging.BODIES["create_client"],
    "switchboards": None,
    "oauthClients": oauth.BODIES["create_oauth_client"],
    "switchboardIntegrations": messaging.BODIES["create_switchboard_integration"],
}


DOCUMENT = json.loads(openapi.document(ROUTER))
LARGE = ["PostMessage", "CreateClient", "SimulateConversation", "SimulateMessage", "SimulateAgentMessage"]
"""The operations whose bodies hold the content of a message. Covering each of its properties takes thousands of requests."""

MOVES_TIME = ["AdvanceClock"]
"""It would move the clock of the service that other tests use."""

PARTNERS = ["GetToken", "RevokeAccess"]
"""Codes and access tokens cannot be generated, so requests of these operations do not succeed."""

REDIRECTS = ["Authorize"]

schema = schemathesis.openapi.from_dict(DOCUMENT).exclude(operation_id=[*LARGE, *MOVES_TIME, *PARTNERS, *REDIRECTS])
partners_schema = schemathesis.openapi.from_dict(DOCUMENT).include(operation_id=PARTNERS)
large_schema = schemathesis.openapi.from_dict(
    DOCUMENT, config=SchemathesisConfig.from_dict({"phases": {"coverage": {"enabled": False}}})
).include(operation_id=LARGE)


class Surroundings:
    """The objects that requests refer to, and the operations that have been requested and have succeeded."""

    def __init__(self, wire: Wire, service: Service, tenant: Tenant) -> None:
        self.wire, self.tenant = wire, tenant
        self._messaging_ids = messaging.placeholders(wire, service, tenant)
        webhook = wire.get(tenant.webhooks, tenant.app_key).json["webhooks"][0]["id"]
        self.ids = {
            "appId": tenant.app_id,
            "integrationId": tenant.integration_id,
            "webhookId": webhook,
            **oauth.placeholders(wire, tenant),
        } | self._messaging_ids
        self.session = requests.Session()
        self.asked: set[tuple[str, str]] = set()
        self.succeeded: set[tuple[str, str]] = set()
        self._turns: dict[tuple[str, str], itertools.count[int]] = defaultdict(itertools.count)
        self._created: list[str] = []

    def ask(self, case: Any) -> None:
        operation = case.method, case.path
        turn = next(self._turns[operation])  # independent of earlier requests
        auth = self.tenant.account if turn % 2 else self.tenant.app_key
        if (turn % 8 and case.method != "POST") or turn % 16 > 3:
            self._fill(case)
        if turn % 4:  # otherwise most creates would repeat an Idempotency-Key
            (case.headers or {}).pop("Idempotency-Key", None)
        response = case.call_and_validate(
            headers={"Authorization": auth.basic()},
            checks=CHECKS,
            excluded_checks=[negative_data_rejection]
            if case.operation.definition.raw["operationId"] in ANY_BYTES
            else [],
            base_url=self.wire.url,
            session=self.session,
        )
        self.asked.add(operation)
        if response.status_code < 300:
            self.succeeded.add(operation)
        is_create = response.status_code == 201 and not case.path.startswith(("/sunshine/v1/apps/", "/simulator/"))
        is_create = is_create and not case.path.endswith("/attachments")  # they have URLs instead of ids
        if is_create and "idempotency-replayed" not in response.headers:
            (created,) = json.loads(response.content).values()
            if isinstance(created, list):
                (created,) = created
            self._created.append(f"{path_of(case.path, case.path_parameters)}/{created['id']}")
        while self._created:  # an owner has at most ten keys
            assert self.wire.delete(self._created.pop(), self.tenant.account).status in (200, 404)

    def ask_as_partner(self, case: Any) -> None:
        """Send a request without credentials, or with those of a key to the operation that needs an access token."""
        headers = {"Authorization": self.tenant.key.basic()} if case.path == "/oauth/authorization" else {}
        case.call_and_validate(headers=headers, checks=CHECKS, base_url=self.wire.url, session=self.session)

    def _fill(self, case: Any) -> None:
        for name in case.path_parameters:
            if name == "keyId":
                of_app = "{integrationId}" not in case.path
                case.path_parameters[name] = (self.tenant.app_key if of_app else self.tenant.key).id
            elif name in ("attachmentId", "name"):
                case.path_parameters[name] = unquote(
                    self.ids["mediaUrl"].split("/")[-2 if name == "attachmentId" else -1]
                )
            else:
                case.path_parameters[name] = self.ids[name]
        if case.method == "DELETE" and case.path.endswith("}"):
            collection, _, name = case.path.rpartition("/")
            if collection.endswith("/switchboards"):  # an app has one at most
                app = self.wire.post("/v2/apps", self.tenant.account, {"displayName": "x"}).json["app"]["id"]
                self._created.append(f"/v2/apps/{app}")
                case.path_parameters["appId"] = app
            path = path_of(collection, case.path_parameters)
            body = messaging.filled(BODIES[collection.rpartition("/")[2]], self.ids)
            ((_, view),) = self.wire.post(path, self.tenant.account, body).json.items()
            if isinstance(view, list):
                (view,) = view
            case.path_parameters[name.strip("{}")] = view["id"]
            self._created.append(f"{path}/{view['id']}")


def path_of(template: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        template = template.replace(f"{{{name}}}", value)
    return template


@pytest.fixture(scope="module")
def surroundings(wire: Wire, service: Service) -> Iterator[Surroundings]:
    surroundings = Surroundings(wire, service, make_tenant(wire, service.account))
    with surroundings.session:
        yield surroundings
    # Generated bodies of these rarely name what there is; test_openapi.py has requests of them that succeed.
    described = {
        (operation.method, operation.path)
        for operation in OPERATIONS
        if not operation.is_messaging and operation.id != "CreateOauthClient"
    }
    paths = {operation.path for operation in OPERATIONS} | {"/healthz", "/readyz", "/openapi.json", FILE_PATH}
    assert {path for _, path in surroundings.asked} <= paths
    assert surroundings.asked & described <= surroundings.succeeded, "an operation that never succeeded is not tested"


SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize="FUZZ_EXAMPLES" not in os.environ,
)


def ids_in(schema: Any) -> list[str]:
    return [operation.ok().definition.raw["operationId"] for operation in schema.get_all_operations()]


def require_described_answers(schema: Any, operation_id: str, ask: Callable[[Any], None]) -> None:
    """Do what `schema.parametrize` does for one operation, and call `ask` with each case.

    That generates the requests of all operations when the tests are collected: in every process that runs tests, and in half
    of their time.
    """

    def test(case: Any) -> None:
        ask(case)

    build_operation_test(
        config=schema.config,
        operation=schema.find_operation_by_id(operation_id),
        test_func=test,
        given_kwargs={},
        feedback=FeedbackSources(constants_value_source=make_constants_value_source(schema)),
        explicit_settings=SETTINGS,
    )()


@pytest.mark.timeout(0)
@pytest.mark.parametrize("operation_id", ids_in(schema))
def test_every_answer_is_described(operation_id: str, surroundings: Surroundings) -> None:
    require_described_answers(schema, operation_id, surroundings.ask)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("operation_id", ids_in(large_schema))
def test_every_answer_to_a_large_body_is_described(operation_id: str, surroundings: Surroundings) -> None:
    require_described_answers(large_schema, operation_id, surroundings.ask)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("operation_id", PARTNERS)
def test_every_answer_to_a_partner_is_described(operation_id: str, surroundings: Surroundings) -> None:
    require_described_answers(partners_schema, operation_id, surroundings.ask_as_partner)
