"""The rows of a file from which `keys create --from` creates keys."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from pathlib import Path

import msgspec

from sunshine_keys.cli.exits import Exit, stop

_COLUMNS = {"displayname": "displayName", "name": "displayName", "appid": "app_id", "integrationid": "integration_id"}
_LIKE_HEADINGS = _COLUMNS.keys() | {
    "app",
    "apps",
    "description",
    "displaynames",
    "id",
    "integration",
    "integrations",
    "key",
    "keyid",
    "keyname",
    "keynames",
    "keys",
    "label",
    "names",
    "secret",
    "title",
}
"""Words that are a heading rather than the name of a key, in the form that `_heading` returns."""


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
    headings = ["displayname"]
    first = [_heading(cell) for cell in table[0]] if table else []
    if {"displayname", "name"} & set(first):
        for cell, heading in zip(table.pop(0), first, strict=True):
            if heading not in _COLUMNS:
                stop(Exit.USAGE, f"{file} has an unknown column {cell}. Use displayName, appId, integrationId")
        headings = first
    elif _LIKE_HEADINGS & set(first):
        stop(
            Exit.USAGE,
            f"the first row of {file} looks like a heading, and names no column displayName",
            "Name the columns displayName, appId and integrationId. If it is the name of a key, put a heading above it.",
        )
    if not table:
        stop(Exit.USAGE, f"{file} contains no names")
    return headings, table


def _heading(cell: str) -> str:
    """Return a heading without blanks, underscores, hyphens and case: `Display name` means `displayName`."""
    return "".join(cell.split()).replace("_", "").replace("-", "").casefold()
