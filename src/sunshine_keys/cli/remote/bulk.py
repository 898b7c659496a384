"""Many keys at once: created from a file of names, or deleted by a pattern."""

from __future__ import annotations

import csv
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import sunshine_conversations_client as sunshine
from sunshine_conversations_client._repetition import is_vendors
from sunshine_keys.cli.exits import Exit, complain, explain, stop
from sunshine_keys.cli.progress import bar
from sunshine_keys.cli.remote import asking, journal, output
from sunshine_keys.cli.remote.journal import Journal, Row
from sunshine_keys.cli.remote.options import Common
from sunshine_keys.cli.remote.resources import Resource
from sunshine_keys.cli.remote.session import Session

_COLUMNS = {"displayName": "displayName", "name": "displayName", "appId": "app_id", "integrationId": "integration_id"}
_OF_ONE_ROW = (
    sunshine.BadRequestException,
    sunshine.ForbiddenException,
    sunshine.NotFoundException,
    sunshine.ConflictException,
)


def create_from(
    resource: Resource, opened: Session, owners: dict[str, str], file: Path, results: Path | None, common: Common
) -> None:
    """Make the keys that an earlier run with the same results has not made. What one row has wrong stops no other."""
    rows = _rows(file, owners)
    results = results or file.with_name(f"{file.name}.keys.jsonl")
    before = 0
    made: list[str] = []
    failed: list[dict[str, str]] = []
    try:
        with journal.opened(results, opened.host) as kept, bar("Creating keys") as progress:
            for number, row in enumerate(rows, 1):
                if row in kept.done:
                    before += 1
                elif row in kept.doubtful:
                    failed.append({"displayName": row.name, "error": "it may have been made by an earlier run"})
                else:
                    try:
                        made.append(_create(resource, opened, kept, row))
                    except _OF_ONE_ROW as error:
                        failed.append({"displayName": row.name, "error": explain(error, opened.host)[1][0]})
                progress(number, len(rows))
    except OSError as error:
        stop(Exit.FAILED, f"cannot write {results}: {error.strerror}", _again(made, before, rows))
    except sunshine.ApiException:
        complain(f"{len(made) + before} of {len(rows)} keys are made", _again(made, before, rows))
        raise
    _tell_made(resource, made, before, failed, results, common)


def _create(resource: Resource, opened: Session, kept: Journal, row: Row) -> str:
    # Nobody knows whether the vendor heeds an Idempotency-Key: there, a create in doubt is not repeated.
    honoured = not is_vendors(opened.host)
    headers = {"Idempotency-Key": kept.idempotency_key(row)} if honoured else None
    try:
        key = resource.create(opened.client, dict(row.owners), {"displayName": row.name}, headers)
    except sunshine.ApiConnectionError as error:
        if error.maybe_sent and not honoured:
            kept.add(row, None)
        raise
    kept.add(row, output.told(key, reveal=True))
    return str(key.id)


def _again(made: list[str], before: int, rows: list[Row]) -> str:
    return f"Run the same command again to make the other {len(rows) - len(made) - before}: none is made twice."


def _tell_made(
    resource: Resource, made: list[str], before: int, failed: list[dict[str, str]], results: Path, common: Common
) -> None:
    if common.as_json:
        output.print_json({"made": made, "madeBefore": before, "failed": failed, "output": str(results)})
    elif common.quiet:
        for each in made:
            output.emit_id(each)
    else:
        earlier = f", after {before} that an earlier run made" if before else ""
        output.emit(
            f"Made {_counted(len(made), resource)}{earlier}. They are in {results}, with their secrets: keep it safe."
        )
    if failed:
        stop(
            Exit.FAILED,
            f"{len(failed)} could not be made:",
            *(f'"{each["displayName"]}": {each["error"]}' for each in failed),
        )


def _rows(file: Path, owners: dict[str, str]) -> list[Row]:
    """From a CSV file: names alone, or under a heading with displayName and, for other owners, appId and integrationId."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            table = [row for row in csv.reader(lines, strict=True) if any(cell.strip() for cell in row)]
    except OSError as error:
        stop(Exit.USAGE, f"cannot read {file}: {error.strerror}")
    except (csv.Error, UnicodeDecodeError):
        stop(Exit.USAGE, f"{file} should be a CSV file in UTF-8")
    headings = ["displayName"]
    if table and {"displayName", "name"} & set(table[0]):
        headings = table.pop(0)
    if not table:
        stop(Exit.USAGE, f"{file} has no names")
    if unknown := [each for each in headings if each not in _COLUMNS]:
        stop(Exit.USAGE, f"{file} has a column {unknown[0]}; there are: displayName, appId, integrationId")
    rows: list[Row] = []
    seen: dict[Any, int] = {}
    for number, cells in enumerate(table, 1):
        if len(cells) != len(headings):
            stop(
                Exit.USAGE,
                f"{file}, row {number}: {len(cells)} columns where there should be {len(headings)}",
                "A name that holds a comma stands in quotes; other columns need a heading.",
            )
        given = {_COLUMNS[heading]: cell.strip() for heading, cell in zip(headings, cells, strict=True) if cell.strip()}
        name = given.pop("displayName", "")
        if not name:
            stop(Exit.USAGE, f"{file}, row {number}: it should have a name")
        named = tuple((owners | given).items())
        seen[named, name] = seen.get((named, name), 0) + 1
        rows.append(Row(named, name, seen[named, name]))
    return rows


def delete_matching(
    resource: Resource, opened: Session, owners: dict[str, str], pattern: str, common: Common, *, yes: bool
) -> None:
    """Delete all whose names match. Run again, it deletes what is left."""
    found = [
        each for each in resource.list(opened.client, owners) if fnmatchcase(str(each.display_name or ""), pattern)
    ]
    if found and not yes:
        complain(*(["these match:"] + [f"{each.id}  {each.display_name or ''}" for each in found]))
        asking.require_yes(f"Delete {_counted(len(found), resource)}? {resource.gone[0].upper()}{resource.gone[1:]}.")
    deleted: list[str] = []
    with bar("Deleting keys") as progress:
        for number, each in enumerate(found, 1):
            try:
                resource.delete(opened.client, owners, each.id)
                deleted.append(each.id)
            except sunshine.NotFoundException:
                pass  # someone else was faster
            except sunshine.ApiException:
                complain(f"{len(deleted)} of {len(found)} are deleted: run the same command again for the others")
                raise
            progress(number, len(found))
    if common.as_json:
        output.print_json({"deleted": deleted})
    elif common.quiet:
        for each_id in deleted:
            output.emit_id(each_id)
    else:
        output.emit(f"Deleted {_counted(len(deleted), resource)}.")


def _counted(number: int, resource: Resource) -> str:
    return f"{number} {resource.one if number == 1 else resource.name}"
