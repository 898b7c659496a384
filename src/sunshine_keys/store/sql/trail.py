"""Which entries of the audit trail are wanted, as a condition."""

from __future__ import annotations

from typing import Any

from sunshine_keys.store.audit import Wanted


def where(wanted: Wanted, before: int, span: int) -> tuple[str, tuple[Any, ...]]:
    """The condition and its values, of the `span` entries before number `before`.

    Ids are compared whole, for a pattern would take an underscore in one for any character.
    """
    values: list[Any] = [before, before - span]
    parts = ["sequence < $1", "sequence >= $2"]

    def value(given: str) -> str:
        values.append(given)
        return f"${len(values)}"

    if wanted.app_id:
        path, app = value(f"apps/{wanted.app_id}/"), value(wanted.app_id)
        below = f"substr(resource || '/', 1, {len(wanted.app_id) + 6}) = {path}"
        of_its_keys = f"substr(resource, 6) IN (SELECT id FROM keys WHERE app_id = {app})"  # noqa: S608 - a place
        parts.append(f"({below} OR (substr(resource, 1, 5) = 'keys/' AND {of_its_keys}))")
    if wanted.owner_id:
        owner, size = value(f"{wanted.owner_id}/"), len(wanted.owner_id) + 1
        parts.append(
            f"(substr(resource || '/', {_APP_AT}, {size}) = {owner}"
            f" OR substr(resource || '/', {_INTEGRATION_AT}, {size}) = {owner})"
        )
    if wanted.key_id:
        key = value(wanted.key_id)
        parts.append(f"(actor = {key} OR substr(resource, length(resource) - {len(wanted.key_id) - 1}) = {key})")
    if wanted.action:
        parts.append(f"action = {value(wanted.action)}")
    if wanted.since:
        parts.append(f"time >= {value(wanted.since)}")
    return " AND ".join(parts), tuple(values)


_APP_AT = len("apps/") + 1
_INTEGRATION_AT = _APP_AT + 24 + len("/integrations/")
"""Where ids begin in a resource, from 1."""
