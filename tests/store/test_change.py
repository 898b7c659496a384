"""Changes as data: what each says of itself, for the audit trail and for what remembers keys."""

from __future__ import annotations

import subprocess
import sys

from sunshine_keys import resources
from sunshine_keys.apps.changes import CreateApp, DeleteApp
from sunshine_keys.apps.model import App
from sunshine_keys.keys.changes import DeleteKey
from sunshine_keys.store.change import Revokes, actions, adding_actions
from sunshine_keys.store.postgres.remembered import harmless_actions

REVOKING = {
    "app.delete": Revokes.KEYS_OF_APP,
    "integration.delete": Revokes.KEYS_OF_INTEGRATION,
    "key.delete": Revokes.KEY,
    "key.expire": Revokes.KEY,
    "key.keep": Revokes.KEY,
    "key.rotate": Revokes.KEY,
    "oauth_access.revoke": Revokes.KEYS_OF_INTEGRATION,
    "oauth_client.delete": Revokes.ANY_KEY,
    "oauth_token.delete": Revokes.KEY,
    "sealing.resealed": Revokes.ANY_KEY,
    "sealing.retire": Revokes.ANY_KEY,
    "sealing.rotate": Revokes.ANY_KEY,
    "store.restore": Revokes.ANY_KEY,
}
"""A new change that deletes or replaces keys belongs here, and sets `revokes`."""


def test_only_these_changes_take_keys_away() -> None:
    import sunshine_keys.sealing.changes
    import sunshine_keys.store.sqlite.restoring  # noqa: F401 - so that all changes are loaded

    assert {action: revokes for action, revokes in actions().items() if revokes} == REVOKING


def test_only_these_changes_add_keys() -> None:
    import sunshine_keys.store.sqlite.restoring  # noqa: F401 - so that all changes are loaded

    assert adding_actions() == {"key.create", "oauth_token.create", "store.initialise", "store.restore"}
    assert not adding_actions() & set(harmless_actions())


def test_changes_of_webhooks_do_not_make_nodes_forget_keys() -> None:
    assert {"webhook.create", "webhook.update", "webhook.delete"} <= set(harmless_actions())
    assert not REVOKING.keys() & set(harmless_actions())


def test_a_server_knows_the_actions_of_the_console_without_loading_its_pages() -> None:
    program = (
        "import sunshine_keys.asgi, sys; from sunshine_keys.store.change import actions;"
        "print(*actions()); assert 'sunshine_keys.console.entry' not in sys.modules"
    )
    known = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"console.sign_in", "console.sign_out", "key.create"} <= set(known)
    assert "console.seen" not in known  # it is not audited


def test_the_path_of_a_change_names_its_resource() -> None:
    assert CreateApp(App("a", "An app", {})).resource == "apps/a"
    assert DeleteApp("a").resource == "apps/a"
    assert DeleteKey("a", "i", "k").resource == "apps/a/integrations/i/keys/k"
    assert DeleteKey("a", None, "k").resource == "apps/a/keys/k"


def test_every_table_follows_those_that_it_refers_to() -> None:
    names = [table.name for table in resources.CATALOG.tables]
    assert len(names) == len(set(names)) > len(resources.RESOURCES)
    for table in resources.CATALOG.tables:
        for owner in table.references.values():
            assert names.index(owner) < names.index(table.name), table
