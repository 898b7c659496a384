"""Create many keys from a file of names, or delete many by a pattern."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._repetition import is_vendors
from sunshine_keys.cli.confirm import require_confirmation
from sunshine_keys.cli.exits import Exit, complain, explain, stop
from sunshine_keys.cli.progress import bar
from sunshine_keys.cli.remote import output
from sunshine_keys.cli.remote.options import OutputFormat
from sunshine_keys.cli.remote.resources import Resource
from sunshine_keys.cli.remote.rows import Row, read_rows
from sunshine_keys.cli.remote.session import Session
from sunshine_keys.cli.terminal import counted, emit, emit_json

_ROW_ERRORS = (
    sunshine.BadRequestException,
    sunshine.ForbiddenException,
    sunshine.NotFoundException,
    sunshine.ConflictException,
)


class _Result(msgspec.Struct):
    """What a run did. `repeated` counts the keys that an earlier run created."""

    keys: list[tuple[Row, Any]] = []
    repeated: int = 0
    failed: list[dict[str, str]] = []


def create_from(
    resource: Resource, opened: Session, owners: dict[str, str], file: Path, output_format: OutputFormat
) -> None:
    """Create a key for each row. Print all of them, also those that an earlier run created in the last 24 hours.

    An invalid row does not stop the others.
    """
    rows = read_rows(file, owners)
    creator = _VendorCreator(resource, opened) if is_vendors(opened.host) else _Creator(resource, opened)
    result = _Result()
    try:
        with bar("Creating keys") as progress:
            for number, row in enumerate(rows, 1):
                try:
                    key, is_repeated = creator.create(row)
                    result.keys.append((row, key))
                    result.repeated += is_repeated
                except _ROW_ERRORS as error:
                    result.failed.append(
                        {"displayName": row.name, "error": explain(error, opened.host, opened.scope)[1][0]}
                    )
                except _NameTakenError:
                    result.failed.append({"displayName": row.name, "error": "a key with this name exists already"})
                progress(number, len(rows))
    except sunshine.ApiException:
        complain(
            f"{len(result.keys)} of {counted(len(rows), 'key')} created",
            f"Run the same command again {creator.how_to_repeat}.",
        )
        raise
    finally:
        _print_keys(resource, result, output_format)
    if result.failed:
        stop(
            Exit.FAILED,
            f"{len(result.failed)} of {counted(len(rows), 'key')} could not be created:",
            *(f'"{failure["displayName"]}": {failure["error"]}' for failure in result.failed),
        )


class _NameTakenError(Exception):
    """The owner has a key of this name, which an earlier run may have created."""


class _Creator:
    """Creates keys in a service that honours Idempotency-Key."""

    how_to_repeat = "within 24 hours: it creates the others, and prints all"

    def __init__(self, resource: Resource, opened: Session) -> None:
        self._resource = resource
        self._client = opened.client

    def create(self, row: Row) -> tuple[Any, bool]:
        """Return the row's key, and whether an earlier run created it. Replace a key that was deleted since."""
        owners, deleted = dict(row.owners), list[str]()
        while True:
            headers = {"Idempotency-Key": row.idempotency_key(*deleted)}
            key, is_repeated = self._resource.create(self._client, owners, {"displayName": row.name}, headers)
            if not is_repeated:
                return key, False
            try:
                self._resource.show(self._client, owners, key.id)
            except sunshine.NotFoundException:
                deleted.append(key.id)
            else:
                return key, True


class _VendorCreator(_Creator):
    """Creates keys in the vendor's service, which is not documented to honour Idempotency-Key.

    So it never repeats a create whose answer was lost, and it compares names with those of the existing keys.
    """

    how_to_repeat = "for the others: rows whose names exist by then are skipped"

    def __init__(self, resource: Resource, opened: Session) -> None:
        super().__init__(resource, opened)
        self._names: dict[tuple[tuple[str, str], ...], Counter[str]] = {}

    def create(self, row: Row) -> tuple[Any, bool]:
        """Return the row's new key. Raises _NameTakenError."""
        owners = dict(row.owners)
        if row.owners not in self._names:
            existing = self._resource.list(self._client, owners)
            self._names[row.owners] = Counter(str(key.display_name) for key in existing)
        if self._names[row.owners][row.name] >= row.nth:
            raise _NameTakenError
        return self._resource.create(self._client, owners, {"displayName": row.name})


def _print_keys(resource: Resource, result: _Result, output_format: OutputFormat) -> None:
    if output_format.as_json:
        keys = [
            {"appId": dict(row.owners)["app_id"]}
            | ({"integrationId": dict(row.owners)["integration_id"]} if "integration_id" in dict(row.owners) else {})
            | output.plain(key, reveal=True)
            for row, key in result.keys
        ]
        emit_json({"keys": keys, "repeated": result.repeated, "failed": result.failed})
    elif output_format.quiet:
        for _, key in result.keys:
            output.emit_id(key.secret)
    elif result.keys:
        output.print_objects([key for _, key in result.keys], resource.columns, reveal=True)
        created = len(result.keys) - result.repeated
        earlier = f" An earlier run created the other {result.repeated}." if result.repeated else ""
        emit(f"Created {_counted(created, resource)}.{earlier} Store their secrets in a safe place now.")


def delete_matching(
    resource: Resource, opened: Session, owners: dict[str, str], pattern: str, output_format: OutputFormat, *, yes: bool
) -> None:
    """Delete all keys with a matching name. Another run deletes those that are left."""
    matching = [
        key for key in resource.list(opened.client, owners) if fnmatchcase(str(key.display_name or ""), pattern)
    ]
    if matching and not yes:
        complain(
            *(
                ["this key matches:" if len(matching) == 1 else "these keys match:"]
                + [f"{key.id}  {key.display_name or ''}" for key in matching]
            )
        )
        consequence = f"{resource.consequence[0].upper()}{resource.consequence[1:]}"
        require_confirmation(f"Delete {_counted(len(matching), resource)}? {consequence}.")
    deleted: list[str] = []
    with bar("Deleting keys") as progress:
        for number, key in enumerate(matching, 1):
            try:
                resource.delete(opened.client, owners, key.id)
                deleted.append(key.id)
            except sunshine.NotFoundException:
                pass  # Somebody else has deleted it.
            except sunshine.ApiException:
                complain(
                    f"deleted {len(deleted)} of {counted(len(matching), 'key')}",
                    "Run the same command again for the others.",
                )
                raise
            progress(number, len(matching))
    if output_format.as_json:
        emit_json({"deleted": deleted})
    elif output_format.quiet:
        for key_id in deleted:
            output.emit_id(key_id)
    else:
        emit(f"Deleted {_counted(len(deleted), resource)}.")


def _counted(number: int, resource: Resource) -> str:
    return f"{number} {resource.singular if number == 1 else resource.name}"
