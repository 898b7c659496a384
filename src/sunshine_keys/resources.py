"""The resources that the service serves. A new resource is a package and a line in RESOURCES.

The module `operations` of a resource defines OPERATIONS and TABLES.
"""

from __future__ import annotations

import sunshine_keys.console.changes  # noqa: F401 # pyright: ignore[reportUnusedImport] - registers the actions of these changes, which nodes look up
from sunshine_keys.access.causes import CAUSES
from sunshine_keys.apps import operations as apps
from sunshine_keys.console.table import SESSIONS
from sunshine_keys.integrations import operations as integrations
from sunshine_keys.keys import ends, usage  # noqa: F401 # pyright: ignore[reportUnusedImport] - registers actions, as above
from sunshine_keys.keys import operations as keys
from sunshine_keys.keys.table import KEYS
from sunshine_keys.oauth import operations as oauth
from sunshine_keys.store import answers, audit
from sunshine_keys.store.table import Catalog
from sunshine_keys.trail import operations as trail
from sunshine_keys.webhooks import operations as webhooks

RESOURCES = (
    apps,
    integrations,
    keys,
    webhooks,
    oauth,
    trail,
)
"""The resources. Each follows the resources that its tables refer to."""

OPERATIONS = [operation for resource in RESOURCES for operation in resource.OPERATIONS]

CATALOG = Catalog(
    tables=(
        *(table for resource in RESOURCES for table in resource.TABLES),
        SESSIONS,
        CAUSES,
        answers.TABLE,
        audit.TABLE,
    ),
    credentials=KEYS,
    migrations=(audit.MIGRATION, usage.MIGRATION),
    postgres_offset=2,  # stores on PostgreSQL began with the tables of schema version 3 and recorded it as 1
)
