"""The resources that the service serves. A new resource is a package and a line here."""

from __future__ import annotations

from sunshine_keys.apps import operations as apps
from sunshine_keys.integrations import operations as integrations
from sunshine_keys.keys import operations as keys
from sunshine_keys.webhooks import operations as webhooks
from sunshine_keys.wire.router import Router

RESOURCES = (
    apps,
    integrations,
    keys,
    webhooks,
)

OPERATIONS = [operation for resource in RESOURCES for operation in resource.OPERATIONS]

ROUTER = Router(OPERATIONS)
