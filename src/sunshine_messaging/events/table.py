"""The tables of deliveries and of the processes that deliver, and their reads."""

from __future__ import annotations

import msgspec

from sunshine_keys.store.statements import Statements, execute
from sunshine_keys.store.table import Index, Migration, Table
from sunshine_messaging.events.model import NO_OWNER, Delivery, Sender
from sunshine_messaging.moments import Milliseconds

DELIVERIES = Table(
    "deliveries",
    Delivery,
    references={"app_id": "apps"},
    # A delivery that a process owns stays with it: the service of the copy would deliver it a second time.
    copied_where=f"owner IS NULL OR owner = '{NO_OWNER}'",
    indexes=(
        # Only first attempts: a process looks for them each second, and a webhook that fails may have thousands of others.
        Index("deliveries_by_webhook", ("owner", "webhook_id", "number"), where="queue IS NOT NULL"),
        Index("deliveries_by_due", ("owner", "due")),
        Index("deliveries_by_queue", ("queue", "number")),
        Index("deliveries_by_app", ("app_id", "number")),
    ),
)
SENDERS = Table("senders", Sender, copied=False)
MIGRATION = Migration(
    4,
    DELIVERIES.name,
    "DROP INDEX deliveries_by_owner;\n"
    "CREATE INDEX deliveries_by_webhook ON deliveries (owner, webhook_id, number) WHERE queue IS NOT NULL;\n",
)

_NUMBER = "COALESCE((SELECT MAX(number) FROM deliveries), 0) + 1"
_OWNER = "COALESCE((SELECT owner FROM deliveries WHERE queue = $9 ORDER BY number LIMIT 1), $10)"
# PostgreSQL needs the types of values that are not columns of VALUES.
_INSERT = (
    f"INSERT INTO deliveries ({', '.join(DELIVERIES.names)}) "  # noqa: S608 - names of our own, as in all of this module
    f"VALUES ({_NUMBER}, $1, $2, $3, $4, $5, $6, $7, $8, $9, {_OWNER}, NULL, '[]') RETURNING number"
)


def add_delivery(delivery: Delivery) -> Statements[Delivery]:
    """Insert a delivery with the next number, and return it.

    Its owner is the process that delivers its queue already, if there is one.
    """
    _, *values, _, _ = DELIVERIES.to_row(delivery)
    rows = yield from execute(_INSERT, *values)
    return msgspec.structs.replace(delivery, number=rows[0][0])


def first_attempts(owner: str, webhook_id: str, after: int, limit: int) -> Statements[list[Delivery]]:
    """Return the process's deliveries to a webhook that have not been attempted, from the one that follows number `after`."""
    return DELIVERIES.select(
        "WHERE owner = $1 AND webhook_id = $2 AND number > $3 AND queue IS NOT NULL ORDER BY number LIMIT $4",
        owner,
        webhook_id,
        after,
        limit,
    )


def due_deliveries(owner: str, now: Milliseconds, limit: int) -> Statements[list[Delivery]]:
    """Return the process's deliveries whose next attempt is due."""
    return DELIVERIES.select("WHERE owner = $1 AND due <= $2 ORDER BY due LIMIT $3", owner, now, limit)


def next_owner(after: str) -> Statements[str | None]:
    """Return the first owner of pending deliveries, in order of id, that follows `after`."""
    rows = yield from execute("SELECT MIN(owner) FROM deliveries WHERE owner > $1", after)
    owner: str | None = rows[0][0]
    return owner


def webhooks_of_owner(owner: str) -> Statements[list[str]]:
    """Return the webhooks that the process has deliveries for that have not been attempted."""
    webhooks: list[str] = []
    while True:
        after = webhooks[-1] if webhooks else ""
        rows = yield from execute(
            "SELECT webhook_id FROM deliveries WHERE owner = $1 AND webhook_id > $2 AND queue IS NOT NULL"
            " ORDER BY webhook_id LIMIT 1",
            owner,
            after,
        )
        if not rows:
            return webhooks
        webhooks.append(rows[0][0])


class Wanted(msgspec.Struct, frozen=True):
    """What a list of deliveries has: those of a webhook, a state, a type of event and a subject. Empty means any."""

    webhook_id: str = ""
    state: str = ""
    type: str = ""
    subject: str = ""


def deliveries_page(
    app_id: str, before: int, after: int, wanted: Wanted, span: int, limit: int
) -> Statements[tuple[list[Delivery], int | None]]:
    """Return at most `limit` of the app's wanted deliveries between two numbers, and the number from which to go on.

    They are those after `after` in their order, if it is 0 or more, else newest first. With a filter, the statement looks at
    `span` deliveries at most. The number is the next `after` or `before`, None if nothing follows.
    """
    is_back = after < 0
    order, step = ("DESC", 1) if is_back else ("ASC", -1)
    begin, end, unread = after, before, None
    if wanted != Wanted():
        rows = yield from execute(
            "SELECT number FROM deliveries WHERE app_id = $1 AND number < $2 AND number > $3"  # noqa: S608 - names of our own
            f" ORDER BY number {order} LIMIT 1 OFFSET $4",
            app_id,
            before,
            after,
            span,
        )
        if rows:
            unread = int(rows[0][0])
            begin, end = (unread, before) if is_back else (after, unread)
    hits = yield from DELIVERIES.select(
        "WHERE app_id = $1 AND number < $2 AND number > $3 AND ($4 = '' OR webhook_id = $4) AND ($5 = '' OR state = $5)"
        f" AND ($6 = '' OR type = $6) AND ($7 = '' OR subject = $7) ORDER BY number {order} LIMIT $8",
        app_id,
        end,
        begin,
        wanted.webhook_id,
        wanted.state,
        wanted.type,
        wanted.subject,
        limit + 1,
    )
    if len(hits) > limit:
        return hits[:limit], hits[limit - 1].number
    return hits, None if unread is None else unread + step


def pending_events() -> Statements[tuple[int, Milliseconds | None]]:
    """Return the number of pending deliveries, and the time at which the oldest was created."""
    rows = yield from execute("SELECT COUNT(*), MIN(created) FROM deliveries WHERE owner >= ''")
    count, oldest = rows[0]
    return count, oldest


def has_queue() -> Statements[bool]:
    """Return True if there are deliveries that have not been attempted."""
    return bool((yield from execute("SELECT 1 FROM deliveries WHERE queue > '' LIMIT 1")))
