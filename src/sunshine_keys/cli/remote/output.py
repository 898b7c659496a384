"""What is printed of objects: a table for a person, JSON for a program, or ids alone."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from sunshine_conversations_client._model import Model
from sunshine_keys.cli.exits import printable

_MAY_BE_SECRET = re.compile("secret|token|password|certificate|private", re.IGNORECASE)
_MASK_SHOWN = 4
_UNBOUNDED = 100_000


def told(model: Model, *, reveal: bool) -> dict[str, Any]:
    """An object by the names on the wire; secrets are left out unless they are to be revealed."""
    shown = {
        field.wire: _told(model.__dict__[name], reveal=reveal)
        for name, field in model._fields.items()
        if name in model.__dict__ and (reveal or not field.secret)
    }
    if (kind := getattr(model, "type", None)) is not None:
        shown["type"] = kind
    # What this version does not know is told, unless by its name it may be a secret.
    more = model.additional_properties.items()
    return shown | {name: value for name, value in more if reveal or not _MAY_BE_SECRET.search(name)}


def _told(value: Any, *, reveal: bool) -> Any:
    if isinstance(value, Model):
        return told(value, reveal=reveal)
    if isinstance(value, list):
        return [_told(each, reveal=reveal) for each in value]
    return value.value if isinstance(value, Enum) else value


def print_json(value: Any) -> None:
    emit(json.dumps(value, indent=2))


def print_objects(models: Iterable[Model], columns: tuple[str, ...], *, reveal: bool) -> None:
    rows = [
        [str(getattr(model, "id", "")), *(_cell(model, name, reveal=reveal) for name in columns)] for model in models
    ]
    print_table(["id", *columns], rows)


def print_object(model: Model, *, reveal: bool) -> None:
    """A line for each thing it tells."""
    facts = told(model, reveal=True)
    if not reveal:
        facts = told(model, reveal=False) | {
            field.wire: _masked(getattr(model, name))
            for name, field in model._fields.items()
            if field.secret and getattr(model, name)
        }
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        emit(f"{printable(name):{width}}  {printable(text)}")


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """As wide as the terminal, and elsewhere as what is in it; NO_COLOR is heeded."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout is not None and sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        # An id that is cut off or broken cannot be copied.
        table.add_column(heading, no_wrap=heading in ("id", "keyId"), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(highlight=False) if terminal else Console(highlight=False, width=_UNBOUNDED)
    with console.capture() as captured:
        console.print(table)
    emit("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _cell(model: Model, name: str, *, reveal: bool) -> str:
    field = model._by_wire.get(name)
    value = getattr(model, name if field is None else field.name, None)
    if value is None:
        return ""
    if field is not None and field.secret and not reveal:
        return _masked(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value.value if isinstance(value, Enum) else value)


def _masked(secret: Any) -> str:
    return f"{str(secret)[:_MASK_SHOWN]}…"


def emit_id(given: Any) -> None:
    """An id or a secret, alone on its line, without what a terminal might obey."""
    emit(printable(str(given)))


def emit(line: str) -> None:
    """Print a line at once; what standard output's encoding lacks is replaced. Raises OSError."""
    try:
        print(line, flush=True)
    except UnicodeEncodeError as error:
        print(line.encode(error.encoding, "replace").decode(error.encoding), flush=True)
