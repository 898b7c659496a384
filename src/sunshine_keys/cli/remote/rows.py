"""The rows of a file from which `keys create --from` creates keys."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import msgspec

from sunshine_keys.cli.exits import Exit, stop

_COLUMNS = {"displayName": "displayName", "name": "displayName", "appId": "app_id", "integrationId": "integration_id"}


class Row(msgspec.Struct, frozen=True):
    """A key to create. `nth` counts from 1 the rows that have the same owners and name."""

    owners: tuple[tuple[str, str], ...]
    name: str
    nth: int

    def idempotency_key(self, *deleted: str) -> str:
        """Return the same Idempotency-Key for the same content, wherever the row is in the file.

        `deleted` are the ids of keys that this row created and somebody deleted since: they make it another request.
        The service's URL is not part of it, because a service may have several.
        """
        content = [self.owners, self.name, self.nth, *deleted]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def read_rows(file: Path, owners: dict[str, str]) -> list[Row]:
    """Read a CSV file: names alone, or a heading with displayName and, for other owners, appId and integrationId.

    End the program if the file is invalid.
    """
    headings, table = _table(file)
    rows: list[Row] = []
    equal: Counter[object] = Counter()
    for number, cells in enumerate(table, 1):
        if len(cells) != len(headings):
            stop(
                Exit.USAGE,
                f"{file}, row {number}: {len(cells)} columns instead of {len(headings)}",
                "Put a name that contains a comma in quotes. Name further columns in a heading.",
            )
        fields = {
            _COLUMNS[heading]: cell.strip() for heading, cell in zip(headings, cells, strict=True) if cell.strip()
        }
        name = fields.pop("displayName", "")
        if not name:
            stop(Exit.USAGE, f"{file}, row {number}: the name is missing")
        row_owners = tuple((owners | fields).items())
        equal[row_owners, name] += 1
        rows.append(Row(row_owners, name, equal[row_owners, name]))
    return rows


def _table(file: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            table = [row for row in csv.reader(lines, strict=True) if any(cell.strip() for cell in row)]
    except OSError as error:
        stop(Exit.USAGE, f"cannot read {file}: {error.strerror}")
    except (csv.Error, UnicodeDecodeError):
        stop(Exit.USAGE, f"{file} is not a CSV file in UTF-8")
    headings = ["displayName"]
    if table and {"displayName", "name"} & set(table[0]):
        headings = table.pop(0)
    if not table:
        stop(Exit.USAGE, f"{file} contains no names")
    if unknown := [heading for heading in headings if heading not in _COLUMNS]:
        stop(Exit.USAGE, f"{file} has an unknown column {unknown[0]}. Use displayName, appId, integrationId")
    return headings, table
