"""Rotations of a tenant's keys, for tests that read one."""

from __future__ import annotations

from support.wire import Key, Tenant, Wire

TAG = "Key rotation"


def begin(wire: Wire, tenant: Tenant) -> None:
    """Rotate the key of the tenant's app and that of its integration."""
    app = f"/sunshine/v1/apps/{tenant.app_id}"
    for path in (f"{app}/keys/{tenant.app_key.id}", f"{app}/integrations/{tenant.integration_id}/keys/{tenant.key.id}"):
        assert wire.send("PUT", f"{path}/rotation", tenant.account).status == 200


def rotation_path(tenant: Tenant, key: Key) -> str:
    """Return the path of the rotation of a key of the tenant's app or integration."""
    owner = f"apps/{tenant.app_id}"
    if key.id.startswith("int_"):
        owner += f"/integrations/{tenant.integration_id}"
    return f"/sunshine/v1/{owner}/keys/{key.id}/rotation"
