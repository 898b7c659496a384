"""`audit`: show the audit trail, or verify its hash chain."""

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
from sunshine_keys.cli.help import Group
from sunshine_keys.cli.program import Data, Database, cli, fail
from sunshine_keys.compose import opened_store
from sunshine_keys.settings import Settings
from sunshine_keys.store import Store, audit
from sunshine_keys.store.audit import Entry, Head

T = TypeVar("T")

_PAGE = 1000
_DURATION = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})", re.ASCII)
_COLUMNS = (("time", 24), ("actor", 28), ("action", 18), ("outcome", 12), ("source", 15))

program = typer.Typer(cls=Group, help="Show the audit trail, or verify its chain.", invoke_without_command=True)
cli.add_typer(program, name="audit")


class EntryFilter(msgspec.Struct, frozen=True):
    """Which entries to show. An empty text matches everything."""

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
            help="Only entries since then: a date, a time (UTC unless it names a zone), or a duration such as 30m, 2h or 7d.",
        ),
    ] = "",
    actor: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_ACTOR", metavar="KEY_ID", help="Only entries of this key, or of `operator`."
        ),
    ] = "",
    action: Annotated[
        str, typer.Option(envvar="SUNSHINE_KEYS_ACTION", help="Only this action, for example key.delete.")
    ] = "",
    resource: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_RESOURCE",
            metavar="PATH",
            help="Only this path below /v2, for example apps/ID, and everything below it.",
        ),
    ] = "",
) -> None:
    """Show the audit trail, oldest first."""
    if context.invoked_subcommand is not None:
        return
    matches = EntryFilter(
        audit.format_time(parse_time(since, "--since")) if since else "",
        actor,
        action,
        resource.strip("/").removeprefix("v2/"),
    )

    async def run(store: Store) -> None:
        print_entry = _print_json if as_json else _Table()
        async for page in pages(store):
            for entry in page:
                if matches(entry):
                    print_entry(entry)

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
            help="A head that an earlier run printed: check that the chain still contains it.",
        ),
    ] = None,
) -> None:
    """Check the whole chain, and print its head. If the chain is broken, exit 1 and name the entry."""
    assert context.parent is not None
    options = context.parent.params  # those before the word `verify`
    expected = None if head is None else _head(head)

    async def run(store: Store) -> Head:
        reached = Head()
        async for page in pages(store):
            start, reached = reached, audit.check(page, reached)
            if expected is not None and start.sequence < expected.sequence <= reached.sequence:
                entry = page[expected.sequence - start.sequence - 1]
                if entry.hash != expected.hash:
                    fail(
                        f"this is another chain: entry {expected.sequence} of {entry.time} has another hash than --head"
                    )
        return reached

    try:
        reached = _with_store(Settings.of(data or options["data"], database or options["database"]), run)
    except audit.Broken as error:
        fail(f"the audit trail is broken: {error}")
    if expected is not None and expected.sequence > reached.sequence:
        fail(f"the audit trail was cut off: it ends at entry {reached.sequence}, before {expected.sequence}")
    typer.echo(f"The chain of {reached.sequence} entries is intact. Keep its head elsewhere:")
    typer.echo(f"{reached.sequence}:{reached.hash.hex()}")


def _with_store(settings: Settings, use: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with opened_store(settings) as store:
            return await use(store)

    return asyncio.run(run())


async def pages(store: Store) -> AsyncIterator[list[Entry]]:
    """Yield all entries, oldest first, in lists of bounded length."""
    after = 0
    while page := await store.audit_entries(after, _PAGE):
        yield page
        after = page[-1].sequence


def parse_time(text: str, option: str) -> datetime:
    """Return a time in UTC from ISO 8601 or a duration before now. End the program if the text is neither."""
    if duration := _DURATION.fullmatch(text):
        return datetime.now(UTC) - timedelta(seconds=int(duration[1]) * _UNIT_SECONDS[duration[2]])
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        fail(f"{option} is neither a date or time such as 2026-01-31T12:00 nor a duration such as 30m, 2h or 7d")


def _head(text: str) -> Head:
    parts = _HEAD.fullmatch(text.strip())
    if parts is None or int(parts[1]) == 0:
        fail("--head is not SEQUENCE:HASH, as `sunshine-keys audit verify` prints it")
    return Head(int(parts[1]), bytes.fromhex(parts[2]))


def _print_json(entry: Entry) -> None:
    fields = {
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
    sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")


class _Table:
    """Print one line for an entry, and a heading before the first. The trail may not fit into memory."""

    def __init__(self) -> None:
        self._has_heading = False

    def __call__(self, entry: Entry) -> None:
        if not self._has_heading:
            self._has_heading = True
            typer.secho(" ".join(f"{name:{width}}" for name, width in _COLUMNS) + " resource", bold=True)
        columns = [f"{getattr(entry, name):{width}}" for name, width in _COLUMNS] + [entry.resource]
        if entry.note:
            columns.append(f"({entry.note})")
        done = entry.outcome in (audit.DONE, audit.UNCHANGED)
        typer.secho(printable(" ".join(columns).rstrip()), fg=None if done else "red")
