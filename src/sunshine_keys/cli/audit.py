"""`audit`: what the audit trail tells, and whether its chain holds."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec
import typer

from sunshine_keys.cli.exits import printable
from sunshine_keys.cli.listing import Group
from sunshine_keys.cli.program import Data, Database, cli, fail
from sunshine_keys.compose import Settings, opened_store
from sunshine_keys.store import Store, audit
from sunshine_keys.store.audit import Entry, Head

T = TypeVar("T")

_PAGE = 1000
_SPAN = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})", re.ASCII)
_COLUMNS = (("time", 24), ("actor", 28), ("action", 18), ("outcome", 12), ("source", 15))

program = typer.Typer(cls=Group, help="Show the audit trail, or verify its chain.", invoke_without_command=True)
cli.add_typer(program, name="audit")


class Wanted(msgspec.Struct, frozen=True):
    """Which entries are to be shown; an empty text is any."""

    since: str = ""
    actor: str = ""
    action: str = ""
    resource: str = ""

    def __call__(self, entry: Entry) -> bool:
        return (
            entry.time >= self.since
            and self.actor in ("", entry.actor)
            and self.action in ("", entry.action)
            and (not self.resource or f"{entry.resource}/".startswith(f"{self.resource}/"))
        )


@program.callback()
def show(
    context: typer.Context,
    data: Data = None,
    database: Database = None,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="SUNSHINE_KEYS_JSON", help="Print each entry as a line of JSON.")
    ] = False,
    since: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_SINCE",
            metavar="TIME",
            help="Only what came after: a date, a time (UTC unless it says), or a span such as 30m, 2h or 7d.",
        ),
    ] = "",
    actor: Annotated[
        str, typer.Option(envvar="SUNSHINE_KEYS_ACTOR", metavar="KEY_ID", help="Only what this key did, or `operator`.")
    ] = "",
    action: Annotated[
        str, typer.Option(envvar="SUNSHINE_KEYS_ACTION", help="Only this action, such as key.delete.")
    ] = "",
    resource: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_RESOURCE",
            metavar="PATH",
            help="Only this path below /v2, such as apps/ID, and what is below it.",
        ),
    ] = "",
) -> None:
    """Show the audit trail, oldest first."""
    if context.invoked_subcommand is not None:
        return
    wanted = Wanted(
        audit.told_time(moment(since, "--since")) if since else "",
        actor,
        action,
        resource.strip("/").removeprefix("v2/"),
    )

    async def run(store: Store) -> None:
        line = _print_json if as_json else _Table()
        async for page in pages(store):
            for entry in page:
                if wanted(entry):
                    line(entry)

    _with_store(Settings.of(data, database), run)


@program.command()
def verify(
    context: typer.Context,
    data: Data = None,
    database: Database = None,
    head: Annotated[
        str | None,
        typer.Option(
            envvar="SUNSHINE_KEYS_HEAD",
            metavar="SEQUENCE:HASH",
            help="The head that an earlier run printed: the chain should still hold it.",
        ),
    ] = None,
) -> None:
    """Check the whole chain, and print its head. Exits 1 where it does not hold, naming the entry."""
    assert context.parent is not None
    given = context.parent.params  # options before the word `verify`
    kept = None if head is None else _head(head)

    async def run(store: Store) -> Head:
        reached = Head()
        async for page in pages(store):
            start, reached = reached, audit.check(page, reached)
            if kept is not None and start.sequence < kept.sequence <= reached.sequence:
                entry = page[kept.sequence - start.sequence - 1]
                if entry.hash != kept.hash:
                    fail(f"the chain is another: entry {kept.sequence} of {entry.time} has not the hash that was kept")
        return reached

    try:
        reached = _with_store(Settings.of(data or given["data"], database or given["database"]), run)
    except audit.Broken as error:
        fail(f"the audit trail is broken: {error}")
    if kept is not None and kept.sequence > reached.sequence:
        fail(f"the audit trail was cut off: it ends at entry {reached.sequence}, before {kept.sequence}")
    typer.echo(f"The chain of {reached.sequence} entries holds. Its head, to be kept elsewhere:")
    typer.echo(f"{reached.sequence}:{reached.hash.hex()}")


def _with_store(settings: Settings, use: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with opened_store(settings) as store:
            return await use(store)

    return asyncio.run(run())


async def pages(store: Store) -> AsyncIterator[list[Entry]]:
    after = 0
    while page := await store.audit_entries(after, _PAGE):
        yield page
        after = page[-1].sequence


def moment(given: str, option: str) -> datetime:
    """A time in UTC, from a span before now or from ISO 8601; `option` is what it was given in."""
    if span := _SPAN.fullmatch(given):
        return datetime.now(UTC) - timedelta(seconds=int(span[1]) * _UNIT_SECONDS[span[2]])
    try:
        told = datetime.fromisoformat(given)
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        fail(f"{option} should be a date or time such as 2026-01-31T12:00, or a span such as 30m, 2h or 7d")


def _head(given: str) -> Head:
    parts = _HEAD.fullmatch(given.strip())
    if parts is None or int(parts[1]) == 0:
        fail("--head should be SEQUENCE:HASH, as `sunshine-keys audit verify` prints it")
    return Head(int(parts[1]), bytes.fromhex(parts[2]))


def _print_json(entry: Entry) -> None:
    told = {
        "sequence": entry.sequence,
        "time": entry.time,
        "actor": entry.actor,
        "source": entry.source,
        "requestId": entry.request_id,
        "action": entry.action,
        "resource": entry.resource,
        "outcome": entry.outcome,
        "note": entry.note,
        "hash": entry.hash.hex(),
    }
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


class _Table:
    """Prints a line an entry, with a heading before the first: the trail may be longer than memory."""

    def __init__(self) -> None:
        self._begun = False

    def __call__(self, entry: Entry) -> None:
        if not self._begun:
            self._begun = True
            typer.secho(" ".join(f"{name:{width}}" for name, width in _COLUMNS) + " resource", bold=True)
        columns = [f"{getattr(entry, name):{width}}" for name, width in _COLUMNS] + [entry.resource]
        if entry.note:
            columns.append(f"({entry.note})")
        done = entry.outcome in (audit.DONE, audit.UNCHANGED)
        typer.secho(printable(" ".join(columns).rstrip()), fg=None if done else "red")
