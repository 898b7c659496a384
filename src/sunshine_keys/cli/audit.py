"""`audit`: show the audit trail, or verify its hash chain."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from sunshine_keys.access.scopes import Scope
from sunshine_keys.apps.table import APPS
from sunshine_keys.cli.durations import seconds_in
from sunshine_keys.cli.exits import printable
from sunshine_keys.cli.help import Group
from sunshine_keys.cli.program import Data, Database, cli, fail
from sunshine_keys.cli.remote.options import App, ProfileName
from sunshine_keys.cli.remote.session import Session, is_typed, session
from sunshine_keys.cli.terminal import counted, emit, styled, width_of
from sunshine_keys.integrations.table import INTEGRATIONS
from sunshine_keys.keys.table import KEYS
from sunshine_keys.oauth.table import CLIENTS
from sunshine_keys.opening import opened_store
from sunshine_keys.settings import Settings
from sunshine_keys.store import Store, audit
from sunshine_keys.store.audit import Entry, Head, Wanted
from sunshine_keys.store.table import Table

T = TypeVar("T")

_PAGE = 1000
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})", re.ASCII)
_COLUMNS = (("time", 24), ("actor", 28), ("action", 18), ("outcome", 12), ("source", 15))

_MOST_NAMES = 10_000
_TABLES: dict[str, Table[Any]] = {"apps": APPS, "integrations": INTEGRATIONS, "keys": KEYS, "oauthClients": CLIENTS}

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
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            envvar="SUNSHINE_KEYS_LIMIT",
            min=1,
            metavar="NUMBER",
            help="Only the newest, newest first.",
        ),
    ] = None,
    resource: Annotated[
        str,
        typer.Option(
            envvar="SUNSHINE_KEYS_RESOURCE",
            metavar="PATH",
            help="Only this path below /v2, for example apps/ID, and everything below it.",
        ),
    ] = "",
    profile: ProfileName = None,
    remote: Annotated[
        bool,
        typer.Option(
            "--remote",
            envvar="SUNSHINE_KEYS_REMOTE",
            help="Read from the service of the environment or of the current profile.",
        ),
    ] = False,
    app: App = None,
) -> None:
    """Show the audit trail: with --limit newest first, otherwise all of it, oldest first.

    With --remote or --profile, the trail of a running service, newest first: all of it with an account key, that of the
    app with an app's key or with --app.
    """
    if context.invoked_subcommand is not None:
        return
    matches = EntryFilter(
        audit.format_time(parse_time(since, "--since")) if since else "",
        actor,
        action,
        resource.strip("/").removeprefix("v2/"),
    )

    if remote or is_typed(context, "profile"):
        if is_typed(context, "data") or is_typed(context, "database"):
            raise typer.BadParameter("name a service with --profile or --remote, or a store with --data or --database")
        print_remote = _print_json if as_json else _Table(width_of(sys.stdout))
        with session(context, profile) as opened:
            wanted = filter(matches, _remote_entries(opened, app, matches.since))
            for entry in itertools.islice(wanted, limit):
                print_remote(entry, {})
        return

    async def run(store: Store) -> None:
        names = Names(store)
        print_entry = _print_json if as_json else _Table(width_of(sys.stdout))
        shown = 0
        async for page in pages(store) if limit is None else pages_back(store):
            for entry in filter(matches, page):
                print_entry(entry, await names.of(entry))
                shown += 1
                if shown == limit:
                    return

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
    emit(f"The chain of {counted(reached.sequence, 'entry', 'entries')} is intact. Keep its head elsewhere:")
    emit(f"{reached.sequence}:{reached.hash.hex()}")


def _with_store(settings: Settings, use: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with opened_store(settings, read_only=True) as store:
            return await use(store)

    return asyncio.run(run())


async def pages(store: Store) -> AsyncIterator[list[Entry]]:
    """Yield all entries, oldest first, in lists of bounded length."""
    after = 0
    while page := await store.audit_entries(after, _PAGE):
        yield page
        after = page[-1].sequence


async def pages_back(store: Store) -> AsyncIterator[list[Entry]]:
    """Yield all entries, newest first, in lists of bounded length."""
    before = await store.trail_end() + 1
    while before > 1:
        yield await store.trail(Wanted(), before, _PAGE, _PAGE)
        before -= _PAGE


def _remote_entries(opened: Session, app: str | None, since: str) -> Iterator[Entry]:
    """Yield the entries of a service that are not before `since`, newest first."""
    is_whole = app is None and opened.scope is Scope.ACCOUNT
    path, ids = ("/audit", {}) if is_whole else ("/apps/{appId}/audit", {"appId": opened.app_id(app)})
    before = None
    while True:
        page = opened.own("GET", path, ids, before=before, limit=_PAGE)
        for item in page["entries"]:
            if item["time"] < since:
                return
            yield msgspec.convert(item | {"request_id": item["requestId"], "hash": bytes.fromhex(item["hash"])}, Entry)
        before = page.get("next")
        if before is None:
            return


class Names:
    """The names of objects that still exist. Deleted ones have none, because the trail holds no names."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: dict[str, str] = {}

    async def of(self, entry: Entry) -> dict[str, str]:
        """Return the names of the actor and of the objects in the resource, by their ids."""
        ids = {part: kind for kind, part in itertools.pairwise(entry.resource.split("/")) if kind in _TABLES}
        if "_" in entry.actor:
            ids[entry.actor] = "keys"
        return {id: name for id, kind in ids.items() if (name := await self._name(kind, id))}

    async def _name(self, kind: str, id: str) -> str:
        if id not in self._names:
            if len(self._names) >= _MOST_NAMES:
                self._names.clear()
            item = await self._store.get(_TABLES[kind], id)
            name = getattr(item, "display_name", None) or getattr(item, "attributes", {}).get("displayName")
            self._names[id] = str(name or "")
        return self._names[id]


def parse_time(text: str, option: str) -> datetime:
    """Return a time in UTC from ISO 8601 or a duration before now. End the program if the text is neither."""
    if (seconds := seconds_in(text)) is not None:
        return datetime.now(UTC) - timedelta(seconds=seconds)
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


def _print_json(entry: Entry, names: dict[str, str]) -> None:
    print(json.dumps(audit.entry_view(entry) | {"names": names}))


class _Table:
    """Print entries: one line for each if there is no terminal or it is wide enough, otherwise several.

    The heading is printed before the first entry. The trail may not fit into memory.
    """

    def __init__(self, width: int | None) -> None:
        self._width = width
        self._has_heading = False

    def __call__(self, entry: Entry, names: dict[str, str]) -> None:
        done = entry.outcome in (audit.DONE, audit.UNCHANGED)
        named = " ".join(f'{id} "{name}"' for id, name in names.items())
        tail = [entry.resource, *([f"({entry.note})"] if entry.note else []), *([f"[{named}]"] if named else [])]
        if self._width is not None:
            text = self._block(entry, names)
        else:
            columns = [f"{getattr(entry, name):{width}}" for name, width in _COLUMNS]
            text = printable(" ".join([*columns, *tail]).rstrip())
            if not self._has_heading:
                self._has_heading = True
                print(" ".join(f"{name:{width}}" for name, width in _COLUMNS) + " resource")
        print(text if done else styled(text, fg="red"))

    def _block(self, entry: Entry, names: dict[str, str]) -> str:
        """Return an entry as lines no wider than the terminal, with names next to ids."""

        def named(id: str) -> str:
            return f'{id} "{names[id]}"' if id in names else id

        source = f" from {entry.source}" if entry.source else ""
        path = "/".join(named(part) for part in entry.resource.split("/"))
        lines = [f"{entry.time}  {entry.action}  {entry.outcome}", f"by {named(entry.actor)}{source}"]
        lines += [line for line in (path, entry.note) if line]
        first, *others = map(printable, lines)
        assert self._width is not None
        options: dict[str, Any] = {
            "width": max(self._width, 20), "break_on_hyphens": False, "subsequent_indent": "    ",
        }  # fmt: skip
        wrapped = [textwrap.fill(line, initial_indent="  ", **options) for line in others]
        return "\n".join([styled(textwrap.fill(first, **options), bold=True), *wrapped])
