"""The causes of refused requests, stored for a day outside of the audit trail, so that `doctor` can explain each one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from sunshine_keys.store import audit
from sunshine_keys.store.change import Change
from sunshine_keys.store.statements import Statements, execute, placeholders
from sunshine_keys.store.table import Index, Table

LIFETIME = timedelta(days=1)

MOST_CAUSES = 100_000
"""The most causes that are stored, about 20 MB. Beyond them the oldest are deleted."""

BATCH = 500
"""The most causes of one change."""

_PRUNED_AT_ONCE = 2 * BATCH
_DELETE = "DELETE FROM refused_requests WHERE request_id IN (SELECT request_id FROM refused_requests"
_PRUNE = f"{_DELETE} WHERE time <= $1 ORDER BY time LIMIT {_PRUNED_AT_ONCE}) RETURNING time"
_PRUNE_OLDEST = f"{_DELETE} ORDER BY time LIMIT $1) RETURNING time"


class Cause(msgspec.Struct, frozen=True):
    """Why a request was refused.

    `time` has the form of the audit trail's times. `key_id` is the key that the request named, "unknown" if it named none.
    `code` is that of the answer. `cause` holds nothing that the request sent.
    """

    request_id: str
    time: str
    source: str
    key_id: str
    code: str
    cause: str


CAUSES = Table(
    "refused_requests",
    Cause,
    since=6,
    key=("request_id",),
    indexes=(Index("refused_requests_by_age", ("time",)),),
    copied=False,
)


class RecordCauses(Change[None], frozen=True):
    """Store at most BATCH causes, and delete some that are older than a day, or beyond MOST_CAUSES."""

    action = "request.causes"
    audited = False
    causes: list[Cause]

    def apply(self) -> Statements[None]:
        width = len(CAUSES.columns)
        rows = ", ".join(f"({placeholders(width, after=row * width)})" for row in range(len(self.causes)))
        excess = 0
        if len(self.causes) > BATCH // 10:  # a flood; counting the rows takes milliseconds
            excess = (
                (yield from execute("SELECT count(*) FROM refused_requests"))[0][0] + len(self.causes) - MOST_CAUSES
            )
        sql = f"INSERT INTO refused_requests ({', '.join(CAUSES.names)}) VALUES {rows} RETURNING request_id"  # noqa: S608 - placeholders
        yield from execute(sql, *(value for cause in self.causes for value in CAUSES.to_row(cause)))
        yield from execute(_PRUNE, audit.format_time(datetime.now(UTC) - LIFETIME))
        if excess > 0:
            yield from execute(_PRUNE_OLDEST, min(excess, _PRUNED_AT_ONCE))
