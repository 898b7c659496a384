"""The output of objects: a table for people, JSON for programs, or ids."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from sunshine_conversations_client._model import Model
from sunshine_keys.cli.exits import printable
from sunshine_keys.cli.terminal import emit, emit_json, rich_console

_MAY_BE_SECRET = re.compile("secret|token|password|certificate|private", re.IGNORECASE)
_MASK_SHOWN = 4
_UNBOUNDED = 100_000


def plain(model: Model, *, reveal: bool) -> dict[str, Any]:
    """Return an object as a dict with its names on the wire. Leave out secrets, unless `reveal`."""
    known = {
        field.wire: _plain_value(model.__dict__[name], reveal=reveal)
        for name, field in model._fields.items()
        if name in model.__dict__ and (reveal or not field.secret)
    }
    if (kind := getattr(model, "type", None)) is not None:
        known["type"] = kind
    # Properties that this version does not know are shown, unless their names suggest a secret.
    more = model.additional_properties.items()
    return known | {name: value for name, value in more if reveal or not _MAY_BE_SECRET.search(name)}


def _plain_value(value: Any, *, reveal: bool) -> Any:
    if isinstance(value, Model):
        return plain(value, reveal=reveal)
    if isinstance(value, list):
        return [_plain_value(item, reveal=reveal) for item in value]
    return value.value if isinstance(value, Enum) else value


def print_objects(models: Iterable[Model], columns: tuple[str, ...], *, reveal: bool) -> None:
    rows = [
        [str(getattr(model, "id", "")), *(_cell(model, name, reveal=reveal) for name in columns)] for model in models
    ]
    print_table(["id", *columns], rows)


def print_object(model: Model, *, reveal: bool) -> None:
    """Print one line for each property."""
    properties = plain(model, reveal=True)
    if not reveal:
        properties = plain(model, reveal=False) | {
            field.wire: _masked(getattr(model, name))
            for name, field in model._fields.items()
            if field.secret and getattr(model, name)
        }
    width = max(map(len, properties), default=0)
    for name, value in properties.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        emit(f"{printable(name):{width}}  {printable(text)}")


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table as wide as the terminal or, without one, as its content."""
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout is not None and sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        # Ids stay on one line and complete, because users copy them.
        table.add_column(heading, no_wrap=heading in ("id", "keyId"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = rich_console() if terminal else rich_console(width=_UNBOUNDED)
    with console.capture() as captured:
        console.print(table)
    emit("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _cell(model: Model, name: str, *, reveal: bool) -> str:
    field = model._by_wire.get(name)
    value = model.additional_properties.get(name) if field is None else getattr(model, field.name, None)
    if value is None:
        return ""
    if field is not None and field.secret and not reveal:
        return _masked(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value.value if isinstance(value, Enum) else value)


def _masked(secret: Any) -> str:
    return f"{str(secret)[:_MASK_SHOWN]}…"


def print_deleted(kind: str, id: str, *, as_json: bool, quiet: bool) -> None:
    """Print that an object of this kind was deleted."""
    if as_json:
        emit_json({"id": id, "deleted": True})
    elif quiet:
        emit_id(id)
    else:
        emit(f"Deleted {kind} {printable(id)}.")


def emit_id(text: Any) -> None:
    """Print an id or a secret on a line of its own, without control characters."""
    emit(printable(str(text)))
