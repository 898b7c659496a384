"""Rotations of a tenant's keys, for tests that read one."""

from __future__ import annotations

from support.wire import Tenant, Wire

TAG = "Key rotation"


def begin(wire: Wire, tenant: Tenant) -> None:
    """Rotate the key of the tenant's app and that of its integration."""
    app = f"/sunshine/v1/apps/{tenant.app_id}"
    for path in (f"{app}/keys/{tenant.app_key.id}", f"{app}/integrations/{tenant.integration_id}/keys/{tenant.key.id}"):
        assert wire.send("PUT", f"{path}/rotation", tenant.account).status == 200
